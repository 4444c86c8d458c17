//! TLS of guests: whom they trust, and where that is written.

use crate::outbound::Ends;
use crate::support;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use support::guests::{self, guest};
use support::{Run, output, wasmrun};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

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
        command
            .env("SSL_CERT_FILE", "/nowhere")
            .env_remove("SSL_CERT_DIR")
            .current_dir("/");
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

/// An HTTP server over TLS that says how it was asked, as long as the test's process is there; its port.
fn serves(folder: &Path, name: &str, protocols: &[&str]) -> u16 {
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut served = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                served.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                        let text = format!("{:?} {}", request.version(), request.uri().path());
                        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from(text))))
                    });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    port
}

/// `wasi:http` numbers of errors: TLS-protocol-error, TLS-certificate-error, TLS-alert-received, internal-error.
const PROTOCOL: &str = "12";
const CERTIFICATE: &str = "13";
const ALERT: &str = "14";
const INTERNAL: &str = "38";

#[test]
fn https_requests_go_to_whom_the_roots_vouch_for_and_errors_say_why_not() {
    let folder = support::folder();
    let place = folder.path();
    let (ca, other) = (root(place, "company"), root(place, "other"));
    let file = place.join("fetch.wasm");
    let asks = |authority: &str, variables: &[(&str, &str)], options: &[&str]| {
        let port = authority.rsplit_once(':').unwrap().1;
        std::fs::write(&file, guests::fetches("https", authority)).unwrap();
        let allow = format!("localhost:{port}");
        let arguments = ["os", file.to_str().unwrap(), "-f", "0:3000", "--allow", &allow];
        let mut command = wasmrun(&[&arguments[..], options].concat());
        command.env("SSL_CERT_FILE", &other).env_remove("SSL_CERT_DIR");
        command.envs(variables.iter().copied());
        let mut run = Run::of(command);
        let address = run.ready(3000);
        let answers: Vec<_> = (0..2).map(|_| support::get(address)).collect();
        run.stop();
        assert_eq!(answers[0], answers[1]);
        answers[0].clone()
    };
    let named = ["--ca", ca.to_str().unwrap()];
    let [both, old] = [&["h2", "http/1.1"][..], &["http/1.1"]].map(|names| serves(place, "company", names));
    let (status, body) = asks(&format!("localhost:{both}"), &[], &named);
    assert!(status == 200 && body.contains("HTTP/2.0 /fetched"), "{status} {body}");
    let (status, body) = asks(&format!("localhost:{old}"), &[], &named);
    assert!(status == 200 && body.contains("HTTP/1.1 /fetched"), "{status} {body}");
    let (status, body) = asks(
        &format!("localhost:{old}"),
        &[("SSL_CERT_FILE", ca.to_str().unwrap())],
        &[],
    );
    assert!(status == 200, "{status} {body}");
    let refused = |authority: &str, variables: &[(&str, &str)], options: &[&str], number: &str| {
        let (status, body) = asks(authority, variables, options);
        assert!(
            status == 502 && body.contains(number),
            "{authority}, {number}: {status} {body}"
        );
    };
    refused(&format!("localhost:{both}"), &[], &[], CERTIFICATE);
    // Its certificate is for the name alone.
    refused(&format!("127.0.0.1:{both}"), &[], &named, CERTIFICATE);
    refused(
        &format!("localhost:{both}"),
        &[("SSL_CERT_FILE", "/nowhere")],
        &[],
        INTERNAL,
    );
    // What speaks no TLS, and what wants to know who asks.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in plain.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    refused(&format!("localhost:{port}"), &[], &named, PROTOCOL);
    let mut server = Command::new("openssl");
    server.args([
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-tls1_2",
        "-cert",
        "company.pem",
        "-key",
        "company.key",
    ]);
    server.args([
        "-Verify",
        "1",
        "-verify_return_error",
        "-CAfile",
        "company.pem",
        "-HTTP",
    ]);
    let server = server.current_dir(place).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Ends(server.spawn().unwrap());
    let lines = std::io::BufRead::lines(std::io::BufReader::new(server.0.stdout.as_mut().unwrap()));
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
    let port = address.unwrap().rsplit_once(':').unwrap().1.to_owned();
    refused(&format!("localhost:{port}"), &[], &named, ALERT);
}

/// The interfaces stand in two worlds; a guest part that was made for another one would not start.
#[test]
fn programs_in_both_languages_have_the_same_interfaces() {
    let lines = |path: &str| {
        let text = std::fs::read_to_string(guests::root().join(path)).unwrap();
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let nodejs = lines("languages/src/nodejs/guest/engine.wit");
    for name in ["crypto", "tls", "zlib"] {
        let python = lines(&format!("languages/src/python/guest/wit/deps/{name}/{name}.wit"));
        let begins = |lines: &[String]| {
            let package = format!("package wasmrun:{name}@");
            lines.iter().position(|line| line.starts_with(&package))
        };
        let python = &python[begins(&python).unwrap() + 1..];
        let nodejs = &nodejs[begins(&nodejs).unwrap() + 1..];
        assert_eq!(python, &nodejs[..python.len()]);
    }
}
