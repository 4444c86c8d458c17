//! Where a program's files come from, what they are called, and what is said when one fails.

use crate::support::program::{get, json, project, same_as_node, script, start};
use crate::support::{connect, output, wasmrun};
use serde_json::json as value;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

pub fn bundled_files_keep_their_names() {
    let folder = project("typescript");
    let path = folder.path().canonicalize().unwrap();
    let source = path.join("src");
    let (mut run, address) = start(&path, 8200, &[]);
    let url = |path: &Path| format!("file://{}", path.display());
    assert_eq!(
        json(address, "/places"),
        value!([
            [url(&source.join("deep/place.ts")), source.join("deep")],
            [url(&source.join("server.ts")), source]
        ])
    );
    let stack = get(address, "/stack").1;
    assert!(stack.starts_with("Error: looked at\n"), "{stack}");
    let place = format!("{}/server.ts:13:", source.display());
    assert!(stack.contains(&place), "{stack}");
    assert!(!stack.contains("/bundle/"), "{stack}");

    let mut stream = connect(address);
    stream.write_all(b"GET /throw HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(run.ended().code(), Some(1));
    let said = run.stderr();
    assert!(said.contains("TypeError: thrown in deep/place.ts\n"), "{said}");
    assert!(
        said.contains(&format!("{}/deep/place.ts:11:", source.display())),
        "{said}"
    );
}

pub fn bundles_have_nothing_from_elsewhere() {
    let whole = script("package.json", "{}");
    let folder = whole.path().canonicalize().unwrap();
    let app = folder.join("app");
    std::fs::create_dir(&app).unwrap();
    std::fs::write(folder.join("secret.json"), r#"{"key": "of the host"}"#).unwrap();
    std::fs::write(app.join("package.json"), r#"{"type": "module"}"#).unwrap();
    let run = || output(wasmrun(&["os", app.to_str().unwrap(), "--quiet"]));
    let secret = folder.join("secret.json");
    symlink(&secret, app.join("link.json")).unwrap();
    for name in ["../secret.json", secret.to_str().unwrap(), "./link.json"] {
        let text = format!("import secret from {name:?};\nconsole.log(secret.key);\n");
        std::fs::write(app.join("index.js"), text).unwrap();
        let said = run();
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(2), ""),
            "{name}: {}",
            said.stderr
        );
        // esbuild is not shown it at all.
        assert!(said.stderr.contains("Could not resolve"), "{name}: {}", said.stderr);
    }
    // Its workspace is its own.
    std::fs::write(folder.join("package.json"), r#"{"workspaces": ["app"]}"#).unwrap();
    let said = run();
    assert_eq!(said.stdout, "of the host\n", "{}", said.stderr);
}

/// Package managers put a workspace's packages into the folder of its root.
pub fn a_workspaces_packages_are_found() {
    let whole = script("package.json", r#"{"private": true, "workspaces": ["packages/*"]}"#);
    let root = whole.path().canonicalize().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let manifest =
        r#"{"name": "web", "main": "app.js", "dependencies": {"far": "1.0.0", "own-of-the-workspace": "1.0.0"}}"#;
    write("packages/web/package.json", manifest);
    write(
        "packages/web/app.js",
        "console.log(require('far'), require('own-of-the-workspace'));",
    );
    write(
        "packages/own/package.json",
        r#"{"name": "own-of-the-workspace", "main": "own.js"}"#,
    );
    write("packages/own/own.js", "module.exports = 'own';");
    let web = root.join("packages/web");
    let run = || output(wasmrun(&["os", web.to_str().unwrap()]));
    // Nothing of these names comes from a registry.
    let said = run();
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let message = format!("run `npm install` in {}", root.display());
    assert!(said.stderr.contains(&message), "{}", said.stderr);
    write("node_modules/far/index.js", "module.exports = 'far';");
    symlink("../packages/own", root.join("node_modules/own-of-the-workspace")).unwrap();
    let said = run();
    assert_eq!(said.stdout, "far own\n", "{}", said.stderr);
}

/// A thousand lines of English, dates in zones of this machine among them.
pub fn intl_is_as_nodes_is() {
    let folder = project("intl");
    same_as_node(&folder.path().join("index.js"), 1001);
    // There is one locale, and it is said where another is asked for.
    let other = folder.path().join("other.js");
    let text = "for (const _ of [1, 2]) console.log((1234.5).toLocaleString('de-DE'), new Intl.NumberFormat('de').resolvedOptions().locale);\n";
    std::fs::write(&other, text).unwrap();
    let said = output(wasmrun(&["os", other.to_str().unwrap(), "--quiet"]));
    assert_eq!(said.stdout, "1,234.5 en-US\n".repeat(2));
    let warning =
        "warning: Intl.NumberFormat: this guest has the locale of English alone, and answers for de-DE with it\n";
    assert_eq!(said.stderr, warning);
}

/// Two hundred lines of what Node.js's own modules say, from `path` to `vm`.
pub fn nodes_library_is_as_in_nodejs() {
    let folder = project("library");
    same_as_node(&folder.path().join("index.js"), 190);
    same_as_node(&folder.path().join("stores.js"), 5);
}

/// What a host call cannot take ended the whole guest.
pub fn odd_arguments_end_nothing() {
    let folder = project("library");
    let said = output(wasmrun(&[
        "os",
        folder.path().join("odd.js").to_str().unwrap(),
        "--quiet",
    ]));
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "true alive\n"),
        "{}",
        said.stderr
    );
}

/// Awaits at the top of modules, and the order in which promises go on.
pub fn modules_await_as_in_nodejs() {
    let folder = project("awaits");
    let place = |name: &str| folder.path().canonicalize().unwrap().join(name);
    for name in ["index.js", "order.js"] {
        same_as_node(&place(name), 10);
    }
    let said = output(wasmrun(&["os", place("throws.js").to_str().unwrap(), "--quiet"]));
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), "before\n"));
    let wanted = format!("Error: at the top\n    at {}:4:", place("throws.js").display());
    assert!(said.stderr.starts_with(&wanted), "{}", said.stderr);
    let said = output(wasmrun(&["os", place("unsettled.js").to_str().unwrap(), "--quiet"]));
    assert_eq!((said.code, said.stdout.as_str()), (Some(13), "waits\n"));
    assert_eq!(said.stderr, "Warning: Detected unsettled top-level await\n");
    let (run, address) = start(&place("serves.js"), 3000, &[]);
    assert_eq!(get(address, "/"), (200, "served".to_owned()));
    run.stop();
    // CommonJS cannot wait for one.
    std::fs::write(place("requires.cjs"), "require('./index.js');\n").unwrap();
    let said = output(wasmrun(&["os", place("requires.cjs").to_str().unwrap(), "--quiet"]));
    assert_eq!(said.code, Some(1), "{}", said.stdout);
}

pub fn rejections_of_commonjs_end_it() {
    let run = |text: &str| {
        let folder = script("app.js", text);
        let file = folder.path().join("app.js");
        let said = output(wasmrun(&["os", file.to_str().unwrap(), "--quiet"]));
        let path = folder.path().canonicalize().unwrap();
        (
            said.code,
            said.stdout,
            said.stderr.replace(path.to_str().unwrap(), "FOLDER"),
        )
    };
    // In each shape that an async function can have.
    for text in [
        "(async () => {\n  await null;\n  throw new Error('left alone');\n})();\n",
        "async function f(a, b = {}) {\n  await null;\n  throw new Error('left alone');\n}\nf(1);\n",
        "class A {\n  static async f(a) {\n    throw new Error('left alone');\n  }\n}\nA.f();\n",
        "const o = {\n  async f() {\n    throw new Error('left alone');\n  },\n};\no.f();\n",
        "const fail = () => {\n\n  throw new Error('left alone'); };\nconst f = async a => await fail(a) / 2\nf();\n",
        "setTimeout(async function () {\n  await null;\n  throw new Error('left alone');\n}, 5);\n",
    ] {
        let (code, _, said) = run(text);
        assert_eq!(code, Some(1), "{text}{said}");
        assert!(said.starts_with("Error: left alone\n"), "{text}{said}");
        assert!(said.contains("FOLDER/app.js:3:"), "{text}{said}");
    }
    // A promise that takes the outcome of another.
    for text in [
        "Promise.resolve().then(() => Promise.reject(new Error('passed on')));\n",
        "Promise.reject(new Error('passed on')).finally(() => {});\n",
        "new Promise((resolve) => resolve(Promise.reject(new Error('passed on'))));\n",
        "new Promise((resolve) => resolve({ then(a, b) { b(new Error('passed on')); } }));\n",
        "new Promise((resolve) => resolve({ then() { throw new Error('passed on'); } }));\n",
    ] {
        let (code, _, said) = run(text);
        assert_eq!(code, Some(1), "{text}{said}");
        assert!(said.starts_with("Error: passed on\n"), "{text}{said}");
    }
    let (code, said, _) = run(
        "process.on('unhandledRejection', (reason, promise) => console.log(reason.message, promise instanceof Promise));\n\
         (async () => { throw new Error('listened for'); })();\n",
    );
    assert_eq!((code, said.as_str()), (Some(0), "listened for true\n"));
    // What is handled is nobody's fault, and what looks like an async function but is not stays what it is.
    let (code, said, errors) = run(r#"
        const fail = async () => { throw new Error('handled'); };
        const text = `async () => { ${'async'} }`, pattern = /async () => {/, async = (a) => a;
        async function keeps(a) { var a = a ?? 'kept'; return [a, arguments.length, this.word]; }
        (async () => {
          try { await fail(); } catch (error) { console.log(error.message); }
          await fail().catch(() => {});
          const all = await Promise.allSettled([fail(), keeps.call({ word: 'this' })]);
          console.log(all[1].value.join(), keeps.name, keeps.length, async(text.length), pattern.source.length);
        })();
    "#);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(said, "handled\nkept,0,this keeps 1 21 13\n");
}

pub fn commonjs_imports() {
    let folder = script(
        "app.js",
        r#"
        import('fs').then((fs) => console.log(fs.default === require('fs'), typeof fs.readFileSync));
        import('./other').then(({ default: other, word }) => console.log(other.word, word));
        import('absent').catch((error) => console.log(error.code));
        console.log('import(one)', ({ import: (x) => x }).import(2));
        import('./module.mjs').then(({ word }) => console.log(word));
        "#,
    );
    std::fs::write(folder.path().join("other.js"), "exports.word = 'other';\n").unwrap();
    std::fs::write(folder.path().join("module.mjs"), "export const word = 'module';\n").unwrap();
    let file = folder.path().join("app.js");
    let said = output(wasmrun(&["os", file.to_str().unwrap(), "--quiet"]));
    assert_eq!(
        said.stdout, "import(one) 2\ntrue function\nother other\nMODULE_NOT_FOUND\nmodule\n",
        "{}",
        said.stderr
    );
}

pub fn commonjs_loads_es_modules() {
    let folder = script("package.json", "{}");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "node_modules/alone/package.json",
        r#"{"type": "module", "exports": {"import": "./main.js"}}"#,
    );
    // Two that need each other, every way to export, and an export that changes.
    write(
        "node_modules/alone/main.js",
        "import fs, { existsSync as exists } from 'node:fs';\n\
         import * as other from './other.js';\n\
         export { twice as double } from './other.js';\n\
         export * from './other.js';\n\
         export let count = 0;\n\
         export function add() { count += 1; }\n\
         export const { a, b: [second = 2] } = { a: 'import', b: [] }, text = `export ${other.twice(2)}`;\n\
         export default class Named { static own = exists === fs.existsSync; }\n\
         export const place = import.meta.url;\n\
         export const fail = () => { throw new Error('from a module'); };\n",
    );
    write(
        "node_modules/alone/other.js",
        "import { text } from './main.js';\n\
         export const twice = (n) => n * 2, late = () => text;\n\
         export default async () => (await import('./main.js')).a;\n",
    );
    write(
        "own.mjs",
        "export const word = 'own';\n\
         const later = async () => {\n  await null;\n  throw new Error('left alone');\n};\n\
         setTimeout(later, 20);\n",
    );
    write(
        "index.js",
        "const assert = require('assert');\n\
         const alone = require('alone');\n\
         const { default: Named, add, double, second, text, late, place, fail } = alone;\n\
         add();\n\
         assert.deepStrictEqual([alone.count, double(2), second, text, late()], [1, 4, 2, 'export 4', text]);\n\
         assert(Named.own && place.endsWith('/alone/main.js') && place.startsWith('file:///'));\n\
         assert.strictEqual(alone.__esModule, true);\n\
         import('alone').then((again) => assert.strictEqual(again, alone));\n\
         import('./node_modules/alone/other.js').then(async ({ default: other }) => console.log(await other()));\n\
         try { fail(); } catch (error) { console.log(/alone\\/main.js:10:/.test(error.stack)); }\n\
         require('./own.mjs');\n",
    );
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--quiet"]));
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(1), "true\nimport\n"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.starts_with("Error: left alone\n"), "{}", said.stderr);
    assert!(said.stderr.contains("/own.mjs:4:"), "{}", said.stderr);
}

pub fn linked_packages_find_what_they_need() {
    // As pnpm lays them out: each package beside what it needs, and the program's own as links to them.
    let folder = script("package.json", "{}");
    let store = folder.path().join("node_modules/.pnpm");
    for (name, text) in [
        (
            "one",
            "exports.words = ['one', ...require('two').words];\nexports.file = __filename;\n",
        ),
        ("two", "exports.words = ['two'];\n"),
    ] {
        let place = store.join(format!("{name}@1.0.0/node_modules")).join(name);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("index.js"), text).unwrap();
    }
    let link = |to: &str, at: &str| symlink(to, folder.path().join("node_modules").join(at)).unwrap();
    link(".pnpm/one@1.0.0/node_modules/one", "one");
    link("../../two@1.0.0/node_modules/two", ".pnpm/one@1.0.0/node_modules/two");
    link("../../elsewhere/three", "three");
    let text = "const { words, file } = require('one');\n\
         console.log(words.join(), file);\n\
         console.log(require('fs').realpathSync(__dirname + '/node_modules/one/index.js'));\n\
         require('three');\n";
    std::fs::write(folder.path().join("index.js"), text).unwrap();
    let said = output(wasmrun(&["os", folder.path().to_str().unwrap(), "--quiet"]));
    let path = folder.path().canonicalize().unwrap();
    let file = path.join("node_modules/.pnpm/one@1.0.0/node_modules/one/index.js");
    let file = file.display();
    assert_eq!(said.stdout, format!("one,two {file}\n{file}\n"), "{}", said.stderr);
    let astray = path.join("node_modules/three");
    let message = format!(
        "Cannot find module 'three': {} is a link out of the project",
        astray.display()
    );
    assert!(said.stderr.contains(&message), "{}", said.stderr);
}
