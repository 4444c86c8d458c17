//! What is too much, closed, damaged or in parts.

use super::*;

/// Values, statements and nesting have bounds, beyond which there is an error.
#[test]
fn too_much_is_an_error() {
    let mut connection = memory();
    let much = run(&mut connection, "select length(zeroblob(2000000000))", Vec::new()).unwrap_err();
    assert_eq!(much, "string or blob too big");
    for (open, close) in [
        ("(", ")"),
        ("(select ", ")"),
        ("-", ""),
        ("not ", ""),
        ("case when 1 then ", " end"),
    ] {
        let deep = format!("select {}1{}", open.repeat(20_000), close.repeat(20_000));
        let _ = run(&mut connection, &deep, Vec::new());
    }
    let json = format!("select json_valid('{}')", "[".repeat(100_000));
    assert_eq!(run(&mut connection, &json, Vec::new()).unwrap(), [[Value::Integer(0)]]);
    assert_eq!(
        run(&mut connection, "select 1", Vec::new()).unwrap(),
        [[Value::Integer(1)]]
    );
}

#[test]
fn a_script_runs_to_its_first_failure() {
    let mut connection = memory();
    let script = "create table t (a); -- one\n; insert into t values (1), (2); select * from t; /* and */ nonsense; drop table t";
    let ended = done(connection.run_script(script));
    assert_eq!(ended[0], Tree::Truth(true));
    let Tree::Many(failure) = &ended[1] else {
        panic!("no failure")
    };
    assert_eq!(text(&failure[1]), "near \"nonsense\": syntax error");
    assert_eq!(
        run(&mut connection, "select count(*) from t", Vec::new()).unwrap(),
        [[Value::Integer(2)]]
    );
    for nothing in ["", " ", "-- only\n", ";;", "/* open", "\0 select 1", "select 1\0x"] {
        let ended = done(connection.run_script(nothing));
        assert_eq!(ended, [Tree::Truth(true), Tree::One(Value::Null)], "{nothing:?}");
    }
}

#[test]
fn rows_come_in_pieces() {
    let mut connection = memory();
    let sql =
        "with recursive n(i) as (select 1 union all select i + 1 from n limit 100) select i, zeroblob(100000) from n";
    let number = statement(&mut connection, sql);
    let (mut ended, mut seen, mut pieces) = (done(connection.run(number, None, all())), 0, 0);
    loop {
        let Tree::Many(rows) = &ended[0] else { panic!("no rows") };
        seen += rows.len();
        pieces += 1;
        if ended[1] == Tree::Truth(true) {
            break;
        }
        assert!((10..=12).contains(&rows.len()), "{}", rows.len());
        ended = done(connection.fetch(number, all()));
    }
    assert_eq!(seen, 100);
    assert!(pieces >= 9, "{pieces}");
}

#[test]
fn a_closed_connection_refuses() {
    let mut connection = memory();
    let number = statement(&mut connection, "select 1");
    done(connection.close());
    assert_eq!(
        connection.fetch(number, all()).unwrap_err().text,
        "the connection is closed"
    );
    assert_eq!(
        connection.prepare("select 1", 0).unwrap_err().text,
        "the connection is closed"
    );
    assert!(connection.close().is_err() && connection.file("main").is_none());
    assert!(connection.read_blob(0, 0, 1).is_err());
}

#[test]
fn a_value_is_read_and_written_in_parts() {
    let mut connection = memory();
    run(&mut connection, "create table t (a)", Vec::new()).unwrap();
    run(&mut connection, "insert into t values (x'0102030405')", Vec::new()).unwrap();
    let (blob, size) = connection.open_blob("main", "t", "a", 1, true).unwrap();
    assert_eq!(size, 5);
    connection.write_blob(blob, 1, &[7, 8]).unwrap();
    assert_eq!(connection.read_blob(blob, 0, 5).unwrap(), [1, 7, 8, 4, 5]);
    for (offset, length) in [(5, 1), (0, 6), (u32::MAX, 1), (1, u32::MAX)] {
        assert!(connection.read_blob(blob, offset, length).is_err());
    }
    run(&mut connection, "delete from t", Vec::new()).unwrap();
    assert_eq!(connection.read_blob(blob, 0, 1).unwrap_err().code & 0xff, 4);
    connection.close_blob(blob);
    assert!(connection.read_blob(blob, 0, 1).is_err());
}

#[test]
fn a_database_is_copied() {
    let (mut source, mut target) = (memory(), memory());
    run(&mut source, "create table t as select 7 as a", Vec::new()).unwrap();
    let backup = source.begin_backup("main", &target, "main").unwrap();
    assert_eq!(source.continue_backup(backup, -1).code, 101);
    source.end_backup(backup).unwrap();
    assert_eq!(source.continue_backup(backup, -1).code, 21);
    let seven = [[Value::Integer(7)]];
    assert_eq!(run(&mut target, "select a from t", Vec::new()).unwrap(), seven);
    let bytes = source.serialize("main").unwrap().unwrap();
    let mut third = memory();
    third.deserialize("main", &bytes).unwrap();
    assert_eq!(run(&mut third, "select a from t", Vec::new()).unwrap(), seven);
    // One that ends while it is copied to.
    let backup = source.begin_backup("main", &third, "main").unwrap();
    drop(third);
    source.continue_backup(backup, 1);
    drop(source);
}

/// What is on: full-text search and the like; foreign keys are as SQLite has them.
#[test]
fn it_has_what_programs_expect() {
    let mut connection = memory();
    for sql in [
        "create virtual table f using fts5(a)",
        "create virtual table r using rtree(id, a, b)",
        "select json('{}') -> '$'",
    ] {
        run(&mut connection, sql, Vec::new()).unwrap();
    }
    assert_eq!(
        run(&mut connection, "pragma foreign_keys", Vec::new()).unwrap(),
        [[Value::Integer(0)]]
    );
    let (version, _, options) = sqlite::version();
    assert!(version.starts_with("3."));
    assert!(options.contains(&"ENABLE_FTS5".to_owned()), "{options:?}");
    assert!(sqlite::is_complete("select 1;") && !sqlite::is_complete("select 1"));
}
