//! What arrives as bytes, from whoever can reach the port.

use super::support::{Answer, Place, Setting, UPGRADE, patiently, request, until};
use gateway::listen::{CONNECTIONS, HEAD_TIME};
use gateway::scope::Scope;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn a_foreign_host_is_told_nothing() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::View]);
        let bearer = format!("Bearer {}", token.expose());
        for host in [
            "evil.com",
            "127.0.0.1.evil.com",
            "web.localhost",
            "x@127.0.0.1",
            "10.1.2.3",
        ] {
            for line in [
                "GET /v1/runs",
                "GET /",
                "GET /v1/tunnel",
                "GET /login?code=x",
                "POST /api/tunnel/web",
            ] {
                let answer = place.at(host, line, &[("Authorization", &bearer)], "").await;
                assert_eq!((answer.status, answer.text().as_str()), (421, ""), "{host} {line}");
            }
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:7070",
            "[::1]:7070",
            "wasmrun.localhost",
            "hub.test",
            "localhost:7070",
        ] {
            let answer = place.at(host, "GET /v1/runs", &[("Authorization", &bearer)], "").await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "[\"web\",\"db\"]"),
                "{host}"
            );
        }
        assert_eq!(
            place.at("localhost", "GET /", &[], "").await.status,
            421,
            "no page at localhost"
        );
        let twice = "GET /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        assert!([400, 421].contains(&place.raw(twice).await.status));
        let absolute = "GET http://evil.com/v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        assert_eq!(place.raw(absolute).await.status, 421);
        assert_eq!(place.raw("GET / HTTP/1.0\r\n\r\n").await.status, 421);
        assert!(place.audit.has(&["refusal", "names another host"]));
    })
    .await;
}

#[tokio::test]
async fn a_web_page_opens_no_tunnel_and_a_cookie_is_no_token() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::Connect]);
        let bearer = format!("Bearer {}", token.expose());
        let cookie = place.browser().await;
        for path in [
            "/v1/tunnel",
            "/v1/runs",
            "/ws/forward/web/3000",
            "/api/tunnel/web",
            "/api/status/web",
        ] {
            let line = format!("GET {path}");
            for field in [
                ("Origin", "http://wasmrun.localhost:7070"),
                ("Origin", "null"),
                ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Site", "cross-site"),
            ] {
                let fields = [&UPGRADE[..], &[field, ("Authorization", &bearer)]].concat();
                assert_eq!(place.ask(&line, &fields).await.status, 403, "{path} {field:?}");
            }
            let fields = [&UPGRADE[..], &[("Cookie", &cookie)]].concat();
            let answer = place.ask(&line, &fields).await;
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(
                answer.field("www-authenticate").as_deref(),
                Some("Bearer realm=\"wasmrun\"")
            );
        }
    })
    .await;
}

#[tokio::test]
async fn versions_that_differ_are_told_so() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::Connect]);
        let bearer = format!("Bearer {}", token.expose());
        let ask = async |more: &[(&str, &str)]| {
            let fields = [&UPGRADE[..], &[("Authorization", bearer.as_str())], more].concat();
            place.ask("GET /v1/tunnel", &fields).await
        };
        for offered in [&[][..], &[("Sec-WebSocket-Protocol", "wasmrun.pipe.v9, chat")]] {
            let answer = ask(offered).await;
            assert_eq!(answer.status, 400);
            assert!(
                answer.text().contains("this hub speaks `wasmrun.pipe.v1`"),
                "{}",
                answer.text()
            );
        }
        assert!(
            ask(&[("Sec-WebSocket-Protocol", "wasmrun.pipe.v9, chat")])
                .await
                .text()
                .contains("wasmrun.pipe.v9")
        );
        let fields = [
            ("Authorization", bearer.as_str()),
            ("Sec-WebSocket-Protocol", "wasmrun.pipe.v1"),
        ];
        assert_eq!(place.ask("GET /v1/tunnel", &fields).await.status, 426);
    })
    .await;
}

#[tokio::test]
async fn only_a_token_gets_in_and_wrong_ones_have_to_wait() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::View]);
        let ask = async |field: &str| place.ask("GET /v1/runs", &[("Authorization", field)]).await;
        assert_eq!(place.ask("GET /v1/runs", &[]).await.status, 401);
        let right = format!("Bearer {}", token.expose());
        assert_eq!(ask(&right).await.status, 200);
        let basic = data_encoding::BASE64.encode(format!("any:{}", token.expose()).as_bytes());
        assert_eq!(ask(&format!("Basic {basic}")).await.status, 200);
        for wrong in 0..10 {
            let field = if wrong % 2 == 0 {
                format!("Bearer wr_{wrong}")
            } else {
                "Basic !".to_owned()
            };
            assert_eq!(ask(&field).await.status, 401, "{wrong}");
        }
        let answer = ask("Bearer wr_x").await;
        assert_eq!(answer.status, 429);
        assert!(answer.text().contains("try again in"), "{}", answer.text());
        assert_eq!(ask(&right).await.status, 429, "nothing is looked at");
        assert!(!place.audit.text().contains(&token.expose()[3..]));
        assert!(place.audit.has(&["refusal", "127.0.0.1", "not known"]));
    })
    .await;
}

#[tokio::test]
async fn scopes_are_of_operations_and_what_is_no_operation_is_not_found() {
    patiently(async {
        let place = Place::new().await;
        let operations = [
            ("GET /v1/runs", "view"),
            ("GET /v1/runs?full=true", "view"),
            ("GET /v1/runs/web/state", "view"),
            ("GET /v1/runs/web/metrics", "view"),
            ("GET /v1/runs/web/logs", "logs"),
            ("POST /v1/runs/web/restart", "manage"),
            ("POST /v1/runs/web/stop", "manage"),
            ("POST /v1/runs/web/forwards", "manage"),
            ("DELETE /v1/runs/web/forwards/80", "manage"),
        ];
        for scope in Scope::ALL {
            let token = place.token(scope.as_str(), &[scope]);
            let bearer = format!("Bearer {}", token.expose());
            for (line, needs) in operations {
                let may = needs == scope.as_str() || scope == Scope::Connect && needs == "view";
                let status = place.ask(line, &[("Authorization", &bearer)]).await.status;
                assert_eq!(status, if may { 200 } else { 403 }, "{scope}: {line}");
            }
            for line in [
                "GET /v1",
                "GET /v1/",
                "POST /v1/runs",
                "GET /v1/runs/web",
                "GET /v1/runs/web/restart",
                "POST /v1/runs/web/down",
                "GET /v1/runs/../state",
                "GET /v1/runs/web%2f../state",
                "GET /v1/runs/web/state/x",
                "PUT /v1/runs/web/forwards",
                "DELETE /v1/runs/web/forwards/0x50",
            ] {
                let status = place.ask(line, &[("Authorization", &bearer)]).await.status;
                assert_eq!(status, 404, "{scope}: {line}");
            }
        }
        let asked = place.fake.asked.lock().expect("asked").clone();
        assert!(asked.contains(&"DELETE web forwards/80 ".to_owned()), "{asked:?}");
        assert!(place.audit.has(&["manage", "restart", "web"]));
        assert!(place.audit.has(&["refusal", "token view", "manage"]));
    })
    .await;
}

#[tokio::test]
async fn an_answer_has_nothing_of_the_connection_behind() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::View]);
        let bearer = format!("Bearer {}", token.expose());
        let answer = place.ask("GET /v1/runs/web/state", &[("Authorization", &bearer)]).await;
        assert_eq!(answer.field("content-type").as_deref(), Some("application/json"));
        assert_eq!(answer.field("set-cookie"), None);
        assert_ne!(answer.field("connection").as_deref(), Some("keep-alive"));
    })
    .await;
}

#[tokio::test]
async fn bytes_that_mean_two_things_are_refused() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::Manage]);
        let post = |fields: &str, body: &str| {
            format!(
                "POST /v1/runs/web/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{fields}\r\n{body}",
                token.expose()
            )
        };
        let answer = place.raw(&post("Content-Length: 2\r\nContent-Length: 20\r\n", "{}")).await;
        assert_eq!(answer.status, 400);
        for fields in [
            "Content-Length: -1\r\n",
            "Content-Length: 2, 3\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Content-Length : 2\r\n",
            "X: a\n b\r\n",
        ] {
            let status = place.raw(&post(fields, "{}")).await.status;
            assert_eq!(status, 400, "{fields:?}");
        }
        // Chunked counts (RFC 9112, 6.3), so what follows its end is no request of a connection that is closed.
        let smuggled = "0\r\n\r\nPOST /v1/runs/db/stop HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        place.raw(&post("Transfer-Encoding: chunked\r\nContent-Length: 70\r\n", smuggled)).await;
        let asked = place.fake.asked.lock().expect("asked").clone();
        assert!(asked.iter().all(|asked| !asked.contains("db")), "{asked:?}");
    })
    .await;
}

#[tokio::test]
async fn huge_heads_and_bodies_are_refused() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::Manage]);
        let bearer = format!("Bearer {}", token.expose());
        let huge = "x".repeat(17 * 1024);
        assert_eq!(place.ask("GET /v1/runs", &[("X", &huge)]).await.status, 431);
        let many: Vec<(&str, &str)> = vec![("X", "y"); 200];
        assert_eq!(place.ask("GET /v1/runs", &many).await.status, 431);
        let body = "x".repeat(65 * 1024);
        let fields = [("Authorization", bearer.as_str())];
        let answer = place.at("127.0.0.1", "POST /v1/runs/web/stop", &fields, &body).await;
        assert_eq!(answer.status, 413);
        let body = "x".repeat(64 * 1024);
        let answer = place.at("127.0.0.1", "POST /v1/runs/web/stop", &fields, &body).await;
        assert_eq!(answer.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_slow_head_and_a_silent_connection_are_ended_in_time() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::View]);
        let ended = async |mut stream: TcpStream, drips: bool| {
            let began = Instant::now();
            let mut rest = Vec::new();
            let (mut read, mut write) = stream.split();
            let drip = async {
                while drips && write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = read.read_to_end(&mut rest) => {}
                () = drip => {}
            }
            began.elapsed()
        };
        let connect = async || TcpStream::connect(place.address).await.expect("connected");
        let (silent, mut slow, mut kept) = (connect().await, connect().await, connect().await);
        slow.write_all(b"GET / HTTP/1.1\r\nX: ").await.expect("written");
        let first = request(
            "127.0.0.1",
            "GET /v1/runs",
            &[("Authorization", &format!("Bearer {}", token.expose()))],
            "",
        );
        let first = first.replace("Connection: close\r\n", "");
        kept.write_all(first.as_bytes()).await.expect("written");
        let (silent, slow, kept) = tokio::join!(ended(silent, false), ended(slow, true), ended(kept, false));
        for took in [silent, slow, kept] {
            assert!(took > HEAD_TIME - Duration::from_millis(500), "{took:?}");
            assert!(took < HEAD_TIME + Duration::from_secs(3), "{took:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_silent_connections_keep_nobody_out() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::Connect]);
        // Somebody who is known stays.
        let mut session = place.session(&token).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        let mut silent = Vec::new();
        for _ in 0..1000 {
            silent.push(TcpStream::connect(place.address).await.expect("connected"));
        }
        let bearer = format!("Bearer {}", token.expose());
        let answer = place.ask("GET /v1/runs", &[("Authorization", &bearer)]).await;
        assert_eq!(answer.status, 200);
        super::support::echoes(&mut stream).await;
        // The first of them were closed for those that came later.
        let mut closed = 0;
        for stream in &mut silent {
            let mut byte = [0];
            let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
            closed += usize::from(read.is_ok());
        }
        assert!(closed >= 1000 - CONNECTIONS, "{closed}");
    })
    .await;
}

#[tokio::test]
async fn a_half_open_client_gets_its_answer() {
    patiently(async {
        let place = Place::new().await;
        let mut stream = TcpStream::connect(place.address).await.expect("connected");
        stream
            .write_all(b"GET /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            .await
            .expect("written");
        // It ends amid its head.
        stream.shutdown().await.expect("FIN");
        let answer = Answer::read(stream).await;
        assert!([0, 400].contains(&answer.status), "{}", answer.status);
    })
    .await;
}

#[tokio::test]
async fn a_unix_socket_is_for_proxies_and_lets_nobody_in_by_itself() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("t", &[Scope::View]);
        let ask = async |line: &str, fields: &[(&str, &str)]| {
            let mut stream = UnixStream::connect(&place.unix).await.expect("connected");
            let request = request("hub.test", line, fields, "");
            stream.write_all(request.as_bytes()).await.expect("written");
            Answer::read(stream).await
        };
        let runs = "GET /v1/runs";
        let right = format!("Bearer {}", token.expose());
        assert_eq!(ask(runs, &[]).await.status, 401);
        assert_eq!(ask(runs, &[("X-Forwarded-For", "127.0.0.1")]).await.status, 401);
        assert_eq!(ask(runs, &[("Authorization", &right)]).await.status, 200);
        // Each client behind it is throttled for itself, by the proxy's own word.
        for try_ in 0..11 {
            let wrong = [
                ("Authorization", "Bearer wr_x"),
                ("X-Forwarded-For", "9.9.9.9, 1.2.3.4"),
            ];
            let status = ask(runs, &wrong).await.status;
            assert_eq!(status, if try_ < 10 { 401 } else { 429 });
        }
        let other = [
            ("Authorization", right.as_str()),
            ("X-Forwarded-For", "1.2.3.4, 9.9.9.9"),
        ];
        assert_eq!(ask(runs, &other).await.status, 200);
        assert!(place.audit.has(&["refusal", "1.2.3.4:0"]));
        // Cookies are of https where the proxy speaks it.
        let line = format!("GET {}", place.gateway.invite(gateway::grants::Grants::ALL).expose());
        let cookie = ask(&line, &[("X-Forwarded-Proto", "https")]).await.field("set-cookie");
        let cookie = cookie.expect("a cookie");
        assert!(
            cookie.starts_with("__Host-wasmrun=") && cookie.contains("; Secure;"),
            "{cookie}"
        );
        // Over TCP nobody is believed.
        let answer = place
            .at(
                "hub.test",
                &format!("GET {}", place.gateway.invite(gateway::grants::Grants::ALL).expose()),
                &[("X-Forwarded-Proto", "https")],
                "",
            )
            .await;
        assert!(answer.cookie().starts_with("wasmrun="));
    })
    .await;
}

#[tokio::test]
async fn without_authentication_the_guards_still_hold() {
    patiently(async {
        let place = Place::with(Setting {
            is_open: true,
            ..Setting::default()
        })
        .await;
        assert_eq!(place.ask("GET /v1/runs", &[]).await.status, 200);
        assert_eq!(place.at("evil.com", "GET /v1/runs", &[], "").await.status, 421);
        let origin = [("Origin", "http://evil.com")];
        assert_eq!(place.ask("POST /v1/runs/web/stop", &origin).await.status, 403);
        place.decree("manage = false");
        let asked = || place.fake.asked.lock().expect("asked").len();
        let before = asked();
        let mut status = 0;
        while status != 403 {
            status = place.ask("POST /v1/runs/web/stop", &[]).await.status;
        }
        assert!(asked() >= before);
        until(|| place.audit.has(&["refusal", "anyone", "switched off by"])).await;
    })
    .await;
}
