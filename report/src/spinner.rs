//! What turns on a terminal while something takes long.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// From one picture to the next.
const TURN: Duration = Duration::from_millis(100);
/// A terminal takes what clears the line within this; one that is stopped (Ctrl-S) is not waited for.
const CLEAR: Duration = Duration::from_millis(100);

/// Turns until it is dropped. It has a thread of its own, because a terminal that is stopped stops whoever writes to it.
pub struct Spinner {
    turning: Option<(Sender<()>, Receiver<()>)>,
}

/// Says what is done and for how long; nothing where nobody looks, or wants to.
pub fn start(message: String) -> Spinner {
    if !std::io::stderr().is_terminal() || !tracing::enabled!(tracing::Level::INFO) {
        return Spinner { turning: None };
    }
    let (end, ended) = channel();
    let (clear, cleared) = channel();
    let turn = move || {
        let _clear = clear;
        let spinner = ProgressBar::new_spinner().with_message(message);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TURN) {
            spinner.tick();
        }
        spinner.finish_and_clear();
    };
    // Where no thread can be made nothing turns.
    let thread = std::thread::Builder::new().name("spinner".to_owned()).spawn(turn);
    Spinner {
        turning: thread.is_ok().then_some((end, cleared)),
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((end, cleared)) = self.turning.take() {
            drop(end);
            let _ = cleared.recv_timeout(CLEAR);
        }
    }
}
