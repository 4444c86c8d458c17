//! What SQLite asks of a guest in the middle of a call.

use crate::Value;

/// Whom SQLite asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function, for its value.
    Scalar,
    /// An aggregate, to take arguments.
    Step,
    /// A window function, to take back arguments.
    Inverse,
    /// A window function, for its value now.
    Value,
    /// An aggregate, for its value. It is over.
    Final,
    /// A collation: a number below 0, 0 or above.
    Collate,
    /// The authorizer: SQLITE_OK, SQLITE_DENY or SQLITE_IGNORE.
    Authorize,
    /// Whoever watches a long statement: other numbers than 0 interrupt it.
    Progress,
    /// Whoever is told of statements.
    Trace,
    /// Whether to try again for a lock: 0 gives up.
    Busy,
}

impl Kind {
    /// Whether the connection may be used before the answer. SQLite's manual allows it to functions, and to nobody else ("must
    /// not do anything that will modify the database connection": sqlite3_set_authorizer, sqlite3_busy_handler,
    /// sqlite3_progress_handler).
    pub(crate) fn may_nest(self) -> bool {
        matches!(
            self,
            Kind::Scalar | Kind::Step | Kind::Inverse | Kind::Value | Kind::Final
        )
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Of whom.
    pub kind: Kind,
    /// Which function or collation, by the guest's number; 0 for others.
    pub function: u32,
    /// Which of an aggregate's instances; 0 for one that has taken nothing, and for others.
    pub instance: u32,
    /// A tuple, as [`crate::Values`] has it.
    pub arguments: Vec<u8>,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A value, or the number that the kind wants.
    Value(Value),
    /// The function fails with a result code and a text (none: the code's own).
    Failed(i32, String),
}

impl Answer {
    /// The number that is wanted, and what stands for anything else.
    pub(crate) fn number(self, otherwise: i32) -> i32 {
        match self {
            Answer::Value(Value::Integer(number)) => number.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            Answer::Value(_) | Answer::Failed(..) => otherwise,
        }
    }
}
