//! What a request over the control socket means. Pure, so that it can be fuzzed.

use super::message::{NewForward, Stop};

/// What can be asked.
#[derive(Debug)]
pub enum Request {
    State,
    Logs {
        /// Milliseconds since 1970.
        since: Option<u64>,
        follow: bool,
    },
    Stop(Stop),
    Restart,
    Forward(NewForward),
    /// Ends a forward that was added, by its host port.
    Unforward(u16),
    Metrics,
}

/// A request as far as its head tells.
pub enum Meaning {
    Whole(Request),
    /// The rest is in its body.
    WithBody(fn(&[u8]) -> serde_json::Result<Request>),
}

/// Finds out what is wanted; the error is for the asker.
pub fn meaning(method: &str, place: &str) -> Result<Meaning, String> {
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let Some(path) = path.strip_prefix("/v1/") else {
        return Err(format!(
            "this is wasmrun {}, which speaks /v1",
            env!("CARGO_PKG_VERSION")
        ));
    };
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(other, _)| *other == name).map(|(_, value)| value)
    };
    Ok(match (method, path) {
        ("GET", "state") => Meaning::Whole(Request::State),
        ("GET", "metrics") => Meaning::Whole(Request::Metrics),
        ("GET", "logs") => Meaning::Whole(Request::Logs {
            since: value("since").and_then(|since| since.parse().ok()),
            follow: value("follow") == Some("true"),
        }),
        ("POST", "restart") => Meaning::Whole(Request::Restart),
        ("POST", "stop") => Meaning::WithBody(|body| serde_json::from_slice(body).map(Request::Stop)),
        ("POST", "forwards") => Meaning::WithBody(|body| serde_json::from_slice(body).map(Request::Forward)),
        ("DELETE", path) => {
            let port = path.strip_prefix("forwards/").and_then(|port| port.parse().ok());
            Meaning::Whole(Request::Unforward(
                port.ok_or_else(|| format!("nothing at DELETE /v1/{path}"))?,
            ))
        }
        (method, path) => return Err(format!("nothing at {method} /v1/{path}")),
    })
}
