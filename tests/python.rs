//! Python projects as they are. The first run of each set of requirements installs and compiles, so this takes a minute or
//! two where nothing is cached. Needs python3 with venv, and PyPI; without Python each test is listed as ignored.

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::program::{self, copy, example, get, json, post, project, script, start, succeeds};
use support::{Run, connect, eventually, mutations, output, wasmrun};

fn main() {
    let has_python = succeeds("python3", &["-c", "import venv, ensurepip"]);
    let has_psql = succeeds("psql", &["--version"]);
    let tests: [program::Test; 36] = [
        (
            "what_needs_threads_beside_each_other_says_so",
            true,
            what_needs_threads_beside_each_other_says_so,
        ),
        ("a_full_file_system_is_said", true, a_full_file_system_is_said),
        (
            "a_handler_that_exits_ends_nobody_else",
            true,
            a_handler_that_exits_ends_nobody_else,
        ),
        (
            "who_waits_for_nothing_or_for_a_slow_peer_stops_nobody",
            true,
            who_waits_for_nothing_or_for_a_slow_peer_stops_nobody,
        ),
        (
            "a_project_is_served_without_being_told_how",
            true,
            a_project_is_served_without_being_told_how,
        ),
        ("commands_and_modules_are_run", true, commands_and_modules_are_run),
        (
            "a_folder_that_cannot_be_written_is_said_once",
            true,
            a_folder_that_cannot_be_written_is_said_once,
        ),
        ("odd_requests_end_nothing", true, odd_requests_end_nothing),
        ("a_program_hears_of_its_end", true, a_program_hears_of_its_end),
        ("a_handler_ends_the_program", true, a_handler_ends_the_program),
        ("hashes_are_as_cpythons", true, hashes_are_as_cpythons),
        (
            "passwords_are_derived_as_everywhere",
            true,
            passwords_are_derived_as_everywhere,
        ),
        (
            "what_frameworks_take_for_granted_is_there",
            true,
            what_frameworks_take_for_granted_is_there,
        ),
        ("reloaders_of_frameworks_are_off", true, reloaders_of_frameworks_are_off),
        (
            "what_recurses_too_deep_is_an_exception",
            true,
            what_recurses_too_deep_is_an_exception,
        ),
        ("memory_has_an_end_that_is_said", true, memory_has_an_end_that_is_said),
        ("hostile_clients_end_nothing", true, hostile_clients_end_nothing),
        (
            "a_server_in_a_thread_leaves_the_main_program",
            true,
            a_server_in_a_thread_leaves_the_main_program,
        ),
        (
            "modules_of_the_project_come_first",
            true,
            modules_of_the_project_come_first,
        ),
        ("flask_listens_on_every_address", true, flask_listens_on_every_address),
        ("flask_listens_on_loopback", true, flask_listens_on_loopback),
        ("a_program_has_what_it_expects", true, a_program_has_what_it_expects),
        ("a_module_is_run", true, a_module_is_run),
        (
            "a_slow_request_does_not_stop_the_others",
            true,
            a_slow_request_does_not_stop_the_others,
        ),
        (
            "idle_and_slow_clients_hold_nobody_up",
            true,
            idle_and_slow_clients_hold_nobody_up,
        ),
        (
            "a_crash_in_a_handler_is_told_with_its_line",
            true,
            a_crash_in_a_handler_is_told_with_its_line,
        ),
        ("asyncio_serves_many", true, asyncio_serves_many),
        ("an_asgi_application_is_served", true, an_asgi_application_is_served),
        ("a_wsgi_application_is_served", true, a_wsgi_application_is_served),
        ("an_edit_is_live_soon", true, an_edit_is_live_soon),
        (
            "what_is_wrong_with_a_program_is_said",
            true,
            what_is_wrong_with_a_program_is_said,
        ),
        ("nothing_is_fetched_offline", true, nothing_is_fetched_offline),
        (
            "a_project_changes_no_others_packages",
            true,
            a_project_changes_no_others_packages,
        ),
        (
            "an_import_writes_nothing_of_the_users",
            true,
            an_import_writes_nothing_of_the_users,
        ),
        (
            "a_lock_files_versions_are_installed",
            true,
            a_lock_files_versions_are_installed,
        ),
        ("psql_finds_its_tables_again", has_psql, psql_finds_its_tables_again),
    ];
    program::main(tests.map(|(name, more, test)| (name, has_python && more, test)));
}

fn flask_listens_on_every_address() {
    let (run, address) = start(&example("flask-status"), 5000, &["--language", "python"]);
    let answer = json(address, "/api/status");
    assert_eq!(answer, serde_json::json!({"status": "running", "runtime": "WASM"}));
    assert_eq!(get(address, "/elsewhere").0, 404);
    run.stop();
}

fn flask_listens_on_loopback() {
    let (run, address) = start(&example("flask-health"), 5000, &[]);
    assert_eq!(json(address, "/health"), serde_json::json!({"status": "healthy"}));
    run.stop();
}

fn a_program_has_what_it_expects() {
    let folder = project("plain");
    let path = folder.path().canonicalize().unwrap();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let (run, address) = start(&path, 8000, &["--env", "GREETING=hello", "--", "one", "two"]);
        let mut answer = json(address, "/");
        numbers.push(answer["random"].take());
        assert_eq!(answer, program::world(&path, "app.py"));
        assert_eq!(json(address, "/")["count"], 2, "its state is kept");
        // A thread of its own that waits for work, and a body that comes in pieces.
        for count in 1..=3 {
            let answer = post(address, &vec![b'x'; 2_000_000]);
            assert_eq!(answer["length"], 2_000_000);
            assert_eq!(answer["done"].as_array().unwrap().len(), count);
        }
        assert!(run.stdout().contains("it serves\n"));
        run.stop();
    }
    assert_ne!(numbers[0], numbers[1], "every start has random numbers of its own");
}

fn a_module_is_run() {
    let folder = project("plain");
    std::fs::create_dir(folder.path().join("service")).unwrap();
    let text = "import sys, runpy, words\nprint(__name__, sys.argv[1:], words.WORD)\n";
    std::fs::write(folder.path().join("service/__main__.py"), text).unwrap();
    std::fs::write(folder.path().join(".wasmrun.toml"), "[python]\nmodule = \"service\"\n").unwrap();
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--", "x"]));
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "__main__ ['x'] own module\n"),
        "{}",
        said.stderr
    );
}

fn a_slow_request_does_not_stop_the_others() {
    let folder = project("plain");
    let (run, address) = start(folder.path(), 8000, &[]);
    program::slow_requests_stop_nobody(address, Duration::from_secs(5));
    run.stop();
}

fn idle_and_slow_clients_hold_nobody_up() {
    let folder = project("plain");
    let (run, address) = start(folder.path(), 8000, &[]);
    let mut idle: Vec<_> = (0..64).map(|_| connect(address)).collect();
    for stream in &mut idle[..32] {
        stream.write_all(b"GET / HTTP/1.1\r\nhos").unwrap();
    }
    for _ in 0..5 {
        assert_eq!(get(address, "/").0, 200);
    }
    // Half requests become whole, and two may come at once.
    for stream in &mut idle[..32] {
        stream
            .write_all(b"t: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
    }
    for mut stream in idle.drain(..32) {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    }
    drop(idle);
    assert_eq!(get(address, "/").0, 200);
    run.stop();
}

fn a_crash_in_a_handler_is_told_with_its_line() {
    let folder = project("plain");
    let path = folder.path().canonicalize().unwrap().join("app.py");
    let (run, address) = start(folder.path(), 8000, &[]);
    let mut stream = connect(address);
    stream.write_all(b"GET /crash HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut nothing = Vec::new();
    stream.read_to_end(&mut nothing).unwrap();
    assert_eq!(nothing, b"");
    let line = format!(
        "  File \"{}\", line 40, in do_GET\n    raise ValueError(\"crashed on purpose\")\n",
        path.display()
    );
    eventually("the traceback is said", || run.stderr().contains(&line));
    assert_eq!(get(address, "/").0, 200);
    run.stop();
}

fn what_recurses_too_deep_is_an_exception() {
    let folder = project("deep");
    let (run, address) = start(folder.path(), 8000, &["--language", "python"]);
    for (case, said) in [
        ("call", "RecursionError"),
        ("generator", "RecursionError"),
        ("index", "RecursionError"),
        ("loads", "RecursionError"),
        ("dumps", "RecursionError"),
        ("repr", "RecursionError"),
        ("own-repr", "RecursionError"),
        ("equal", "RecursionError"),
        ("own-equal", "RecursionError"),
        ("copy", "RecursionError"),
        ("pickle", "RecursionError"),
        ("isinstance", "TypeError"),
        ("parse", "MemoryError"),
        ("compile", "RecursionError"),
        ("sum", "RecursionError"),
        ("pattern", "RecursionError"),
        ("free", "freed"),
    ] {
        assert_eq!(get(address, &format!("/{case}")), (200, said.to_owned()), "{case}");
    }
    run.stop();
}

fn odd_requests_end_nothing() {
    let folder = project("mutated");
    let (run, address) = start(folder.path(), 8000, &["--language", "python"]);
    assert_eq!(get(address, "/").0, 200);
    let guest = run.guest();
    mutations::send(address);
    assert_eq!(get(address, "/").0, 200);
    assert_eq!(run.guest(), guest);
    run.stop();
}

/// A project of these files.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = support::folder();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const FLASK: &str = "from flask import Flask\n\ndef create_app():\n    made = Flask(__name__)\n    made.add_url_rule('/', view_func=lambda: 'served')\n    return made\n";

fn a_project_is_served_without_being_told_how() {
    let app = format!("{FLASK}\napp = create_app()\n");
    let application = format!("{FLASK}\napplication = create_app()\n");
    let script = "def main():\n    from app import create_app\n    create_app().run(port=8000)\n";
    let named = "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"flask\"]\n[project.scripts]\nserve = \"start:main\"\n";
    let flask = ("requirements.txt", "flask");
    for (project, said) in [
        // Flask's quickstart, which leaves it to `flask run`.
        (
            vec![flask, ("hello.py", &app)],
            "hello.py does not serve its `app`: serving it on port 8000\n",
        ),
        (
            vec![flask, ("wsgi.py", &application), ("other.py", "")],
            "wsgi.py does not serve its `application`",
        ),
        (
            vec![flask, ("app.py", FLASK)],
            "app.py does not serve its `create_app()`",
        ),
        // Flask's tutorial.
        (
            vec![flask, ("flaskr/__init__.py", FLASK), ("tests/__init__.py", "")],
            "",
        ),
        (vec![flask, ("src/flaskr/__init__.py", &app)], ""),
        (
            vec![
                flask,
                ("flaskr/__init__.py", ""),
                ("flaskr/__main__.py", &format!("{app}app.run(port=8000)\n")),
            ],
            "",
        ),
        (
            vec![
                ("pyproject.toml", named),
                ("src/start.py", script),
                ("src/app.py", FLASK),
            ],
            "",
        ),
    ] {
        let folder = files(&project);
        let (run, address) = start(folder.path(), 8000, &["--language", "python"]);
        assert_eq!(get(address, "/"), (200, "served".to_owned()), "{project:?}");
        let stderr = run.stop();
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
}

fn commands_and_modules_are_run() {
    // A module of Python's own library, of which the guest has no file.
    let folder = files(&[
        ("a.txt", "of the folder"),
        (".wasmrun.toml", "[python]\nmodule = \"http.server\"\n"),
    ]);
    let (run, address) = start(folder.path(), 8000, &["--language", "python"]);
    assert_eq!(get(address, "/a.txt"), (200, "of the folder".to_owned()));
    run.stop();
    // A command that a package brings.
    let said = |config: &str, arguments: &[&str]| {
        let folder = files(&[
            ("requirements.txt", "flask"),
            ("lib/other.py", "print('of lib')\n"),
            (".wasmrun.toml", config),
        ]);
        let mut command = vec![
            "os",
            folder.path().to_str().unwrap(),
            "--quiet",
            "--language",
            "python",
            "--env",
            "PYTHONPATH=lib",
            "--",
        ];
        command.extend(arguments);
        output(wasmrun(&command))
    };
    let flask = said("[python]\nscript = \"flask\"\n", &["--version"]);
    assert!(flask.stdout.contains("Flask 3."), "{}{}", flask.stdout, flask.stderr);
    let absent = said("[python]\nscript = \"absent\"\n", &[]);
    assert!(
        absent.stderr.starts_with(
            "there is no absent: neither a script of the project nor a command of its packages, which have flask"
        ),
        "{}",
        absent.stderr
    );
    assert_eq!(said("[python]\nmodule = \"other\"\n", &[]).stdout, "of lib\n");
}

fn who_waits_for_nothing_or_for_a_slow_peer_stops_nobody() {
    let folder = project("waits");
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    let wanted = "closed\nall of it\nTrue\n('::1', 80) ('127.0.0.1', 443)\nno such service\n";
    assert_eq!(said.stdout, wanted, "{}", said.stderr);
}

fn a_handler_that_exits_ends_nobody_else() {
    let folder = script(
        "app.py",
        "import socketserver, sys, threading, time\n\
         class Handler(socketserver.BaseRequestHandler):\n    def handle(self):\n        word = self.request.recv(9)\n\
         \x20       if word == b'exit': sys.exit('x')\n        self.request.sendall(word)\n\
         def hook(_): raise ValueError('of the hook')\n\
         threading.excepthook = hook\n\
         threading.Thread(target=lambda: 1 / 0).start()\n\
         time.sleep(0.1)\n\
         socketserver.ThreadingTCPServer.allow_reuse_address = True\n\
         socketserver.ThreadingTCPServer(('0.0.0.0', 5000), Handler).serve_forever()\n",
    );
    let (mut run, address) = start(folder.path(), 5000, &[]);
    run.wait_for("ValueError: of the hook");
    let say = |word: &[u8]| {
        let (mut stream, mut answer) = (connect(address), Vec::new());
        stream.write_all(word).unwrap();
        stream.read_to_end(&mut answer).unwrap();
        answer
    };
    assert_eq!(
        [say(b"exit"), say(b"hello"), say(b"exit"), say(b"again")],
        [&b""[..], b"hello", b"", b"again"]
    );
    run.stop();
}

fn a_full_file_system_is_said() {
    let folder = project("full");
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--tmp-size", "1MiB"]));
    assert_eq!(said.stdout, "ENOSPC\n".repeat(7) + "whole\n", "{}", said.stderr);
    let warning = "warning: the guest wrote to a full file system\n\
                   hint: raise `--tmp-size` for its /tmp, or free space in its directories\n";
    assert_eq!(said.stderr.matches(warning).count(), 1, "{}", said.stderr);
}

fn a_folder_that_cannot_be_written_is_said_once() {
    let folder = script(
        "app.py",
        "import sqlite3\nopen('app.py').close()\nopen('/tmp/new', 'w').close()\n\
         for _ in range(2):\n    try:\n        sqlite3.connect('data.db').execute('create table a (b)')\n    except sqlite3.OperationalError as error:\n        print(error)\n",
    );
    let path = folder.path().canonicalize().unwrap();
    let path = path.to_str().unwrap();
    let said = output(wasmrun(&["os", path, "--quiet"]));
    assert_eq!(said.stdout, "unable to open database file\n".repeat(2));
    let hint = format!(
        "hint: the program writes data.db, and its folder is read-only in the guest: `--dir {path}::{path}` lets it, and files \
         that need not last go to /tmp\n"
    );
    assert_eq!(said.stderr, hint);
    let said = output(wasmrun(&["os", path, "--quiet", "--dir", &format!("{path}::{path}")]));
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("table a already exists\n", "")
    );
}

fn a_program_hears_of_its_end() {
    let ends = |how| program::ends_when_it_is_asked("python", how);
    // Nothing of its own: its connections are all that is waited for.
    assert_eq!(ends("default"), "");
    assert_eq!(ends("asyncio"), "loop ends\nexit function\n");
}

/// A handler that exits ends everything at once, as natively, and what it does is waited for.
fn a_handler_ends_the_program() {
    let folder = project("ending");
    for (how, path) in [("handler", "/"), ("handler", "/slow"), ("plain", "/slow")] {
        let how = format!("HOW={how}");
        let more = ["--language", "python", "--env", &how, "--grace", "60s"];
        let (mut run, address) = start(folder.path(), 3000, &more);
        let mut client = connect(address);
        client
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
            .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        run.signal(nix::sys::signal::Signal::SIGTERM);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        drop(client);
        assert_eq!(run.ended().code(), Some(143));
        if how.ends_with("plain") {
            // asyncio.run has a handler of its own, which drops what its servers are at: it is not called.
            assert!(answer.ends_with(b"ok"), "{}", answer.escape_ascii());
            continue;
        }
        // Inside another's request there is no way back to the main program.
        let main = if path == "/" { "main ends MainThread\n" } else { "" };
        assert_eq!(run.stdout(), format!("signal 15\n{main}exit function\n"), "{path}");
    }
}

fn what_frameworks_take_for_granted_is_there() {
    let folder = project("taken");
    let ended = output(wasmrun(&[
        "os",
        folder.path().to_str().unwrap(),
        "--env",
        "TZ=Europe/Berlin",
    ]));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let expected = [
        "True",
        "True",
        "pair",
        "5",
        "7",
        "160301",
        "4 a guest has no processes",
        "('guest', 'guest', 'guest')",
        "(25, 4096, (-1, -1))",
        "127.0.0.1",
        "/tmp",
        "pdb",
        "(1, 'database is locked')",
        "((b'one', b''), b'two')",
        "[[], (1, b'x'), (1, b'x')]",
        "2026-01-01 00:00:00+01:00",
    ];
    let (last, said) = lines.split_last().unwrap();
    assert_eq!(said, expected, "{}", ended.stderr);
    assert_eq!(*last, "x".repeat(1_000_000));
    assert!(ended.stderr.contains(&"y".repeat(1_000_000)), "all of it");
    assert_eq!(ended.code, Some(0));
}

/// `hashlib` and `hmac` print here what they print with OpenSSL, and packages on them take what they have made.
fn hashes_are_as_cpythons() {
    let folder = project("crypto-python");
    let script = folder.path().join("hashes.py");
    let native = output({
        let mut python = std::process::Command::new("python3");
        python.arg(&script);
        python
    });
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let ended = output(wasmrun(&["os", script.to_str().unwrap()]));
    assert_eq!(ended.stdout, native.stdout, "{}", ended.stderr);
    let ended = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    let packages = "\
scrypt True False
pbkdf2 True False
pbkdf2:sha1:1000 True False
pbkdf2_sha256 True False
pbkdf2_sha1 True False
scrypt True False
md5 True False
pbkdf2_sha256
pbkdf2_sha256 True False
scrypt True False
sha512_crypt True False
{'a': 1}
";
    assert_eq!(ended.stdout, format!("{}{packages}", native.stdout), "{}", ended.stderr);
}

/// As CPython with OpenSSL has them, and as Werkzeug and Django store passwords.
fn passwords_are_derived_as_everywhere() {
    let text = "\
import hashlib
print(hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 100000).hex())
print(hashlib.pbkdf2_hmac('SHA-1', b'password', b'salt', 1000, 7).hex())
print(hashlib.scrypt(b'password', salt=b'salt', n=16384, r=8, p=1).hex())
for wrong in (
    lambda: hashlib.scrypt(b'', salt=b'', n=3, r=8, p=1),
    lambda: hashlib.scrypt(b'', salt=b'', n=1 << 20, r=8, p=1),
    lambda: hashlib.scrypt(b'', salt=b'', n=1 << 30, r=8, p=1, maxmem=1 << 50),
    lambda: hashlib.pbkdf2_hmac('sha256', b'', b'', 0),
    lambda: hashlib.pbkdf2_hmac('sha256', b'', b'', (1 << 32) - 1),
    lambda: hashlib.pbkdf2_hmac('md9', b'', b'', 1),
):
    try:
        print(wrong())
    except ValueError as error:
        print(type(error).__name__)
from werkzeug.security import check_password_hash, generate_password_hash
for method in ('scrypt', 'pbkdf2'):
    print(method, check_password_hash(generate_password_hash('secret', method=method), 'secret'))
";
    let folder = script("main.py", text);
    std::fs::write(folder.path().join("requirements.txt"), "flask").unwrap();
    let ended = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    let expected = "\
0394a2ede332c9a13eb82e9b24631604c31df978b4e2f0fbd2c549944f9d79a5
6e88be8bad7eae
745731af4484f323968969eda289aeee005b5903ac561e64a5aca121797bf7734ef9fd58422e2e22183bcacba9ec87ba0c83b7a2e788f03ce0da06463433cda6
ValueError
ValueError
ValueError
ValueError
ValueError
ValueError
scrypt True
pbkdf2 True
";
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        (expected, Some(0)),
        "{}",
        ended.stderr
    );
}

/// `--watch` is the reloader; those of frameworks start processes.
fn reloaders_of_frameworks_are_off() {
    let asgi = "async def app(scope, receive, send):\n    if scope['type'] == 'http':\n        \
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})\n        \
        await send({'type': 'http.response.body', 'body': b'ok'})\n";
    let flask = "import flask\napp = flask.Flask(__name__)\n@app.get('/')\ndef index():\n    return 'ok'\n";
    for (requirements, text) in [
        ("flask", format!("{flask}app.run(port=8000, debug=True)\n")),
        (
            "uvicorn",
            format!("import uvicorn\n{asgi}uvicorn.run('main:app', port=8000, workers=3, reload=True)\n"),
        ),
        (
            "bottle",
            "import bottle\n@bottle.get('/')\ndef index():\n    return 'ok'\nbottle.run(port=8000, reloader=True)\n"
                .to_owned(),
        ),
    ] {
        // `main:app` is imported again where this runs as the program itself.
        let text = text.replace("uvicorn.run(", "if __name__ == '__main__':\n    uvicorn.run(");
        let folder = script("main.py", &text);
        std::fs::write(folder.path().join("requirements.txt"), requirements).unwrap();
        let (run, address) = start(folder.path(), 8000, &[]);
        assert_eq!(get(address, "/"), (200, "ok".to_owned()), "{requirements}");
        let said = run.stderr();
        assert!(
            said.contains("reloading is off in a guest: `wasmrun os --watch`"),
            "{requirements}: {said}"
        );
        run.stop();
    }
}

/// What a guest has in its `/tmp` is memory, which wasm's own limit does not count.
fn memory_has_an_end_that_is_said() {
    let text = "from http.server import HTTPServer, BaseHTTPRequestHandler\n\
        with open('/tmp/file', 'wb') as file:\n    \
            for _ in range(400):\n        file.write(bytes(1 << 20))\n\
        HTTPServer(('', 8000), BaseHTTPRequestHandler).serve_forever()\n";
    let folder = script("app.py", text);
    let path = folder.path().to_str().unwrap();
    let full = output(wasmrun(&["os", path, "-f", "0:8000", "--tmp-size", "8MiB"]));
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert!(full.stderr.contains("\nOSError: [Errno "), "{}", full.stderr);
    let mut run = Run::start(&["os", path, "-f", "0:8000", "--tmp-size", "1GiB", "--memory", "128MiB"]);
    if !rustix::process::geteuid().is_root() {
        // Only where it has control groups of its own.
        run.signal(nix::sys::signal::Signal::SIGTERM);
        return;
    }
    assert_eq!(run.ended().code(), Some(137), "{}", run.stderr());
    let error = "error: the guest's process was killed (exit code 137): it exceeded the memory that `--memory` allows for the guest and its runtime\n";
    assert!(run.stderr().ends_with(error), "{}", run.stderr());
}

fn hostile_clients_end_nothing() {
    let folder = project("plain");
    let (run, address) = start(folder.path(), 8000, &[]);
    let digits = "9".repeat(5000);
    let mut open = Vec::new();
    for head in [
        format!("content-length: {digits}\r\n\r\n"),
        "content-length: 10\r\nexpect: 100-continue\r\n\r\n".to_owned(),
        "transfer-encoding: chunked\r\n\r\n5\r\nabc".to_owned(),
        "content-length: 10\r\n\r\nhalf".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        for _ in 0..10 {
            let mut stream = connect(address);
            write!(stream, "POST / HTTP/1.1\r\nhost: x\r\n{head}").unwrap();
            open.push(stream);
        }
    }
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(get(address, "/").0, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // One that waits to be told gets told, and its answer.
    let mut polite = open.swap_remove(10);
    let mut told = [0; 25];
    polite.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    polite.write_all(b"0123456789").unwrap();
    polite.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    polite.read_to_string(&mut text).unwrap();
    assert!(text.contains("{\"length\": 10,"), "{text}");
    drop(open);
    // What ends a thread ends no more than that.
    let mut stream = connect(address);
    stream.write_all(b"GET /exit HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(get(address, "/").0, 200);
    let guarded: Vec<_> = (0..3)
        .map(|_| std::thread::spawn(move || get(address, "/guarded").0))
        .collect();
    for answer in guarded {
        assert_eq!(answer.join().unwrap(), 200);
    }
    run.stop();
}

fn a_server_in_a_thread_leaves_the_main_program() {
    // It looks like an application that something else is to serve.
    let text = "import threading, time\nfrom http.server import *\n\
        app = type('App', (), {'wsgi_app': None, '__call__': None})()\n\
        server = ThreadingHTTPServer(('', 8000), SimpleHTTPRequestHandler)\n\
        thread = threading.Thread(target=server.serve_forever)\nthread.start()\ntime.sleep(0.1)\n\
        print('on', thread.is_alive())\nserver.shutdown()\nthread.join()\nprint('off', thread.is_alive())\n";
    let folder = script("app.py", text);
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "on True\noff False\n"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("ended without serving"), "{}", said.stderr);
}

fn what_needs_threads_beside_each_other_says_so() {
    let text = "from cheroot.workers.threadpool import WorkerThread\nWorkerThread().start()\n";
    let folder = script("app.py", text);
    let package = folder.path().join("cheroot/workers");
    std::fs::create_dir_all(&package).unwrap();
    let module = "import threading\nclass WorkerThread(threading.Thread): pass\n";
    std::fs::write(package.join("threadpool.py"), module).unwrap();
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("RuntimeError: cheroot (CherryPy, wsgidav) cannot serve in a guest"),
        "{}",
        said.stderr
    );
}

fn modules_of_the_project_come_first() {
    let folder = script(
        "app.py",
        "import calendar, statistics\nprint(calendar.NAME, statistics.mean([1, 3]))\n",
    );
    std::fs::write(folder.path().join("calendar.py"), "NAME = 'own'\n").unwrap();
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "own 2\n"),
        "{}",
        said.stderr
    );
}

fn asyncio_serves_many() {
    let folder = project("echo");
    let (run, address) = start(folder.path(), 7000, &[]);
    let mut open: Vec<_> = (0..100).map(|_| connect(address)).collect();
    for round in 0..3 {
        for (number, stream) in open.iter_mut().enumerate() {
            write!(stream, "{round} {number:05}").unwrap();
        }
        for (number, stream) in open.iter_mut().enumerate() {
            let mut text = [0; 7];
            stream.read_exact(&mut text).unwrap();
            assert_eq!(std::str::from_utf8(&text).unwrap(), format!("{round} {number:05}"));
        }
    }
    drop(open);
    run.stop();
}

fn an_asgi_application_is_served() {
    let folder = project("asgi");
    let (run, address) = start(folder.path(), 9000, &[]);
    let slow = std::thread::spawn(move || get(address, "/slow"));
    assert_eq!(get(address, "/"), (200, "{\"from\":\"starlette\"}".to_owned()));
    assert_eq!(get(address, "/sync"), (200, "synchronous".to_owned()));
    assert_eq!(get(address, "/static/file.txt"), (200, "a file".to_owned()));
    let (status, pieces) = get(address, "/stream");
    assert_eq!(status, 200);
    assert!(
        ["0\n", "1\n", "2\n"].iter().all(|piece| pieces.contains(piece)),
        "{pieces}"
    );
    assert!(!slow.is_finished());
    assert_eq!(slow.join().unwrap(), (200, "slow".to_owned()));
    run.stop();
}

fn a_wsgi_application_is_served() {
    let folder = support::folder();
    let text = "from flask import Flask\n\ndef make():\n    app = Flask(__name__)\n    app.get('/')(lambda: 'made')\n    return app\n";
    std::fs::write(folder.path().join("site_of_mine.py"), text).unwrap();
    std::fs::write(folder.path().join("requirements.txt"), "flask\n").unwrap();
    std::fs::write(
        folder.path().join(".wasmrun.toml"),
        "[python]\nwsgi = \"site_of_mine:make()\"\n",
    )
    .unwrap();
    let (run, address) = start(folder.path(), 9100, &[]);
    assert_eq!(get(address, "/"), (200, "made".to_owned()));
    run.stop();
}

fn an_edit_is_live_soon() {
    let folder = support::folder();
    copy(&example("flask-status"), folder.path());
    let file = folder.path().join("app.py");
    let original = std::fs::read_to_string(&file).unwrap();
    let (mut run, address) = start(folder.path(), 5000, &["--watch"]);
    program::edits_are_live(&file, "running", |word| json(address, "/api/status")["status"] == word);
    // A mistake leaves the old one serving.
    std::fs::write(&file, "def broken(:\n").unwrap();
    run.wait_for("SyntaxError: invalid syntax");
    run.wait_for("still serving #6");
    assert!(run.stderr().contains("app.py\", line 1\n"), "{}", run.stderr());
    assert_eq!(json(address, "/api/status")["status"], "edit 4");
    std::fs::write(&file, &original).unwrap();
    eventually("the mended program serves", || {
        json(address, "/api/status")["status"] == "running"
    });
    run.stop();
}

fn what_is_wrong_with_a_program_is_said() {
    let run = |text: &str| {
        let folder = script("app.py", text);
        let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--quiet"]));
        let path = folder.path().canonicalize().unwrap();
        (said.code, said.stderr.replace(path.to_str().unwrap(), "FOLDER"))
    };
    run(""); // Whatever is to be installed is said in this one.
    assert_eq!(
        run("import sys\n\ndef f(:\n"),
        (
            Some(1),
            "  File \"FOLDER/app.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n".to_owned()
        )
    );
    assert_eq!(
        run("import absent\n"),
        (
            Some(1),
            "Traceback (most recent call last):\n  File \"FOLDER/app.py\", line 1, in <module>\n    import absent\n\
             ModuleNotFoundError: No module named 'absent'\n\
             hint: if absent is a package, add it to requirements.txt or pyproject.toml\n"
                .to_owned()
        )
    );
    let linked = files(&[
        ("out/data.txt", ""),
        ("out/of.py", ""),
        (
            "in/app.py",
            "import sys\nif len(sys.argv) > 1:\n    import of\nopen('data/data.txt')\n",
        ),
    ]);
    let project = linked.path().join("in");
    for (to, name) in [("../out", "data"), ("../out/of.py", "of.py")] {
        std::os::unix::fs::symlink(to, project.join(name)).unwrap();
    }
    for (arguments, name) in [(&[][..], "data"), (&["--", "import"][..], "of.py")] {
        let said = output(wasmrun(
            &[&["os", project.to_str().unwrap(), "--quiet"], arguments].concat(),
        ));
        let hint = format!(
            "hint: {name} is a link that leads out of the project, and the guest sees no more than that: `--dir` gives it another folder\n"
        );
        assert!(said.stderr.ends_with(&hint), "{}", said.stderr);
    }
    assert_eq!(run("import sys\nsys.exit(3)\n"), (Some(3), String::new()));
    assert_eq!(run("raise SystemExit('no more')\n"), (Some(1), "no more\n".to_owned()));
    assert_eq!(
        run("class App:\n    wsgi_app = __call__ = print\n\napp = App()\n"),
        (
            Some(0),
            "app.py ended without serving its `app`; with `--forward 8080:8000` it is served\n".to_owned()
        )
    );
    let folder = support::folder();
    for name in ["one.py", "two.py"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    let path = folder.path().canonicalize().unwrap();
    said.says(
        2,
        &format!(
            "error: no entry point in {}: none of app.py, main.py, server.py, run.py, manage.py, __main__.py, wsgi.py, asgi.py, \
             no single script under `[project.scripts]`, no single package with `__main__`, `app` or `create_app`, \
             and 2 other scripts\n\
             hint: name the entry point: `script`, `module`, `wsgi` or `asgi` under `[python]` in .wasmrun.toml",
            path.display()
        ),
    );
}

fn nothing_is_fetched_offline() {
    let folder = script("app.py", "print('hello')\n");
    let cache = support::folder();
    let mut command = wasmrun(&["os", folder.path().to_str().unwrap(), "--offline"]);
    command.env("WASMRUN_CACHE_DIR", cache.path());
    output(command).says(
        2,
        "error: the Python toolchain is not installed, and offline mode forbids fetching it\nhint: run once without `--offline`",
    );
    // With what the other tests have fetched it is enough.
    let once = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(once.stdout, "hello\n", "{}", once.stderr);
    let again = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--offline"]));
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "hello\n"),
        "{}",
        again.stderr
    );
}

fn psql_finds_its_tables_again() {
    let data = support::folder();
    let directory = format!("{}::/data", data.path().display());
    let ask = |address: SocketAddr, query: &str| {
        let port = address.port().to_string();
        let psql = Command::new("psql")
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "me", "-d", "mine", "-Atc", query])
            .output()
            .unwrap();
        assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
        String::from_utf8(psql.stdout).unwrap()
    };
    let (run, address) = start(&example("postgres"), 5432, &["--dir", &directory]);
    ask(address, "CREATE TABLE todo (id INTEGER PRIMARY KEY, what TEXT)");
    ask(address, "INSERT INTO todo (what) VALUES ('write'), ('test')");
    assert_eq!(ask(address, "SELECT * FROM todo"), "1|write\n2|test\n");
    run.stop();
    let (run, address) = start(&example("postgres"), 5432, &["--dir", &directory]);
    assert_eq!(ask(address, "SELECT count(*) FROM todo"), "2\n");
    run.stop();
}

/// Writes a wheel with one module.
fn wheel(folder: &Path, name: &str, version: &str, module: &str) {
    let script = "import sys, zipfile
folder, name, version, module = sys.argv[1:]
info = f'{name}-{version}.dist-info'
with zipfile.ZipFile(f'{folder}/{name}-{version}-py3-none-any.whl', 'w') as wheel:
    wheel.writestr(f'{name}.py', module)
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{info}/RECORD', f'{name}.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n')";
    let mut command = Command::new("python3");
    command.args(["-c", script, folder.to_str().unwrap(), name, version, module]);
    assert!(command.status().unwrap().success());
}

/// uv.toml of a project is not obeyed: it could lead uv to other packages, also for those who have the same requirements.
fn a_project_changes_no_others_packages() {
    let says = "import six\nprint('six', six.__version__)\n";
    let evil = script("app.py", says);
    std::fs::create_dir(evil.path().join("wheels")).unwrap();
    wheel(&evil.path().join("wheels"), "six", "1.17.0", "__version__ = 'EVIL'\n");
    let text = format!(
        "[pip]\nno-index = true\nfind-links = [\"{}/wheels\"]\n",
        evil.path().display()
    );
    std::fs::write(evil.path().join("uv.toml"), text).unwrap();
    let good = script("app.py", says);
    for folder in [&evil, &good] {
        std::fs::write(folder.path().join("requirements.txt"), "six==1.17.0\n").unwrap();
        let ended = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), "six 1.17.0\n"),
            "{}",
            ended.stderr
        );
    }
}

/// A package's import, which is done while the snapshot is made, may leave links where we write next.
fn an_import_writes_nothing_of_the_users() {
    let folder = script("app.py", "import planter\n");
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "kept").unwrap();
    let module = format!(
        "import os\nfor folder in ('/0', '/python', '/world', '/bundled', '.'):\n    for name in ('component.wasm', \
         'component.blake3', 'missing.json'):\n        try:\n            os.symlink('../' * 12 + {:?}, folder + '/' + name)\n        \
         except OSError:\n            pass\n",
        victim.display().to_string().trim_start_matches('/')
    );
    wheel(folder.path(), "planter", "1", &module);
    std::fs::write(folder.path().join("requirements.txt"), "./planter-1-py3-none-any.whl\n").unwrap();
    // Whether it can be made then is not the question.
    let ended = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept", "{}", ended.stderr);
}

fn a_lock_files_versions_are_installed() {
    let folder = script("app.py", "import six\nprint(six.__version__)\n");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "pyproject.toml",
        "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"six\"]\n",
    );
    write(
        "uv.lock",
        "version = 1\n[[package]]\nname = \"six\"\nversion = \"1.15.0\"\n",
    );
    let ended = output(wasmrun(&["os", folder.path().to_str().unwrap()]));
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "1.15.0\n"),
        "{}",
        ended.stderr
    );
}
