//! Keys in all the forms that OpenSSL writes.

use super::openssl;
use tls::{Identity, check};

#[test]
fn keys_are_read_in_all_their_forms_and_have_to_fit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let run = |arguments: &str| openssl::run(folder, &arguments.split(' ').collect::<Vec<_>>());
    for (kind, options) in [
        ("rsa", "rsa:2048"),
        ("ec", "ec -pkeyopt ec_paramgen_curve:P-384"),
        ("ed", "ed25519"),
    ] {
        run(&format!(
            "req -x509 -newkey {options} -nodes -subj /CN=x -keyout {kind}.key -out {kind}.pem"
        ));
        run(&format!(
            "pkcs8 -topk8 -in {kind}.key -passout pass:secret -out {kind}.sealed"
        ));
        run(&format!(
            "pkcs8 -topk8 -in {kind}.key -passout pass:secret -outform DER -out {kind}.sealed.der"
        ));
        run(&format!(
            "pkcs8 -topk8 -in {kind}.key -passout pass:secret -scrypt -out {kind}.scrypt"
        ));
        run(&format!("pkey -in {kind}.key -outform DER -out {kind}.der"));
        if kind != "ed" {
            run(&format!("pkey -in {kind}.key -traditional -out {kind}.old"));
        }
    }
    run("rsa -in rsa.key -aes128 -traditional -passout pass:secret -out rsa.legacy");
    run("x509 -in rsa.pem -outform DER -out rsa.pem.der");
    let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
    let of = |certificate: &str, key: &str, password: Option<&str>| {
        let identity = Identity {
            certificates: read(certificate),
            key: read(key),
            password: password.map(|password| password.as_bytes().to_vec()),
        };
        check(&identity).map_err(|failure| failure.text)
    };
    let refused = |text: &str| Err(text.to_owned());
    for kind in ["rsa", "ec", "ed"] {
        let pem = &format!("{kind}.pem");
        assert_eq!(of(pem, &format!("{kind}.key"), None), Ok(()));
        assert_eq!(of(pem, &format!("{kind}.der"), None), Ok(()));
        for sealed in ["sealed", "sealed.der", "scrypt"] {
            let sealed = &format!("{kind}.{sealed}");
            assert_eq!(of(pem, sealed, Some("secret")), Ok(()), "{sealed}");
            assert_eq!(of(pem, sealed, Some("wrong")), refused("bad decrypt"), "{sealed}");
            assert_eq!(of(pem, sealed, None), refused("bad password read"), "{sealed}");
        }
    }
    assert_eq!(of("rsa.pem", "rsa.old", None), Ok(()));
    assert_eq!(of("ec.pem", "ec.old", None), Ok(()));
    assert_eq!(of("rsa.pem.der", "rsa.der", None), Ok(()));
    assert_eq!(of("rsa.pem", "ec.key", None), refused("key values mismatch"));
    assert_eq!(of("rsa.key", "rsa.key", None), refused("no start line"));
    assert_eq!(of("rsa.pem", "rsa.pem", None), refused("no start line"));
    let legacy = of("rsa.pem", "rsa.legacy", Some("secret")).expect_err("a failure");
    assert!(legacy.starts_with("unsupported encryption of the key"), "{legacy}");
}
