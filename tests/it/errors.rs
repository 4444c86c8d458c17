//! What is said when something is wrong: the whole text, and the exit code. Never a panic.

use crate::support;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use support::guests::{self, guest};
use support::{output, run, wasmrun};

fn hello() -> String {
    guests::root()
        .join("examples/hello/hello.wasm")
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn rules() {
    let cases = [
        (
            "8080",
            "the guest's port is missing; write HOST:PROC, for example `8080:3000`, or `8080:8080` when both are the same",
        ),
        (
            ":3000",
            "the host port is missing; write `8080:3000`, or `0:3000` to take a free port",
        ),
        (
            "99999:1",
            "`99999` is not a port; ports are whole numbers from 1 to 65535",
        ),
        (
            "8080:3000:1:2",
            "it has too many parts; the form is [BIND:]HOST:PROC, with an IPv6 address in brackets, for example `[::1]:8080:3000`",
        ),
        (
            "8080:3000/sctp",
            "unsupported protocol `sctp`; write `/tcp`, the default, or `/udp`",
        ),
        (
            "8080-8082:3000-3001",
            "the ranges differ in length: 8080-8082 on the host (3 ports), 3000-3001 in the guest (2 ports)",
        ),
    ];
    for (rule, reason) in cases {
        let expected = format!("error: --forward: invalid forward rule `{rule}`: {reason}");
        run(&["os", &hello(), "--forward", rule]).says(2, &expected);
    }
}

#[test]
fn the_same_host_port_twice_names_both_places() {
    run(&["os", &hello(), "-f", "8080:1", "-f", "127.0.0.1:8080:2"]).says(
        2,
        "error: host port 8080 is forwarded twice: by `8080:1` (--forward) and by `127.0.0.1:8080:2` (--forward)\n\
         hint: remove one of them, or give it another host port",
    );
    let folder = support::folder();
    let file = folder.path().join("rules.toml");
    fs::write(
        &file,
        "[network]\nforwards = [\n  \"0:1\",\n  \"8080-8090:3000-3010\",\n]\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    run(&["os", &hello(), "--config", file, "-f", "8085:80"]).says(
        2,
        &format!(
            "error: host port 8085 is forwarded twice: by `8080-8090:3000-3010` ({file}:4:3) and by `8085:80` (--forward)\n\
             hint: remove one of them, or give it another host port"
        ),
    );
}

#[test]
fn a_busy_port_names_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let pid = std::process::id();
    let command = fs::read_to_string("/proc/self/cmdline")
        .unwrap()
        .trim_end_matches('\0')
        .replace('\0', " ");
    let mut short: String = command.chars().take(60).collect();
    if command.chars().count() > 60 {
        short.push('…');
    }
    run(&["os", &hello(), "-f", &format!("{port}:3000")]).says(
        125,
        &format!(
            "error: cannot forward host port {port}: {address} is in use by pid {pid} ({short})\n\
             hint: stop it (`kill {pid}`), or forward another host port; 0 takes a free one"
        ),
    );
}

#[test]
fn a_port_that_needs_root_says_so() {
    let folder = support::folder();
    let command = wasmrun(&["os", &hello(), "-f", "127.0.0.1:80:3000"]);
    output(support::unprivileged(command, folder.path())).says(
        125,
        "error: cannot forward host port 80: 127.0.0.1:80 needs root: ports below 1024 are privileged\n\
         hint: forward a host port from 1024 up, or let every user bind it: `sysctl net.ipv4.ip_unprivileged_port_start=80`",
    );
}

#[test]
fn an_address_that_is_not_ours() {
    run(&["os", &hello(), "-f", "192.0.2.1:8080:3000"]).says(
        125,
        "error: cannot forward host port 8080: 192.0.2.1 is not an address of this host\n\
         hint: bind an address that `ip address` lists, or 0.0.0.0 for all of them",
    );
}

#[test]
fn files_that_are_no_guests() {
    let folder = support::folder();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hint = "hint: pass a .wasm, .wat or .cwasm file";
    let empty = write("empty.wasm", b"");
    run(&["os", &empty]).says(
        2,
        &format!("error: {empty} is not a WebAssembly module or component\n  cause: the file is empty\n{hint}"),
    );
    let text = write("text.wasm", b"hello\n");
    run(&["os", &text]).says(
        2,
        &format!(
            "error: {text} is not a WebAssembly module or component\n  cause: the file is not WebAssembly: it starts with neither the binary magic `\\0asm` nor text `(module` or `(component`\n{hint}"
        ),
    );
    let hello = fs::read(hello()).unwrap();
    let cut = write("cut.wasm", &hello[..hello.len() / 2]);
    let ended = run(&["os", &cut]);
    assert_eq!(ended.code, Some(2));
    let start = format!("error: {cut} is not a valid guest: ");
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    assert!(ended.stderr.contains("out of bounds"), "{}", ended.stderr);
    let wat = write("bad.wat", b"(module (func (export \"_start\") (i32.const 1)))");
    let ended = run(&["os", &wat]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .starts_with(&format!("error: {wat} is not a valid guest: ")),
        "{}",
        ended.stderr
    );
    // Compiled code has one name, and runs only where that is said.
    let compiled = guests::compiled();
    let (innocent, honest) = (write("innocent.wasm", &compiled), write("honest.cwasm", &compiled));
    run(&["os", &innocent, "--allow-precompiled"]).says(
        2,
        &format!(
            "error: {innocent} is compiled code without the extension `.cwasm`\n\
             hint: run the WebAssembly that it was compiled from, or rename it to `….cwasm`"
        ),
    );
    run(&["os", &honest]).says(
        2,
        &format!(
            "error: {honest} is compiled code, which cannot be verified\n\
             hint: if you compiled it yourself, pass `--allow-precompiled`"
        ),
    );
    let ended = run(&["os", &honest, "--allow-precompiled", "--no-isolation"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is compiled code, which needs isolation"),
        "{}",
        ended.stderr
    );
    assert_eq!(run(&["os", &honest, "--allow-precompiled"]).code, Some(7));
    let cwasm = write("bad.cwasm", b"\x7fELF\x02\x01\x01");
    assert_eq!(run(&["os", &cwasm]).code, Some(2));
}

#[test]
fn damaged_guests_never_panic() {
    let folder = support::folder();
    let hello = fs::read(hello()).unwrap();
    // Every 97th byte, one at a time.
    for at in (0..hello.len()).step_by(997) {
        let mut damaged = hello.clone();
        damaged[at] ^= 0x55;
        let path = folder.path().join(format!("{at}.wasm"));
        fs::write(&path, damaged).unwrap();
        let mut command = wasmrun(&["os", path.to_str().unwrap(), "--no-cache", "--", "x"]);
        command.env("RUST_BACKTRACE", "1");
        // What is still valid would serve, with nobody to serve; nothing is forwarded, so it ends at once.
        let ended = support::output(command);
        assert!(!ended.stderr.contains("panicked"), "byte {at}: {}", ended.stderr);
    }
}

#[test]
fn guests_that_cannot_run_say_why() {
    let missing = guest("missing_import");
    let ended = run(&["os", missing.to_str().unwrap()]);
    assert_eq!(ended.code, Some(125));
    assert!(
        ended
            .stderr
            .starts_with("error: the guest cannot run: component imports instance `acme:vault/keys@1.0.0`"),
        "{}",
        ended.stderr
    );
    let nothing = guest("not_runnable");
    run(&["os", nothing.to_str().unwrap()]).says(
        125,
        "error: the guest cannot run: the component exports neither `wasi:cli/run` nor a `wasi:http` handler (0.2 or 0.3), so there is nothing to run; it exports add",
    );
}

#[test]
fn paths() {
    run(&["os", "/nowhere/app.wasm"]).says(
        2,
        "error: cannot use /nowhere/app.wasm\n  cause: No such file or directory (os error 2)\n\
         hint: name a .wasm, .wat or .cwasm file, or a directory that has one",
    );
    let folder = support::folder();
    let shown = folder.path().to_str().unwrap();
    run(&["os", shown]).says(
        2,
        &format!(
            "error: {shown} has no .wasm, .wat or .cwasm file\n\
             hint: build the guest, and name its file: `artifact = \"…\"` under `[guest]` in .wasmrun.toml"
        ),
    );
    for name in ["b.wasm", "a.wat"] {
        fs::write(folder.path().join(name), "(module)").unwrap();
    }
    run(&["os", shown]).says(
        2,
        &format!(
            "error: {shown} has several guests:\n  {shown}/a.wat\n  {shown}/b.wasm\n\
             hint: name one: `wasmrun os {shown}/a.wat`, or `artifact = \"…\"` under `[guest]` in .wasmrun.toml"
        ),
    );
    fs::write(folder.path().join(".wasmrun.toml"), "[guest]\nartifact = \"c.wasm\"\n").unwrap();
    run(&["os", shown]).says(
        2,
        &format!(
            "error: {shown}/.wasmrun.toml names the guest {shown}/c.wasm, which does not exist\n\
             hint: build it first, or correct `[guest] artifact`"
        ),
    );
    let own = support::folder();
    let closed = own.path().join("closed.wasm");
    fs::write(&closed, "(module)").unwrap();
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let closed = closed.to_str().unwrap();
    output(support::unprivileged(wasmrun(&["os", closed]), own.path())).says(
        2,
        &format!("error: cannot read {closed}\n  cause: Permission denied (os error 13)"),
    );
}

#[test]
fn configurations() {
    let folder = support::folder();
    let path = folder.path().join("file.toml");
    let shown = path.to_str().unwrap();
    let says = |text: &str, expected: &str| {
        fs::write(&path, text).unwrap();
        run(&["os", &hello(), "--config", shown]).says(2, &expected.replace("FILE", shown));
    };
    says(
        "[network\n",
        "error: FILE: TOML parse error at line 1, column 9\n    |\n  1 | [network\n    |         ^\n  unclosed table, expected `]`",
    );
    says(
        "[network]\nforward = [\"8080:3000\"]\n",
        "error: FILE: TOML parse error at line 2, column 1\n    |\n  2 | forward = [\"8080:3000\"]\n    | ^^^^^^^\n  \
         unknown field `forward`, expected one of `forwards`, `allow`, `allow-private`, `links`, `expose`, `connect-timeout`, `udp-idle`, `max-connections`, `max-outbound`, `auto-forward`, `path`, `outbound-path`, `proxy`, `ca`",
    );
    says(
        "[network]\nforwards = [\"80\"]\n",
        "error: FILE:2:13: invalid forward rule `80`: the guest's port is missing; write HOST:PROC, for example `80:3000`, or `80:80` when both are the same",
    );
    says(
        "[guest]\nmemory = \"lots\"\n",
        "error: FILE:2:10: invalid size `lots`\nhint: write for example `64MiB` or `1GiB`",
    );
    says(
        "[guest]\ngrace = \"soon\"\n",
        "error: FILE:2:9: invalid duration `soon`: expected number at 0\nhint: write for example `500ms`, `30s` or `2m`",
    );
    says(
        "[guest]\ndirs = [\"nowhere::/x\"]\n",
        "error: FILE:2:9: cannot use the directory nowhere\n  cause: No such file or directory (os error 2)",
    );
    run(&["os", &hello(), "--config", "/nowhere.toml"]).says(
        2,
        "error: cannot read /nowhere.toml\n  cause: No such file or directory (os error 2)",
    );
}

#[test]
fn variables_that_are_not_there() {
    run(&["os", &hello(), "--env", "NOT_SET_ANYWHERE"]).says(
        2,
        "error: --env NOT_SET_ANYWHERE: the variable is not set\nhint: write `--env NOT_SET_ANYWHERE=VALUE`, or export it first",
    );
    run(&["os", &hello(), "--env", "=x"]).says(2, "error: --env `=x`: missing name before `=`");
}

#[test]
fn init_writes_a_file_that_check_understands_once() {
    let folder = support::folder();
    let shown = folder.path().to_str().unwrap();
    fs::copy(hello(), folder.path().join("hello.wasm")).unwrap();
    run(&["init", shown]).says(
        0,
        &format!("wrote {shown}/.wasmrun.toml; check it with `wasmrun check`"),
    );
    let ended = run(&["check", shown]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let beginning = format!("file:      {shown}/.wasmrun.toml\nguest:     {shown}/hello.wasm\n");
    assert!(ended.stdout.starts_with(&beginning), "{}", ended.stdout);
    let setting = "\nsetting:   restart = never (default)\n";
    assert!(ended.stdout.contains(setting), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("\nok\n"), "{}", ended.stdout);
    run(&["init", shown]).says(
        2,
        &format!("error: {shown}/.wasmrun.toml already exists\nhint: edit it, or overwrite it with `--force`"),
    );
    run(&["init", shown, "--force", "-q"]).says(0, "");
}

#[test]
fn help_and_completions_are_there() {
    for command in ["os", "init", "check", "doctor", "completions"] {
        let ended = run(&[command, "--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("Usage: wasmrun"), "{}", ended.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).stdout.contains("forward"));
    }
    assert!(run(&["--version"]).stdout.starts_with("wasmrun 0."));
}

#[test]
fn json_lines_are_objects() {
    let hello = support::guests::root().join("examples/hello");
    let mut run = support::Run::start(&["os", hello.to_str().unwrap(), "-f", "0:80", "--log-format", "json"]);
    run.wait_for("\"event\":\"ready\"");
    let said = run.stop();
    for line in said.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
    assert!(said.contains("\"guest\":80"), "{said}");
}

#[test]
fn check_says_what_would_be_built_and_forwarded() {
    let folder = support::folder();
    let text = "[build]\ncommand = \"make app\"\noutput = \"app.wasm\"\n[network]\nforwards = [\"5353:53/udp\"]\n";
    std::fs::write(folder.path().join(".wasmrun.toml"), text).unwrap();
    let ended = run(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let place = folder.path().canonicalize().unwrap();
    let beginning = format!(
        "file:      {}\nbuild:     make app (in {})\nforward:   localhost:5353 -> guest:53/udp\nsetting:   ",
        folder.path().join(".wasmrun.toml").display(),
        place.display()
    );
    assert!(ended.stdout.starts_with(&beginning), "{}", ended.stdout);
}

#[test]
fn a_socket_is_no_input() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut command = wasmrun(&["os", guest("exit7").to_str().unwrap(), "--stdin"]);
    command.stdin(std::os::fd::OwnedFd::from(theirs));
    output(command).says(
        2,
        "error: standard input is a socket, which would give the guest access to the host's network\n\
         hint: use a pipe: `cat | wasmrun os … --stdin`",
    );
    drop(ours);
}

/// Words of other tools are understood, or answered with ours; a variable that is wrong is named.
#[test]
fn what_people_type_is_understood_or_answered() {
    let echo = support::guests::root().join("examples/echo");
    let echo = echo.to_str().unwrap();
    let hint = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = wasmrun(arguments);
        command.envs(variable);
        let ended = support::output(command);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        ended.stderr
    };
    for (arguments, word) in [
        (
            &["os", echo, "-v", "/tmp:/data"][..],
            "hint: give the guest a directory with `--dir HOST::GUEST`",
        ),
        (
            &["os", echo, "--volume", "/tmp:/data"],
            "hint: give the guest a directory with `--dir HOST::GUEST`",
        ),
        (
            &["os", echo, "--dir", "/tmp:/data"],
            "hint: write `/tmp::/data`, with two colons",
        ),
        (&["os", echo, "--port", "80"], "`--forward HOST:PROC`"),
        (&["os", echo, "--detach"], "hint: runs stay in the foreground"),
        (&["run", echo, "--rm"], "hint: leave `--rm` out"),
        (&["exec", "x", "sh"], "`wasmrun netns NAME -- PROGRAM`"),
        (&["kill", "x"], "`wasmrun stop NAME`"),
        (&["dev"], "hint: write `wasmrun os PATH --watch`"),
    ] {
        let said = hint(arguments, None);
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    for (name, value, word) in [
        (
            "WASMRUN_METRICS",
            "x",
            "hint: correct or unset the environment variable `WASMRUN_METRICS`",
        ),
        (
            "WASMRUN_RESTART",
            "perhaps",
            "hint: correct or unset the environment variable `WASMRUN_RESTART`",
        ),
        ("WASMRUN_MEMORY", "lots", "error: WASMRUN_MEMORY: invalid size `lots`"),
        ("WASMRUN_GRACE", "long", "error: WASMRUN_GRACE: invalid duration `long`"),
    ] {
        let said = hint(&["os", echo], Some((name, value)));
        assert!(said.contains(word), "{name}: {said}");
    }
    // One that is empty is none.
    let mut command = wasmrun(&["run", echo, "-p", "0:3000", "--metrics", "0"]);
    for name in [
        "MEMORY",
        "METRICS",
        "RESTART",
        "FORWARD",
        "WATCH",
        "MAX_CONNECTIONS",
        "CONFIG",
    ] {
        command.env(format!("WASMRUN_{name}"), "");
    }
    let mut run = support::Run::of(command);
    run.ready(3000);
    run.stop();
}

#[test]
fn a_guest_for_another_host_is_told_from_its_imports() {
    let folder = support::folder();
    let path = folder.path().join("page.wat");
    let text = "(module (import \"__wbindgen_placeholder__\" \"__wbindgen_describe\" (func (param i32)))
        (memory (export \"memory\") 1) (func (export \"_start\")))";
    std::fs::write(&path, text).unwrap();
    let ended = support::run(&["os", path.to_str().unwrap()]);
    let hint = "hint: it was built for a browser (wasm-bindgen): build it with `cargo build --target wasm32-wasip2`";
    assert!(ended.stderr.contains(hint), "{}", ended.stderr);
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = wasmrun(&["completions", "bash"]);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141));
}
