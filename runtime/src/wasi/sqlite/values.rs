//! Values of `wasmrun:sqlite/database` as the component model has them.

use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Failure {
    code: i32,
    text: String,
    offset: i32,
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum Kind {
    #[component(name = "scalar")]
    Scalar,
    #[component(name = "step")]
    Step,
    #[component(name = "inverse")]
    Inverse,
    #[component(name = "value")]
    Value,
    #[component(name = "final")]
    Final,
    #[component(name = "collate")]
    Collate,
    #[component(name = "authorize")]
    Authorize,
    #[component(name = "progress")]
    Progress,
    #[component(name = "trace")]
    Trace,
    #[component(name = "busy")]
    Busy,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Question {
    kind: Kind,
    function: u32,
    instance: u32,
    arguments: Vec<u8>,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
pub(super) enum Progress {
    #[component(name = "done")]
    Done(Vec<u8>),
    #[component(name = "asks")]
    Asks(Question),
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Answer {
    #[component(name = "value")]
    Value(Vec<u8>),
    #[component(name = "failed")]
    Failed((i32, String)),
}

impl From<sqlite::Failure> for Failure {
    fn from(failure: sqlite::Failure) -> Failure {
        Failure {
            code: failure.code,
            text: failure.text,
            offset: failure.offset,
        }
    }
}

impl From<sqlite::Kind> for Kind {
    fn from(kind: sqlite::Kind) -> Kind {
        match kind {
            sqlite::Kind::Scalar => Kind::Scalar,
            sqlite::Kind::Step => Kind::Step,
            sqlite::Kind::Inverse => Kind::Inverse,
            sqlite::Kind::Value => Kind::Value,
            sqlite::Kind::Final => Kind::Final,
            sqlite::Kind::Collate => Kind::Collate,
            sqlite::Kind::Authorize => Kind::Authorize,
            sqlite::Kind::Progress => Kind::Progress,
            sqlite::Kind::Trace => Kind::Trace,
            sqlite::Kind::Busy => Kind::Busy,
        }
    }
}

impl From<sqlite::Progress> for Progress {
    fn from(progress: sqlite::Progress) -> Progress {
        match progress {
            sqlite::Progress::Done(bytes) => Progress::Done(bytes),
            sqlite::Progress::Asks(question) => Progress::Asks(Question {
                kind: question.kind.into(),
                function: question.function,
                instance: question.instance,
                arguments: question.arguments,
            }),
        }
    }
}

impl TryFrom<Answer> for sqlite::Answer {
    type Error = sqlite::Failure;

    fn try_from(answer: Answer) -> Result<sqlite::Answer, sqlite::Failure> {
        Ok(match answer {
            Answer::Value(bytes) => {
                let mut values = sqlite::values(&bytes)?;
                sqlite::Answer::Value(values.pop().unwrap_or(sqlite::Value::Null))
            }
            Answer::Failed((code, text)) => sqlite::Answer::Failed(code, text),
        })
    }
}

/// The hook that a kind of question belongs to.
pub(super) fn hook(kind: Kind, each: u32) -> Option<sqlite::Hook> {
    match kind {
        Kind::Authorize => Some(sqlite::Hook::Authorize),
        Kind::Progress => Some(sqlite::Hook::Progress(each)),
        Kind::Trace => Some(sqlite::Hook::Trace),
        Kind::Busy => Some(sqlite::Hook::Busy),
        Kind::Scalar | Kind::Step | Kind::Inverse | Kind::Value | Kind::Final | Kind::Collate => None,
    }
}

pub(super) fn definition(kind: u8) -> sqlite::Definition {
    match kind {
        0 => sqlite::Definition::Scalar,
        1 => sqlite::Definition::Aggregate,
        _ => sqlite::Definition::Window,
    }
}

pub(super) fn shape(most: u32, texts: u8, raw: Vec<u32>) -> sqlite::Shape {
    sqlite::Shape {
        most,
        texts: match texts {
            0 => sqlite::Texts::Strings,
            1 => sqlite::Texts::Bytes,
            2 => sqlite::Texts::Replaced,
            _ => sqlite::Texts::Tuples,
        },
        raw,
    }
}
