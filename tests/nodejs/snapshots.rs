//! Packages that are compiled ahead, for the next start.

use crate::support::network::eventually_within;
use crate::support::program::{FIRST, get, json, project, script, start};
use crate::support::{Run, connect, eventually};
use serde_json::{Value, json as value};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

const PORT: u16 = 8300;
const SERVER: &str = "const http = require('http');
const one = require('one');
http.createServer((req, res) => {
  if (req.url === '/exit') process.exit(1);
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
    file(
        "one/lib/deep/word.js",
        "\u{feff}// An old\r// Mac's\rmodule.exports = 'word';\n",
    );
    file("one/lib/data.json", r#"{"word": "data"}"#);
    file(
        "two/index.js",
        "#!/usr/bin/env node\nmodule.exports = 'two'; // no line's end",
    );
    file("three/index.js", "module.exports = 'three';\n");
    file("one/node_modules/unused/index.js", "");

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

    // A folder of the user's in their place wins.
    let other = crate::support::folder();
    let place = other.path().join("one");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("index.js"), "exports.words = ['other'];\n").unwrap();
    let rule = format!("{}::{}", other.path().display(), packages.display());
    let (run, address) = start(&path, PORT, &["--dir", &rule]);
    assert_eq!(asked(address)["words"], value!(["other"]));
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
    file(
        "one/lib/deep/word.js",
        "\u{feff}// An old\r// Mac's\rmodule.exports = 'edit';\n",
    );
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
    let (run, address) = served(&path, "you");
    let sixth = asked(address);
    assert!(is_ahead(&run));
    assert_eq!(sixth, fifth);
    // Also where only the guest starts again.
    file("two/index.js", "module.exports = 'unused';\n");
    file("one/node_modules/two/index.js", "module.exports = 'again';\n");
    let mut stream = connect(address);
    stream.write_all(b"GET /exit HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    eventually("the edit is live", || asked(address)["words"][1] == "again");
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
    start(
        folder,
        PORT,
        &["-v", "--restart", "always", "--env", &format!("WHO={who}")],
    )
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
