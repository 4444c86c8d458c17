//! What the path and the query of a request ask for.

use super::frame::Protocol;
use percent_encoding::percent_decode_str;

/// Longest name of a run, in bytes.
const NAME: usize = 255;

/// What a request asks for. The name is any text: whether there is such a run is the caller's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /api/status/NAME`: whether there is such a run. The answer is [`status`](super::status()).
    Status {
        /// The run.
        run: String,
    },
    /// A WebSocket on `/ws/forward/NAME/PORT?proto=tcp`, or `udp`.
    Forward {
        /// The run.
        run: String,
        /// The port of streams whose CONNECT names none.
        port: u16,
        /// What the client says that it will forward. CONNECT says it again, and counts.
        protocol: Protocol,
    },
    /// A WebSocket on `/api/tunnel/NAME`.
    Tunnel {
        /// The run.
        run: String,
    },
}

/// Why a request asks for nothing that is here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The path is none of these: somebody else's.
    #[error("there is no such path")]
    Path,
    /// The name is empty, too long, or no UTF-8 once it is decoded.
    #[error("the path names no run")]
    Name,
    /// The port is none from 1 to 65535.
    #[error("the path names no port")]
    Port,
    /// The query names another protocol, or two.
    #[error("`proto` is `tcp` or `udp`")]
    Protocol,
}

impl Endpoint {
    /// Reads a path, with its query if it has one, as they stand in the request.
    ///
    /// # Errors
    ///
    /// The path is not one of these, or what it names cannot be.
    pub fn parse(path_and_query: &str) -> Result<Endpoint, EndpointError> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        // Split first: an encoded `/` belongs to a name (RFC 3986, 2.4).
        let segments: Vec<&str> = path.split('/').take(6).collect();
        match segments[..] {
            ["", "api", "status", run] => Ok(Endpoint::Status { run: name(run)? }),
            ["", "api", "tunnel", run] => Ok(Endpoint::Tunnel { run: name(run)? }),
            ["", "ws", "forward", run, port] => Ok(Endpoint::Forward {
                run: name(run)?,
                port: number(port).ok_or(EndpointError::Port)?,
                protocol: protocol(query)?,
            }),
            _ => Err(EndpointError::Path),
        }
    }
}

fn name(segment: &str) -> Result<String, EndpointError> {
    let name = percent_decode_str(segment).decode_utf8();
    let name = name.map_err(|_| EndpointError::Name)?;
    match name.len() {
        1..=NAME => Ok(name.into_owned()),
        _ => Err(EndpointError::Name),
    }
}

/// Digits alone: `parse` takes a sign too.
fn number(segment: &str) -> Option<u16> {
    let is_number = segment.bytes().all(|byte| byte.is_ascii_digit());
    segment.parse().ok().filter(|port| is_number && *port > 0)
}

fn protocol(query: &str) -> Result<Protocol, EndpointError> {
    let fields = query
        .split('&')
        .map(|field| field.split_once('=').unwrap_or((field, "")));
    let mut named = fields.filter(|(key, _)| percent_decode_str(key).eq(*b"proto"));
    match (named.next(), named.next()) {
        (None, _) => Ok(Protocol::Tcp),
        (Some((_, value)), None) => match &*percent_decode_str(value).decode_utf8_lossy() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            _ => Err(EndpointError::Protocol),
        },
        (Some(_), Some(_)) => Err(EndpointError::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(run: &str, port: u16, protocol: Protocol) -> Result<Endpoint, EndpointError> {
        let run = run.to_owned();
        Ok(Endpoint::Forward { run, port, protocol })
    }

    #[test]
    fn what_clients_ask_for_is_read() {
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        for (asked, read) in [
            ("/ws/forward/web/8888?proto=tcp", forward("web", 8888, tcp)),
            ("/ws/forward/web/8888?proto=udp", forward("web", 8888, udp)),
            ("/ws/forward/7318/1", forward("7318", 1, tcp)),
            ("/ws/forward/7318/65535?", forward("7318", 65535, tcp)),
            ("/ws/forward/web/80?x=1&proto=udp&protocol=a", forward("web", 80, udp)),
            ("/ws/forward/web/80?%70roto=%75dp", forward("web", 80, udp)),
            ("/ws/forward/a%2Fb%20%C3%A9%25/80", forward("a/b é%", 80, tcp)),
            // `+` is a space in a form, not in a path, and a `%` without digits is itself.
            ("/ws/forward/a+b%zz/80", forward("a+b%zz", 80, tcp)),
            ("/api/status/web", Ok(Endpoint::Status { run: "web".into() })),
            ("/api/status/web?proto=x", Ok(Endpoint::Status { run: "web".into() })),
            ("/api/tunnel/web", Ok(Endpoint::Tunnel { run: "web".into() })),
        ] {
            assert_eq!(Endpoint::parse(asked), read, "{asked}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_and_what_is_others_left() {
        for path in [
            "",
            "/",
            "api/status/web",
            "/api/status",
            "/api/status/a/b",
            "/api/tunnel/web/",
            "/ws/forward/web",
            "/ws/forward/web/80/",
            "//ws/forward/web/80",
            "/WS/forward/web/80",
            "/ws/tunnel/web",
            "/ws/forward/web/80/a/b",
            "/ws%2fforward/web/80",
        ] {
            assert_eq!(Endpoint::parse(path), Err(EndpointError::Path), "{path}");
        }
        for path in [
            "/api/status/",
            "/api/tunnel/%ff",
            "/ws/forward//80",
            &format!("/api/status/{}", "a".repeat(256)),
        ] {
            assert_eq!(Endpoint::parse(path), Err(EndpointError::Name), "{path}");
        }
        for port in [
            "",
            "0",
            "65536",
            "-1",
            "+80",
            "8 0",
            "%38",
            "http",
            "99999999999999999999",
        ] {
            assert_eq!(
                Endpoint::parse(&format!("/ws/forward/web/{port}")),
                Err(EndpointError::Port),
                "{port}"
            );
        }
        for query in [
            "proto=",
            "proto",
            "proto=sctp",
            "proto=tcp&proto=udp",
            "proto=TCP",
            "proto=%ff",
        ] {
            let asked = format!("/ws/forward/web/80?{query}");
            assert_eq!(Endpoint::parse(&asked), Err(EndpointError::Protocol), "{query}");
        }
    }
}
