//! Sessions over a WebSocket, and what ends them.

use super::support::{Place, Session, echoes, is_reset, patiently, until};
use gateway::client::Hub;
use gateway::grants::{Grants, Names, Ports};
use gateway::scope::{Scope, Scopes};
use http::Method;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;
use tunnel::carrier::BoxCarrier;
use tunnel::mux::{Head, OpenError};
use tunnel::pipe::{Bye, End};
use tunnel::session::ConnectError;

fn status(error: OpenError) -> u16 {
    match error {
        OpenError::Refused(refusal) => refusal.status.as_u16(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_token_reaches_the_runs_and_ports_that_it_names() {
    patiently(async {
        let place = Place::new().await;
        let grants = Grants {
            scopes: Scopes::of([Scope::Connect]),
            runs: Names::new(vec!["we*".into()]).expect("names"),
            ports: Ports::new(["3000-3010"]).expect("ports"),
        };
        let token = place.tokens.add("laptop", grants, None).expect("a token");
        let mut session = place.session(&token).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        assert_eq!(
            status(session.connection("web", 80).await.expect_err("another port")),
            403
        );
        assert_eq!(
            status(session.connection("db", 3000).await.expect_err("another run")),
            403
        );
        assert_eq!(
            status(session.connection("nobody", 3000).await.expect_err("another run")),
            403
        );
        assert_eq!(status(session.connection("we", 3000).await.expect_err("no run")), 404);
        assert_eq!(session.get("/v1/runs").await.2, b"[\"web\"]");
        assert_eq!(session.get("/v1/runs/web/state").await.0, 200);
        assert_eq!(session.get("/v1/runs/db/state").await.0, 403);
        assert_eq!(session.get("/v1/runs/web/logs").await.0, 403);
        assert_eq!(session.request(Method::POST, "/v1/runs/web/stop").await.0, 403);
        assert_eq!(session.get("/v1/nothing").await.0, 404);
        // The client's word about its own client is not passed on.
        let mut head = Head::new("web", 3001);
        head.client = "1.2.3.4:5".parse().ok();
        head.wait = Some(Duration::from_secs(1 << 40));
        session.client.open(&head).await.expect("a stream").reset();
        let heads = place.fake.heads.lock().expect("heads").clone();
        let head = heads.iter().find(|head| head.port == 3001).expect("it came");
        assert!(head.client.is_some_and(|client| client.ip().is_loopback()));
        assert_eq!(head.wait, Some(Duration::from_mins(10)));
        drop(stream);
        until(|| {
            place
                .audit
                .has(&["\"stream\"", "token laptop", "\"to_guest\":4", "\"generation\":7"])
        })
        .await;
        assert!(place.audit.has(&["session", "began", "token laptop"]));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_only_views_cannot_connect() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("viewer", &[Scope::View]);
        let mut session = place.session(&token).await;
        assert_eq!(session.get("/v1/runs").await.0, 200);
        assert_eq!(
            status(session.connection("web", 3000).await.expect_err("no scope")),
            403
        );
        let refused = session
            .client
            .associate(&Head::new("web", 3000))
            .await
            .err()
            .expect("no scope");
        assert_eq!(status(refused), 403);
        assert!(place.fake.heads.lock().expect("heads").is_empty());
        assert!(place.audit.has(&["refusal", "token viewer", "connect", "web", "3000"]));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_removed_ends_what_is_open_within_a_second() {
    patiently(async {
        let place = Place::new().await;
        let (token, other) = (
            place.token("laptop", &[Scope::Connect]),
            place.token("other", &[Scope::Connect]),
        );
        let (mut session, mut stays) = (place.session(&token).await, place.session(&other).await);
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        let mut stream_that_stays = stays.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        let began = Instant::now();
        place.tokens.remove("laptop").expect("removed");
        is_reset(&mut stream).await;
        until(|| place.fake.open.load(Ordering::Relaxed) == 1).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        match session.end().await {
            Ok(End::Bye(bye)) => {
                assert_eq!(bye.code, Bye::POLICY);
                assert_eq!(bye.text.as_str(), "token laptop is no longer let in");
            }
            end => panic!("{end:?}"),
        }
        until(|| place.audit.has(&["\"stop\"", "token laptop"])).await;
        echoes(&mut stream_that_stays).await;
        assert_eq!(place.gateway.sessions(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_client_is_silent_is_ended_as_well() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("laptop", &[Scope::Connect]);
        let mut session = place.session(&token).await;
        let _stream = session.connection("web", 3000).await.expect("a stream");
        // Its carrier is cut, and nobody makes another one: the session waits for it.
        session.link.abort_all();
        let began = Instant::now();
        place.tokens.remove("laptop").expect("removed");
        until(|| place.fake.open.load(Ordering::Relaxed) == 0 && place.gateway.sessions() == 0).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_token_that_expires_ends_what_is_open() {
    patiently(async {
        let place = Place::new().await;
        // The file has whole seconds.
        let expires = SystemTime::now() + Duration::from_millis(2500);
        let token = place.tokens.add("short", Grants::ALL, Some(expires)).expect("a token");
        let mut session = place.session(&token).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        is_reset(&mut stream).await;
        assert!(matches!(session.end().await, Ok(End::Bye(bye)) if bye.code == Bye::POLICY));
        assert!(SystemTime::now() < expires + Duration::from_secs(1));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_narrowed_loses_only_what_it_may_no_more() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("laptop", &[Scope::Connect, Scope::Logs]);
        let mut session = place.session(&token).await;
        let mut web = session.connection("web", 3000).await.expect("a stream");
        let mut db = session.connection("db", 3000).await.expect("a stream");
        let text = std::fs::read_to_string(place.tokens.path()).expect("the file");
        let narrowed = text.replace("allow =", "runs = [\"web\"]\nallow =");
        assert_ne!(text, narrowed);
        std::fs::write(place.tokens.path(), narrowed).expect("written");
        is_reset(&mut db).await;
        echoes(&mut web).await;
        until(|| place.audit.has(&["\"stop\"", "token laptop may not reach `db`"])).await;
    })
    .await;
}

#[tokio::test]
async fn a_wait_for_a_guest_ends_with_the_right_to_it() {
    patiently(async {
        let place = Place::new().await;
        let token = place.token("laptop", &[Scope::Connect]);
        let mut session = place.session(&token).await;
        echoes(&mut session.connection("web", 3000).await.expect("a stream")).await;
        let client = session.client.clone();
        let head = Head::new("web", 9);
        let opens = client.open(&head);
        let switched = async {
            until(|| place.fake.heads.lock().expect("heads").len() == 2).await;
            place.decree("ports = [3000]");
        };
        let (opened, ()) = tokio::join!(opens, switched);
        match opened.err().expect("refused") {
            OpenError::Refused(refusal) => {
                assert_eq!(refusal.status, 403);
                assert!(refusal.error.starts_with("switched off by "), "{refusal}");
            }
            error => panic!("{error}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_followed_ends_as_a_failure() {
    patiently(async {
        use http_body_util::BodyExt;
        let place = Place::new().await;
        let token = place.token("laptop", &[Scope::Logs]);
        let session = place.session(&token).await;
        let request = http::Request::builder().uri("http://hub/v1/runs/web/logs?follow=true");
        let request = request.body(http_body_util::Empty::new()).expect("a request");
        let (response, _rest) = session.client.request(request).await.expect("an answer");
        let mut body = response.into_body();
        let first = body.frame().await.expect("a frame").expect("a line");
        assert_eq!(first.into_data().expect("data"), "first\n");
        place.decree("logs = false");
        assert!(body.frame().await.expect("not an end").is_err(), "a reset");
    })
    .await;
}

#[tokio::test]
async fn nobody_resumes_the_session_of_another_token() {
    patiently(async {
        let place = Place::new().await;
        let (mine, theirs) = (
            place.token("mine", &[Scope::Connect]),
            place.token("theirs", &[Scope::Connect]),
        );
        let hub = |token| Hub::new(&format!("ws://{}", place.address), Some(token), None, false).expect("a hub");
        let (first, second) = (hub(mine), hub(theirs));
        let is_stolen = Arc::new(AtomicBool::new(false));
        let carriers: Arc<Mutex<Vec<tokio::task::JoinHandle<()>>>> = Arc::default();
        let (steal, cut) = (is_stolen.clone(), carriers.clone());
        // The link is cut by a relay between, and comes back with another token.
        let mut session = Session::over(move |_| {
            let hub = if steal.load(Ordering::Relaxed) {
                second.clone()
            } else {
                first.clone()
            };
            let cut = cut.clone();
            async move { relayed(hub, &cut).await }
        })
        .await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        is_stolen.store(true, Ordering::Relaxed);
        carriers
            .lock()
            .expect("carriers")
            .drain(..)
            .for_each(|carrier| carrier.abort());
        match session.end().await {
            Ok(End::Refused(refused)) => assert_eq!(refused.text.as_str(), "there is no such session"),
            end => panic!("{end:?}"),
        }
        is_reset(&mut stream).await;
        assert!(place.audit.has(&["refusal", "token theirs"]));
    })
    .await;
}

/// A carrier through a relay that can be aborted.
async fn relayed(hub: Hub, cut: &Mutex<Vec<tokio::task::JoinHandle<()>>>) -> Result<BoxCarrier, ConnectError> {
    let carrier = hub.reach().await.map_err(ConnectError::from)?;
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut far = tunnel::carrier::Framed::new(far);
    #[expect(clippy::disallowed_methods, reason = "its handle is held by the test")]
    let task = tokio::spawn(async move {
        use futures::{SinkExt, StreamExt};
        let mut carrier = carrier;
        loop {
            let sent = tokio::select! {
                Some(Ok(frame)) = carrier.next() => far.send(frame).await,
                Some(Ok(frame)) = far.next() => carrier.send(frame).await,
                else => return,
            };
            if sent.is_err() {
                return;
            }
        }
    });
    cut.lock().expect("carriers").push(task);
    Ok(Box::new(tunnel::carrier::Framed::new(near)))
}

#[tokio::test]
async fn sessions_have_a_bound_that_the_policy_lowers() {
    patiently(async {
        let place = Place::new().await;
        place.decree("max-sessions = 2");
        let token = place.token("laptop", &[Scope::Connect]);
        until(|| place.rules.now().policy.most_sessions() == 2).await;
        let (mut one, mut two) = (place.session(&token).await, place.session(&token).await);
        let (mut a, mut b) = (
            one.connection("web", 1).await.expect("a stream"),
            two.connection("web", 1).await.expect("a stream"),
        );
        let mut three = place.session(&token).await;
        match three.end().await {
            Ok(End::Bye(bye)) => assert_eq!(bye.text.as_str(), "too many sessions are open"),
            end => panic!("{end:?}"),
        }
        echoes(&mut a).await;
        echoes(&mut b).await;
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_hub_is_said() {
    patiently(async {
        let mut place = Place::new().await;
        let token = place.token("laptop", &[Scope::Connect]);
        let mut session = place.session(&token).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        place.stop.take().expect("not stopped").send(()).expect("it is there");
        is_reset(&mut stream).await;
        assert!(matches!(session.end().await, Ok(End::Bye(bye)) if bye.code == Bye::GOING));
        assert!(TcpStream::connect(place.address).await.is_err() || place.tasks.try_join_next().is_some());
    })
    .await;
}
