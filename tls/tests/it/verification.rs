//! Whose certificate is taken, and the code of one that is not: OpenSSL's own verdict is asked for beside ours.

use super::authority::{Authority, BELOW, ROOT, Signed, client, localhost, named, pem, self_signed};
use super::openssl;
use super::pair::{Pair, config, settings};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd};
use tls::{Ask, Identity, Settings, Verify, verification};

/// A server's chain, its client's roots and name, and what comes of it.
struct Case {
    what: &'static str,
    identity: Identity,
    roots: Vec<Vec<u8>>,
    name: &'static str,
    code: u16,
}

fn case(what: &'static str, identity: Identity, roots: &[&[u8]], name: &'static str, code: u16) -> Case {
    Case {
        what,
        identity,
        roots: roots.iter().map(|root| root.to_vec()).collect(),
        name,
        code,
    }
}

fn cases() -> Vec<Case> {
    let (root, below) = (&ROOT.der[..], &BELOW.der[..]);
    let good = ROOT.sign(localhost());
    let deep = BELOW.sign(localhost());
    let own = self_signed(localhost());
    let of = |change: fn(&mut rcgen::CertificateParams)| {
        let mut params = localhost();
        change(&mut params);
        params
    };
    let expired = ROOT.sign(of(|params| params.not_after = date_time_ymd(2021, 1, 1)));
    let early = ROOT.sign(of(|params| params.not_before = date_time_ymd(2039, 1, 1)));
    let expired_own = self_signed(of(|params| params.not_after = date_time_ymd(2021, 1, 1)));
    let purpose = ROOT.sign(of(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]
    }));
    let signer = ROOT.sign(of(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]));
    let marked = ROOT.sign(of(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)));
    let old = Authority::root("Old", 2021);
    let below_old = old.sign(localhost());
    let again = Authority::root("Root", 2040);
    let plain = |signed: &Signed| signed.identity(&[]);
    vec![
        case("by a root", plain(&good), &[root], "localhost", 0),
        case("of a wildcard", plain(&good), &[root], "a.example.com", 0),
        case("with a dot", plain(&good), &[root], "localhost.", 0),
        case("at an address", plain(&good), &[root], "127.0.0.1", 0),
        case("below another", deep.identity(&[below]), &[root], "localhost", 0),
        case("of a partial chain", plain(&deep), &[below], "localhost", 0),
        case("named itself", plain(&good), &[&good.der], "localhost", 0),
        case("its own root", plain(&own), &[&own.der], "localhost", 0),
        case("marked an authority", plain(&marked), &[root], "localhost", 0),
        case(
            "another name",
            plain(&good),
            &[root],
            "b.example.org",
            verification::HOSTNAME,
        ),
        case(
            "another address",
            plain(&good),
            &[root],
            "127.0.0.2",
            verification::ADDRESS,
        ),
        case(
            "own root's other name",
            plain(&own),
            &[&own.der],
            "b.example.org",
            verification::HOSTNAME,
        ),
        case("expired", plain(&expired), &[root], "localhost", verification::EXPIRED),
        case(
            "expired, of another name",
            plain(&expired),
            &[root],
            "b.example.org",
            verification::HOSTNAME,
        ),
        case(
            "early",
            plain(&early),
            &[root],
            "localhost",
            verification::NOT_YET_VALID,
        ),
        case(
            "its own expired root",
            plain(&expired_own),
            &[&expired_own.der],
            "localhost",
            verification::EXPIRED,
        ),
        case(
            "an expired root's",
            plain(&below_old),
            &[&old.der],
            "localhost",
            verification::EXPIRED,
        ),
        case(
            "self-signed",
            plain(&own),
            &[root],
            "localhost",
            verification::SELF_SIGNED,
        ),
        case(
            "self-signed, expired",
            plain(&expired_own),
            &[root],
            "localhost",
            verification::SELF_SIGNED,
        ),
        case(
            "without roots",
            plain(&good),
            &[],
            "localhost",
            verification::UNKNOWN_ISSUER,
        ),
        case(
            "self-signed in its chain",
            good.identity(&[root]),
            &[],
            "localhost",
            verification::SELF_SIGNED_IN_CHAIN,
        ),
        case(
            "without what is between",
            plain(&deep),
            &[root],
            "localhost",
            verification::UNKNOWN_ISSUER,
        ),
        case(
            "a client's",
            plain(&purpose),
            &[root],
            "localhost",
            verification::PURPOSE,
        ),
        case(
            "not to sign with",
            plain(&signer),
            &[root],
            "localhost",
            verification::PURPOSE,
        ),
        // The root is named no root: a certificate that may not sign vouches for itself alone.
        case(
            "another leaf's",
            plain(&good),
            &[&own.der],
            "localhost",
            verification::UNKNOWN_ISSUER,
        ),
        // OpenSSL tells by the key's identifier that this is another root of the same name.
        case(
            "a namesake's",
            plain(&good),
            &[&again.der],
            "localhost",
            verification::SIGNATURE,
        ),
    ]
}

#[test]
fn each_chain_has_the_code_that_openssl_gives_it_and_with_verify_none_it_is_a_fact() {
    for case in cases() {
        let server = config(&Settings {
            server: true,
            identity: Some(case.identity.clone()),
            ..settings()
        });
        for version in [0x0303, 0x0304] {
            let of = |verify| {
                config(&Settings {
                    verify,
                    roots: case.roots.clone(),
                    minimum: version,
                    maximum: version,
                    ..settings()
                })
            };
            let mut pair = Pair::new(&of(Verify::Full), &server, Some(case.name));
            let outcome = pair.run();
            match case.code {
                0 => {
                    outcome.client.expect(case.what);
                    outcome.server.expect(case.what);
                }
                code => {
                    let failure = outcome.client.expect_err(case.what);
                    assert_eq!(failure.verification, Some(code), "{}: {failure:?}", case.what);
                    let text = format!("certificate verify failed: {}", verification::text(code));
                    assert_eq!(failure.text, text, "{}", case.what);
                    assert!(!failure.received && !failure.to_send.is_empty());
                    // The server hears the alert that the client says it has sent.
                    let heard = outcome.server.expect_err("an alert");
                    assert!(heard.received, "{heard:?}");
                    assert_eq!(heard.alert, failure.alert, "{}: {}", case.what, heard.text);
                }
            }
            let mut pair = Pair::shaken(&of(Verify::None), &server, Some(case.name));
            // A chain alone is judged without the name, and what nothing refuses is a fact.
            let of_chain = match case.code {
                verification::HOSTNAME | verification::ADDRESS if case.what.contains("expired,") => {
                    verification::EXPIRED
                }
                verification::HOSTNAME | verification::ADDRESS => verification::OK,
                code => code,
            };
            assert_eq!(pair.client.facts().verification, of_chain, "{}", case.what);
            assert!(!pair.client.facts().peer.is_empty());
            let mut pair = Pair::new(&of(Verify::Chain), &server, Some(case.name));
            let is_good = pair.run().client.is_ok();
            assert_eq!(is_good, of_chain == verification::OK, "{}", case.what);
        }
        let chain = tls::split(&pems(&case.identity.certificates));
        let theirs = openssl::verify(&chain, &case.roots, case.name.trim_end_matches('.'));
        let is_namesake = case.what == "a namesake's" && theirs == verification::UNKNOWN_ISSUER;
        assert!(
            theirs == case.code || is_namesake,
            "{}: OpenSSL says {theirs}",
            case.what
        );
    }
}

/// Certificates one after another, as text.
fn pems(mut der: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    while !der.is_empty() {
        let length = 4 + usize::from(u16::from_be_bytes([der[2], der[3]]));
        text += &pem("CERTIFICATE", &der[..length]);
        der = &der[length..];
    }
    text.into_bytes()
}

#[test]
fn what_openssl_makes_for_developers_is_taken_once_it_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    // As every tutorial has it, and as PostgreSQL's documentation has it: CA:TRUE, and version 1.
    let subject = ["-subj", "/CN=localhost", "-days", "30", "-nodes"];
    openssl::run(
        folder,
        &[
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-keyout",
                "own.key",
                "-out",
                "own.pem",
                "-addext",
                "subjectAltName=DNS:localhost",
            ][..],
            &subject,
        ]
        .concat(),
    );
    openssl::run(
        folder,
        &[
            &[
                "req", "-x509", "-newkey", "rsa:2048", "-keyout", "root.key", "-out", "root.pem",
            ][..],
            &["-subj", "/CN=root", "-days", "30", "-nodes"],
        ]
        .concat(),
    );
    openssl::run(
        folder,
        &[
            &[
                "req",
                "-new",
                "-newkey",
                "rsa:2048",
                "-keyout",
                "server.key",
                "-out",
                "server.csr",
            ][..],
            &["-subj", "/CN=localhost", "-nodes"],
        ]
        .concat(),
    );
    openssl::run(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-days",
            "30",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-out",
            "server.pem",
        ],
    );
    let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
    assert!(
        tls::describe(&tls::split(&read("own.pem"))[0])
            .expect("a certificate")
            .authority
    );
    assert_eq!(
        tls::describe(&tls::split(&read("server.pem"))[0])
            .expect("a certificate")
            .version,
        1
    );
    for (name, root, full) in [("own", "own.pem", 0), ("server", "root.pem", verification::HOSTNAME)] {
        let server = config(&Settings {
            server: true,
            identity: Some(Identity {
                certificates: read(&format!("{name}.pem")),
                key: read(&format!("{name}.key")),
                password: None,
            }),
            ..settings()
        });
        for version in [0x0303, 0x0304] {
            let of = |verify, roots: &[&str]| {
                config(&Settings {
                    verify,
                    roots: roots.iter().map(|root| read(root)).collect(),
                    minimum: version,
                    maximum: version,
                    ..settings()
                })
            };
            Pair::shaken(&of(Verify::Chain, &[root]), &server, Some("localhost"));
            let outcome = Pair::new(&of(Verify::Full, &[root]), &server, Some("localhost")).run();
            assert_eq!(
                outcome
                    .client
                    .err()
                    .and_then(|failure| failure.verification)
                    .unwrap_or(0),
                full,
                "{name}"
            );
            // Nothing vouches without its root.
            let code = if name == "own" {
                verification::SELF_SIGNED
            } else {
                verification::UNKNOWN_ISSUER
            };
            let outcome = Pair::new(&of(Verify::Chain, &[]), &server, Some("localhost")).run();
            assert_eq!(outcome.client.expect_err(name).verification, Some(code));
        }
    }
}

#[test]
fn servers_take_clients_whom_their_roots_vouch_for() {
    let server = |ask, verify| {
        config(&Settings {
            server: true,
            identity: Some(ROOT.sign(localhost()).identity(&[])),
            ask,
            verify,
            roots: vec![ROOT.der.clone()],
            ..settings()
        })
    };
    let other = Authority::root("Stranger", 2040).sign(named("stranger"));
    let server_like = ROOT.sign({
        let mut params = named("server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params
    });
    for version in [0x0303, 0x0304] {
        let as_who = |identity| {
            config(&Settings {
                roots: vec![ROOT.der.clone()],
                identity,
                minimum: version,
                maximum: version,
                ..settings()
            })
        };
        let (known, stranger, nobody) = (
            as_who(Some(client().identity(&[]))),
            as_who(Some(other.identity(&[]))),
            as_who(None),
        );
        let wrong = as_who(Some(server_like.identity(&[])));
        let outcome = |client, ask, verify| Pair::new(client, &server(ask, verify), Some("localhost")).run().server;
        let chain = Verify::Chain;
        for ask in [Ask::Optional, Ask::Required] {
            let mut pair = Pair::shaken(&known, &server(ask, chain), Some("localhost"));
            assert_eq!(pair.server.facts().peer.len(), 1);
            let refused = outcome(&stranger, ask, chain).expect_err("a refusal");
            assert_eq!(refused.verification, Some(verification::UNKNOWN_ISSUER));
            let refused = outcome(&wrong, ask, chain).expect_err("a refusal");
            assert_eq!(refused.verification, Some(verification::PURPOSE));
            // Node's `rejectUnauthorized: false`.
            let mut pair = Pair::shaken(&stranger, &server(ask, Verify::None), Some("localhost"));
            assert_eq!(pair.server.facts().verification, verification::UNKNOWN_ISSUER);
        }
        outcome(&nobody, Ask::Optional, chain).expect("a session");
        outcome(&nobody, Ask::No, chain).expect("a session");
        let refused = outcome(&nobody, Ask::Required, chain).expect_err("a refusal");
        assert_eq!(refused.text, "peer did not return a certificate");
        let mut pair = Pair::shaken(&known, &server(Ask::No, chain), Some("localhost"));
        assert!(pair.server.facts().peer.is_empty());
    }
}
