//! Modules that were made for another host than WASI, by what they import.

/// How imports begin (`module::name`), and what to do about whoever they are of.
const MADE_FOR: &[(&[&str], &str)] = &[
    (
        &["__wbindgen", "wbg", "./"],
        "it was built for a browser (wasm-bindgen): build it with `cargo build --target wasm32-wasip2`, without wasm-bindgen",
    ),
    (
        &["gojs", "go::"],
        "it was built for a browser: build it with `GOOS=wasip1 GOARCH=wasm go build`",
    ),
    (
        &["wasix"],
        "it was built for WASIX, which only wasmer has: build it for WASI (wasm32-wasip1 or wasip2)",
    ),
    (
        &["wasi::thread-spawn"],
        "it starts threads (wasi-threads): build it for wasm32-wasip1 instead of wasm32-wasip1-threads",
    ),
    (
        &["wasi_unstable"],
        "it was built for a WASI of 2019: build it with a toolchain of today (wasm32-wasip1)",
    ),
    (
        &["env::emscripten", "env::_emscripten", "env::invoke_"],
        "it was built with Emscripten for a browser: build it with wasi-sdk or `zig cc -target wasm32-wasi`",
    ),
    (&["extism"], "it is an Extism plug-in: run it in a host of Extism"),
    (
        &["fastly"],
        "it was built for Fastly's Compute: build it for `wasi:http` (wasm32-wasip2)",
    ),
    (
        &["spin"],
        "it was built for an older Spin: build it for `wasi:http` (wasm32-wasip2)",
    ),
    (
        &["asyncify"],
        "it was built with Asyncify for another host: build it without Asyncify",
    ),
];

/// What to do about a guest that cannot run, where its imports tell whom it was made for.
pub fn hint(error: &str) -> Option<&'static str> {
    let (_, rest) = error.split_once("unknown import: `")?;
    let (import, _) = rest.split_once('`')?;
    let whose = |(beginnings, _): &&(&[&str], &str)| beginnings.iter().any(|beginning| import.starts_with(beginning));
    MADE_FOR.iter().find(whose).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn hosts_are_told_by_their_imports() {
        for (import, word) in [
            ("__wbindgen_placeholder__::__wbindgen_describe", Some("wasm-bindgen")),
            ("./app_bg.js::__wbg_log", Some("wasm-bindgen")),
            ("wbg::__wbindgen_throw", Some("wasm-bindgen")),
            ("gojs::runtime.wasmExit", Some("GOOS=wasip1")),
            ("go::debug", Some("GOOS=wasip1")),
            ("wasix_32v1::futex_wait", Some("WASIX")),
            ("wasi::thread-spawn", Some("wasi-threads")),
            ("wasi_unstable::fd_write", Some("2019")),
            ("env::emscripten_memcpy_js", Some("Emscripten")),
            ("extism:host/env::input_length", Some("Extism")),
            ("fastly_http_req::body_downstream_get", Some("Fastly")),
            ("env::memory", None),
            ("google::search", None),
            ("wasi_snapshot_preview1::fd_write", None),
        ] {
            let found = hint(&format!(
                "the guest cannot run: unknown import: `{import}` has not been defined"
            ));
            assert_eq!(found.is_some(), word.is_some(), "{import}");
            assert!(word.is_none_or(|word| found.unwrap().contains(word)), "{import}");
        }
    }
}
