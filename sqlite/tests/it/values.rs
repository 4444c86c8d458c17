//! Values and rows as bytes.

use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<i16>().prop_map(|short| Value::Integer(short.into())),
        any::<f64>()
            .prop_filter("SQLite has no NaN", |real| !real.is_nan())
            .prop_map(Value::Real),
        any::<String>().prop_map(|text| Value::Text(text.into_bytes())),
        any::<Vec<u8>>().prop_map(Value::Blob),
    ]
}

proptest! {
    #[test]
    fn values_come_back_from_sqlite_as_they_went(values in prop::collection::vec(value(), 1..8)) {
        let mut connection = memory();
        let places = vec!["?"; values.len()].join(", ");
        let rows = run(&mut connection, &format!("select {places}"), values.clone()).unwrap();
        prop_assert_eq!(rows, vec![values]);
    }

    #[test]
    fn fuzzed_bytes_are_values_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = sqlite::values(&bytes);
    }

    #[test]
    fn fuzzed_statements_end(sql in "(select|insert|with|pragma|create|[ -~]){1,4}[ -~]{0,40}") {
        let mut connection = memory();
        connection.ask(sqlite::Hook::Progress(1000), true).unwrap();
        let mut progress = connection.prepare(&sql, 0);
        while let Ok(Progress::Asks(_)) = progress {
            progress = connection.answer(Answer::Value(Value::Integer(1)));
        }
    }
}

/// Python's own marshal reads what is written here, and the other way round.
#[test]
fn python_reads_and_writes_the_same() {
    let values = [
        Value::Null,
        Value::Integer(0),
        Value::Integer(-1),
        Value::Integer(1 << 31),
        Value::Integer(-(1 << 31) - 1),
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Real(-0.5),
        Value::Real(f64::INFINITY),
        string("grün \u{1f600}\0"),
        Value::Blob(vec![0, 255]),
    ];
    let mut written = sqlite::Values::default();
    written.tuple(values.len());
    for value in &values {
        written.value(value);
    }
    let program = "import marshal, sys\nvalues = marshal.loads(sys.stdin.buffer.read())\nprint(values, file=sys.stderr)\n\
                   sys.stdout.buffer.write(marshal.dumps(values, 2))";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&written.take()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr).trim(),
        "(None, 0, -1, 2147483648, -2147483649, 9223372036854775807, -9223372036854775808, -0.5, inf, 'grün 😀\\x00', b'\\x00\\xff')"
    );
    assert_eq!(sqlite::values(&output.stdout).unwrap(), values);
}

#[test]
fn a_text_that_is_none_is_told_apart() {
    let mut connection = memory();
    let number = statement(&mut connection, "select cast(x'616263ff' as text) as name");
    let ended = done(connection.run(number, Some(Vec::new()), all()));
    let Tree::Many(failure) = &ended[6] else {
        panic!("no failure: {ended:?}")
    };
    assert_eq!(failure[0], Tree::One(Value::Integer(sqlite::NOT_TEXT.into())));
    assert_eq!(text(&failure[1]), "name\0abc\u{fffd}");
    for (texts, expected) in [
        (Texts::Bytes, Value::Blob(b"abc\xff".to_vec())),
        (Texts::Replaced, string("abc\u{fffd}")),
    ] {
        let ended = done(connection.run(number, None, Shape { texts, ..all() }));
        let Tree::Many(rows) = &ended[0] else { panic!("no rows") };
        assert_eq!(values_of(&rows[0]), [expected]);
    }
    let shape = Shape {
        texts: Texts::Tuples,
        ..all()
    };
    let ended = done(connection.run(number, None, shape));
    let bytes = Tree::One(Value::Blob(b"abc\xff".to_vec()));
    assert_eq!(ended[0], Tree::Many(vec![Tree::Many(vec![Tree::Many(vec![bytes])])]));
}

#[test]
fn a_column_may_be_asked_for_as_bytes() {
    let mut connection = memory();
    let number = statement(&mut connection, "select 12, 12, null, 'a'");
    let raw = vec![0, 2];
    let ended = done(connection.run(number, None, Shape { raw, ..all() }));
    let Tree::Many(rows) = &ended[0] else { panic!("no rows") };
    let expected = [
        Value::Blob(b"12".to_vec()),
        Value::Integer(12),
        Value::Null,
        string("a"),
    ];
    assert_eq!(values_of(&rows[0]), expected);
}

#[test]
fn a_statement_says_what_it_is() {
    let mut connection = memory();
    run(&mut connection, "create table t (a integer, b text)", Vec::new()).unwrap();
    let sql = "select a, b as c, 1 from t where a = :first and b = ? -- and so on\n; select 2";
    let told = done(connection.prepare(sql, 0));
    let name = |text: &str| Tree::One(string(text));
    let none = || Tree::One(Value::Null);
    assert_eq!(told[1], Tree::One(Value::Integer(9)));
    assert_eq!(
        told[2],
        Tree::Many(vec![
            Tree::Many(vec![name("a"), name("INTEGER"), name("t"), name("a"), name("main")]),
            Tree::Many(vec![name("c"), name("TEXT"), name("t"), name("b"), name("main")]),
            Tree::Many(vec![name("1"), none(), none(), none(), none()]),
        ])
    );
    assert_eq!(told[3], Tree::Many(vec![name(":first"), none()]));
    assert_eq!(told[4..], [Tree::Truth(true), Tree::Truth(false)]);
    assert_eq!(done(connection.prepare("  -- nothing\n", 0))[0], none());
}

#[test]
fn columns_are_told_again_where_they_changed() {
    let mut connection = memory();
    run(&mut connection, "create table t (a)", Vec::new()).unwrap();
    let number = statement(&mut connection, "select * from t");
    assert_eq!(done(connection.run(number, None, all()))[5], Tree::One(Value::Null));
    run(&mut connection, "alter table t add column b", Vec::new()).unwrap();
    let Tree::Many(columns) = done(connection.run(number, None, all()))[5].clone() else {
        panic!("no columns")
    };
    assert_eq!(columns.len(), 2);
    assert_eq!(done(connection.run(number, None, all()))[5], Tree::One(Value::Null));
}
