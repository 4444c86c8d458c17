//! The page.

pub(crate) mod answer;
mod events;
mod form;
mod logs;
mod render;
pub(crate) mod router;
mod run;
pub(crate) mod shared;
mod sight;
mod start;
mod views;
