//! Where a program's files come from, what they are called, and what is said when one fails.

use crate::support::program::{get, json, project, start};
use crate::support::connect;
use serde_json::json as value;
use std::io::{Read, Write};
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
