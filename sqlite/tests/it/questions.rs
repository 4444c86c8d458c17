//! SQLite asks in the middle of calls, and goes on with the answers.

use super::*;
use sqlite::{Definition, Hook, Kind};

fn integer(value: i64) -> Answer {
    Answer::Value(Value::Integer(value))
}

fn arguments(question: &Question) -> Vec<Value> {
    sqlite::values(&question.arguments).unwrap()
}

#[test]
fn a_function_answers_in_the_middle_of_a_statement() {
    let mut connection = memory();
    connection
        .create_function("twice", 1, 0, Definition::Scalar, Some(7))
        .unwrap();
    let rows = rows(
        &mut connection,
        "select twice(value) from json_each('[1, 2.5, \"x\", null]')",
        Vec::new(),
        |_, question| {
            assert_eq!((question.kind, question.function), (Kind::Scalar, 7));
            let [value] = &arguments(&question)[..] else {
                panic!("{question:?}")
            };
            Answer::Value(match value {
                Value::Integer(number) => Value::Integer(number * 2),
                Value::Real(number) => Value::Real(number * 2.0),
                other => other.clone(),
            })
        },
    );
    let expected = [Value::Integer(2), Value::Real(5.0), string("x"), Value::Null];
    assert_eq!(rows.unwrap(), expected.map(|value| vec![value]));
}

/// A function runs a statement of the same connection that calls a function.
#[test]
fn questions_lie_within_questions() {
    let mut connection = memory();
    connection
        .create_function("down", 1, 0, Definition::Scalar, Some(1))
        .unwrap();
    fn down(connection: &mut Connection, question: Question) -> Answer {
        let [Value::Integer(depth)] = arguments(&question)[..] else {
            panic!("{question:?}")
        };
        match depth {
            0 => integer(0),
            _ => match rows(connection, "select down(?) + 1", vec![Value::Integer(depth - 1)], down) {
                Ok(rows) => Answer::Value(rows[0][0].clone()),
                Err(text) => Answer::Failed(1, text),
            },
        }
    }
    let sql = "select down(?)";
    assert_eq!(
        rows(&mut connection, sql, vec![Value::Integer(20)], down).unwrap(),
        [[Value::Integer(20)]]
    );
    let deep = rows(&mut connection, sql, vec![Value::Integer(1000)], down).unwrap_err();
    assert_eq!(deep, "too many levels of functions that run statements");
    assert_eq!(
        rows(&mut connection, sql, vec![Value::Integer(2)], down).unwrap(),
        [[Value::Integer(2)]]
    );
}

#[test]
fn aggregates_have_instances() {
    let mut connection = memory();
    connection
        .create_function("total_of", 1, 0, Definition::Window, Some(3))
        .unwrap();
    let mut sums = std::collections::HashMap::new();
    let mut answer = |_: &mut Connection, question: Question| {
        let sum: &mut i64 = sums.entry(question.instance).or_default();
        let first = || match arguments(&question)[0] {
            Value::Integer(number) => number,
            _ => 0,
        };
        match question.kind {
            Kind::Step => *sum += first(),
            Kind::Inverse => *sum -= first(),
            Kind::Value => return integer(*sum),
            Kind::Final => return integer(sums.remove(&question.instance).unwrap()),
            other => panic!("{other:?}"),
        }
        Answer::Value(Value::Null)
    };
    let numbers = "with numbers(n, odd) as (values (1, 1), (2, 0), (3, 1), (4, 0)) ";
    let sql = format!("{numbers} select total_of(n) from numbers group by odd order by odd");
    let sums = rows(&mut connection, &sql, Vec::new(), &mut answer).unwrap();
    assert_eq!(sums, [[Value::Integer(6)], [Value::Integer(4)]]);
    let sql =
        format!("{numbers} select total_of(n) over (order by n rows between 1 preceding and current row) from numbers");
    let windows = rows(&mut connection, &sql, Vec::new(), &mut answer).unwrap();
    assert_eq!(windows, [1, 3, 5, 7].map(|sum| [Value::Integer(sum)]));
    // Nothing was ever taken.
    let none = rows(
        &mut connection,
        "select total_of(1) where 0",
        Vec::new(),
        |_, question| {
            assert_eq!((question.kind, question.instance), (Kind::Final, 0));
            integer(7)
        },
    );
    assert_eq!(none.unwrap(), [[Value::Integer(7)]]);
}

#[test]
fn what_a_function_fails_with_is_told() {
    let mut connection = memory();
    connection
        .create_function("fails", 0, 0, Definition::Scalar, Some(1))
        .unwrap();
    let mut with = |code: i32, text: &str| {
        let (code, text) = (code, text.to_owned());
        rows(&mut connection, "select fails()", Vec::new(), |_, _| {
            Answer::Failed(code, text.clone())
        })
        .unwrap_err()
    };
    assert_eq!(with(1, "it has \0 failed"), "it has   failed");
    assert_eq!(with(7, ""), "out of memory");
    assert_eq!(with(18, ""), "string or blob too big");
    assert_eq!(with(0, ""), "SQL logic error");
}

#[test]
fn a_collation_orders() {
    let mut connection = memory();
    connection.create_collation("backwards", Some(9)).unwrap();
    let sql = "select value from json_each('[\"a\", \"c\", \"b\"]') order by value collate backwards";
    let rows = rows(&mut connection, sql, Vec::new(), |connection, question| {
        assert_eq!((question.kind, question.function), (Kind::Collate, 9));
        let refused = connection.prepare("select 1", 0).unwrap_err();
        assert_eq!(refused.text, "the connection is in a callback that must not use it");
        let texts = arguments(&question);
        let (Value::Text(left), Value::Text(right)) = (&texts[0], &texts[1]) else {
            panic!("{texts:?}")
        };
        integer(right.cmp(left) as i64)
    });
    assert_eq!(rows.unwrap(), ["c", "b", "a"].map(|text| [string(text)]));
}

#[test]
fn hooks_are_asked_while_they_are_on() {
    let mut connection = memory();
    for hook in [Hook::Authorize, Hook::Progress(1), Hook::Trace] {
        connection.ask(hook, true).unwrap();
    }
    let mut kinds = Vec::new();
    let mut answer = |_: &mut Connection, question: Question| {
        match question.kind {
            Kind::Trace => assert_eq!(
                arguments(&question),
                [string("create table t (a)"), string("create table t (a)")]
            ),
            Kind::Authorize => assert_eq!(arguments(&question).len(), 5),
            _ => {}
        }
        if kinds.last() != Some(&question.kind) {
            kinds.push(question.kind);
        }
        integer(0)
    };
    rows(&mut connection, "create table t (a)", Vec::new(), &mut answer).unwrap();
    for kind in [Kind::Authorize, Kind::Progress, Kind::Trace] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    for hook in [Hook::Authorize, Hook::Progress(1), Hook::Trace] {
        connection.ask(hook, false).unwrap();
    }
    run(&mut connection, "insert into t values (1)", Vec::new()).unwrap();
    connection.ask(Hook::Authorize, true).unwrap();
    let denied = rows(&mut connection, "select a from t", Vec::new(), |_, _| integer(1));
    assert_eq!(denied.unwrap_err(), "not authorized");
    connection.ask(Hook::Authorize, false).unwrap();
    connection.ask(Hook::Progress(100), true).unwrap();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    assert_eq!(
        rows(&mut connection, endless, Vec::new(), |_, _| integer(1)).unwrap_err(),
        "interrupted"
    );
}

#[test]
fn who_waits_for_a_lock_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Connection::open("x.db", READ_WRITE_CREATE, place(&folder)).unwrap();
    let (mut first, mut second) = (open(), open());
    run(&mut first, "create table t (a)", Vec::new()).unwrap();
    run(&mut first, "begin immediate", Vec::new()).unwrap();
    assert_eq!(
        run(&mut second, "begin immediate", Vec::new()).unwrap_err(),
        "database is locked"
    );
    second.ask(Hook::Busy, true).unwrap();
    let mut times = 0;
    let begun = rows(&mut second, "begin immediate", Vec::new(), |_, question| {
        assert_eq!(arguments(&question), [Value::Integer(times)]);
        times += 1;
        if times == 3 {
            run(&mut first, "commit", Vec::new()).unwrap();
        }
        integer(1)
    });
    begun.unwrap();
    assert_eq!(times, 3);
    let gave_up = {
        first.ask(Hook::Busy, true).unwrap();
        rows(&mut first, "begin immediate", Vec::new(), |_, _| integer(0)).unwrap_err()
    };
    assert_eq!(gave_up, "database is locked");
}

#[test]
fn one_statement_is_run_with_many_parameters() {
    let mut connection = memory();
    run(&mut connection, "create table t (a unique)", Vec::new()).unwrap();
    connection
        .create_function("twice", 1, 0, Definition::Scalar, Some(1))
        .unwrap();
    let number = statement(&mut connection, "insert into t values (twice(?))");
    let sets = [1, 2, 3, 2, 5].map(|number| vec![Value::Integer(number)]).to_vec();
    let mut progress = connection.run_all(number, sets);
    while let Ok(Progress::Asks(question)) = &progress {
        let [Value::Integer(number)] = arguments(question)[..] else {
            panic!("{question:?}")
        };
        progress = connection.answer(integer(number * 2));
    }
    let ended = done(progress);
    let [count, changes, rowid] = [3, 3, 3].map(|number| Tree::One(Value::Integer(number)));
    assert_eq!(ended[..4], [count, changes, rowid, Tree::Truth(true)]);
    let Tree::Many(failure) = &ended[4] else {
        panic!("no failure")
    };
    assert_eq!(text(&failure[1]), "UNIQUE constraint failed: t.a");
    assert_eq!(
        run(&mut connection, "select sum(a) from t", Vec::new()).unwrap(),
        [[Value::Integer(12)]]
    );
}

/// The guest goes away in the middle, with questions open.
#[test]
fn who_is_not_answered_ends() {
    let mut connection = memory();
    connection
        .create_function("asks", 1, 0, Definition::Scalar, Some(1))
        .unwrap();
    connection
        .create_function("gathers", 1, 0, Definition::Aggregate, Some(2))
        .unwrap();
    connection.create_collation("compares", Some(3)).unwrap();
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n limit 100000) \
               select gathers(asks(i)) from n group by i % 7 order by cast(i as text) collate compares";
    let number = statement(&mut connection, sql);
    let asked = connection.run(number, None, all());
    assert!(matches!(asked, Ok(Progress::Asks(_))), "{asked:?}");
    let inner = statement(&mut connection, "select asks(1), asks(2)");
    let asked = connection.run(inner, None, all());
    assert!(matches!(asked, Ok(Progress::Asks(_))), "{asked:?}");
    for about in [number, inner] {
        let refused = connection.finalize(about).unwrap_err();
        assert_eq!(refused.text, "the statement is in the middle of a call");
    }
    assert_eq!(
        connection.close().unwrap_err().text,
        "the connection is in the middle of a call"
    );
    drop(connection);
}

#[test]
fn another_thread_is_refused() {
    let mut connection = memory();
    let refused = std::thread::spawn(move || {
        let refused = connection.prepare("select 1", 0).unwrap_err();
        (refused, connection)
    });
    let (refused, _connection) = refused.join().unwrap();
    assert_eq!(refused.text, "the connection belongs to another thread");
}

/// Its locks are of the thread that began.
#[test]
fn what_waits_is_left_by_another_thread() {
    let mut connection = memory();
    connection
        .create_function("asks", 0, 0, Definition::Scalar, Some(1))
        .unwrap();
    let number = statement(&mut connection, "select asks()");
    let asked = connection.run(number, None, all());
    assert!(matches!(asked, Ok(Progress::Asks(_))), "{asked:?}");
    std::thread::spawn(move || drop(connection)).join().unwrap();
}
