//! TLS of guests: whom they trust, and where that is written.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::guests::guest;
use support::{output, wasmrun};

/// A root that `openssl` has made, as text.
fn root(folder: &Path, name: &str) -> PathBuf {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
        ])
        .args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder.join(format!("{name}.pem"))
}

const WITHOUT_A_NAME: &str = "no name that the certificate could be for\n";
/// What the guest says where it has roots.
const ANSWERS: &str = "hello\nhandshake not complete\nwrong version number\nno start line\n";

/// What the guest `tls` says with these variables and options.
fn says(variables: &[(&str, &str)], options: &[&str]) -> String {
    let guest = guest("tls");
    let mut command = wasmrun(&[&["os", guest.to_str().unwrap()], options].concat());
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command.envs(variables.iter().copied());
    let ended = output(command);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[test]
fn a_guest_has_sessions_and_the_roots_that_its_machine_trusts() {
    let folder = support::folder();
    let ca = root(folder.path(), "company");
    let (ca, folder) = (ca.to_str().unwrap(), folder.path().to_str().unwrap());
    let all = format!("{WITHOUT_A_NAME}{ANSWERS}");
    assert_eq!(says(&[("SSL_CERT_FILE", ca)], &[]), all);
    assert_eq!(says(&[("SSL_CERT_FILE", ca)], &["--no-isolation"]), all);
    assert_eq!(says(&[("SSL_CERT_DIR", folder)], &[]), all);
    let none = "this machine has no trust store: install the package `ca-certificates`, or set SSL_CERT_FILE\n";
    assert_eq!(says(&[("SSL_CERT_FILE", "/nowhere")], &[]), none);
    assert_eq!(says(&[("SSL_CERT_FILE", "/dev/zero")], &[]), none);
    let empty = "the trust store has no certificate that can be read\n";
    assert_eq!(says(&[("SSL_CERT_FILE", "/proc/version")], &[]), empty);
    // Those that the user names are trusted beside them, and alone.
    assert_eq!(says(&[("SSL_CERT_FILE", "/nowhere")], &["--ca", ca]), all);
    assert_eq!(says(&[("SSL_CERT_FILE", "/nowhere"), ("WASMRUN_CA", ca)], &[]), all);
}

#[test]
fn authorities_of_a_file_are_beside_it_and_those_that_are_none_are_said() {
    let folder = support::folder();
    let place = folder.path();
    root(place, "company");
    let config = place.join("settings.toml");
    let with = |text: &str, options: &[&str]| {
        std::fs::write(&config, text).unwrap();
        let guest = guest("tls");
        let mut command = wasmrun(
            &[
                &["os", guest.to_str().unwrap(), "--config", config.to_str().unwrap()],
                options,
            ]
            .concat(),
        );
        command.env("SSL_CERT_FILE", "/nowhere").current_dir("/");
        output(command)
    };
    let ended = with("network.ca = ['company.pem']", &[]);
    assert_eq!(
        (ended.code, ended.stdout.lines().nth(1)),
        (Some(0), Some("hello")),
        "{}",
        ended.stderr
    );
    let hint = "hint: name a file with the certificate of an authority, in PEM or DER";
    let (shown, at) = (place.display(), config.display());
    with("network.ca = ['other.pem']", &[]).says(
        2,
        &format!(
            "error: {at}:1:15: cannot read {shown}/other.pem\n  cause: No such file or directory (os error 2)\n{hint}"
        ),
    );
    with("network.ca = ['company.key']", &[]).says(
        2,
        &format!("error: {at}:1:15: {shown}/company.key has no certificate: no start line\n{hint}"),
    );
    std::fs::write(place.join("empty.pem"), "").unwrap();
    let empty = place.join("empty.pem");
    with("", &["--ca", empty.to_str().unwrap()]).says(
        2,
        &format!("error: --ca: {shown}/empty.pem has no certificate: no start line\n{hint}"),
    );
    std::fs::write(
        place.join("broken.pem"),
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let broken = place.join("broken.pem");
    let ended = with("", &["--ca", broken.to_str().unwrap()]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("broken.pem: not a certificate"),
        "{}",
        ended.stderr
    );
}
