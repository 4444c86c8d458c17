//! What each command says of itself, word for word: tests/snapshots.
//!
//! `INSTA_UPDATE=always cargo test --workspace --test it help::` records what it says now; the change is then read in the diff.

use crate::support;
use support::{output, wasmrun};

/// Without the variables of whoever runs the tests, whose values help shows.
fn help(arguments: &[&str]) -> String {
    let mut command = wasmrun(arguments);
    let own = std::env::vars_os().map(|(name, _)| name);
    let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).chain(own).collect();
    for name in set.iter().filter(|name| name.to_string_lossy().starts_with("WASMRUN_")) {
        command.env_remove(name);
    }
    output(command).stdout
}

const COMMANDS: [&str; 22] = [
    "os",
    "up",
    "down",
    "ps",
    "inspect",
    "logs",
    "stop",
    "restart",
    "forward",
    "unforward",
    "open",
    "hub",
    "context",
    "netns",
    "init",
    "check",
    "trust",
    "cache",
    "doctor",
    "completions",
    "man",
    "schema",
];

#[test]
fn each_command_has_a_manual_page() {
    for command in COMMANDS {
        let page = help(&["man", command]);
        let title = format!(".TH wasmrun-{command} 1");
        assert!(page.contains(&title), "{page}");
        // man(1) reads it.
        assert!(
            page.contains("\n.SH SYNOPSIS\n") && !page.contains("Caused by"),
            "{page}"
        );
    }
    assert!(help(&["man"]).contains(".TH wasmrun 1"));
}

#[test]
fn help_is_as_recorded() {
    let whole = help(&["--help"]);
    // Every command is recorded.
    let listed = whole.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed: Vec<&str> = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(listed, COMMANDS);
    insta::assert_snapshot!("wasmrun", whole);
    for command in COMMANDS {
        insta::assert_snapshot!(command, help(&[command, "--help"]));
    }
}
