//! sqlite3 in Python guests: the same programs here and in a guest, connections beside each other, and beside programs of the host.
//! Needs python3 with venv and PyPI; without them each test is listed as ignored.

mod support;

use std::path::Path;
use std::process::Command;
use support::program::{self, project, succeeds};
use support::{Output, output, wasmrun};

fn main() {
    let possible = succeeds("python3", &["-c", "import venv, ensurepip, sqlite3"]);
    let tests: [program::Test; 3] = [
        (
            "sqlite_says_what_it_says_everywhere",
            possible,
            sqlite_says_what_it_says_everywhere,
        ),
        (
            "connections_work_beside_each_other",
            possible,
            connections_work_beside_each_other,
        ),
        (
            "guests_and_programs_share_a_database",
            possible,
            guests_and_programs_share_a_database,
        ),
    ];
    program::main(tests);
}

fn in_guest(script: &Path) -> Output {
    output(wasmrun(&["os", script.to_str().unwrap(), "--quiet"]))
}

fn here(script: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(script).args(arguments);
    command
}

fn sqlite_says_what_it_says_everywhere() {
    let folder = project("sqlite-python");
    let script = folder.path().join("calls.py");
    let wanted = output(here(&script, &[]));
    assert_eq!(wanted.code, Some(0), "{}", wanted.stderr);
    in_guest(&script).prints(&wanted.stdout);
}

fn connections_work_beside_each_other() {
    let folder = project("sqlite-python");
    in_guest(&folder.path().join("shared.py")).prints(
        "('wal',)\n\
         while another writes: (0,)\n\
         after it: (1,)\n\
         [('Two', 'a blue [whale]')]\n\
         (2,)\n\
         [(5,)]\n\
         True\n",
    );
}

/// Two guests and two programs of the host add to one number, each after it has read it under a lock.
fn guests_and_programs_share_a_database() {
    const TIMES: &str = "60";
    let folder = project("sqlite-python");
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join("sum.db");
    let make = "import sqlite3, sys\nfor sql in sys.argv[2:]: print(sqlite3.connect(sys.argv[1], isolation_level=None).execute(sql).fetchone())";
    let sql = |statements: &[&str]| {
        let mut command = Command::new("python3");
        command.args(["-c", make]).arg(&place).args(statements);
        output(command).stdout
    };
    for mode in ["delete", "wal"] {
        sql(&[
            &format!("pragma journal_mode = {mode}"),
            "drop table if exists sum",
            "create table sum (value)",
            "insert into sum values (0)",
        ]);
        let script = folder.path().join("adds.py");
        let directory = format!("{}::/data", data.path().display());
        let arguments = ["--quiet", "--dir", &directory, "--", "/data/sum.db", TIMES];
        let guest = || wasmrun(&[&["os", script.to_str().unwrap()], &arguments[..]].concat());
        let program = || here(&script, &[place.to_str().unwrap(), TIMES]);
        let running = [guest(), program(), guest(), program()].map(|mut command| command.spawn().unwrap());
        for mut process in running {
            assert!(process.wait().unwrap().success());
        }
        assert_eq!(
            sql(&["select value from sum", "pragma integrity_check"]),
            "(240,)\n('ok',)\n",
            "{mode}"
        );
    }
}
