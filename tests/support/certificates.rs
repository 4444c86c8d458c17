//! Certificates for tests, made by openssl(1).

use std::path::Path;
use std::process::Command;

/// `ca`, which has signed `server` (localhost, 127.0.0.1, ::1) and `client`; and `self`, of self.example. A `.pem` and a `.key` each.
/// With the extensions that Python 3.13 and later ask for.
const SCRIPT: &str = r#"
set -e
new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
signs="keyUsage=critical,keyCertSign,digitalSignature"
openssl req -x509 $new -keyout ca.key -out ca.pem -days 30 -subj "/CN=wasmrun test authority" -addext $signs
sign() {
    openssl req $new -utf8 -keyout $1.key -out $1.csr -subj "$2"
    printf "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n$3" > extensions
    openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out $1.pem
}
sign server "/C=DE/O=Größe/CN=localhost" "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth"
sign client "/CN=client" "extendedKeyUsage=clientAuth"
openssl req -x509 $new -keyout self.key -out self.pem -days 30 -subj "/CN=self.example" \
    -addext "subjectAltName=DNS:self.example" -addext $signs
chmod a+r *.key
"#;

/// Makes them in a folder.
pub fn make(folder: &Path) {
    let made = Command::new("sh")
        .args(["-c", SCRIPT])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}
