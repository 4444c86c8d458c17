//! One verb, one file: its arguments, and what it does.

pub mod cache;
pub mod check;
pub mod completions;
pub mod context;
pub mod doctor;
pub mod down;
pub mod forward;
pub mod hub;
pub mod init;
pub mod inspect;
pub mod logs;
pub mod man;
pub mod netns;
pub mod open;
pub mod os;
pub mod ps;
pub mod restart;
pub mod schema;
pub mod stop;
pub mod trust;
pub mod unforward;
pub mod up;
