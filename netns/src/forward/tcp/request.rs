//! Whether bytes are the beginning of an HTTP/1 request: the only thing that the relay ever reads out of a stream, and only
//! to move a connection to another guest between two requests.

use httparse::{EMPTY_HEADER, Request, Status};

/// Most headers of a head that is looked into; one with more is left where it is.
const HEADERS: usize = 100;

/// A request line of HTTP/1.0 or 1.1, with as much of the headers as has come.
pub(in crate::forward) fn begins(bytes: &[u8]) -> bool {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    request.parse(bytes).is_ok() && request.version.is_some()
}

/// A whole head of HTTP/1.1, which has a `host` (RFC 9112, section 3.2): nothing that appears in the middle of another
/// protocol, or of a body, by accident.
pub(in crate::forward) fn is_head(bytes: &[u8]) -> bool {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    matches!(request.parse(bytes), Ok(Status::Complete(_)))
        && request.version == Some(1)
        && request
            .headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case("host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_from_everything_else() {
        assert!(is_head(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(is_head(
            b"POST /x?y HTTP/1.1\r\ncontent-length: 3\r\nhost: a\r\n\r\nabc"
        ));
        for other in [
            "",
            "GET / HTTP/1.1\r\nHost: localhost\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "HTTP/1.1 200 OK\r\nHost: x\r\n\r\n",
            "{\"GET\": \"/ HTTP/1.1\"}",
            "\u{81}\u{5}hello",
        ] {
            assert!(!is_head(other.as_bytes()), "{other:?}");
        }
        assert!(begins(b"GET / HTTP/1.1\r\nHos") && begins(b"GET /a HTTP/1.0\r\n\r\n"));
        assert!(!begins(b"EHLO localhost\r\n") && !begins(b"\x16\x03\x01\x02") && !begins(b"GET"));
    }
}
