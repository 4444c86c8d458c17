//! A refusal as this protocol says it: a line of text, and a code of RFC 6455 (7.4.1).

use crate::mux::Refusal;
use crate::pipe::Text;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Most bytes of the reason in a CLOSE frame (RFC 6455, 5.5: 125 with its code).
const MAX_REASON: usize = 123;

/// The failure and the next step, in one line.
pub(super) fn line(refusal: &Refusal) -> String {
    let line = match &refusal.hint {
        Some(hint) => format!("{}: {hint}", refusal.error),
        None => refusal.error.clone(),
    };
    Text::new(&line).to_string()
}

/// 1011 where the server is at fault, else 1008.
pub(super) fn code(refusal: &Refusal) -> CloseCode {
    if refusal.status.is_server_error() {
        CloseCode::Error
    } else {
        CloseCode::Policy
    }
}

/// A CLOSE of the WebSocket. A reason that is too long is cut.
pub(super) fn close(code: CloseCode, reason: &str) -> CloseFrame {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    CloseFrame {
        code,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn a_refusal_is_one_line_and_a_code() {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "there is no run `a\nb`").hint("`wasmrun ps` lists them");
        assert_eq!(line(&refusal), "there is no run `a b`: `wasmrun ps` lists them");
        assert_eq!(code(&refusal), CloseCode::Policy);
        assert_eq!(code(&Refusal::new(StatusCode::BAD_GATEWAY, "x")), CloseCode::Error);
        assert_eq!(close(CloseCode::Policy, &"é".repeat(100)).reason.len(), 122);
    }
}
