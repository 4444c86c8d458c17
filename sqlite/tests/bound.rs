//! What all connections of a process share: on its own, because tests of one program would share it, too.

use sqlite::{Connection, Definition, Folder, Folders, Place, Progress, Shape, Texts};
use std::io::{Error, ErrorKind};
use std::sync::Arc;

struct Nowhere;

impl Folders for Nowhere {
    fn folder(&self, _: &str) -> Result<Folder, Error> {
        Err(ErrorKind::NotFound.into())
    }
}

/// Each open question has a stack.
#[test]
fn open_questions_have_a_bound() {
    let place = Place::new(Arc::new(Nowhere), "/");
    let mut connections: Vec<_> = (0..1100)
        .map(|_| Connection::open(":memory:", 6, place.clone()).unwrap())
        .collect();
    let asks = |connection: &mut Connection| {
        connection
            .create_function("asks", 0, 0, Definition::Scalar, Some(1))
            .unwrap();
        let Progress::Done(_) = connection.prepare("select asks()", 0)? else {
            panic!("it asks")
        };
        let (most, texts, raw) = (1, Texts::Strings, Vec::new());
        connection.run(0, None, Shape { most, texts, raw })
    };
    let mut refused = 0;
    for connection in &mut connections {
        match asks(connection) {
            Ok(Progress::Asks(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(failure) => {
                assert_eq!(failure.text, "too many calls wait for their functions");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1100 - 1024);
    drop(connections);
    let mut connection = Connection::open(":memory:", 6, place).unwrap();
    assert!(matches!(asks(&mut connection), Ok(Progress::Asks(_))));
}
