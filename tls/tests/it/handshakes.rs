//! What is agreed with OpenSSL, and how sessions end.

use super::authority::{ROOT, client, localhost, pem};
use super::openssl::{Client, Server, Wire};
use super::pair::{Pair, config, settings};
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;
use tls::{Ask, Config, Settings, Verify};

/// Files for OpenSSL.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, label: &str, der: &[u8]| {
        std::fs::write(folder.path().join(name), pem(label, der)).expect("written");
    };
    let (server, client) = (ROOT.sign(localhost()), client());
    write("root.pem", "CERTIFICATE", &ROOT.der);
    write("server.pem", "CERTIFICATE", &server.der);
    write("server.key", "PRIVATE KEY", &server.key);
    write("client.pem", "CERTIFICATE", &client.der);
    write("client.key", "PRIVATE KEY", &client.key);
    folder
});

const SERVER: [&str; 4] = ["-cert", "server.pem", "-key", "server.key"];

fn folder() -> &'static Path {
    FOLDER.path()
}

fn ours(change: impl FnOnce(&mut Settings)) -> std::sync::Arc<Config> {
    let mut settings = Settings {
        roots: vec![ROOT.der.clone()],
        ..settings()
    };
    change(&mut settings);
    config(&settings)
}

fn serving(change: impl FnOnce(&mut Settings)) -> std::sync::Arc<Config> {
    ours(|settings| {
        settings.server = true;
        settings.verify = Verify::Chain;
        settings.identity = Some(ROOT.sign(localhost()).identity(&[]));
        change(settings);
    })
}

#[test]
fn a_client_speaks_with_openssl_in_both_versions_and_is_answered() {
    for (version, flag, suite, bits) in [
        (0x0303, "-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384", 256),
        (0x0304, "-tls1_3", "TLS_AES_256_GCM_SHA384", 256),
    ] {
        let server = Server::new(folder(), &[&SERVER[..], &[flag, "-alpn", "h2,http/1.1"]].concat());
        let config = ours(|settings| settings.protocols = vec![b"http/1.1".to_vec()]);
        for is_first in [true, false] {
            let mut wire = Wire::client(server.address, &config, "localhost").expect("a session");
            wire.say("hello\n").expect("sealed");
            assert_eq!(wire.line().expect("an answer"), "olleh\n");
            let facts = wire.session.facts();
            assert_eq!((facts.version, &*facts.suite, facts.bits), (version, suite, bits));
            assert_eq!(facts.protocol.as_deref(), Some(&b"http/1.1"[..]));
            assert_eq!(facts.server_name.as_deref(), Some("localhost"));
            assert_eq!(
                tls::describe(&facts.peer[0]).expect("a certificate").subject[0].value,
                "localhost"
            );
            // The second goes on where the first was.
            assert_eq!(facts.resumed, !is_first, "{flag}");
        }
    }
}

#[test]
fn a_client_shows_its_certificate_to_openssl() {
    let server = |flag| {
        Server::new(
            folder(),
            &[
                &SERVER[..],
                &[flag, "-Verify", "1", "-verify_return_error", "-CAfile", "root.pem"],
            ]
            .concat(),
        )
    };
    for flag in ["-tls1_2", "-tls1_3"] {
        let server = server(flag);
        let known = ours(|settings| settings.identity = Some(client().identity(&[])));
        let mut wire = Wire::client(server.address, &known, "localhost").expect("a session");
        wire.say("hello\n").expect("sealed");
        assert_eq!(wire.line().expect("an answer"), "olleh\n");
        // One after another: it serves no two.
        drop(wire);
        let unknown = ours(|_| {});
        let failure = match Wire::client(server.address, &unknown, "localhost") {
            // With TLS 1.3 a client is done before its server has looked.
            Ok(mut wire) => wire.line().expect_err("a failure"),
            Err(failure) => failure,
        };
        let text = if flag == "-tls1_2" {
            "sslv3 alert handshake failure"
        } else {
            "tlsv13 alert certificate required"
        };
        assert_eq!((failure.text.as_str(), failure.received), (text, true));
    }
}

#[test]
fn a_server_answers_openssls_client() {
    let config = serving(|settings| {
        settings.protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        settings.ask = Ask::Required;
    });
    for (flag, shown, version) in [("-tls1_2", "TLSv1.2", 0x0303), ("-tls1_3", "TLSv1.3", 0x0304)] {
        let mut client = Client::new(
            folder(),
            &[
                flag,
                "-alpn",
                "http/1.1,h2",
                "-servername",
                "a.example.com",
                "-CAfile",
                "root.pem",
                "-verify_return_error",
                "-cert",
                "client.pem",
                "-key",
                "client.key",
                "-verify_hostname",
                "localhost",
                "-keymatexport",
                "EXPORTER-test",
                "-keymatexportlen",
                "20",
            ],
        );
        let mut wire = client.accept(&config).expect("a session");
        client.type_in("ping\n");
        assert_eq!(wire.line().expect("a line"), "ping\n");
        wire.say("pong\n").expect("sealed");
        let facts = wire.session.facts();
        assert_eq!(
            (facts.version, facts.server_name.as_deref()),
            (version, Some("a.example.com"))
        );
        // Ours is the order that counts.
        assert_eq!(facts.protocol.as_deref(), Some(&b"h2"[..]));
        assert_eq!(
            tls::describe(&facts.peer[0]).expect("a certificate").subject[0].value,
            "client"
        );
        let material = wire.session.derive("EXPORTER-test", None, 20).expect("material");
        let closing = wire.session.close();
        wire.stream.write_all(&closing).expect("sent");
        let printed = client.output();
        assert!(printed.contains("Verify return code: 0 (ok)"), "{printed}");
        assert!(
            printed.contains("ALPN protocol: h2") && printed.contains(shown) && printed.contains("pong"),
            "{printed}"
        );
        let hex: String = material.iter().map(|byte| format!("{byte:02X}")).collect();
        assert!(printed.contains(&hex), "{hex}: {printed}");
    }
}

#[test]
fn openssls_client_resumes_a_servers_session() {
    let config = serving(|_| {});
    let session = folder().join("session.pem").display().to_string();
    let call = |arguments: &[&str]| {
        let mut client = Client::new(folder(), &[&["-tls1_2", "-CAfile", "root.pem"], arguments].concat());
        let mut wire = client.accept(&config).expect("a session");
        client.type_in("ping\n");
        wire.line().expect("a line");
        let resumed = wire.session.facts().resumed;
        let _ = wire.session.close();
        drop(wire);
        client.output();
        resumed
    };
    assert!(!call(&["-sess_out", &session]));
    assert!(call(&["-sess_in", &session]));
}

#[test]
fn an_end_is_told_from_a_cut() {
    for version in [0x0303, 0x0304] {
        let config = ours(|settings| (settings.minimum, settings.maximum) = (version, version));
        let server = serving(|_| {});
        // Both directions are closed, one after the other, and what was said before arrives.
        let mut pair = Pair::shaken(&config, &server, Some("localhost"));
        let said = [pair.client.seal(b"last words").expect("sealed"), pair.client.close()].concat();
        let progress = pair.server.feed(&said, true).expect("progress");
        assert_eq!((&progress.plaintext[..], progress.closed), (&b"last words"[..], true));
        assert_eq!(
            pair.client.seal(b"more").expect_err("a failure").text,
            "protocol is shutdown"
        );
        assert!(pair.client.close().is_empty());
        let answer = [pair.server.seal(b"answer").expect("sealed"), pair.server.close()].concat();
        let progress = pair.client.feed(&answer, false).expect("progress");
        assert_eq!((&progress.plaintext[..], progress.closed), (&b"answer"[..], true));
        // After close_notify nothing counts.
        let progress = pair.client.feed(b"garbage", true).expect("progress");
        assert!(progress.plaintext.is_empty() && progress.closed);
        // A cut comes after what arrived, again and again; this side may go on writing.
        let mut pair = Pair::shaken(&config, &server, Some("localhost"));
        let said = pair.client.seal(b"last words").expect("sealed");
        let progress = pair.server.feed(&said, true).expect("progress");
        assert_eq!((&progress.plaintext[..], progress.closed), (&b"last words"[..], false));
        for _ in 0..2 {
            let failure = pair.server.feed(&[], true).expect_err("a failure");
            assert_eq!(
                (failure.text.as_str(), failure.alert),
                ("unexpected eof while reading", None)
            );
        }
        assert!(!pair.server.seal(b"still").expect("sealed").is_empty());
        // So does a cut in the handshake.
        let mut pair = Pair::new(&config, &server, Some("localhost"));
        pair.client.feed(&[], false).expect("progress");
        assert_eq!(
            pair.client.feed(&[], true).expect_err("a failure").text,
            "unexpected eof while reading"
        );
    }
}

#[test]
fn what_is_sealed_too_early_comes_with_the_handshake() {
    let mut pair = Pair::new(&ours(|_| {}), &serving(|_| {}), Some("localhost"));
    assert!(pair.client.seal(b"early").expect("sealed").is_empty());
    assert!(pair.server.seal(b"greeting").expect("sealed").is_empty());
    let outcome = pair.run();
    assert_eq!(outcome.server.expect("a session"), b"early");
    assert_eq!(outcome.client.expect("a session"), b"greeting");
    let mut pair = Pair::new(&ours(|_| {}), &serving(|_| {}), Some("localhost"));
    let much = vec![0; 16 << 20];
    pair.client.seal(&much).expect("sealed");
    assert!(pair.client.seal(b"one more").is_err());
    assert!(pair.client.derive("EXPORTER-test", None, 20).is_err());
}

#[test]
fn what_cannot_be_agreed_is_said_in_openssls_words() {
    let run = |client: std::sync::Arc<Config>, server: std::sync::Arc<Config>| {
        let outcome = Pair::new(&client, &server, Some("localhost")).run();
        (outcome.client.err(), outcome.server.err())
    };
    let (client, server) = run(
        ours(|settings| settings.maximum = 0x0303),
        serving(|settings| settings.minimum = 0x0304),
    );
    let (client, server) = (client.expect("a failure"), server.expect("a failure"));
    assert_eq!(
        (&*client.text, client.alert),
        ("tlsv1 alert protocol version", Some(70))
    );
    assert_eq!((&*server.text, server.alert), ("unsupported protocol", Some(70)));
    let (client, server) = run(
        ours(|settings| settings.protocols = vec![b"h2".to_vec()]),
        serving(|settings| settings.protocols = vec![b"http/1.1".to_vec()]),
    );
    let (client, server) = (client.expect("a failure"), server.expect("a failure"));
    assert_eq!(
        (&*client.text, client.alert),
        ("tlsv1 alert no application protocol", Some(120))
    );
    assert_eq!((&*server.text, server.alert), ("no application protocol", Some(120)));
    // What answers in plain text.
    let mut pair = Pair::new(&ours(|_| {}), &serving(|_| {}), Some("localhost"));
    pair.client.feed(&[], false).expect("progress");
    let failure = pair
        .client
        .feed(b"HTTP/1.1 400 Bad Request\r\n\r\n", false)
        .expect_err("a failure");
    assert_eq!(failure.text, "wrong version number");
    assert_eq!(
        pair.client.seal(b"x").expect_err("a failure").text,
        "wrong version number"
    );
    // Settings that lead nowhere.
    let refused = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        Config::create(&settings, || Err("no trust store".to_owned()))
            .err()
            .expect("a failure")
            .text
    };
    assert_eq!(refused(|settings| settings.maximum = 0x0302), "no protocols available");
    assert_eq!(refused(|settings| settings.server = true), "no certificate assigned");
    assert_eq!(
        refused(|settings| settings.roots = vec![b"nothing".to_vec()]),
        "no start line"
    );
    assert_eq!(refused(|settings| settings.system_roots = true), "no trust store");
    let config = ours(|_| {});
    for name in [None, Some(""), Some("no name at all")] {
        assert!(tls::Session::open(&config, name).is_err(), "{name:?}");
    }
}

#[test]
fn sessions_without_a_name_ask_for_none() {
    let server = serving(|_| {});
    for (name, asked) in [
        (None, None),
        (Some("127.0.0.1"), None),
        (Some("no name"), None),
        (Some("localhost"), Some("localhost")),
    ] {
        let mut pair = Pair::shaken(&ours(|settings| settings.verify = Verify::Chain), &server, name);
        assert_eq!(pair.server.facts().server_name.as_deref(), asked);
        assert_eq!(pair.client.facts().server_name.as_deref(), asked);
    }
}
