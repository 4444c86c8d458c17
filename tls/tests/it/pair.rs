//! Two sessions that speak with each other, without a wire.

use std::sync::Arc;
use tls::{Config, Failure, Progress, Roots, Session, Settings};

pub(crate) fn config(settings: &Settings) -> Arc<Config> {
    Arc::new(Config::create(settings, || Ok(Arc::new(Roots::default()))).expect("settings"))
}

/// Both versions.
pub(crate) fn settings() -> Settings {
    Settings {
        minimum: 0x0303,
        maximum: 0x0304,
        ..Settings::default()
    }
}

pub(crate) struct Pair {
    pub(crate) client: Session,
    pub(crate) server: Session,
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

/// What both have said, and how each has ended.
pub(crate) struct Outcome {
    pub(crate) client: Result<Vec<u8>, Failure>,
    pub(crate) server: Result<Vec<u8>, Failure>,
}

impl Pair {
    pub(crate) fn new(client: &Arc<Config>, server: &Arc<Config>, name: Option<&str>) -> Pair {
        Pair {
            client: Session::open(client, name).expect("a client"),
            server: Session::open(server, None).expect("a server"),
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// Until neither has more to say.
    pub(crate) fn run(&mut self) -> Outcome {
        let (mut client, mut server) = (Ok(Vec::new()), Ok(Vec::new()));
        loop {
            let to_client = std::mem::take(&mut self.to_client);
            feed(&mut self.client, &to_client, &mut client, &mut self.to_server);
            let to_server = std::mem::take(&mut self.to_server);
            feed(&mut self.server, &to_server, &mut server, &mut self.to_client);
            if self.to_client.is_empty() {
                return Outcome { client, server };
            }
        }
    }

    /// After a handshake that succeeds.
    pub(crate) fn shaken(client: &Arc<Config>, server: &Arc<Config>, name: Option<&str>) -> Pair {
        let mut pair = Pair::new(client, server, name);
        let outcome = pair.run();
        outcome.client.expect("the client's handshake");
        outcome.server.expect("the server's handshake");
        pair
    }
}

fn feed(session: &mut Session, bytes: &[u8], heard: &mut Result<Vec<u8>, Failure>, to_send: &mut Vec<u8>) {
    let Ok(text) = heard else { return };
    match session.feed(bytes, false) {
        Ok(Progress {
            plaintext,
            to_send: more,
            ..
        }) => {
            text.extend(plaintext);
            to_send.extend(more);
        }
        Err(failure) => {
            to_send.extend_from_slice(&failure.to_send);
            *heard = Err(failure);
        }
    }
}
