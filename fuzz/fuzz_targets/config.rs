//! Any text is a configuration or an error.
#![no_main]
#![allow(dead_code, reason = "parts of the binary's modules")]

#[path = "../../src/cli.rs"]
mod cli;
#[path = "../../src/config.rs"]
mod config;
#[path = "../../src/failure.rs"]
mod failure;
#[path = "../../src/regular.rs"]
mod regular;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = config::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
