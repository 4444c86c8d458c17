//! Databases are files of the guest's directories, and no others.

use super::*;
use std::os::unix::fs::symlink;

fn open(folder: &tempfile::TempDir, name: &str) -> Result<Connection, String> {
    Connection::open(name, READ_WRITE_CREATE, place(folder)).map_err(|failure| failure.text)
}

/// Opens, and does what makes SQLite open the file.
fn opened(folder: &tempfile::TempDir, name: &str) -> Result<Connection, String> {
    let mut connection = open(folder, name)?;
    run(&mut connection, "create table if not exists t (a)", Vec::new())?;
    Ok(connection)
}

#[test]
fn names_begin_in_the_guests_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    for (name, file) in [
        ("x.db", "x.db"),
        ("/data/inner/y.db", "inner/y.db"),
        ("inner/../z.db", "z.db"),
    ] {
        let connection = opened(&folder, name).unwrap();
        assert!(folder.path().join(file).is_file(), "{name}");
        assert_eq!(connection.file("main").unwrap(), format!("/data/{file}"));
    }
    // A name is no URI unless it is said to be one.
    opened(&folder, "file:name").unwrap();
    assert!(folder.path().join("file:name").is_file());
}

#[test]
fn nothing_outside_is_reached() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.db");
    drop(opened(&outside, "secret.db").unwrap());
    let folder = tempfile::tempdir().unwrap();
    symlink(&secret, folder.path().join("link.db")).unwrap();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink("..", folder.path().join("up")).unwrap();
    let up = format!("up/{}/secret.db", outside.path().file_name().unwrap().display());
    let names = [
        "link.db",
        "out/secret.db",
        "../secret.db",
        "/data/../etc/passwd",
        "/etc/passwd",
        &up,
        "/dev/urandom",
    ];
    for name in names {
        let refused = opened(&folder, name)
            .err()
            .unwrap_or_else(|| panic!("{name} was opened"));
        assert!(
            // The last one is a pipe with some random bytes, which SQLite itself reads.
            ["unable to open database file", "disk I/O error"].contains(&&refused[..]),
            "{name}: {refused}"
        );
    }
    let mut connection = opened(&folder, "x.db").unwrap();
    for sql in [
        "attach '/etc/passwd' as other",
        "vacuum into '/tmp/wasmrun-sqlite-test.db'",
        "attach 'out/secret.db' as other",
    ] {
        let refused = run(&mut connection, sql, Vec::new()).unwrap_err();
        assert!(refused.starts_with("unable to open database"), "{sql}: {refused}");
    }
    let refused = run(&mut connection, "select load_extension('/lib/x.so')", Vec::new()).unwrap_err();
    assert_eq!(refused, "not authorized");
    assert!(connection.configure(1005, 1).is_err() && connection.configure(1004, 1).is_err());
    assert_eq!(outside.path().read_dir().unwrap().count(), 1);
}

#[test]
fn links_within_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("real")).unwrap();
    symlink("real", folder.path().join("link")).unwrap();
    symlink("real/x.db", folder.path().join("x.db")).unwrap();
    drop(opened(&folder, "link/x.db").unwrap());
    let connection = opened(&folder, "x.db").unwrap();
    assert_eq!(connection.file("main").unwrap(), "/data/real/x.db");
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(&folder, "x.db").unwrap());
    let root = folder.path().to_owned();
    let place = Place::new(
        Arc::new(Data {
            root,
            is_read_only: true,
        }),
        "/data",
    );
    let mut connection = Connection::open("x.db", READ_WRITE_CREATE, place.clone()).unwrap();
    assert_eq!(
        run(&mut connection, "select * from t", Vec::new()).unwrap(),
        Vec::<Vec<Value>>::new()
    );
    let refused = run(&mut connection, "insert into t values (1)", Vec::new()).unwrap_err();
    assert_eq!(refused, "attempt to write a readonly database");
    let made = Connection::open("new.db", READ_WRITE_CREATE, place);
    assert!(made.is_err());
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

/// Readers beside a writer, by a write-ahead log in shared memory.
#[test]
fn a_write_ahead_log_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (opened(&folder, "x.db").unwrap(), opened(&folder, "x.db").unwrap());
    let mode = run(&mut first, "pragma journal_mode = wal", Vec::new()).unwrap();
    assert_eq!(mode, [[string("wal")]]);
    run(&mut first, "begin immediate", Vec::new()).unwrap();
    run(&mut first, "insert into t values (1)", Vec::new()).unwrap();
    let count =
        |connection: &mut Connection| run(connection, "select count(*) from t", Vec::new()).unwrap()[0][0].clone();
    assert_eq!(count(&mut second), Value::Integer(0));
    run(&mut first, "commit", Vec::new()).unwrap();
    assert_eq!(count(&mut second), Value::Integer(1));
    assert!(folder.path().join("x.db-wal").is_file() && folder.path().join("x.db-shm").is_file());
    drop((first, second));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

/// A file that SQLite did not write, or that was damaged, is an error.
#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = opened(&folder, "x.db").unwrap();
    run(
        &mut connection,
        "insert into t select value from generate(1)",
        Vec::new(),
    )
    .unwrap_err();
    run(
        &mut connection,
        "insert into t select randomblob(500) from json_each('[1,2,3,4,5,6,7,8,9]')",
        Vec::new(),
    )
    .unwrap();
    drop(connection);
    let whole = std::fs::read(folder.path().join("x.db")).unwrap();
    for at in (0..whole.len()).step_by(37) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        std::fs::write(folder.path().join("x.db"), damaged).unwrap();
        let Ok(mut connection) = open(&folder, "x.db") else {
            continue;
        };
        for sql in [
            "select sum(length(a)) from t",
            "pragma integrity_check",
            "insert into t values (1)",
            "vacuum",
        ] {
            let _ = run(&mut connection, sql, Vec::new());
        }
    }
}
