//! The pipe under schedules that no network would think of, in virtual time.

#[path = "pipe/hostile.rs"]
mod hostile;
#[path = "pipe/schedules.rs"]
mod schedules;
#[path = "pipe/timing.rs"]
mod timing;
#[path = "pipe/world.rs"]
mod world;
