//! A client of the hub's own socket can have less than its user's rights: `command="wasmrun hub --stdio --allow connect ..."` in
//! `authorized_keys`.
//!
//! `hub --stdio` says so in one line of JSON before it passes any byte of its client's. A frame of the pipe begins with the upper
//! byte of a length, which is 0, and the line with `{`. So:
//!
//! * what the client sends comes after the line, where a second one is no frame: it cannot take the first back;
//! * a client that sends such a line itself has less than it had, never more;
//! * a hub that does not know the line takes it for a length that is too large, and closes.

use super::grants::Grants;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest line, in bytes.
const LONGEST: u64 = 32 * 1024;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The line, for `hub --stdio` to send first.
pub fn line(grants: &Grants) -> Vec<u8> {
    let mut line = serde_json::to_vec(grants).unwrap_or_else(|_| b"{}".to_vec());
    line.push(b'\n');
    line
}

/// Reads the line where there is one, and nothing after it.
///
/// # Errors
///
/// The line is none, or the client is gone or says nothing.
pub(crate) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Grants>> {
    let read = async {
        if reader.fill_buf().await?.first() != Some(&b'{') {
            return Ok(None);
        }
        let mut line = Vec::new();
        reader.take(LONGEST).read_until(b'\n', &mut line).await?;
        // Without its end it is a part of one.
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(serde_json::from_slice(&line)?))
    };
    tokio::time::timeout(PATIENCE, read).await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{Names, Ports};
    use crate::scope::{Scope, Scopes};

    #[tokio::test]
    async fn a_line_is_read_as_it_was_written_and_nothing_after_it() {
        let grants = Grants {
            scopes: Scopes::of([Scope::Connect]),
            runs: Names::new(vec!["web".into()]).unwrap(),
            ports: Ports::new(["3000"]).unwrap(),
        };
        let bytes = [line(&grants), vec![0, 0, 0, 1, 6]].concat();
        let mut reader = &bytes[..];
        assert_eq!(read(&mut reader).await.unwrap(), Some(grants));
        assert_eq!(reader, [0, 0, 0, 1, 6]);
        assert_eq!(read(&mut reader).await.unwrap(), None);
        assert_eq!(reader, [0, 0, 0, 1, 6], "a frame is left as it is");
    }

    #[tokio::test]
    async fn what_is_no_line_is_an_error_and_never_all_rights() {
        let long = format!("{{\"allow\":[\"view\"],\"runs\":[\"{}\"]}}\n", "a".repeat(40_000));
        for wrong in [
            "{}\n",
            "{\n",
            "{\"allow\":[\"view\"]}",
            "{\"allow\":[\"all\"]}\n",
            "{\"allow\":[],\"x\":1}\n",
            &long,
        ] {
            assert!(read(&mut wrong.as_bytes()).await.is_err(), "{wrong:.40}");
        }
    }
}
