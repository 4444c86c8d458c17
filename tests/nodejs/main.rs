//! Node projects as they are. The first run makes the engine and compiles it, so this takes half a minute where nothing is
//! cached. Needs node, npm and its registry; without them each test is listed as ignored.

mod clients;
mod compression;
mod crypto;
mod frameworks;
mod modules;
mod snapshots;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::io::{Read, Write};
use std::time::{Duration, Instant};
use support::program::{self, example, get, json, post, project, script, start, succeeds};
use support::{connect, eventually, mutations, output, wasmrun};

fn main() {
    let has_node = succeeds("node", &["--version"]) && succeeds("npm", &["--version"]);
    let tests: [(&'static str, fn()); 56] = [
        ("a_project_says_itself_what_it_is", a_project_says_itself_what_it_is),
        ("failures_are_emitted", failures_are_emitted),
        ("nodes_library_is_as_in_nodejs", modules::nodes_library_is_as_in_nodejs),
        ("odd_arguments_end_nothing", modules::odd_arguments_end_nothing),
        ("sockets_leave_by_rules", sockets_leave_by_rules),
        ("datagrams_are_as_nodes_are", clients::datagrams_are_as_nodes_are),
        ("records_are_as_nodes_are", clients::records_are_as_nodes_are),
        (
            "http_and_fetch_reach_another_guest",
            clients::http_and_fetch_reach_another_guest,
        ),
        ("tls_is_as_nodes_is", tls::is_as_nodes_is),
        ("packages_call_and_serve_by_tls", tls::packages_call_and_serve_by_tls),
        ("hostile_clients_of_tls_end_nothing", tls::hostile_clients_end_nothing),
        ("crypto_is_as_nodes_is", crypto::crypto_is_as_nodes_is),
        ("web_crypto_is_as_nodes_is", crypto::web_crypto_is_as_nodes_is),
        (
            "tokens_and_passwords_are_as_under_node",
            crypto::tokens_and_passwords_are_as_under_node,
        ),
        ("sqlite_says_what_nodes_says", sqlite::says_what_nodes_says),
        (
            "better_sqlite3_is_as_under_node",
            sqlite::better_sqlite3_is_as_under_node,
        ),
        ("odd_requests_end_nothing", odd_requests_end_nothing),
        ("a_program_hears_of_its_end", a_program_hears_of_its_end),
        (
            "what_recurses_too_deep_is_an_exception",
            what_recurses_too_deep_is_an_exception,
        ),
        ("express_says_hello", express_says_hello),
        ("express_answers_with_json", express_answers_with_json),
        ("a_program_has_what_it_expects", a_program_has_what_it_expects),
        ("bodies_come_whole", bodies_come_whole),
        ("typescript_and_modules_are_bundled", typescript_and_modules_are_bundled),
        (
            "a_slow_request_does_not_stop_the_others",
            a_slow_request_does_not_stop_the_others,
        ),
        ("many_connections_are_kept", many_connections_are_kept),
        ("clients_that_break_off_end_nothing", clients_that_break_off_end_nothing),
        ("a_crash_ends_it_with_its_stack", a_crash_ends_it_with_its_stack),
        ("an_edit_is_live_soon", an_edit_is_live_soon),
        (
            "what_is_wrong_with_a_program_is_said",
            what_is_wrong_with_a_program_is_said,
        ),
        ("nothing_is_fetched_offline", nothing_is_fetched_offline),
        (
            "nodes_modules_are_as_packages_expect",
            nodes_modules_are_as_packages_expect,
        ),
        ("express", frameworks::express),
        (
            "express_sends_files_and_streams",
            frameworks::express_sends_files_and_streams,
        ),
        ("express_has_cookies", frameworks::express_has_cookies),
        ("koa", frameworks::koa),
        ("hono", frameworks::hono),
        ("fastify", frameworks::fastify),
        ("ws", frameworks::ws),
        ("middleware", frameworks::middleware),
        ("express_compresses", compression::express_compresses),
        ("zlib_says_what_nodes_says", compression::zlib_says_what_nodes_says),
        ("zstd_says_what_nodes_says", compression::zstd_says_what_nodes_says),
        (
            "bodies_and_web_streams_are_decoded",
            compression::bodies_and_web_streams_are_decoded,
        ),
        ("socket_io", frameworks::socket_io),
        (
            "bundled_files_keep_their_names",
            modules::bundled_files_keep_their_names,
        ),
        (
            "bundles_have_nothing_from_elsewhere",
            modules::bundles_have_nothing_from_elsewhere,
        ),
        (
            "a_workspaces_packages_are_found",
            modules::a_workspaces_packages_are_found,
        ),
        ("intl_is_as_nodes_is", modules::intl_is_as_nodes_is),
        ("modules_await_as_in_nodejs", modules::modules_await_as_in_nodejs),
        ("rejections_of_commonjs_end_it", modules::rejections_of_commonjs_end_it),
        ("commonjs_imports", modules::commonjs_imports),
        ("commonjs_loads_es_modules", modules::commonjs_loads_es_modules),
        (
            "linked_packages_find_what_they_need",
            modules::linked_packages_find_what_they_need,
        ),
        ("packages_are_compiled_ahead", snapshots::packages_are_compiled_ahead),
        ("bundles_are_compiled_ahead", snapshots::bundles_are_compiled_ahead),
    ];
    program::main(tests.map(|(name, test)| (name, has_node, test)));
}

fn odd_requests_end_nothing() {
    let folder = project("mutated");
    let (run, address) = start(folder.path(), 8000, &["--language", "nodejs"]);
    // It may still be compiled.
    assert_eq!(get(address, "/").0, 200);
    let guest = run.guest();
    mutations::send(address);
    assert_eq!(get(address, "/").0, 200);
    assert_eq!(run.guest(), guest);
    run.stop();
}

fn a_project_says_itself_what_it_is() {
    let folder = project("detected");
    let (run, address) = start(folder.path(), 8000, &["--", "--more"]);
    assert_eq!(
        json(address, "/"),
        serde_json::json!([["--greeting", "--more"], "somebody \n else", "a b", "it\\n is", { "A": "b" }])
    );
    run.stop();
    // As Node does: without this file the program does not start.
    std::fs::remove_file(folder.path().join("settings.env")).unwrap();
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--quiet"]));
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .contains("ENOENT: no such file or directory, open 'settings.env'"),
        "{}",
        said.stderr
    );
    let preloads = script(
        "package.json",
        r#"{"scripts": {"start": "npm run serve", "serve": "A='1 2' node -r ./first app.js \"b c\""}}"#,
    );
    let write = |name: &str, text: &str| std::fs::write(preloads.path().join(name), text).unwrap();
    write("first.js", "globalThis.first = require.main === undefined;\n");
    write("app.js", "console.log(first, process.env.A, process.argv.slice(2));\n");
    let said = output(wasmrun(&["os", preloads.path().to_str().unwrap()]));
    assert_eq!(said.stdout, "true 1 2 [ 'b c' ]\n", "{}", said.stderr);
    write("app.js", "export {};\n");
    output(wasmrun(&["os", preloads.path().to_str().unwrap()])).says(
        2,
        "error: the start script loads ./first before the program, which is no CommonJS\n\
         hint: import ./first in the first line of the program",
    );
}

fn sockets_leave_by_rules() {
    let service = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = service.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in service.incoming() {
            use std::io::{Read, Write};
            let (mut stream, mut said) = (stream.unwrap(), [0; 6]);
            stream.read_exact(&mut said).unwrap();
            stream.write_all(b"this machine\n").unwrap();
        }
    });
    let folder = project("calls");
    let (allow, service) = (format!("localhost:{port}"), format!("SERVICE={port}"));
    let script = folder.path().join("index.js");
    let script = script.to_str().unwrap();
    let said = output(wasmrun(&["os", script, "--allow", &allow, "--env", &service]));
    let wanted = "localhost: this machine\n127.0.0.1: this machine\nhost.wasmrun.internal: this machine\nown look-up: this machine\n\
                  db.example.com: EACCES\nnobody: ECONNREFUSED\nno name: ENOTFOUND\n\
                  [[\"127.0.0.1\",4],[[{\"address\":\"::1\",\"family\":6}]],[\"192.0.2.1\",4]]\n\
                  [{\"address\":\"240.0.0.1\",\"family\":4},[\"127.0.0.1\"]]\nENOTFOUND 6 true\nundefined 0\n";
    assert_eq!(said.stdout, wanted, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("denied: db.example.com:443/tcp: no rule allows it\nhint: `--allow db.example.com:443`"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr
            .contains("refused: localhost:1: nothing listens there in the guest"),
        "{}",
        said.stderr
    );
}

fn failures_are_emitted() {
    let folder = project("detected");
    let path = folder.path().canonicalize().unwrap();
    let file = path.join("emitted.js");
    let said = output(wasmrun(&["os", file.to_str().unwrap(), "--quiet"]));
    let mut lines: Vec<&str> = said.stdout.lines().collect();
    lines.sort_unstable();
    let expected = [
        "SIGUSR2 12",
        "connect ENOENT",
        "fetch EACCES",
        "get EACCES",
        "kill ESRCH",
        "listen EACCES",
        "listen EACCES",
        "request EACCES",
        "write EPERM",
    ];
    assert_eq!(lines, expected, "{}", said.stderr);
    let path = path.display();
    let hint = format!(
        "hint: the program writes out.txt, and its folder is read-only in the guest: `--dir {path}::{path}` lets it, and files \
         that need not last go to /tmp\n"
    );
    assert_eq!(said.stderr, hint);
    assert_eq!(said.code, Some(0));
}

fn a_program_hears_of_its_end() {
    let ends = |how| program::ends_when_it_is_asked("nodejs", how);
    assert_eq!(ends("default"), "");
    assert_eq!(ends("handler"), "signal 15\nclosed\nexit function\n");
}

fn what_recurses_too_deep_is_an_exception() {
    let folder = project("deep");
    let (run, address) = start(folder.path(), 8000, &["--language", "nodejs"]);
    for (case, said) in [
        ("call", "RangeError"),
        ("getter", "RangeError"),
        ("string", "RangeError"),
        ("sort", "RangeError"),
        ("async", "RangeError"),
        ("array", "RangeError"),
        ("proxy", "RangeError"),
        ("flat", "RangeError"),
        ("equal", "RangeError"),
        ("clone", "RangeError"),
        ("stringify", "RangeError"),
        ("parse", "1"),
        ("eval", "RangeError"),
        ("pattern", "SyntaxError"),
        ("free", "freed"),
    ] {
        assert_eq!(get(address, &format!("/{case}")), (200, said.to_owned()), "{case}");
    }
    run.stop();
}

fn express_says_hello() {
    let (run, address) = start(&example("express-hello"), 3000, &["--language", "nodejs"]);
    assert_eq!(get(address, "/"), (200, "Hello from WASM process!".to_owned()));
    assert_eq!(get(address, "/elsewhere").0, 404);
    eventually("its own words", || run.stdout() == "Server running on port 3000\n");
    run.stop();
}

fn express_answers_with_json() {
    let (run, address) = start(&example("express-api"), 3000, &[]);
    assert_eq!(
        json(address, "/api/hello"),
        serde_json::json!({"message": "Hello from WASM!"})
    );
    run.stop();
}

fn a_program_has_what_it_expects() {
    let folder = project("node");
    let path = folder.path().canonicalize().unwrap();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let (run, address) = start(&path, 8100, &["--", "one", "two"]);
        let mut answer = json(address, "/");
        numbers.push(answer["random"].take());
        let mut expected = program::world(&path, "server.js");
        expected["client"] = "127.0.0.1".into();
        assert_eq!(answer, expected);
        assert_eq!(json(address, "/")["count"], 2, "its state is kept");
        eventually("its own words", || run.stdout() == "it serves\n");
        run.stop();
    }
    assert_ne!(numbers[0], numbers[1], "every start has random numbers of its own");
}

fn bodies_come_whole() {
    let folder = project("node");
    let (run, address) = start(folder.path(), 8100, &[]);
    // printf abc | sha256sum
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(post(address, b"abc"), serde_json::json!({"length": 3, "hash": hash}));
    assert_eq!(post(address, &vec![b'x'; 3_000_000])["length"], 3_000_000);
    // In chunks, and two requests at once.
    let mut stream = connect(address);
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\nGET /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (first, second) = text.split_once("}HTTP/1.1 200 OK").unwrap();
    assert!(first.contains(hash), "{text}");
    assert!(
        ["0\n", "1\n", "2\n"].iter().all(|piece| second.contains(piece)),
        "{text}"
    );
    run.stop();
}

fn typescript_and_modules_are_bundled() {
    let folder = project("typescript");
    let (mut run, address) = start(folder.path(), 8200, &["--watch"]);
    assert_eq!(get(address, "/"), (200, "hello, files".to_owned()));
    let file = folder.path().join("src/greet.ts");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("hello", "good day")).unwrap();
    eventually("the edit is live", || get(address, "/").1 == "good day, files");
    std::fs::write(&file, "export const greet = (name: string => ;\n").unwrap();
    run.wait_for("src/greet.ts:1:");
    run.wait_for("still serving #2");
    // A rejection that nobody handles ends a program, as in Node.
    get(address, "/reject");
    run.wait_for("nobody caught this");
    run.stop();
}

fn a_slow_request_does_not_stop_the_others() {
    let folder = project("node");
    let (run, address) = start(folder.path(), 8100, &[]);
    program::slow_requests_stop_nobody(address, Duration::from_secs(4));
    run.stop();
}

fn many_connections_are_kept() {
    let folder = project("node");
    let (run, address) = start(folder.path(), 8100, &[]);
    let mut open: Vec<_> = (0..100).map(|_| connect(address)).collect();
    for _ in 0..3 {
        for stream in &mut open {
            stream.write_all(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        }
        for stream in &mut open {
            let mut text = Vec::new();
            let mut byte = [0];
            while !text.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                text.push(byte[0]);
            }
            assert!(
                text.starts_with(b"HTTP/1.1 200 OK\r\n"),
                "{}",
                String::from_utf8_lossy(&text)
            );
        }
    }
    drop(open);
    assert_eq!(get(address, "/").0, 200);
    run.stop();
}

fn clients_that_break_off_end_nothing() {
    let folder = project("node");
    let (run, address) = start(folder.path(), 8100, &[]);
    program::break_off(
        address,
        &[
            "",
            "GET / HT",
            "GET /stream HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf",
            "nonsense\r\n\r\n",
        ],
    );
    let blank = std::thread::spawn(move || {
        let mut stream = connect(address);
        // It is refused on the way.
        while stream.write_all(&b"\r\n".repeat(32 * 1024)).is_ok() {}
    });
    let started = Instant::now();
    assert_eq!(get(address, "/").0, 200);
    blank.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    run.stop();
}

fn a_crash_ends_it_with_its_stack() {
    let folder = project("node");
    let path = folder.path().canonicalize().unwrap();
    let (mut run, address) = start(folder.path(), 8100, &[]);
    let mut stream = connect(address);
    stream.write_all(b"GET /crash HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(run.ended().code(), Some(1));
    let place = format!("{}/server.js:20:", path.display());
    assert!(run.stderr().contains("Error: crashed on purpose\n"), "{}", run.stderr());
    assert!(run.stderr().contains(&place), "{}", run.stderr());
}

fn an_edit_is_live_soon() {
    let folder = support::folder();
    program::copy(&example("express-hello"), folder.path());
    let file = folder.path().join("server.js");
    let original = std::fs::read_to_string(&file).unwrap();
    let (mut run, address) = start(folder.path(), 3000, &["--watch"]);
    program::edits_are_live(&file, "Hello", |word| get(address, "/").1.starts_with(word));
    std::fs::write(&file, "const broken = ;\n").unwrap();
    run.wait_for("SyntaxError");
    run.wait_for("still serving #6");
    assert!(get(address, "/").1.starts_with("edit 4"));
    std::fs::write(&file, &original).unwrap();
    eventually("the mended program serves", || get(address, "/").1.starts_with("Hello"));
    run.stop();
}

fn what_is_wrong_with_a_program_is_said() {
    let run = |text: &str| {
        let folder = script("app.js", text);
        let file = folder.path().join("app.js");
        let said = output(wasmrun(&["os", file.to_str().unwrap(), "--quiet"]));
        let path = folder.path().canonicalize().unwrap();
        (said.code, said.stderr.replace(path.to_str().unwrap(), "FOLDER"))
    };
    let says = |text: &str, pieces: &[&str]| {
        let (code, said) = run(text);
        assert_eq!(code, Some(1), "{said}");
        assert!(pieces.iter().all(|piece| said.contains(piece)), "{said}");
    };
    says("let one;\nlet x = ;\n", &["SyntaxError", "FOLDER/app.js:2:"]);
    says(
        "\nrequire('absent');\n",
        &["Error: Cannot find module 'absent'", "FOLDER/app.js:2:"],
    );
    says("\n\nnull.x;\n", &["TypeError", "FOLDER/app.js:3:"]);
    assert_eq!(run("process.exitCode = 3;\n"), (Some(3), String::new()));
    let folder = script("package.json", r#"{"scripts": {"start": "next start"}}"#);
    output(wasmrun(&["os", folder.path().to_str().unwrap()])).says(
        2,
        "error: cannot use the start script `next start` of package.json: `next` is neither Node.js nor a program of its packages\n\
         hint: name the entry point: `script` under `[nodejs]` in .wasmrun.toml",
    );
}

fn nothing_is_fetched_offline() {
    let folder = script("app.js", "console.log('hello')\n");
    let file = folder.path().join("app.js");
    let cache = support::folder();
    let mut command = wasmrun(&["os", file.to_str().unwrap(), "--offline"]);
    command.env("WASMRUN_CACHE_DIR", cache.path());
    output(command).says(
        2,
        "error: the Node.js toolchain is not installed, and offline mode forbids fetching it\nhint: run once without `--offline`",
    );
    let once = output(wasmrun(&["os", file.to_str().unwrap()]));
    assert_eq!(once.stdout, "hello\n", "{}", once.stderr);
    let again = output(wasmrun(&["os", file.to_str().unwrap(), "--offline"]));
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "hello\n"),
        "{}",
        again.stderr
    );
}

fn nodes_modules_are_as_packages_expect() {
    let folder = script(
        "app.js",
        r#"
        const assert = require('assert');
        const fs = require('fs');
        const stream = require('stream');
        assert.throws(() => fs.statSync('/nowhere/at/all'), { code: 'ENOENT', syscall: 'stat' });
        // Packages that bring streams of their own inherit from this one; it is not Readable.
        const old = {};
        stream.call(old);
        assert.strictEqual(old._readableState, undefined);
        assert(stream.Readable.prototype instanceof stream);
        assert.strictEqual(crypto.randomUUID().length, 36);
        const { KeyObject, createSecretKey } = require('crypto');
        const key = createSecretKey(Buffer.from('word'));
        assert(key instanceof KeyObject && key.equals(createSecretKey('word', 'utf8')));
        assert(!key.equals(createSecretKey('other', 'utf8')));
        const bytes = Buffer.from('some text');
        assert.strictEqual(bytes.latin1Slice(5), 'text');
        assert.strictEqual(bytes.toString('hex', 0, 2), '736f');
        assert.strictEqual(bytes.toString('base64url', 5), 'dGV4dA');
        assert.strictEqual(bytes.hexWrite('41', 0), 1);
        assert.strictEqual(bytes.utf8Slice(0, 4), 'Aome');
        console.log('all of it');
        "#,
    );
    let file = folder.path().join("app.js");
    let said = output(wasmrun(&["os", file.to_str().unwrap(), "--quiet"]));
    assert_eq!(said.stdout, "all of it\n", "{}", said.stderr);
}
