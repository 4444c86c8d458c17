//! SQLite for guests: connections whose files are the guest's own, and whose callbacks are questions.
//!
//! ```text
//!   Connection --prepare, run, fetch--> Progress::Done(bytes)
//!                                  \--> Progress::Asks(question) --answer--> Progress ...
//! ```
//!
//! * [`Connection`]: one of SQLite's. A call that needs a function of the guest's stops where it is, with a [`Question`], and goes
//!   on with the [`Answer`]: the host cannot call a guest that waits for the host. Each call has a stack of its own for that.
//! * [`Folders`]: where the paths of a guest lead. SQLite's own code for files (its VFS for Unix) does the rest, locks and shared
//!   memory too; the calls in which a path is named are replaced.
//! * [`Value`], [`values`], [`sets`]: rows and parameters as bytes, as Python's `marshal` has them.
//!
//! SQL and databases are chosen by guests, and nothing here trusts them: no extensions, no more memory than 1 GiB, and what
//! SQLite's manual says not to do in a callback is refused. SQLite is C: what is wrong in it is held by the jail around the guest.

#![expect(unsafe_code, reason = "SQLite is C")]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod backup;
mod blob;
mod call;
mod connection;
mod definitions;
mod encoding;
mod failure;
mod files;
mod function;
mod library;
mod parts;
mod question;
mod state;
mod statement;
mod text;

pub use backup::Copied;
pub use call::Progress;
pub use connection::Connection;
pub use definitions::{Definition, Hook};
pub use encoding::{Value, Values, sets, values};
pub use failure::{Failure, NOT_TEXT, error_text};
pub use files::{Folder, Folders, Place};
pub use library::{is_complete, version};
pub use question::{Answer, Kind, Question};
pub use statement::{Shape, Texts};
