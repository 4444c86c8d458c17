//! Tests at the user's door: each starts the built binary and looks at what a user sees. One program, so that it is linked once.
//!
//! A new test goes to the file of its subject, named like the page of docs/ or the folder of src/ that it is about; a subject
//! of its own is a file and a line here. Guests in Python, Node.js and compiled languages have programs of their own
//! (tests/python.rs, tests/nodejs/, tests/languages.rs), which list what needs a missing tool as ignored.

#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod cache;
mod compiler;
mod control;
mod datagram;
mod directories;
mod errors;
mod examples;
mod guests;
mod help;
mod http;
mod hub;
mod isolation;
mod lifecycle;
mod limits;
mod links;
mod machines;
mod outbound;
mod output;
mod precedence;
mod probes;
mod remote;
mod tiered;
mod tls;
mod trust;
mod up;
mod watch;
