//! Fields of certificates beside what `openssl x509` prints.

use super::openssl;
use std::collections::HashMap;

const CONFIG: &str = "
[req]
distinguished_name = name
prompt = no
string_mask = MASK:0x2002
[name]
C = DE
ST = Bavaria
L = M\u{fc}nchen
O = Example, Inc.
OU = One
emailAddress = a@example.com
0.1.2.3.4 = odd
CN = example.com
[all]
basicConstraints = critical, CA:TRUE
extendedKeyUsage = clientAuth, serverAuth, 1.2.3.4
subjectAltName = @alternatives
authorityInfoAccess = OCSP;URI:http://ocsp.example.com/, caIssuers;URI:http://example.com/ca.crt
crlDistributionPoints = URI:http://example.com/one.crl, URI:http://example.com/two.crl
[alternatives]
DNS.1 = example.com
DNS.2 = *.example.com
IP.1 = 127.0.0.1
IP.2 = 2001:db8::1
URI.1 = https://example.com/x
email.1 = a@example.com
RID.1 = 1.2.3.4
dirName.1 = directory
[directory]
C = DE
CN = inner
";

#[test]
fn fields_are_those_that_openssl_prints() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    std::fs::write(folder.join("config"), CONFIG).expect("written");
    for (kind, options, bits, curve) in [
        ("rsa", "rsa:2048", 2048, None),
        ("rsa", "rsa:1025", 1025, None),
        ("ec", "ec -pkeyopt ec_paramgen_curve:P-256", 256, Some("prime256v1")),
        ("ec", "ec -pkeyopt ec_paramgen_curve:P-521", 521, Some("secp521r1")),
        ("ed25519", "ed25519", 253, None),
    ] {
        let run = |arguments: &str| openssl::run(folder, &arguments.split(' ').collect::<Vec<_>>());
        run(&format!(
            "req -x509 -newkey {options} -nodes -utf8 -config config -extensions all -set_serial 0x0ABC -days 9 -keyout key -out pem"
        ));
        run("x509 -in pem -outform DER -out der");
        let found = tls::describe(&std::fs::read(folder.join("der")).expect("der")).expect("a certificate");
        let text = run(
            "x509 -in pem -noout -serial -subject -startdate -enddate -ocsp_uri -dateopt iso_8601 -nameopt utf8,sep_multiline,lname",
        );
        let printed: HashMap<_, _> = text.lines().filter_map(|line| line.trim().split_once('=')).collect();
        assert_eq!(found.serial, printed["serial"]);
        assert_eq!(found.serial, "0ABC");
        let subject: Vec<_> = found
            .subject
            .iter()
            .map(|part| (&*part.long, &*part.short, &*part.value))
            .collect();
        let expected = [
            ("countryName", "C", "DE"),
            ("stateOrProvinceName", "ST", "Bavaria"),
            ("localityName", "L", "M\u{fc}nchen"),
            ("organizationName", "O", "Example, Inc."),
            ("organizationalUnitName", "OU", "One"),
            ("emailAddress", "emailAddress", "a@example.com"),
            ("1.2.3.4", "1.2.3.4", "odd"),
            ("commonName", "CN", "example.com"),
        ];
        assert_eq!(subject, expected);
        for (long, _, value) in expected {
            assert_eq!(printed[long], value);
        }
        assert_eq!(found.issuer, found.subject);
        for (seconds, key) in [(found.not_before, "notBefore"), (found.not_after, "notAfter")] {
            let shown = run_date(seconds);
            assert_eq!(printed[key].replace(' ', "T"), shown);
        }
        assert_eq!(found.ocsp, ["http://ocsp.example.com/"]);
        assert!(text.lines().any(|line| line == found.ocsp[0]), "{text}");
        assert_eq!(found.ca_issuers, ["http://example.com/ca.crt"]);
        assert_eq!(found.crl, ["http://example.com/one.crl", "http://example.com/two.crl"]);
        assert_eq!(
            found.extended_usage,
            ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "1.2.3.4"]
        );
        let names = run("x509 -in pem -noout -ext subjectAltName");
        let ours: Vec<_> = found
            .alternatives
            .iter()
            .map(|(kind, value)| format!("{kind}:{value}"))
            .collect();
        assert_eq!(names.lines().nth(1).expect("names").trim(), ours.join(", "));
        assert!(found.authority && found.version == 3);
        assert_eq!(
            (&*found.key_kind, found.key_bits, found.curve.as_deref()),
            (kind, bits, curve)
        );
        let public = run("x509 -in pem -noout -pubkey");
        let public = public.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        assert_eq!(data_encoding::BASE64.encode(&found.public_key), public);
        // One and no more.
        let twice = [&std::fs::read(folder.join("der")).expect("der")[..]; 2].concat();
        assert!(tls::describe(&twice).is_err() && tls::describe(b"").is_err());
        assert_eq!(
            tls::split(&std::fs::read(folder.join("pem")).expect("pem")),
            [&twice[..twice.len() / 2]]
        );
    }
}

/// As date(1) shows it.
fn run_date(seconds: i64) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", &format!("@{seconds}")])
        .output();
    String::from_utf8(output.expect("date").stdout)
        .expect("text")
        .trim()
        .to_owned()
}
