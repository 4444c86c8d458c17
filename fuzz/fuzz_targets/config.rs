//! Any text is a configuration or an error.
#![no_main]
#![allow(dead_code, reason = "parts of the binary's modules")]

#[path = "../../src/settings/choices.rs"]
mod choices;
#[path = "../../src/settings/file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = file::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
