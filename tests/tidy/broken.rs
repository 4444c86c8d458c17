//! Each rule, shown what breaks it and what keeps it.

use super::*;

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[track_caller]
fn complains(complaints: Vec<String>, of: &str) {
    assert!(
        complaints.iter().any(|text| text.contains(of)),
        "{of} is not in {complaints:?}"
    );
}

#[track_caller]
fn is_silent(complaints: Vec<String>) {
    assert_eq!(complaints, Vec::<String>::new());
}

const FORK: &str = "fork(2)\n    unistd::fork\n    > netns/src/jail/mod.rs\n";

#[test]
fn a_second_door_is_found() {
    for text in [
        "fn f() { unsafe { nix::unistd::fork() }; }",
        "use nix::unistd::{ForkResult, Pid, fork};",
        "pub(crate) use nix::{\n    errno::Errno,\n    unistd::{self, fork as split},\n};",
        "use nix::unistd::*;",
    ] {
        complains(doors(FORK, &[file("src/a.rs", text)]), "src/a.rs has `unistd::fork`");
    }
    for text in [
        "use nix::unistd::ForkResult;",
        "// nix::unistd::fork()\n/* unistd::fork /* twice */ unistd::fork */",
        "const TEXT: &str = \"unistd::fork\"; const RAW: &str = r#\"a \" unistd::fork\"#; const C: char = '\"';",
        "#[cfg(test)]\nmod tests {\n    use nix::unistd::fork;\n}\n",
    ] {
        is_silent(doors(FORK, &[file("src/a.rs", text)]));
    }
    is_silent(doors(FORK, &[file("netns/src/jail/mod.rs", "use nix::unistd::fork;")]));
}

#[test]
fn a_door_that_leads_nowhere_is_found() {
    complains(stale_doors(FORK, &[]), "does not exist");
    complains(
        stale_doors(FORK, &[file("netns/src/jail/mod.rs", "// unistd::fork")]),
        "does not use it",
    );
    is_silent(stale_doors(
        FORK,
        &[file("netns/src/jail/mod.rs", "use nix::unistd::fork;")],
    ));
}

#[test]
fn a_print_is_found() {
    let printed = file("src/a.rs", "fn f() {\n    eprintln!(\"\");\n}\n");
    complains(
        printing(&[], std::slice::from_ref(&printed)),
        "src/a.rs:2 has `eprintln!`",
    );
    is_silent(printing(&["src/a.rs"], &[printed]));
    is_silent(printing(
        &[],
        &[file("src/a.rs", "fn f() { writeln!(out, \"println!\") }")],
    ));
}

#[test]
fn a_number_for_a_descriptor_is_found() {
    complains(numbers(&[file("netns/src/a.rs", "fn close(fd: RawFd) {}")]), "`RawFd`");
    complains(
        numbers(&[file("netns/src/a.rs", "fn close(all: Vec<i32>, kept: &[i32]) {}")]),
        "`&[i32]`",
    );
    is_silent(numbers(&[file(
        "netns/src/a.rs",
        "use std::os::fd::{AsRawFd, FromRawFd};",
    )]));
    is_silent(numbers(&[file("runtime/src/a.rs", "fn pids() -> Vec<i32> {}")]));
}

#[test]
fn a_long_file_is_found() {
    let lines = |count| "x\n".repeat(count);
    complains(
        long_files(&[], &[file("src/a.rs", &lines(LINES + 1))]),
        "has 651 lines, and may have 650",
    );
    is_silent(long_files(
        &[],
        &[file("src/a.rs", &lines(LINES)), file("tests/a.rs", &lines(TEST_LINES))],
    ));
    complains(
        long_files(&[("A.md", 2)], &[file("A.md", &lines(3))]),
        "A.md has 3 lines",
    );
    is_silent(long_files(
        &[],
        &[file("A.md", &lines(3000)), file("tests/projects/a.py", &lines(3000))],
    ));
}

#[test]
fn a_file_that_says_nothing_is_found() {
    complains(
        undescribed(&[file("netns/src/a.rs", "use std::fs;\n")]),
        "netns/src/a.rs",
    );
    is_silent(undescribed(&[
        file("netns/src/a.rs", "//! A.\n"),
        file("examples/a.rs", ""),
    ]));
}

#[test]
fn a_dead_link_is_found() {
    let exists = |path: &str| path == "docs/a.md";
    complains(
        dead_links(&[file("docs/b.md", "see [a](c.md#x)")], exists),
        "docs/b.md:1 links to c.md#x",
    );
    complains(dead_links(&[file("docs/b.md", "[a]: ../a.md")], exists), "../a.md");
    complains(dead_links(&[file("b.md", "[a](../docs/a.md)")], exists), "../docs/a.md");
    for text in [
        "[a](a.md)",
        "[a](../docs/a.md)",
        "[a](https://a/b) [c](#d)",
        "`[a](c.md)`",
        "```\n[a](c.md)\n```",
    ] {
        is_silent(dead_links(&[file("docs/b.md", text)], exists));
    }
}

#[test]
fn a_name_of_no_file_is_found() {
    let files = |text: &str| [file("ARCHITECTURE.md", text), file("src/watch/tree.rs", "")];
    let exists = |path: &str| path == "README.md";
    complains(
        unknown_names(&files("a\n`watch/gone.rs`"), exists),
        "ARCHITECTURE.md:2 names `watch/gone.rs`",
    );
    for text in [
        "`tree.rs`, `watch/tree.rs`, `watch/`, `README.md`",
        "`/proc/a.rs` `*.rs` `a b.rs` `.wasmrun.toml` `a::b`",
        "gone.rs",
    ] {
        is_silent(unknown_names(&files(text), exists));
    }
}

#[test]
fn a_broken_wall_is_found() {
    let workspace = |line: &str, members: &str| {
        let root =
            format!("[workspace]\nmembers = [{members}]\n[dependencies]\nwasmrun-netns = {{ path = \"netns\" }}\n");
        [
            file("Cargo.toml", &root),
            file(
                "runtime/Cargo.toml",
                &format!("[package]\nname = \"wasmrun-runtime\"\n[dev-dependencies]\n{line}\n"),
            ),
        ]
    };
    let walls = |line| broken_walls(&WALLS, &workspace(line, "\"runtime\""));
    complains(
        walls("wasmrun-netns.workspace = true"),
        "runtime/Cargo.toml:4 depends on wasmrun-netns",
    );
    complains(
        walls("wasmrun-report = { path = \"../report\" }"),
        "depends on wasmrun-report",
    );
    complains(
        walls("[dependencies.wasmrun-languages]"),
        "depends on wasmrun-languages",
    );
    is_silent(walls("rustix.workspace = true"));
    complains(
        broken_walls(&[("", &["netns"])], &workspace("", "\"runtime\"")),
        "is a new crate",
    );
    complains(
        unlinted(&workspace("", "\"runtime\"")),
        "runtime/Cargo.toml has lints of its own",
    );
    is_silent(unlinted(&[file("Cargo.toml", "[lints]\nworkspace = true\n")]));
}

#[test]
fn entangled_commands_are_found() {
    let with = |path: &str, text: &str| {
        entangled_commands(&[
            file("src/commands/mod.rs", "pub mod ps;\npub mod stop;"),
            file("src/commands/ps.rs", ""),
            file("src/commands/stop.rs", ""),
            file(path, text),
        ])
    };
    complains(
        with("src/commands/logs.rs", "use super::{ps, Named};"),
        "uses the command `ps`",
    );
    complains(
        with("src/commands/logs.rs", "use crate::commands::stop::ask;"),
        "uses the command `stop`",
    );
    complains(
        with("src/commands/logs/form.rs", "fn f() { super::super::ps::f() }"),
        "uses the command `ps`",
    );
    complains(
        with("src/commands/logs/mod.rs", "use super::ps;"),
        "uses the command `ps`",
    );
    is_silent(with(
        "src/commands/logs.rs",
        "use super::pss; use crate::control::stop;",
    ));
    is_silent(with("src/commands/logs/form.rs", "use super::text;"));
    is_silent(with("src/main.rs", "use commands::{ps, stop};"));
    complains(entangled_commands(&[file("src/main.rs", "")]), "change `COMMANDS`");
}

#[test]
fn a_session_that_climbs_is_found() {
    complains(
        climbing_session(&[file("src/session/a.rs", "use crate::{commands::ps, control};")]),
        "uses a command",
    );
    complains(climbing_session(&[]), "change `SESSION`");
    is_silent(climbing_session(&[file(
        "src/session/a.rs",
        "use crate::control; // crate::commands",
    )]));
}

#[test]
fn another_toolchain_is_found() {
    let with = |channel: &str| {
        other_toolchain(&[
            file("Cargo.toml", "[workspace.package]\nrust-version = \"1.95\"\n"),
            file(
                "rust-toolchain.toml",
                &format!("[toolchain]\nchannel = \"{channel}\"\n"),
            ),
        ])
    };
    complains(with("1.96.0"), "name the same release");
    complains(with("1.95"), "name the same release");
    complains(other_toolchain(&[]), "name the same release");
    is_silent(with("1.95.0"));
}

#[test]
fn a_circle_is_found() {
    let files = [
        file("src/main.rs", "mod a;\nmod b;\nuse a::one;\n"),
        file("src/a/mod.rs", "mod one;\npub use one::one;\n"),
        file("src/a/one.rs", "use crate::b::Two;\npub fn one() {}\n"),
        file("src/b.rs", "pub struct Two;\npub fn three() { crate::a::one() }\n"),
    ];
    let all: Vec<&File> = files.iter().collect();
    complains(circles::circles(&all, "src/"), "src/b.rs takes `one` of src/a/one.rs");
    complains(circles::circles(&all, "src/"), "src/a/one.rs takes `Two` of src/b.rs");
    // What a module declares, hands on, or is visible in, it does not take.
    let files = [
        file("src/main.rs", "mod a;\n"),
        file("src/a/mod.rs", "mod one;\npub use one::One;\n"),
        file(
            "src/a/one.rs",
            "use super::two::Two;\npub(in crate::a) struct One(Two);\n",
        ),
        file(
            "src/a/two.rs",
            "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use crate::a::One;\n}\n",
        ),
    ];
    is_silent(circles::circles(&files.iter().collect::<Vec<_>>(), "src/"));
}
