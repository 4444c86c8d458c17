//! Any request over the control socket is understood or refused.
#![no_main]
#![allow(dead_code, reason = "parts of the binary's modules")]

#[path = "../../src/control"]
mod control {
    pub mod message;
    pub mod request;
}

use control::request::{Meaning, Request, meaning};

libfuzzer_sys::fuzz_target!(|request: (&str, &str, &[u8])| {
    let (method, place, body) = request;
    match meaning(method, place) {
        Ok(Meaning::WithBody(parse)) => {
            if let Ok(Request::Forward(new)) = parse(body) {
                for rule in &new.rules {
                    let _ = rule.parse::<netns::Rule>();
                }
            }
        }
        Ok(Meaning::Whole(_)) => {}
        Err(text) => assert!(!text.is_empty()),
    }
});
