//! node:crypto, WebCrypto and packages that stand on them print here and under Node.js the same.

use crate::support::program::{project, succeeds};
use crate::support::{output, wasmrun};
use std::path::Path;
use std::process::Command;

/// What a script prints, under both.
fn same(folder: &Path, script: &str, least: usize) {
    let script = folder.join(script);
    let native = output({
        let mut node = Command::new("node");
        node.arg(&script);
        node
    });
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let said = output(wasmrun(&["os", script.to_str().unwrap()]));
    let lines = native.stdout.lines().count();
    assert!(lines >= least, "{lines} lines");
    said.prints(&native.stdout);
}

/// Some 400 calls: hashes, derived keys, ciphers, keys, signatures, and what is wrong with arguments.
pub fn crypto_is_as_nodes_is() {
    let folder = project("crypto");
    let made = folder.path().join("make.js");
    assert!(succeeds("node", &[made.to_str().unwrap()]));
    same(folder.path(), "calls.js", 400);
}

pub fn web_crypto_is_as_nodes_is() {
    same(project("crypto").path(), "web.js", 100);
}

/// jsonwebtoken, jose and bcryptjs.
pub fn tokens_and_passwords_are_as_under_node() {
    let folder = project("crypto");
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let installed = output({
        npm.current_dir(folder.path());
        npm
    });
    assert_eq!(installed.code, Some(0), "{}", installed.stderr);
    same(folder.path(), "packages.js", 50);
}
