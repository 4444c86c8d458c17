//! The hub's own socket, and clients that a forced command of ssh has narrowed.

use super::support::{Place, Session, echoes, is_reset, patiently, until};
use gateway::grants::{Grants, Names, Ports};
use gateway::scope::{Scope, Scopes};
use http::Method;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tunnel::carrier::{BoxCarrier, Framed};
use tunnel::mux::OpenError;
use tunnel::pipe::End;
use tunnel::session::ConnectError;

async fn carrier(pipe: PathBuf) -> Result<BoxCarrier, ConnectError> {
    let stream = UnixStream::connect(pipe).await;
    Ok(Box::new(Framed::new(
        stream.map_err(|error| ConnectError::Later(error.into()))?,
    )))
}

/// What a channel of ssh that was handed over does.
async fn handed(place: &Place, narrowed: Option<Grants>) -> Result<BoxCarrier, ConnectError> {
    let (near, far) = UnixStream::pair().expect("a pair");
    place.gateway.carry(far, rustix::process::geteuid().as_raw(), narrowed);
    Ok(Box::new(Framed::new(near)))
}

async fn session(place: &Place) -> Session {
    let pipe = place.pipe.clone();
    Session::over(move |_| carrier(pipe.clone())).await
}

fn narrow() -> Grants {
    Grants {
        scopes: Scopes::of([Scope::Connect]),
        runs: Names::new(vec!["web".into()]).expect("names"),
        ports: Ports::new(["3000"]).expect("ports"),
    }
}

fn status(error: OpenError) -> u16 {
    match error {
        OpenError::Refused(refusal) => refusal.status.as_u16(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_user_may_everything_as_before() {
    patiently(async {
        let place = Place::new().await;
        let mut session = session(&place).await;
        echoes(&mut session.connection("web", 3000).await.expect("a stream")).await;
        echoes(&mut session.connection("db", 80).await.expect("a stream")).await;
        assert_eq!(session.get("/v1/runs").await.2, b"[\"web\",\"db\"]");
        assert_eq!(session.request(Method::POST, "/v1/runs/web/stop").await.0, 200);
        let uid = rustix::process::geteuid().as_raw();
        assert!(place.audit.has(&["session", "\"pipe\"", &format!("uid {uid}")]));
    })
    .await;
}

#[tokio::test]
async fn a_narrowed_client_has_what_is_said_of_it() {
    patiently(async {
        let place = Arc::new(Place::new().await);
        let mut session = Session::over({
            let place = place.clone();
            move |_| {
                let place = place.clone();
                async move { handed(&place, Some(narrow())).await }
            }
        })
        .await;
        echoes(&mut session.connection("web", 3000).await.expect("a stream")).await;
        assert_eq!(status(session.connection("web", 80).await.expect_err("a port")), 403);
        assert_eq!(status(session.connection("db", 3000).await.expect_err("a run")), 403);
        assert_eq!(session.get("/v1/runs").await.2, b"[\"web\"]");
        assert_eq!(session.request(Method::POST, "/v1/runs/web/stop").await.0, 403);
        assert_eq!(session.get("/v1/runs/web/logs").await.0, 403);
        assert!(place.audit.has(&["refusal", "narrowed", "stop"]));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_frame_is_not_answered() {
    patiently(async {
        let place = Place::new().await;
        for bytes in [&b"{\"allow\":[\"view\"]}\n"[..], b"null\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let mut stream = UnixStream::connect(&place.pipe).await.expect("connected");
            stream.write_all(bytes).await.expect("written");
            stream.shutdown().await.expect("FIN");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert_eq!(rest, b"");
        }
        assert_eq!(place.gateway.sessions(), 0);
    })
    .await;
}

#[tokio::test]
async fn another_user_is_not_carried() {
    patiently(async {
        let place = Place::new().await;
        let own = rustix::process::geteuid().as_raw();
        let (mut near, far) = UnixStream::pair().expect("a pair");
        place.gateway.carry(far, own + 1, None);
        assert_eq!(near.read(&mut [0]).await.expect("an end"), 0);
        assert_eq!(place.gateway.sessions(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_narrowed_client_resumes_no_session_of_the_user() {
    patiently(async {
        let place = Arc::new(Place::new().await);
        let is_cut = Arc::new(AtomicBool::new(false));
        let (pipe, narrowed) = (place.pipe.clone(), is_cut.clone());
        let (cutter, mut cut) = tokio::sync::mpsc::unbounded_channel::<UnixStream>();
        // The first link goes through here, and the next one is narrowed.
        let gate = place.clone();
        let mut session = Session::over(move |_| {
            let (pipe, narrowed, cutter) = (pipe.clone(), narrowed.clone(), cutter.clone());
            let gate = gate.clone();
            async move {
                if narrowed.load(Ordering::Relaxed) {
                    return handed(&gate, Some(narrow())).await;
                }
                let stream = std::os::unix::net::UnixStream::connect(pipe).expect("connected");
                stream.set_nonblocking(true).expect("set");
                let twin = UnixStream::from_std(stream.try_clone().expect("a twin")).expect("a stream");
                let _ = cutter.send(twin);
                let stream = UnixStream::from_std(stream).expect("a stream");
                Ok(Box::new(Framed::new(stream)) as BoxCarrier)
            }
        })
        .await;
        let mut stream = session.connection("db", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        is_cut.store(true, Ordering::Relaxed);
        let mut twin = cut.recv().await.expect("the link");
        twin.shutdown().await.expect("cut");
        match session.end().await {
            Ok(End::Refused(refused)) => assert_eq!(refused.text.as_str(), "there is no such session"),
            end => panic!("{end:?}"),
        }
        is_reset(&mut stream).await;
    })
    .await;
}

#[tokio::test]
async fn the_policy_is_above_the_user() {
    patiently(async {
        let place = Place::new().await;
        let mut session = session(&place).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        place.decree("tunnel = false\nmanage = false");
        is_reset(&mut stream).await;
        assert_eq!(status(session.connection("web", 3000).await.expect_err("off")), 403);
        assert_eq!(session.get("/v1/runs").await.0, 200, "looking is no tunnel");
        assert_eq!(session.request(Method::POST, "/v1/runs/web/stop").await.0, 403);
        place.decree("hub = false");
        assert!(matches!(session.end().await, Ok(End::Bye(_))));
        until(|| place.gateway.sessions() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_hub_is_said_here_too() {
    patiently(async {
        let mut place = Place::new().await;
        let mut session = session(&place).await;
        let mut stream = session.connection("web", 3000).await.expect("a stream");
        echoes(&mut stream).await;
        place.stop.take().expect("not stopped").send(()).expect("it is there");
        is_reset(&mut stream).await;
        assert!(matches!(session.end().await, Ok(End::Bye(bye)) if bye.code == tunnel::pipe::Bye::GOING));
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_is_served_is_not_taken_away() {
    patiently(async {
        let place = Place::new().await;
        let again = gateway::bind::Bind::Pipe(place.pipe.clone());
        let error = gateway::bind::bind(vec![again], &gateway::ruling::Ruling::default(), false);
        assert!(
            error
                .err()
                .is_some_and(|error| error.to_string().starts_with("cannot listen on "))
        );
        let file = place.folder.path().join("file");
        std::fs::write(&file, "x").expect("written");
        let file = gateway::bind::Bind::Unix(file);
        assert!(gateway::bind::bind(vec![file], &gateway::ruling::Ruling::default(), false).is_err());
    })
    .await;
}
