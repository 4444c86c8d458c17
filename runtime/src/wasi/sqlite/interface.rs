//! The functions of `wasmrun:sqlite/database`.

use super::values::{Answer, Failure, Kind, Progress, definition, hook, shape};
use crate::host::Host;
use crate::wasi::imports::imports;
use sqlite::Place;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

const INTERFACE: &str = "wasmrun:sqlite/database@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Answered<T> = std::result::Result<T, Failure>;

/// Of one guest and one thread; a backup is about two of them.
#[derive(Clone)]
struct Connection(Arc<Mutex<sqlite::Connection>>);

impl Connection {
    fn lock(&self) -> MutexGuard<'_, sqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A method of a connection by its name in the interface: its arguments, and a tuple of what it answers.
macro_rules! method {
    ($interface:ident, $name:literal, |$connection:ident $(, $argument:ident: $type:ty)*| $body:expr) => {
        $interface.func_wrap(
            concat!("[method]connection.", $name),
            |mut store: Store<'_>, (resource, $($argument,)*): (Resource<Connection>, $($type,)*)| {
                let (table, _) = store.data_mut().databases();
                #[allow(unused_mut, reason = "some only ask")]
                let mut $connection = table.get(&resource)?.lock();
                Ok($body)
            },
        )?
    };
}

pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> Result<()> {
    if !imports(component, INTERFACE) {
        return Ok(());
    }
    let mut interface = linker.instance(INTERFACE)?;
    add_connections(&mut interface)?;
    add_statements(&mut interface)?;
    add_functions(&mut interface)?;
    add_state(&mut interface)?;
    add_blobs(&mut interface)?;
    add_backups(&mut interface)?;
    interface.func_wrap("version", |_: Store<'_>, ()| Ok((sqlite::version(),)))?;
    interface.func_wrap("is-complete", |_: Store<'_>, (sql,): (String,)| {
        Ok((sqlite::is_complete(&sql),))
    })?;
    interface.func_wrap("text-of-code", |_: Store<'_>, (code,): (i32,)| {
        Ok((sqlite::error_text(code),))
    })
}

fn add_connections(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    interface.resource(
        "connection",
        ResourceType::host::<Connection>(),
        |mut store, connection| {
            let (table, _) = store.data_mut().databases();
            table.delete(Resource::<Connection>::new_own(connection))?;
            Ok(())
        },
    )?;
    interface.func_wrap(
        "[static]connection.open",
        |mut store: Store<'_>, (name, flags, folder): (String, u32, String)| {
            let (table, folders) = store.data_mut().databases();
            let place = Place::new(folders.clone(), folder);
            Ok((match sqlite::Connection::open(&name, flags, place) {
                Ok(connection) => {
                    let connection = Connection(Arc::new(Mutex::new(connection)));
                    Answered::Ok(table.push(connection)?)
                }
                Err(failure) => Err(failure.into()),
            },))
        },
    )?;
    method!(interface, "close", |connection| (progress(connection.close()),));
    Ok(())
}

fn progress(made: std::result::Result<sqlite::Progress, sqlite::Failure>) -> Answered<Progress> {
    made.map(Progress::from).map_err(Failure::from)
}

fn answered<T>(made: std::result::Result<T, sqlite::Failure>) -> Answered<T> {
    made.map_err(Failure::from)
}

fn add_statements(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    method!(interface, "answer", |connection, answer: Answer| (progress(
        answer.try_into().and_then(|answer| connection.answer(answer))
    ),));
    method!(interface, "prepare", |connection, sql: String, flags: u32| (progress(
        connection.prepare(&sql, flags)
    ),));
    method!(interface, "run", |connection,
                               statement: u32,
                               parameters: Option<Vec<u8>>,
                               most: u32,
                               texts: u8,
                               raw: Vec<u32>| {
        let parameters = parameters.map(|bytes| sqlite::values(&bytes)).transpose();
        let shape = shape(most, texts, raw);
        let ran = parameters.and_then(|parameters| connection.run(statement as usize, parameters, shape));
        (progress(ran),)
    });
    method!(interface, "fetch", |connection,
                                 statement: u32,
                                 most: u32,
                                 texts: u8,
                                 raw: Vec<u32>| {
        let shape = shape(most, texts, raw);
        (progress(connection.fetch(statement as usize, shape)),)
    });
    method!(interface, "run-all", |connection, statement: u32, sets: Vec<u8>| (
        progress(sqlite::sets(&sets).and_then(|sets| connection.run_all(statement as usize, sets))),
    ));
    method!(interface, "run-script", |connection, sql: String| (progress(
        connection.run_script(&sql)
    ),));
    method!(interface, "reset", |connection, statement: u32| (progress(
        connection.reset(statement as usize)
    ),));
    method!(interface, "finalize", |connection, statement: u32| (progress(
        connection.finalize(statement as usize)
    ),));
    method!(interface, "text-of", |connection, statement: u32| (answered(
        connection.texts(statement as usize)
    ),));
    Ok(())
}

fn add_functions(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    method!(
        interface,
        "create-function",
        |connection, name: String, arguments: i32, flags: u32, kind: u8, function: Option<u32>| {
            let created = connection.create_function(&name, arguments, flags, definition(kind), function);
            (answered(created),)
        }
    );
    method!(
        interface,
        "create-collation",
        |connection, name: String, function: Option<u32>| (answered(connection.create_collation(&name, function)),)
    );
    method!(interface, "ask", |connection, kind: Kind, each: Option<u32>| {
        let hook = hook(kind, each.unwrap_or(0));
        let asked = hook.map_or(Ok(()), |hook| connection.ask(hook, each.is_some()));
        (answered(asked),)
    });
    Ok(())
}

fn add_state(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    method!(interface, "busy-timeout", |connection, milliseconds: i32| connection
        .busy_timeout(milliseconds));
    method!(interface, "limit", |connection, category: i32, value: i32| (
        connection.limit(category, value),
    ));
    method!(interface, "configure", |connection, option: i32, value: i32| (
        answered(connection.configure(option, value)),
    ));
    method!(interface, "is-autocommit", |connection| (connection.is_autocommit(),));
    method!(
        interface,
        "transaction-state",
        |connection, database: Option<String>| (connection.transaction_state(database.as_deref()),)
    );
    method!(interface, "total-changes", |connection| (connection.total_changes(),));
    method!(interface, "interrupt", |connection| connection.interrupt());
    method!(interface, "file-of", |connection, database: String| (
        connection.file(&database),
    ));
    method!(interface, "serialize", |connection, database: String| (answered(
        connection.serialize(&database)
    ),));
    method!(
        interface,
        "deserialize",
        |connection, database: String, bytes: Vec<u8>| (answered(connection.deserialize(&database, &bytes)),)
    );
    Ok(())
}

fn add_blobs(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    method!(
        interface,
        "open-blob",
        |connection, database: String, table: String, column: String, row: i64, is_writable: bool| {
            let opened = connection.open_blob(&database, &table, &column, row, is_writable);
            (answered(opened.map(|(blob, size)| (blob as u32, size))),)
        }
    );
    method!(
        interface,
        "read-blob",
        |connection, blob: u32, offset: u32, length: u32| (answered(connection.read_blob(
            blob as usize,
            offset,
            length
        )),)
    );
    method!(
        interface,
        "write-blob",
        |connection, blob: u32, offset: u32, bytes: Vec<u8>| (answered(connection.write_blob(
            blob as usize,
            offset,
            &bytes
        )),)
    );
    method!(interface, "close-blob", |connection, blob: u32| connection
        .close_blob(blob as usize));
    Ok(())
}

fn add_backups(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    type Begun = (Resource<Connection>, String, Resource<Connection>, String);
    interface.func_wrap(
        "[method]connection.begin-backup",
        |mut store: Store<'_>, (source, database, target, name): Begun| {
            let (table, _) = store.data_mut().databases();
            let (source, target) = (table.get(&source)?, table.get(&target)?);
            let begun = match Arc::ptr_eq(&source.0, &target.0) {
                true => Err(sqlite::Failure {
                    code: 1,
                    text: "source and destination must be distinct".to_owned(),
                    offset: -1,
                }),
                false => source.lock().begin_backup(&database, &target.lock(), &name),
            };
            Ok((answered(begun.map(|backup| backup as u32)),))
        },
    )?;
    method!(interface, "continue-backup", |connection, backup: u32, pages: i32| {
        let copied = connection.continue_backup(backup as usize, pages);
        ((copied.code, copied.left, copied.all),)
    });
    method!(interface, "end-backup", |connection, backup: u32| (answered(
        connection.end_backup(backup as usize)
    ),));
    Ok(())
}
