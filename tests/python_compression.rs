//! zlib, bz2, lzma and compression.zstd in Python guests: the same programs here and in a guest. Needs python3 with venv and PyPI;
//! without them each test is listed as ignored.

mod support;

use std::path::Path;
use std::process::Command;
use support::program::{self, project, succeeds};
use support::{Output, guests, output, wasmrun};

fn main() {
    let possible = succeeds("python3", &["-c", "import venv, ensurepip, bz2, lzma, zlib"]);
    let tests: [program::Test; 3] = [
        (
            "streams_say_what_they_say_everywhere",
            possible,
            streams_say_what_they_say_everywhere,
        ),
        (
            "zstd_says_what_it_says_everywhere",
            possible,
            zstd_says_what_it_says_everywhere,
        ),
        ("archives_are_made_and_read", possible, archives_are_made_and_read),
    ];
    program::main(tests);
}

fn in_guest(script: &Path) -> Output {
    output(wasmrun(&["os", script.to_str().unwrap(), "--quiet"]))
}

fn here(script: &Path) -> Output {
    let mut command = Command::new("python3");
    command.arg(script);
    output(command)
}

#[track_caller]
fn is_as_here(name: &str) {
    let folder = project("compression-python");
    let script = folder.path().join(name);
    let wanted = here(&script);
    assert_eq!(wanted.code, Some(0), "{}", wanted.stderr);
    assert!(wanted.stdout.ends_with(" calls\n"), "{}", wanted.stdout);
    in_guest(&script).prints(&wanted.stdout);
}

fn streams_say_what_they_say_everywhere() {
    is_as_here("calls.py");
}

fn archives_are_made_and_read() {
    is_as_here("archives.py");
}

fn zstd_says_what_it_says_everywhere() {
    // Python before 3.14 has none: this is what backports.zstd, which is CPython's own, says.
    let folder = project("compression-python");
    let wanted = guests::root().join("tests/projects/compression-python/zstd.txt");
    let wanted = std::fs::read_to_string(wanted).unwrap();
    in_guest(&folder.path().join("zstd.py")).prints(&wanted);
}
