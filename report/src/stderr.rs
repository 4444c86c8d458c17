//! Standard error of a session, which wasmrun's own lines and the guest's share: one thread writes to it.
//!
//! ```text
//!   own lines, from any thread --(never waits; bounded, what is too much is counted)--\
//!                                                                                      queue --> thread --> descriptor 2
//!   what a guest wrote --(waits until it is written: the guest is held up)------------/
//! ```
//!
//! A reader may stop to read: `less`, Ctrl-S, a log collector that hangs. Whoever writes to it then waits for as long, so no
//! thread that is needed for anything else may. `tracing-appender` has such a thread; it counts lines where memory is bytes,
//! says nothing of what it dropped, and a guest's output beside it would still cut its lines in two.
//!
//! Each line of ours begins at the start of a line. Before [`start`], and in commands that run no guest, lines are written
//! where they are said.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Own lines that wait, in bytes.
const QUEUE: usize = 256 * 1024;
/// A reader that has taken nothing for this long is not waited for at the end.
const STUCK: Duration = Duration::from_secs(1);
/// And one that takes little at a time not for longer than this.
const END: Duration = Duration::from_secs(2);

static STATE: Mutex<State> = Mutex::new(State::new());
/// Something is in the queue.
static COME: Condvar = Condvar::new();
/// Something of it is written.
static GONE: Condvar = Condvar::new();

enum Piece {
    /// A whole line, or several.
    Own(Vec<u8>),
    Guest(Vec<u8>),
}

struct State {
    /// The thread is there.
    runs: bool,
    /// Where own lines go instead.
    own_way: Option<Arc<OwnedFd>>,
    queue: VecDeque<Piece>,
    /// Bytes of own lines in the queue.
    own: usize,
    /// Lines that found no room in it.
    dropped: u64,
    /// Pieces that were ever put into the queue, and those that are done with.
    put: u64,
    done: u64,
    /// When the reader last took something, or something came for it after a pause.
    moved: Option<Instant>,
}

impl State {
    const fn new() -> State {
        State {
            runs: false,
            own_way: None,
            queue: VecDeque::new(),
            own: 0,
            dropped: 0,
            put: 0,
            done: 0,
            moved: None,
        }
    }

    fn put(&mut self, piece: Piece) {
        if self.put == self.done {
            self.moved = Some(Instant::now());
        }
        self.put += 1;
        self.queue.push_back(piece);
        COME.notify_one();
    }
}

fn state() -> MutexGuard<'static, State> {
    // The state is whole at every step.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to write by a thread of its own.
///
/// # Errors
///
/// No thread can be made.
pub fn start() -> io::Result<()> {
    std::thread::Builder::new().name("stderr".to_owned()).spawn(write)?;
    state().runs = true;
    Ok(())
}

/// Sends own lines elsewhere from now on, and leaves standard error to the guest.
pub fn divert(to: OwnedFd) {
    state().own_way = Some(Arc::new(to));
}

/// Says whole lines; never waits once [`start`] was called.
pub fn say(lines: &[u8]) {
    let mut state = state();
    if !state.runs {
        let own_way = state.own_way.clone();
        drop(state);
        // A reader that is gone is no reason to fail.
        match own_way {
            Some(own_way) => drop(write_all(&*own_way, lines, || ())),
            None => drop(io::stderr().lock().write_all(lines)),
        }
        return;
    }
    // Once some are dropped, so are all until that is said: there is one gap, and it has a place.
    if state.dropped > 0 || state.own + lines.len() > QUEUE {
        state.dropped += 1;
        return;
    }
    state.own += lines.len();
    state.put(Piece::Own(lines.to_vec()));
}

/// Passes on what a guest wrote; waits until it is written.
pub fn pass_on(bytes: &[u8]) {
    let mut state = state();
    state.put(Piece::Guest(bytes.to_vec()));
    let number = state.put;
    while state.done < number {
        state = GONE.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Waits until all that was said is written, but not for a reader that does not read.
pub fn finish() {
    let end = Instant::now() + END;
    let mut state = state();
    while state.runs && state.done < state.put {
        let patience = state.moved.map_or(end, |moved| end.min(moved + STUCK));
        let left = patience.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        (state, _) = GONE.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
    }
}

/// The thread.
fn write() {
    let mut is_line_start = true;
    let mut state = state();
    loop {
        let Some(piece) = state.queue.pop_front() else {
            let dropped = std::mem::take(&mut state.dropped);
            if dropped > 0 {
                drop(state);
                say_dropped(dropped);
                state = self::state();
            } else {
                state = COME.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            continue;
        };
        let own_way = state.own_way.clone();
        drop(state);
        let own = match &piece {
            Piece::Own(lines) if own_way.is_some() => {
                let moved = || self::state().moved = Some(Instant::now());
                // A reader that is gone is no reason to hold anybody up.
                let _ = own_way.map(|own_way| write_all(&*own_way, lines, moved));
                lines.len()
            }
            Piece::Own(lines) if is_line_start => {
                put(lines);
                lines.len()
            }
            Piece::Own(lines) => {
                put(&[b"\n", lines.as_slice()].concat());
                is_line_start = true;
                lines.len()
            }
            Piece::Guest(bytes) => {
                put(bytes);
                is_line_start = bytes.last().map_or(is_line_start, |last| *last == b'\n');
                0
            }
        };
        state = self::state();
        state.own -= own;
        state.done += 1;
        state.moved = Some(Instant::now());
        GONE.notify_all();
    }
}

/// Not by way of `std::io::stderr`, whose lock would be held by who waits in here.
fn put(bytes: &[u8]) {
    // A reader that is gone is no reason to hold anybody up.
    let _ = write_all(io::stderr(), bytes, || state().moved = Some(Instant::now()));
}

/// Writes all of it, to a descriptor that may have been made non-blocking by somebody who shares it. `moved` is told of each
/// step.
pub fn write_all(to: impl AsFd, mut bytes: &[u8], moved: impl Fn()) -> rustix::io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(length) => {
                bytes = &bytes[length..];
                moved();
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut ready = [PollFd::new(&to, PollFlags::OUT)];
                // Interrupted: it is tried again.
                let _ = poll(&mut ready, None);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Where `tracing` writes; it hands over each event as a whole.
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        say(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a reader that had stopped to read has missed.
fn say_dropped(lines: u64) {
    let (lines_of, were) = if lines == 1 { ("line", "was") } else { ("lines", "were") };
    tracing::warn!(
        event = "dropped",
        lines,
        "{lines} {lines_of} of wasmrun {were} dropped: standard error was not read"
    );
}
