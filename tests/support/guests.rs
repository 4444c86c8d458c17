//! Guests for tests, built from their text at test time.

use std::path::{Path, PathBuf};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes a component of a core module in the text format, for a world of `examples/wit`.
pub fn component(text: &Path, world: &str) -> Vec<u8> {
    let source = std::fs::read_to_string(text).unwrap_or_else(|error| panic!("{}: {error}", text.display()));
    encode(text, &source, world)
}

/// A component for a guest's text in which `from` was replaced by `to`, for guests that differ from build to build.
pub fn variant(text: &Path, world: &str, from: &str, to: &str) -> Vec<u8> {
    let source = std::fs::read_to_string(text).unwrap_or_else(|error| panic!("{}: {error}", text.display()));
    assert!(source.contains(from), "{} has no `{from}`", text.display());
    encode(text, &source.replace(from, to), world)
}

/// A guest's text with so many more functions, each of some 250 bytes and unlike the others; `changed` is in one of them.
pub fn bulky(source: &str, functions: usize, changed: u64) -> String {
    use std::fmt::Write;
    let mut more = String::new();
    for number in 0..functions {
        let seed = if number == functions / 2 { changed } else { 0 };
        let _ = write!(
            more,
            "(func $bulk{number} (param i32 i32) (result i32) (local i32 i64)
               (local.set 2 (i32.const {number})) (local.set 3 (i64.const {seed}))"
        );
        for step in 0..6 {
            let constant = number.wrapping_mul(2_654_435_761) as u32 as usize ^ step;
            let _ = write!(
                more,
                "(loop $again
                   (local.set 2 (i32.add (i32.mul (local.get 2) (local.get 0)) (i32.const {})))
                   (local.set 3 (i64.xor (local.get 3) (i64.extend_i32_u (i32.rotl (local.get 2) (local.get 1)))))
                   (br_if $again (i32.lt_u (local.get 2) (i32.const {}))))",
                constant & 0x7fff_ffff,
                step * 1000 + number % 1000,
            );
        }
        more.push_str("(i32.wrap_i64 (i64.add (local.get 3) (i64.extend_i32_s (local.get 2)))))\n");
    }
    let end = source.trim_end().strip_suffix(')').expect("a module in parentheses");
    format!("{end}\n{more})")
}

/// A component with one more core module in it, which is compiled and never used.
pub fn with_module(mut component: Vec<u8>, module: &[u8]) -> Vec<u8> {
    use wasm_encoder::{ComponentSection, RawSection};
    RawSection {
        id: wasm_encoder::ComponentSectionId::CoreModule.into(),
        data: module,
    }
    .append_to_component(&mut component);
    component
}

/// The world of guests with TLS, which is no example.
const TLS: &str = "package wasmrun:tls-guests;
    world tls { include wasmrun:guests/command; import wasmrun:tls/session@0.1.0; }";

pub fn encode(text: &Path, source: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(source).unwrap_or_else(|error| panic!("{}: {error}", text.display()));
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(root().join("examples/wit"))
        .expect("examples/wit is valid");
    resolve
        .push_dir(root().join("languages/src/python/guest/wit/deps/tls"))
        .expect("what programs in Python have is valid");
    let own = resolve.push_source("tls.wit", TLS).expect("the world is valid");
    let package = if world == "tls" { own } else { package };
    let world = resolve.select_world(&[package], Some(world)).expect("the world exists");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.unwrap_or_else(|error| panic!("{}: {error:#}", text.display()))
}

/// A guest of `fetch` that asks this authority.
pub fn fetches(scheme: &str, authority: &str) -> Vec<u8> {
    encode(&fetch(), &asking(scheme, authority), "http-and-client")
}

/// The same by http; it waits so long for a connection, and for the answer's first byte, in milliseconds.
pub fn fetches_within(authority: &str, connect: u64, first_byte: u64) -> Vec<u8> {
    let mut source = asking("http", authority);
    for (name, milliseconds) in [("connect", connect), ("first-byte", first_byte)] {
        let long = format!("(global ${name} i64 (i64.const 600000000000))");
        assert!(source.contains(&long));
        source = source.replace(&long, &format!("(global ${name} i64 (i64.const {milliseconds}000000))"));
    }
    encode(&fetch(), &source, "http-and-client")
}

fn fetch() -> PathBuf {
    root().join("tests/guests/fetch.wat")
}

fn asking(scheme: &str, authority: &str) -> String {
    let source = std::fs::read_to_string(fetch()).unwrap();
    let escaped: String = authority.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = format!("(i32.const 0x108) (i32.const {})", authority.len());
    let scheme = if scheme == "https" { 1 } else { 0 };
    let chosen = format!("(call $set-scheme (local.get $request) (i32.const 1) (i32.const {scheme})");
    let changed = source
        .replace("\"/fetchedapi.example.com\"", &format!("\"/fetched{escaped}\""))
        .replace("(i32.const 0x108) (i32.const 15)", &length)
        .replace(
            "(call $set-scheme (local.get $request) (i32.const 1) (i32.const 0)",
            &chosen,
        );
    assert!(changed.contains(&length) && changed.contains(&escaped) && changed.contains(&chosen));
    changed
}

/// Who runs the tests: they may be run as root and as another user one after the other, and in a user namespace
/// everybody is root, so the outer id is handed in.
pub fn user() -> String {
    std::env::var(USER).unwrap_or_else(|_| nix::unistd::geteuid().to_string())
}

/// The variable that hands it in.
pub const USER: &str = "WASMRUN_TEST_USER";

/// The path of a test guest that can be run. Its first line says what it is.
pub fn guest(name: &str) -> PathBuf {
    let text = root().join("tests/guests").join(name).with_extension("wat");
    let source = std::fs::read_to_string(&text).unwrap_or_else(|error| panic!("{}: {error}", text.display()));
    let world = source.strip_prefix(";; world ").and_then(|rest| rest.split_once(':'));
    let Some((world, _)) = world else {
        return text;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guests-{}", user()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name).with_extension("wasm");
    // Tests run side by side: each puts the whole file in place at once.
    let file = tempfile::NamedTempFile::new_in(&folder).unwrap();
    std::fs::write(file.path(), component(&text, world)).unwrap();
    file.persist(&path).unwrap();
    // Another user may run it.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    path
}

/// The code of the guest `exit7`, as the cache has it: the file that is new after it was compiled for the first time.
pub fn compiled() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = super::wasmrun(&["os", guest("exit7").to_str().unwrap()]);
    command.env("WASMRUN_CACHE_DIR", folder.path().join("code"));
    assert_eq!(super::output(command).code, Some(7));
    let files = std::fs::read_dir(folder.path().join("code")).unwrap().flatten();
    let code = files
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|end| end == "cwasm"));
    std::fs::read(code.expect("compiled code in the cache")).unwrap()
}
