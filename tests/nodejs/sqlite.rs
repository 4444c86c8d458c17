//! node:sqlite and better-sqlite3: programs in a guest say what they say under Node.js, where both are native code.

use crate::support::guests;
use crate::support::program::project;
use crate::support::{output, wasmrun};

#[track_caller]
fn says(name: &str, entry: &str) {
    let folder = project(name);
    let wanted = guests::root().join("tests/projects").join(name).join("calls.txt");
    let wanted = std::fs::read_to_string(wanted).unwrap();
    let place = folder.path().join(entry);
    output(wasmrun(&["os", place.to_str().unwrap(), "--quiet"])).prints(&wanted);
}

pub fn says_what_nodes_says() {
    says("sqlite-node", "calls.js");
}

pub fn better_sqlite3_is_as_under_node() {
    says("better-sqlite3", "");
}
