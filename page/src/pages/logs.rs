//! What a guest prints: the last lines, and those that follow.

use super::answer;
use crate::text;
use bytes::{Buf, Bytes, BytesMut};
use futures::stream;
use gateway::access::Access;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;
use tunnel::mux::{Body, Refusal};

/// Most lines of a page.
pub(super) const LINES: usize = 200;
/// Longest line of the run's answer, in bytes: its text and what is said of it.
const LONGEST: usize = 256 * 1024;
/// The last lines come within this, or the page comes without them.
const PATIENCE: Duration = Duration::from_secs(5);

/// A line, as the control socket has it.
#[derive(Deserialize)]
struct Record {
    time: u64,
    stream: String,
    generation: u64,
    text: String,
    #[serde(default)]
    missed: u64,
}

/// A line as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// Milliseconds since 1970.
    #[serde(skip)]
    pub(super) time: u64,
    /// `out`, `err`, or `hub` where lines are missing.
    pub(super) stream: &'static str,
    pub(super) generation: u64,
    pub(super) text: String,
}

impl Line {
    fn of(record: Record) -> Line {
        let Record {
            time,
            stream,
            generation,
            text,
            missed,
        } = record;
        if missed > 0 {
            let text = format!("{missed} lines dropped: written faster than read");
            let stream = "hub";
            return Line {
                time,
                stream,
                generation,
                text,
            };
        }
        Line {
            time,
            stream: if stream == "stderr" { "err" } else { "out" },
            generation,
            text: text::plain(&text),
        }
    }
}

/// Lines of an answer, one JSON object each.
struct Lines {
    body: Body,
    read: BytesMut,
    is_over: bool,
}

impl Lines {
    /// None: there are no more, or they cannot be understood.
    async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end);
                self.read.advance(1);
                match serde_json::from_slice(&line) {
                    Ok(record) => return Some(Line::of(record)),
                    Err(_) => continue,
                }
            }
            if self.is_over || self.read.len() > LONGEST {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => return None,
                None => {
                    self.is_over = true;
                    // The last line may lack its end.
                    self.read.extend_from_slice(b"\n");
                }
            }
        }
    }
}

async fn open(access: &Access, run: &str, query: &str) -> Result<Lines, Refusal> {
    let response = access
        .request(run, Method::GET, "logs", Some(query), Bytes::new())
        .await?;
    match response.status() {
        StatusCode::OK => Ok(Lines {
            body: response.into_body(),
            read: BytesMut::new(),
            is_over: false,
        }),
        status => Err(Refusal::new(
            status,
            format!("`{run}` does not say what it has printed"),
        )),
    }
}

/// The last lines of a run.
///
/// # Errors
///
/// They may not be read, or do not come.
pub(super) async fn last(access: &Access, run: &str) -> Result<VecDeque<Line>, Refusal> {
    let read = async {
        let mut lines = open(access, run, "follow=false").await?;
        let mut last = VecDeque::with_capacity(LINES);
        while let Some(line) = lines.next().await {
            if last.len() == LINES {
                last.pop_front();
            }
            last.push_back(line);
        }
        Ok(last)
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.unwrap_or_else(|_| {
        Err(Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the log does not come in time",
        ))
    })
}

/// Lines written at `since` or later, in milliseconds since 1970, as events, with their time as identifier.
pub(super) async fn follow(access: &Access, run: &str, since: u64) -> Result<Response<Body>, Refusal> {
    let lines = open(access, run, &format!("follow=true&since={since}")).await?;
    // The answer's head leaves with its first byte.
    let opening = stream::once(async { ":\n\n".to_owned() });
    let events = stream::unfold(lines, |mut lines| async {
        let line = lines.next().await?;
        let data = serde_json::to_string(&line).ok()?;
        Some((format!("id: {}\ndata: {data}\n\n", line.time), lines))
    });
    Ok(answer::events(futures::StreamExt::chain(opening, events)))
}
