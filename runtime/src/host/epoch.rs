//! The clock that makes a busy guest yield.

use std::io;
use std::time::Duration;
use wasmtime::Engine;

/// A guest that never waits gives way this often. Every guest process wakes up for it, so it is no shorter than needed.
const TICK: Duration = Duration::from_millis(50);

/// Starts the clock; it stops with the engine.
pub(crate) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
