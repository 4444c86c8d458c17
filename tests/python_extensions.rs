//! Native code of Python packages, built for the guest. Needs python3 with venv, PyPI, cargo with wasm32-wasip2 and crates.io;
//! without them each test is listed as ignored, and so it is without TEST_FULL: they build for minutes, so `.ci/full` has them.

mod support;

use std::io::Write;
use std::net::SocketAddr;
use support::program::{self, get, project, script, succeeds};
use support::{Run, connect, output, wasmrun};

fn main() {
    let is_wanted = std::env::var_os("TEST_FULL").is_some();
    let is_possible = is_wanted && succeeds("python3", &["-c", "import venv, ensurepip"]) && program::has_rust();
    let tests: [program::Test; 2] = [
        (
            "native_code_in_rust_is_built_for_the_guest",
            is_possible,
            native_code_in_rust_is_built_for_the_guest,
        ),
        (
            "fastapi_answers_as_its_first_page_says",
            is_possible,
            fastapi_answers_as_its_first_page_says,
        ),
    ];
    program::main(tests);
}

/// rpds-py is an extension in Rust, and jsonschema is built on it.
fn native_code_in_rust_is_built_for_the_guest() {
    let folder = script(
        "app.py",
        "import jsonschema, rpds\nprint(sorted(rpds.HashTrieMap({'a': 1}).insert('b', 2)))\ntry:\n    \
         jsonschema.validate({'a': 'x'}, {'properties': {'a': {'type': 'integer'}}})\nexcept jsonschema.ValidationError as \
         error:\n    print(error.message)\n",
    );
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let run = || {
        let mut wasmrun = wasmrun(&["os", folder.path().to_str().unwrap()]);
        program::builds_apart(&mut wasmrun);
        output(wasmrun)
    };
    write("requirements.txt", "jsonschema\n");
    let without = run();
    assert_eq!(without.code, Some(1), "{}", without.stderr);
    for said in [
        "rpds.rpds is native code (of rpds_py ",
        "with `build-packages = true` under `[python]`",
    ] {
        assert!(without.stderr.contains(said), "{}", without.stderr);
    }
    write(".wasmrun.toml", "[python]\nbuild-packages = true\n");
    let expected = "['a', 'b']\n'x' is not of type 'integer'\n";
    let built = run();
    assert_eq!(
        (built.code, built.stdout.as_str()),
        (Some(0), expected),
        "{}",
        built.stderr
    );
    // Another set of packages has it without a build.
    write("requirements.txt", "jsonschema\nsix\n");
    let again = run();
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), expected),
        "{}",
        again.stderr
    );
    assert!(!again.stderr.contains("building rpds_py "), "{}", again.stderr);
}

/// <https://fastapi.tiangolo.com/#example>
fn fastapi_answers_as_its_first_page_says() {
    let folder = project("fastapi");
    let mut wasmrun = wasmrun(&["os", folder.path().to_str().unwrap(), "--forward", "0:8000"]);
    program::builds_apart(&mut wasmrun);
    let mut run = Run::of(wasmrun);
    let address = run.ready_within(8000, 3 * program::FIRST);
    assert_eq!(get(address, "/"), (200, r#"{"Hello":"World"}"#.to_owned()));
    let item = r#"{"item_id":5,"q":"somequery"}"#;
    assert_eq!(get(address, "/items/5?q=somequery"), (200, item.to_owned()));
    let (status, refused) = get(address, "/items/foo");
    assert_eq!(status, 422);
    assert!(refused.contains("int_parsing"), "{refused}");
    let (status, page) = get(address, "/docs");
    assert_eq!((status, page.contains("swagger-ui")), (200, true));
    let (_, described) = get(address, "/openapi.json");
    assert!(described.contains(r#""title":"FastAPI""#), "{described}");
    assert_eq!(
        put_item(address, r#"{"name":"a","price":1.5}"#),
        (200, r#"{"item_name":"a","item_id":3}"#.to_owned())
    );
    let (status, refused) = put_item(address, r#"{"name":"a","price":"x"}"#);
    assert_eq!((status, refused.contains("float_parsing")), (422, true), "{refused}");
    run.stop();
}

fn put_item(address: SocketAddr, body: &str) -> (u16, String) {
    let mut stream = connect(address);
    write!(
        stream,
        "PUT /items/3 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    support::answer(stream)
}
