//! TLS, and how a client knows the hub.

use super::support::{Place, Session, Setting, echoes, patiently, until};
use gateway::client::{Hub, ReachError};
use gateway::pin::Pin;
use gateway::scope::Scope;
use gateway::secret::Secret;
use gateway::tls::Tls;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn own(folder: &Path) -> Arc<Tls> {
    Arc::new(Tls::own(folder, vec!["localhost".into(), "127.0.0.1".into()]).expect("TLS"))
}

async fn secure(folder: &Path) -> Place {
    Place::with(Setting {
        tls: Some(own(folder)),
        ..Setting::default()
    })
    .await
}

fn hub(place: &Place, token: &Secret, pin: Option<Pin>) -> Hub {
    let url = format!("wss://{}", place.secure.expect("a listener"));
    Hub::new(&url, Some(token.clone()), pin, false).expect("a hub")
}

async fn error(hub: Hub) -> ReachError {
    hub.reach().await.err().expect("an error")
}

#[tokio::test]
async fn the_right_pin_leads_in_and_a_wrong_one_or_none_does_not() {
    patiently(async {
        let (folder, elsewhere) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let place = secure(&folder.path().join("tls")).await;
        let token = place.token("laptop", &[Scope::Connect]);
        let pin = place.tls.as_ref().expect("TLS").pin().expect("a pin");
        let mut session = Session::new(hub(&place, &token, Some(pin))).await;
        echoes(&mut session.connection("web", 3000).await.expect("a stream")).await;
        let other = own(&elsewhere.path().join("tls")).pin().expect("a pin");
        match error(hub(&place, &token, Some(other))).await {
            ReachError::WrongPin { expected, found, .. } => assert_eq!((expected, found), (other, pin)),
            error => panic!("{error:?}"),
        }
        let unknown = error(hub(&place, &token, None)).await;
        assert!(matches!(unknown, ReachError::UnknownAuthority(_)), "{unknown:?}");
        assert!(unknown.is_final() && unknown.hint().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_client_says_why_a_hub_does_not_take_it() {
    patiently(async {
        let folder = tempfile::tempdir().expect("a folder");
        let place = secure(&folder.path().join("tls")).await;
        let pin = place.tls.as_ref().expect("TLS").pin().expect("a pin");
        let token = place.token("laptop", &[Scope::Connect]);
        let wrong = Secret::new("wr_");
        let refused = error(hub(&place, &wrong, Some(pin))).await;
        assert!(matches!(refused, ReachError::Unauthorized(_)), "{refused:?}");
        assert!(!format!("{refused:?} {refused}").contains(wrong.expose()));
        for _ in 0..10 {
            error(hub(&place, &wrong, Some(pin))).await;
        }
        let refused = error(hub(&place, &token, Some(pin))).await;
        assert!(
            matches!(refused, ReachError::TooMany(_)) && !refused.is_final(),
            "{refused:?}"
        );
        let place = Place::new().await;
        let token = place.token("laptop", &[Scope::Connect]);
        place.decree("tunnel = false");
        let plain = || Hub::new(&format!("ws://{}", place.address), Some(token.clone()), None, false).expect("a hub");
        let why = loop {
            match plain().reach().await.err() {
                Some(ReachError::Forbidden { why, .. }) => break why,
                Some(error) => panic!("{error:?}"),
                None => {}
            }
        };
        assert!(why.starts_with("switched off by "), "{why}");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_hub_is_said_to_be_none() {
    patiently(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut some = [0; 1024];
                let _ = stream.read(&mut some).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        });
        let hub = |scheme: &str| Hub::new(&format!("{scheme}://{address}"), None, None, false).expect("a hub");
        let none = error(hub("ws")).await;
        assert!(matches!(none, ReachError::NotAHub(_)), "{none:?}");
        let none = error(hub("wss")).await;
        assert!(matches!(none, ReachError::Tls { .. }), "{none:?}");
        server.shutdown().await;
        let none = error(hub("ws")).await;
        assert!(
            matches!(none, ReachError::Unreachable { .. }) && !none.is_final(),
            "{none:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_changes_is_served_without_a_new_start() {
    patiently(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let write = || {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
            let pem = |label: &str, der: &[u8]| {
                let text = data_encoding::BASE64_MIME.encode(der);
                format!(
                    "-----BEGIN {label}-----\n{}-----END {label}-----\n",
                    text.replace('\r', "")
                )
            };
            fs::write(&key, pem("PRIVATE KEY", &made.signing_key.serialize_der())).expect("written");
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("closed");
            fs::write(&certificate, pem("CERTIFICATE", made.cert.der())).expect("written");
            Pin::of(made.cert.der()).expect("a pin")
        };
        let first = write();
        let tls = Arc::new(Tls::files(&certificate, &key).expect("TLS"));
        assert_eq!(tls.pin().expect("a pin"), first);
        let place = Place::with(Setting {
            tls: Some(tls.clone()),
            ..Setting::default()
        })
        .await;
        let token = place.token("laptop", &[Scope::Connect]);
        hub(&place, &token, Some(first)).reach().await.expect("a carrier");
        let second = write();
        until(|| tls.pin().is_ok_and(|pin| pin == second)).await;
        hub(&place, &token, Some(second)).reach().await.expect("a carrier");
        // What cannot be used changes nothing.
        fs::write(&certificate, "nothing").expect("written");
        tokio::time::sleep(Duration::from_millis(300)).await;
        hub(&place, &token, Some(second)).reach().await.expect("a carrier");
    })
    .await;
}

#[tokio::test]
async fn over_tls_cookies_are_of_this_host_and_bytes_that_are_no_tls_end() {
    patiently(async {
        let folder = tempfile::tempdir().expect("a folder");
        let place = secure(&folder.path().join("tls")).await;
        let mut stream = TcpStream::connect(place.secure.expect("a listener"))
            .await
            .expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            .await
            .expect("written");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP"), "no answer without TLS");
    })
    .await;
}
