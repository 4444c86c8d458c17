//! Packages that are compiled ahead, for the next start.

use crate::support::Run;
use crate::support::network::eventually_within;
use crate::support::program::{FIRST, get, json, project, script, start};
use serde_json::{Value, json as value};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

const PORT: u16 = 8300;
const SERVER: &str = "const http = require('http');
const one = require('one');
http.createServer((req, res) => {
  let stack = '';
  try { one.fail(); } catch (e) { stack = e.stack; }
  const loaded = Object.keys(require.cache).filter((file) => file.includes('node_modules'));
  res.end(JSON.stringify({ words: one.words, who: one.who, file: one.file, at: stack.split('\\n')[1], loaded: loaded.length }));
}).listen(8300);
";
const ONE: &str = "'use strict';
exports.words = [require('./deep/word'), require('two'), require('./data.json').word];
exports.who = process.env.WHO;
exports.file = __filename;
exports.fail = () => {
  throw new Error('from one'); };
";

pub fn packages_are_compiled_ahead() {
    let folder = script("package.json", r#"{"dependencies": {"one": "1"}}"#);
    let path = folder.path().canonicalize().unwrap();
    let packages = path.join("node_modules");
    let file = |name: &str, text: &str| {
        let place = packages.join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, text).unwrap();
        // As npm leaves them.
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(499_162_500);
        File::options()
            .write(true)
            .open(&place)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    fs::write(path.join("index.js"), SERVER).unwrap();
    file("one/package.json", r#"{"main": "lib/index"}"#);
    file("one/lib/index.js", ONE);
    file("one/lib/deep/word.js", "\u{feff}module.exports = 'word';\n");
    file("one/lib/data.json", r#"{"word": "data"}"#);
    file(
        "two/index.js",
        "#!/usr/bin/env node\nmodule.exports = 'two'; // no line's end",
    );
    file("three/index.js", "module.exports = 'three';\n");

    let answer = |words: [&str; 3], who: &str, loaded: usize| {
        let one = packages.join("one/lib/index.js");
        let at = format!("    at {}:6:13", one.display());
        value!({ "words": words, "who": who, "file": one, "at": at, "loaded": loaded })
    };
    let now = |who: &str| {
        let (run, address) = served(&path, who);
        let said = asked(address);
        (run, said)
    };

    let (run, first) = now("me");
    assert!(!is_ahead(&run));
    assert_eq!(first, answer(["word", "two", "data"], "me", 4));
    becomes_ahead(&run);
    run.stop();

    // The same, with the values of this start.
    let (run, second) = now("you");
    assert!(is_ahead(&run), "{}", run.stderr());
    assert_eq!(second, answer(["word", "two", "data"], "you", 4));
    run.stop();

    // The program's own files are not in it, and what they load besides is found as ever.
    fs::write(path.join("index.js"), SERVER.replace("one.words", "[require('three')]")).unwrap();
    let (run, third) = now("you");
    assert!(is_ahead(&run));
    assert_eq!(third["words"], value!(["three"]));
    becomes_ahead(&run);
    run.stop();
    fs::write(path.join("index.js"), SERVER).unwrap();

    // A change of a package is live, also one that leaves its size and time as they were.
    file("one/lib/deep/word.js", "\u{feff}module.exports = 'edit';\n");
    let (run, fourth) = now("you");
    assert!(!is_ahead(&run));
    assert_eq!(fourth, answer(["edit", "two", "data"], "you", 4));
    becomes_ahead(&run);
    run.stop();

    // And one that comes before another now.
    file("one/node_modules/two/index.js", "module.exports = 'nearer';\n");
    let (run, fifth) = now("you");
    assert!(!is_ahead(&run));
    assert_eq!(fifth, answer(["edit", "nearer", "data"], "you", 4));
    becomes_ahead(&run);
    run.stop();
    let (run, sixth) = now("you");
    assert!(is_ahead(&run));
    assert_eq!(sixth, fifth);
    run.stop();
}

pub fn bundles_are_compiled_ahead() {
    let folder = project("typescript");
    let source = folder.path().canonicalize().unwrap().join("src");
    let start = || {
        // What changes while it is bundled is left alone.
        std::thread::sleep(Duration::from_millis(50));
        start(folder.path(), 8200, &["-v"])
    };
    let said = |address: SocketAddr| {
        let stack = get(address, "/stack").1;
        let place = format!("{}/server.ts:13:", source.display());
        assert!(stack.contains(&place), "{stack}");
        assert!(!stack.contains("/bundle/"), "{stack}");
        (json(address, "/places"), stack)
    };
    let (run, address) = start();
    assert!(!is_ahead(&run));
    let first = said(address);
    becomes_ahead(&run);
    run.stop();

    let (run, address) = start();
    assert!(is_ahead(&run), "{}", run.stderr());
    assert_eq!(said(address), first);
    run.stop();

    // What decides how it is bundled counts as well.
    let settings = folder.path().join("tsconfig.json");
    fs::write(&settings, r#"{"compilerOptions": {"target": "es2022"}}"#).unwrap();
    let (run, address) = start();
    assert!(!is_ahead(&run));
    assert_eq!(said(address), first);
    run.stop();
    fs::remove_file(settings).unwrap();

    let deep = source.join("deep/place.ts");
    let text = fs::read_to_string(&deep).unwrap();
    fs::write(&deep, text.replace("import.meta.url", "'edited'")).unwrap();
    let (run, address) = start();
    assert!(!is_ahead(&run));
    assert_eq!(json(address, "/places")[0][0], "edited");
    run.stop();
}

fn served(folder: &Path, who: &str) -> (Run, SocketAddr) {
    start(folder, PORT, &["-v", "--env", &format!("WHO={who}")])
}

fn asked(address: SocketAddr) -> Value {
    json(address, "/")
}

fn is_ahead(run: &Run) -> bool {
    run.stderr().contains("packages: compiled before")
}

#[track_caller]
fn becomes_ahead(run: &Run) {
    eventually_within("compiled ahead", FIRST, || {
        run.stderr().contains("packages: compiled for the next start")
    });
}
