//! node:crypto, WebCrypto and packages that stand on them print here and under Node.js the same.

use crate::support::output;
use crate::support::program::{project, same_as_node, succeeds};
use std::process::Command;

/// Some 400 calls: hashes, derived keys, ciphers, keys, signatures, and what is wrong with arguments.
pub fn crypto_is_as_nodes_is() {
    let folder = project("crypto");
    let made = folder.path().join("make.js");
    assert!(succeeds("node", &[made.to_str().unwrap()]));
    same_as_node(&folder.path().join("calls.js"), 400);
}

pub fn web_crypto_is_as_nodes_is() {
    same_as_node(&project("crypto").path().join("web.js"), 100);
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
    same_as_node(&folder.path().join("packages.js"), 50);
}
