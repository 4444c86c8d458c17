//! Connections as a guest's runtime uses them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod files;
mod limits;
mod questions;
mod values;

use sqlite::{Answer, Connection, Failure, Folder, Folders, Place, Progress, Question, Shape, Texts, Value};
use std::fs::File;
use std::sync::Arc;

const READ_WRITE_CREATE: u32 = 6;

/// A guest that has one folder, at `/data`, and below it what the host has there. Links are not followed out of it.
struct Data {
    root: std::path::PathBuf,
    is_read_only: bool,
}

impl Folders for Data {
    fn folder(&self, path: &str) -> std::io::Result<Folder> {
        let inner = path.strip_prefix("/data").ok_or(std::io::ErrorKind::NotFound)?;
        let root = File::open(&self.root)?;
        let inner = format!("./{}", inner.trim_start_matches('/'));
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        let beneath = rustix::fs::ResolveFlags::BENEATH;
        let opened = rustix::fs::openat2(root, inner, flags, rustix::fs::Mode::empty(), beneath)?;
        Ok(Folder {
            directory: Arc::new(opened.into()),
            is_read_only: self.is_read_only,
        })
    }
}

fn place(folder: &tempfile::TempDir) -> Arc<Place> {
    let root = folder.path().to_owned();
    let is_read_only = false;
    Place::new(Arc::new(Data { root, is_read_only }), "/data")
}

fn memory() -> Connection {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(":memory:", READ_WRITE_CREATE, place(&folder)).unwrap()
}

fn all() -> Shape {
    Shape {
        most: 1_000_000,
        texts: Texts::Strings,
        raw: Vec::new(),
    }
}

/// A tuple or list within others, as the tests compare it.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    One(Value),
    Many(Vec<Tree>),
    Truth(bool),
}

/// What a call ended with.
fn done(progress: Result<Progress, Failure>) -> Vec<Tree> {
    match progress.unwrap() {
        Progress::Done(bytes) => match tree(&mut &bytes[..]) {
            Tree::Many(values) => values,
            one => panic!("no tuple: {one:?}"),
        },
        Progress::Asks(question) => panic!("it asks: {question:?}"),
    }
}

fn tree(bytes: &mut &[u8]) -> Tree {
    let kind = bytes[0];
    match kind {
        b'(' | b'[' => {
            let count = u32::from_le_bytes(bytes[1..5].try_into().unwrap());
            *bytes = &bytes[5..];
            Tree::Many((0..count).map(|_| tree(bytes)).collect())
        }
        b'T' | b'F' => {
            *bytes = &bytes[1..];
            Tree::Truth(kind == b'T')
        }
        _ => {
            let length = match kind {
                b'N' => 1,
                b'i' => 5,
                b'g' => 9,
                b'l' => 5 + 2 * i32::from_le_bytes(bytes[1..5].try_into().unwrap()).unsigned_abs() as usize,
                b's' | b'u' => 5 + u32::from_le_bytes(bytes[1..5].try_into().unwrap()) as usize,
                other => panic!("a value of type {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            *bytes = rest;
            Tree::One(sqlite::values(value).unwrap().remove(0))
        }
    }
}

fn statement(connection: &mut Connection, sql: &str) -> usize {
    match &done(connection.prepare(sql, 0))[0] {
        Tree::One(Value::Integer(number)) => *number as usize,
        other => panic!("no statement: {other:?}"),
    }
}

/// The rows of a statement without questions; its failure.
fn run(connection: &mut Connection, sql: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, String> {
    rows(connection, sql, parameters, |_, question| {
        panic!("it asks {question:?}")
    })
}

fn rows(
    connection: &mut Connection,
    sql: &str,
    parameters: Vec<Value>,
    mut answer: impl FnMut(&mut Connection, Question) -> Answer,
) -> Result<Vec<Vec<Value>>, String> {
    let mut settle = |connection: &mut Connection, mut progress: Result<Progress, Failure>| loop {
        match progress {
            Ok(Progress::Asks(question)) => {
                let answer = answer(connection, question);
                progress = connection.answer(answer);
            }
            ended => return ended,
        }
    };
    let prepared = connection.prepare(sql, 0);
    let prepared = settle(connection, prepared).map_err(|failure| failure.text)?;
    let number = match &done(Ok(prepared))[0] {
        Tree::One(Value::Integer(number)) => *number as usize,
        other => panic!("no statement: {other:?}"),
    };
    let ran = connection.run(number, Some(parameters), all());
    let ran = done(settle(connection, ran));
    let dropped = connection.finalize(number);
    settle(connection, dropped).unwrap();
    if let Tree::Many(failure) = &ran[6] {
        return Err(text(&failure[1]));
    }
    let Tree::Many(rows) = &ran[0] else { panic!("no rows") };
    Ok(rows.iter().map(values_of).collect())
}

fn values_of(row: &Tree) -> Vec<Value> {
    let Tree::Many(values) = row else {
        panic!("no row: {row:?}")
    };
    values
        .iter()
        .map(|value| match value {
            Tree::One(value) => value.clone(),
            other => panic!("no value: {other:?}"),
        })
        .collect()
}

fn text(tree: &Tree) -> String {
    match tree {
        Tree::One(Value::Text(text)) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("no text: {other:?}"),
    }
}

fn string(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}
