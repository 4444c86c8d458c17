//! Each switch of the administrator, on every path.

use super::support::{Place, UPGRADE, echoes, is_reset, patiently, until};
use gateway::bind::{Bind, BindError, check};
use gateway::grants::Grants;
use gateway::policy::{Layer, Policy};
use gateway::rules::{Rules, Sources};
use gateway::ruling::Ruling;
use gateway::scope::Scope;
use gateway::tls::Tls;
use gateway::token::Tokens;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What each path answers: the tunnel, a stream, the API, KohakuRiver's three, the page, a form, an app, a log, a restart.
async fn answers(place: &Place, bearer: &str, cookie: &str, entered: &str) -> Vec<(&'static str, u16)> {
    let token = ("Authorization", bearer);
    let socket = |more: &[(&'static str, &'static str)]| [&UPGRADE[..], &[token], more].concat();
    let pipe = ("Sec-WebSocket-Protocol", "wasmrun.pipe.v1");
    let page = [("Cookie", cookie)];
    let app = [("Cookie", entered)];
    let (own, post) = (
        place.at("wasmrun.localhost", "GET /x", &page, "").await.status,
        "POST /x",
    );
    let form = place.at("wasmrun.localhost", "GET /form", &page, "").await.text();
    let fields = [("Cookie", cookie), ("Sec-Fetch-Site", "same-origin")];
    vec![
        ("tunnel", place.upgrade("GET /v1/tunnel", &socket(&[pipe])).await),
        ("api", place.ask("GET /v1/runs", &[token]).await.status),
        ("status", place.ask("GET /api/status/web", &[token]).await.status),
        ("forward", place.upgrade("GET /ws/forward/web/3000", &socket(&[])).await),
        ("kr", place.upgrade("GET /api/tunnel/web", &socket(&[])).await),
        ("page", own),
        (
            "form",
            place
                .at("wasmrun.localhost", post, &fields, &format!("token={form}"))
                .await
                .status,
        ),
        ("app", place.at("web-3000.localhost", "GET /", &app, "").await.status),
        ("logs", place.ask("GET /v1/runs/web/logs", &[token]).await.status),
        ("restart", place.ask("POST /v1/runs/web/restart", &[token]).await.status),
    ]
}

#[tokio::test]
async fn each_switch_is_a_403_on_each_of_its_paths_and_on_no_other() {
    patiently(async {
        let all = [
            "tunnel", "api", "status", "forward", "kr", "page", "form", "app", "logs", "restart",
        ];
        for (text, off) in [
            ("hub = false", &all[..]),
            ("tunnel = false", &["tunnel", "status", "forward", "kr"]),
            ("kohaku = false", &["status", "forward", "kr"]),
            ("browser = false", &["page", "form", "app"]),
            ("logs = false", &["logs"]),
            ("manage = false", &["restart"]),
            ("runs = [\"db\"]", &["status", "forward", "kr", "logs", "restart"]),
            ("ports = [80]", &["forward"]),
            ("hub = ", &all),
        ] {
            let place = Place::new().await;
            let token = place.tokens.add("all", Grants::ALL, None).expect("a token");
            let bearer = format!("Bearer {}", token.expose());
            let cookie = place.browser().await;
            let entered = place.entered(&cookie).await;
            let before = answers(&place, &bearer, &cookie, &entered).await;
            for (path, status) in &before {
                assert!([200, 101].contains(status), "{path}: {status}");
            }
            place.decree(text);
            let deadline = Instant::now() + Duration::from_secs(1);
            let wanted = |path: &str| off.contains(&path);
            // It holds within a second, and then on all of its paths.
            while Instant::now() < deadline {
                let now = answers(&place, &bearer, &cookie, &entered).await;
                if now.iter().any(|(path, status)| wanted(path) && *status == 403) {
                    break;
                }
            }
            let now = answers(&place, &bearer, &cookie, &entered).await;
            for (path, status) in now {
                assert_eq!(status == 403, wanted(path), "`{text}`: {path} answers {status}");
            }
            // So many refusals a second are written down, and the loop had its own.
            while !place.audit.has(&["refusal", "switched off by", "hub.toml"]) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                answers(&place, &bearer, &cookie, &entered).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_names_the_file_that_it_comes_from() {
    patiently(async {
        let place = Place::new().await;
        place.decree("tunnel = false");
        let said = format!("switched off by {}", place.admin.display());
        loop {
            let answer = place.ask("GET /v1/tunnel", &UPGRADE).await;
            if answer.status == 403 {
                assert!(answer.text().contains(&said), "{}", answer.text());
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_switch_resets_what_is_open_within_a_second() {
    patiently(async {
        for text in [
            "hub = false",
            "tunnel = false",
            "ports = [80]",
            "runs = [\"db\"]",
            "nonsense = 1",
        ] {
            let place = Place::new().await;
            let token = place.token("laptop", &[Scope::Connect]);
            let mut session = place.session(&token).await;
            let mut stream = session.connection("web", 3000).await.expect("a stream");
            echoes(&mut stream).await;
            let began = Instant::now();
            place.decree(text);
            is_reset(&mut stream).await;
            assert!(
                began.elapsed() < Duration::from_secs(1),
                "{text}: {:?}",
                began.elapsed()
            );
            until(|| place.audit.has(&["\"stop\"", "token laptop", "switched off by"])).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_switch_ends_the_sockets_of_kohakuriver() {
    patiently(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for text in ["kohaku = false", "tunnel = false", "ports = [80]", "runs = [\"db\"]"] {
            let place = Place::new().await;
            let token = place.token("kr", &[Scope::Connect]);
            let bearer = format!("Bearer {}", token.expose());
            let fields = [&UPGRADE[..], &[("Authorization", bearer.as_str())]].concat();
            let request = super::support::request("127.0.0.1", "GET /ws/forward/web/3000", &fields, "");
            let mut stream = tokio::net::TcpStream::connect(place.address).await.expect("connected");
            let request = request.replace("Connection: close\r\n", "");
            stream.write_all(request.as_bytes()).await.expect("written");
            let mut some = [0; 1024];
            assert!(stream.read(&mut some).await.expect("an answer") > 0);
            let began = Instant::now();
            place.decree(text);
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(
                began.elapsed() < Duration::from_secs(1),
                "{text}: {:?}",
                began.elapsed()
            );
            until(|| place.audit.has(&["\"stop\"", "token kr"])).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_browser_has_open_ends_with_its_switch() {
    patiently(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let place = Place::new().await;
        let cookie = place.browser().await;
        let entered = place.entered(&cookie).await;
        let mut stream = tokio::net::TcpStream::connect(place.address).await.expect("connected");
        let request = super::support::request("web-3000.localhost", "GET /stream", &[("Cookie", &entered)], "");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut some = [0; 64];
        assert!(stream.read(&mut some).await.expect("an answer") > 0);
        let began = Instant::now();
        place.decree("browser = false");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(!rest.ends_with(b"0\r\n\r\n"), "half of a body never looks whole");
        place.decree("");
        until(|| place.audit.has(&["\"stop\"", "sessions of browsers"])).await;
        // The cookie does not come back with the switch.
        let mut status = 403;
        while status == 403 {
            status = place
                .at("wasmrun.localhost", "GET /", &[("Cookie", &cookie)], "")
                .await
                .status;
        }
        assert_eq!(status, 401);
    })
    .await;
}

#[test]
fn the_hub_listens_nowhere_that_is_not_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = Arc::new(Tls::own(folder.path().join("tls"), vec!["hub.test".into()]).expect("TLS"));
    let any = || "0.0.0.0:0".parse().expect("an address");
    let local = || "127.0.0.1:0".parse().expect("an address");
    let tokens = Tokens::at(folder.path().join("tokens.toml"));
    tokens.add("laptop", Grants::ALL, None).expect("a token");
    let ruling = |policy: &str, has_token: bool| Ruling {
        policy: Policy::merge(vec![(
            "/etc/wasmrun/hub.toml".into(),
            Layer::parse(policy, Path::new("x")).expect("a layer"),
        )]),
        tokens: if has_token {
            tokens.list().expect("tokens")
        } else {
            Vec::new()
        },
    };
    let said = |bind: Bind, policy: &str, has_token, is_open| {
        let checked = check(&[bind], &ruling(policy, has_token), is_open);
        checked.map_err(|error| error.to_string()).err()
    };
    let plain = |address| Bind::Tcp(address, None);
    let secure = |address| Bind::Tcp(address, Some(tls.clone()));
    assert_eq!(said(plain(local()), "", false, false), None);
    assert_eq!(said(plain(local()), "", false, true), None);
    assert_eq!(said(secure(any()), "", true, false), None);
    let refused = said(plain(any()), "", true, false).expect("refused");
    assert_eq!(refused, "the hub does not listen on 0.0.0.0:0 without TLS");
    let refused = said(secure(any()), "", false, false).expect("refused");
    assert_eq!(refused, "the hub does not listen on 0.0.0.0:0 without a token");
    let refused = said(secure(any()), "", true, true).expect("refused");
    assert_eq!(refused, "`--no-auth` is for loopback, and 0.0.0.0:0 is not");
    assert!(said(Bind::Unix("/tmp/x".into()), "", true, true).is_some());
    let refused = said(secure(any()), "bind = [\"loopback\"]", true, false).expect("refused");
    assert_eq!(
        refused,
        "the hub may not listen on 0.0.0.0:0: switched off by /etc/wasmrun/hub.toml"
    );
    assert_eq!(said(plain(local()), "bind = [\"loopback\"]", true, false), None);
    assert!(said(Bind::Unix("/tmp/x".into()), "bind = [\"loopback\"]", true, false).is_some());
    assert!(said(plain(local()), "tls = \"required\"", true, false).is_some());
    assert_eq!(said(secure(local()), "tls = \"required\"", true, false), None);
    let hint = check(&[plain(any())], &ruling("", true), false).expect_err("refused");
    assert!(matches!(&hint, BindError::Plain(_)) && hint.hint().is_some());
}

#[test]
fn a_hub_does_not_start_with_rules_that_it_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let sources = Sources {
        admin: folder.path().join("hub.toml"),
        admin_owner: rustix::process::geteuid().as_raw(),
        user: None,
        flags: Vec::new(),
        tokens: Tokens::at(folder.path().join("tokens.toml")),
    };
    sources.tokens.add("laptop", Grants::ALL, None).expect("a token");
    let load = || {
        Rules::load(sources.clone())
            .err()
            .map(|error| (error.to_string(), error.hint()))
    };
    assert_eq!(load(), None);
    std::fs::write(&sources.admin, "hub = yes").expect("written");
    let (said, _) = load().expect("an error");
    assert!(said.contains("hub.toml:1: "), "{said}");
    std::fs::remove_file(&sources.admin).expect("removed");
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(sources.tokens.path(), mode).expect("changed");
    let (said, hint) = load().expect("an error");
    assert!(said.ends_with("has the mode 0644, which lets others read it"), "{said}");
    assert!(hint.is_some_and(|hint| hint.starts_with("`chmod 600 ")));
}
