//! Calls that can stop in their middle.
//!
//! SQLite calls back: functions, collations, the authorizer. The guest waits for the host meanwhile, and cannot be called. So a
//! call runs on a stack of its own, and a callback leaves that stack with its question; the answer goes back to where it was.

use crate::files::{Place, Within};
use crate::question::{Answer, Kind, Question};
use crate::statement::Prepared;
use crate::{Failure, error_text};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use libsqlite3_sys as ffi;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As the main thread of a program has, for which SQLite's limits of depth are made. Memory is what was used of it.
const STACK: usize = 8 << 20;
/// Questions within questions of one connection: a function that runs a statement with a function.
const DEEPEST: usize = 64;
/// Questions that are open at once in a process: each has a stack.
const MOST: usize = 1024;

/// How a call goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It has ended with this: a tuple, as [`crate::Values`] has it.
    Done(Vec<u8>),
    /// It waits for [`crate::Connection::answer`].
    Asks(Question),
}

/// What a call has made.
pub(crate) enum Made {
    Bytes(Vec<u8>),
    Statement(Prepared),
}

type Outcome = Result<Made, Failure>;
type Stack = Coroutine<Answer, Question, Outcome, DefaultStack>;
type Asker = Yielder<Answer, Question>;

static OPEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whom the callbacks of the call that runs now ask by.
    static ASKER: Cell<*const Asker> = const { Cell::new(std::ptr::null()) };
}

/// Asks the guest, from within a callback of SQLite's. None where no call runs that could wait.
pub(crate) fn ask(question: Question) -> Option<Answer> {
    let asker = ASKER.get();
    if asker.is_null() {
        return None;
    }
    // SAFETY: it is the asker of the call that runs, on whose stack this is.
    let answer = unsafe { &*asker }.suspend(question);
    ASKER.set(asker);
    Some(answer)
}

/// The calls of one connection that wait for answers, the newest last.
#[derive(Default)]
pub(crate) struct Calls {
    waiting: Vec<Waiting>,
    /// For the next ones.
    stacks: Vec<DefaultStack>,
}

struct Waiting {
    stack: Stack,
    kind: Kind,
    statement: Option<usize>,
    _counted: Counted,
}

/// An open question.
struct Counted;

impl Counted {
    fn new() -> Counted {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) enum Turn {
    Asks(Question),
    /// And the statement that the call was about.
    Ended(Outcome),
}

impl Calls {
    /// Runs a call to its end or its first question. `statement`: which it is about, and nobody else may touch before its end.
    ///
    /// # Safety
    ///
    /// What `body` points to lives until the call has ended.
    pub(crate) unsafe fn run(
        &mut self,
        place: &Arc<Place>,
        statement: Option<usize>,
        body: impl FnOnce() -> Outcome + 'static,
    ) -> Result<Turn, Failure> {
        let full = |text: &str| Err(Failure::new(ffi::SQLITE_ERROR, text));
        if self.waiting.len() == DEEPEST {
            return full("too many levels of functions that run statements");
        }
        if OPEN.load(Ordering::Relaxed) >= MOST {
            return full("too many calls wait for their functions");
        }
        let stack = match self.stacks.pop() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK).map_err(|_| Failure::of_code(ffi::SQLITE_NOMEM))?,
        };
        let stack = Coroutine::with_stack(stack, move |asker: &Asker, _: Answer| {
            ASKER.set(asker);
            body()
        });
        Ok(self.resume(stack, place, statement, Answer::Failed(0, String::new())))
    }

    /// Lets the newest go on.
    pub(crate) fn answer(&mut self, place: &Arc<Place>, answer: Answer) -> Result<Turn, Failure> {
        let Some(Waiting { stack, statement, .. }) = self.waiting.pop() else {
            return Err(Failure::misuse("there is no question to answer"));
        };
        Ok(self.resume(stack, place, statement, answer))
    }

    fn resume(&mut self, mut stack: Stack, place: &Arc<Place>, statement: Option<usize>, answer: Answer) -> Turn {
        let turn = {
            let _within = Within::enter(place);
            let before = ASKER.get();
            let turn = stack.resume(answer);
            ASKER.set(before);
            turn
        };
        match turn {
            CoroutineResult::Yield(question) => {
                let kind = question.kind;
                self.waiting.push(Waiting {
                    stack,
                    kind,
                    statement,
                    _counted: Counted::new(),
                });
                Turn::Asks(question)
            }
            CoroutineResult::Return(outcome) => {
                self.stacks.push(stack.into_stack());
                self.stacks.truncate(1);
                Turn::Ended(outcome)
            }
        }
    }

    /// Whether a call may begin.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.waiting.last() {
            Some(waiting) if !waiting.kind.may_nest() => {
                Err(Failure::misuse("the connection is in a callback that must not use it"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn has(&self, statement: usize) -> bool {
        self.waiting.iter().any(|waiting| waiting.statement == Some(statement))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Leaves what waits as it is, for ever.
    pub(crate) fn forget(&mut self) {
        std::mem::forget(std::mem::take(&mut self.waiting));
    }

    /// Ends what waits: nobody will answer.
    pub(crate) fn abandon(&mut self, place: &Arc<Place>) {
        while !self.is_empty() {
            let refused = Answer::Failed(ffi::SQLITE_INTERRUPT, error_text(ffi::SQLITE_INTERRUPT));
            // What it has made, a statement too, goes with it.
            let _ = self.answer(place, refused);
        }
    }
}
