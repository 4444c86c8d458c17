//! `wasmrun up` and `down`: services of one file, each a run of its own.

use crate::support;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use support::guests::{component, root};
use support::project::{self, Project};
use support::{Output, Run, eventually, is_alive, output, wasmrun};
use tempfile::TempDir;

/// Writes a line to both of its streams, and then sleeps for ever.
const WRITER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0x100) "to out\n\ffto err\nno end")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 0x100))
    (i32.store (i32.const 4) (i32.const 7))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 0x107))
    (i32.store (i32.const 4) (i32.const 14))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store8 (i32.const 0x208) (i32.const 0))
    (i32.store (i32.const 0x210) (i32.const 1))
    (i64.store (i32.const 0x218) (i64.const 60000000000))
    (loop $for-ever
      (drop (call $poll (i32.const 0x200) (i32.const 0x300) (i32.const 1) (i32.const 8)))
      (br $for-ever))))"#;
/// Ends with 3.
const FAILS: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 3))))"#;

/// A folder with projects, whose file has services.
struct Shop {
    folder: TempDir,
    /// Of control sockets, and of what is trusted.
    own: TempDir,
}

impl Shop {
    fn new(file: &str) -> Shop {
        let shop = Shop {
            folder: support::folder(),
            own: support::folder(),
        };
        shop.write(file);
        shop
    }

    fn write(&self, file: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, file).unwrap();
        fs::rename(new, self.folder.path().join(".wasmrun.toml")).unwrap();
    }

    /// Puts a guest into a project.
    fn put(&self, project: &str, name: &str, guest: &[u8]) {
        let folder = self.folder.path().join(project);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("new"), guest).unwrap();
        fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }

    /// The same of a service that answers HTTP on port 8080.
    fn http(&self, projects: &[&str]) {
        let guest = component(&root().join("examples/hello/src/hello.wat"), "http");
        for project in projects {
            self.put(project, "app.wasm", &guest);
        }
    }

    /// What runs of it are named after.
    fn name(&self) -> String {
        let name = self.folder.path().file_name().unwrap().to_str().unwrap();
        name.trim_start_matches('.').to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wasmrun(arguments);
        command
            .current_dir(self.folder.path())
            .env("XDG_RUNTIME_DIR", self.own.path())
            .env("XDG_STATE_HOME", self.own.path());
        command
    }

    fn up(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(&[&["up"], arguments].concat()))
    }

    fn says(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments))
    }

    fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.own.path().join("wasmrun"))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The runs that `ps` lists, by service, as JSON.
    fn runs(&self) -> Vec<(String, Value)> {
        let runs: Vec<Value> = serde_json::from_str(&self.says(&["ps", "--json"]).stdout).unwrap();
        runs.into_iter()
            .map(|run| {
                assert_eq!(run["project"], self.name());
                (run["service"].as_str().unwrap().to_owned(), run)
            })
            .collect()
    }

    fn pid(&self, service: &str) -> Pid {
        let runs = self.runs();
        let (_, run) = runs.iter().find(|(name, _)| name == service).expect("it runs");
        Pid::from_raw(run["pid"].as_i64().unwrap() as i32)
    }
}

/// `web` links to `api` and that to `orders`, which listens late.
fn three() -> Shop {
    let shop = Shop::new(
        "services.web = { path = './web', links = ['api:8080'], forwards = ['0:8080'] }\n\
         services.api = { path = './api', links = ['orders:8080'], forwards = ['0:8080'] }\n\
         services.orders = { path = './orders', forwards = ['0:8080'] }\n",
    );
    shop.http(&["web", "api"]);
    shop.put(
        "orders",
        "app.wasm",
        &Project::new(project::Kind::Tcp).slow_build(1, 300),
    );
    shop
}

/// The services by their first line that has this text.
fn order(said: &str, text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in said.lines().filter(|line| line.contains(text)) {
        let name = line.split_whitespace().next().unwrap().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[test]
fn services_start_in_the_order_of_their_links_and_end_the_other_way_round() {
    let shop = three();
    let mut up = shop.up(&[]);
    up.wait_for("services after ");
    eventually("all are listed", || up.stderr().contains("web     ready"));
    assert_eq!(order(&up.stderr(), "* ready: "), ["orders", "api", "web"]);
    let names: Vec<String> = shop.runs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["api", "orders", "web"]);
    let project = shop.name();
    let all = [
        "api.link",
        "api.sock",
        "orders.link",
        "orders.sock",
        "up",
        "web.link",
        "web.sock",
    ];
    let run = |name: &str| format!("{project}.{name}");
    let all = all.map(run);
    assert_eq!(shop.sockets(), all);
    // Each is a run as any other.
    assert_eq!(shop.says(&["restart", &run("api")]).code, Some(0));
    eventually("it is another generation", || shop.runs()[0].1["generation"] == 2);
    // An open connection to the last holds up those that it links to.
    let pids: Vec<Pid> = ["web", "api", "orders"].map(|name| shop.pid(name)).to_vec();
    kill(pids[0], Signal::SIGSTOP).unwrap();
    up.signal(Signal::SIGINT);
    up.wait_for("stopping api, orders, web; press Ctrl-C again to stop now");
    std::thread::sleep(Duration::from_millis(200));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    kill(pids[0], Signal::SIGCONT).unwrap();
    assert_eq!(up.ended().code(), Some(130), "{}", up.stderr());
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert_eq!(shop.sockets(), [""; 0]);
}

#[test]
fn what_is_named_comes_with_what_it_links_to() {
    let shop = three();
    let mut up = shop.up(&["api"]);
    up.wait_for("services after ");
    assert_eq!(shop.runs().len(), 2);
    up.stop();
    let mut up = shop.up(&["api", "--only"]);
    up.wait_for("services after ");
    assert_eq!(shop.runs()[0].0, "api");
    assert_eq!(shop.runs().len(), 1);
    up.stop();
}

#[test]
fn a_service_that_fails_is_named_by_those_that_wait_for_it() {
    let shop = three();
    shop.put("orders", "app.wat", FAILS.as_bytes());
    fs::remove_file(shop.folder.path().join("orders/app.wasm")).unwrap();
    let ended = shop.says(&["up"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for line in [
        "error: orders failed (exit 3)",
        "error: api not started: orders failed (exit 3)",
        "error: web not started: orders failed (exit 3)",
    ] {
        assert!(ended.stderr.lines().any(|said| said == line), "{}", ended.stderr);
    }
    assert_eq!(shop.sockets(), [""; 0]);
    // With --watch they wait for what comes next.
    let mut up = shop.up(&["--watch"]);
    up.wait_for("orders failed (exit 3), and starts with its next build; api waits for it");
    // A component, whatever its name says.
    shop.put(
        "orders",
        "app.wat",
        &component(&root().join("examples/hello/src/hello.wat"), "http"),
    );
    up.wait_for("web    * ready: ");
    up.stop();
}

#[test]
fn those_that_link_to_each_other_start_together() {
    let shop = Shop::new(
        "services.a = { path = './a', links = ['b:8080'] }\nservices.b = { path = './b', links = ['a:8080', 'b:8080'] }\n",
    );
    shop.http(&["a", "b"]);
    let mut up = shop.up(&[]);
    up.wait_for("services after ");
    assert!(up.stderr().contains("\n  a  ready\n  b  ready\n"), "{}", up.stderr());
    up.stop();
}

#[test]
fn who_waits_for_whom_is_said() {
    let shop = Shop::new("services.a = { path = './a', links = ['b:9999'] }\nservices.b = { path = './b' }\n");
    shop.http(&["a"]);
    shop.put("b", "app.wasm", &Project::new(project::Kind::Tcp).build(1));
    let mut up = shop.up(&[]);
    up.wait_for("  a waits for b");
    up.wait_for("  b does not listen on 9999, which others link to");
    up.stop();
}

#[test]
fn errors_have_their_place_and_come_before_anything_starts() {
    let cases = [
        (
            "[services.a]\npath = './a'\nlinks = ['b:1']\n",
            "error: .wasmrun.toml:3:10: `a` links to `b`, which is no service of this file\nhint: it has a; link to another run in the project's own file",
        ),
        (
            "[services.a]\npath = './none'\n",
            "error: .wasmrun.toml:2:8: ./none does not exist\nhint: name the project of `a`, from the file's folder",
        ),
        (
            "[services.a]\npath = './a'\nlinks = ['a']\n",
            "error: .wasmrun.toml:3:10: the link `a` names no port; write RUN:PORT, for example `orders:8080`",
        ),
        (
            "[services.'a.b']\npath = './a'\n",
            "error: .wasmrun.toml:1:11: `a.b` is no name of a service\nhint: use letters, digits, `-` and `_`, without `-` at the start",
        ),
        (
            "[services.a]\npath = './a'\nforwards = ['x']\n",
            "error: service `a`: .wasmrun.toml:3:13: ",
        ),
        (
            "[services.a]\npath = './a'\nforward = ['1:1']\n",
            "error: .wasmrun.toml: TOML parse error at line 3, column 1",
        ),
        (
            "[services.a]\npath = './a'\n[services.a.network]\nforward = ['1:1']\n",
            "line 4, column 1",
        ),
        (
            "[services.a]\npath = './a'\n[services.a.python]\nscrip = ''\n",
            "line 4, column 1",
        ),
        ("[services.a]\nlinks = []\n", "missing field `path`"),
        ("[guest]\n", "error: .wasmrun.toml has no services"),
    ];
    for (file, wanted) in cases {
        let shop = Shop::new(file);
        shop.http(&["a"]);
        let ended = shop.says(&["up"]);
        assert_eq!(ended.code, Some(2), "{file}: {}", ended.stderr);
        assert!(ended.stderr.contains(wanted), "{file}: {}", ended.stderr);
    }
    let long = "n".repeat(40);
    let shop = Shop::new(&format!("services.{long} = {{ path = './a' }}\n"));
    shop.http(&["a"]);
    let said = shop.says(&["up"]).stderr;
    assert!(said.contains("is too long for the name of a run"), "{said}");
}

#[test]
fn a_host_port_that_two_services_want_is_an_error_and_one_that_is_taken_names_its_holder() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let shop = Shop::new(&format!(
        "services.a = {{ path = './a', forwards = ['{port}:8080'] }}\nservices.b = {{ path = './b', forwards = ['{port}:1'] }}\n"
    ));
    shop.http(&["a", "b"]);
    shop.says(&["up"]).says(
        2,
        &format!(
            "error: host port {port} is forwarded by two services: `a` and `b`\nhint: give one of them another host port"
        ),
    );
    let ended = shop.says(&["up", "a"]);
    assert_eq!(ended.code, Some(125));
    let wanted = format!("error: service `a`: cannot forward host port {port}: 127.0.0.1:{port} is in use by ");
    assert!(ended.stderr.starts_with(&wanted), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
}

#[test]
fn killing_it_leaves_nothing() {
    for delay in [None, Some(0), Some(20), Some(60)] {
        let shop = three();
        let mut up = shop.up(&[]);
        match delay {
            None => drop(up.wait_for("services after ")),
            Some(delay) => std::thread::sleep(Duration::from_millis(delay)),
        }
        let family = up.descendants();
        up.signal(Signal::SIGKILL);
        up.ended();
        eventually("every process is gone", || family.iter().all(|pid| !is_alive(*pid)));
        // Before any of them was there, its own socket is for whoever looks next.
        if delay.is_some() {
            shop.says(&["ps"]);
        }
        assert_eq!(shop.sockets(), [""; 0], "{delay:?}");
    }
}

#[test]
fn one_that_is_killed_comes_again_and_the_others_stay() {
    let shop = three();
    let mut up = shop.up(&[]);
    up.wait_for("services after ");
    let (api, orders, web) = (shop.pid("api"), shop.pid("orders"), shop.pid("web"));
    // Its guest: the run starts it again.
    let guest = *support::descendants(api).last().unwrap();
    kill(guest, Signal::SIGKILL).unwrap();
    up.wait_for("api    * error: #1 ");
    eventually("it serves again", || shop.runs()[0].1["generation"] == 2);
    assert_eq!(shop.pid("api"), api);
    // The run itself.
    kill(api, Signal::SIGKILL).unwrap();
    up.wait_for("the run of api has ended (exit 137); restarting in 100ms");
    eventually("it is there again", || shop.runs().len() == 3);
    assert_ne!(shop.pid("api"), api);
    assert_eq!((shop.pid("orders"), shop.pid("web")), (orders, web));
    // Stopped by hand it stays away, and that is no failure.
    assert_eq!(shop.says(&["stop", &format!("{}.api", shop.name())]).code, Some(0));
    assert_eq!(shop.runs().len(), 2);
    let down = shop.says(&["down"]);
    assert_eq!(down.code, Some(0), "{}", down.stderr);
    assert_eq!(up.ended().code(), Some(143), "{}", up.stderr());
}

#[test]
fn the_first_end_is_the_end_of_all_where_that_is_wanted() {
    let shop = three();
    let mut up = shop.up(&["--abort-on-exit"]);
    up.wait_for("services after ");
    let guest = *support::descendants(shop.pid("api")).last().unwrap();
    kill(guest, Signal::SIGKILL).unwrap();
    assert_eq!(up.ended().code(), Some(137), "{}", up.stderr());
    assert_eq!(shop.sockets(), [""; 0]);
}

#[test]
fn each_line_has_its_service_before_it_and_its_stream() {
    let shop = Shop::new("services.long-name = { path = './a' }\nservices.b = { path = './a' }\n");
    shop.put("a", "app.wat", WRITER.as_bytes());
    let mut up = shop.up(&[]);
    up.wait_for("services after ");
    eventually("they have written", || up.stdout().lines().count() == 2);
    eventually("and there, too", || up.stderr().matches("to err").count() == 2);
    let said = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(said(up.stdout()), ["b         | to out", "long-name | to out"]);
    up.signal(Signal::SIGTERM);
    assert_eq!(up.ended().code(), Some(143));
    let stderr = said(up.stderr());
    for line in ["b         | \u{fffd}to err", "b         | no end", "long-name | no end"] {
        assert!(stderr.iter().any(|said| said == line), "{line}: {stderr:?}");
    }
    assert!(!up.stderr().contains('\u{1b}'));
    let mut up = shop.up(&["--log-format", "json"]);
    up.wait_for("services after ");
    eventually("they have written", || up.stdout().lines().count() == 2);
    up.signal(Signal::SIGTERM);
    up.ended();
    for line in up.stdout().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (line["stream"].as_str(), line["text"].as_str()),
            (Some("stdout"), Some("to out"))
        );
    }
    for line in up.stderr().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["service"].is_string() || line["level"].is_string());
    }
}

#[test]
fn it_goes_on_in_the_background_until_it_is_ended() {
    let shop = three();
    let started = shop.says(&["up", "--detach"]);
    assert_eq!(started.code, Some(0), "{}", started.stderr);
    assert!(started.stderr.contains("services after "), "{}", started.stderr);
    let pids: Vec<Pid> = shop.runs().iter().map(|(name, _)| shop.pid(name)).collect();
    assert_eq!(pids.len(), 3);
    let again = shop.says(&["up"]);
    let wanted = format!(
        "error: the project `{}` is up already\nhint: see it with `wasmrun ps`, or end it: `wasmrun down`",
        shop.name()
    );
    again.says(2, &wanted);
    assert_eq!(shop.says(&["logs", &format!("{}.web", shop.name())]).code, Some(0));
    let unknown = shop.says(&["down", "nobody"]);
    assert!(
        unknown.stderr.contains("`nobody` is no service that is up"),
        "{}",
        unknown.stderr
    );
    shop.says(&["down", "web"])
        .says(0, &format!("down: {}.web", shop.name()));
    assert_eq!(shop.runs().len(), 2);
    shop.says(&["down"]).says(0, &format!("down: {}", shop.name()));
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert_eq!(shop.sockets(), [""; 0]);
    shop.says(&["down"]).says(
        2,
        &format!(
            "error: the project `{}` is not up\nhint: no project is; start one with `wasmrun up`",
            shop.name()
        ),
    );
}

#[test]
fn in_the_background_all_are_needed() {
    let shop = three();
    shop.put("web", "app.wat", FAILS.as_bytes());
    fs::remove_file(shop.folder.path().join("web/app.wasm")).unwrap();
    let started = shop.says(&["up", "--detach"]);
    assert_eq!(started.code, Some(3), "{}", started.stderr);
    assert!(
        started.stderr.contains("error: web failed (exit 3)"),
        "{}",
        started.stderr
    );
    eventually("nothing is left", || shop.sockets().is_empty());
}

#[test]
fn a_change_of_the_file_adds_and_removes_services() {
    let shop = Shop::new("services.a = { path = './a', forwards = ['0:8080'] }\n");
    shop.http(&["a", "b"]);
    let mut up = shop.up(&["--watch"]);
    up.wait_for("services after ");
    let a = shop.pid("a");
    shop.write(
        "services.a = { path = './a', forwards = ['0:8080'], env = { A = '1' } }\n\
         services.b = { path = './b', links = ['a:8080'] }\n",
    );
    up.wait_for("  b  ready");
    up.wait_for("a * reloaded #2 in ");
    assert_eq!(shop.pid("a"), a);
    shop.write("services.a = 1\n");
    up.wait_for("keeping the services as they are");
    assert_eq!(shop.runs().len(), 2);
    shop.write("services.a = { path = './a', forwards = ['0:8080'], env = { A = '1' } }\n");
    eventually("it is gone", || shop.runs().len() == 1);
    assert_eq!(shop.pid("a"), a);
    let said = up.stop();
    // It is said once.
    assert_eq!(said.matches("expected a table").count(), 1, "{said}");
}

#[test]
fn what_needs_trust_is_asked_for_once_and_before_anything_starts() {
    let shop = Shop::new(
        "services.a = { path = './a', allow-private = ['10.0.0.0/8'] }\nservices.b = { path = './b', links = ['a:8080'] }\n",
    );
    shop.http(&["a", "b"]);
    fs::write(
        shop.folder.path().join("b/.wasmrun.toml"),
        "network.allow = ['localhost:1']\n",
    )
    .unwrap();
    let (folder, b) = (shop.folder.path().display(), shop.folder.path().join("b"));
    let ended = shop.says(&["up"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for text in [
        "service `a`, `[network] allow-private`, `10.0.0.0/8`: names that the guest may connect to may lead to 10.0.0.0/8",
        "`[network] allow`, `localhost:1`: ",
        &format!(
            "hint: allow them with `wasmrun trust {folder}` and `wasmrun trust {}`",
            b.display()
        ),
    ] {
        assert!(ended.stderr.contains(text), "{text}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("links"), "{}", ended.stderr);
    let mut up = shop.up(&["--trust"]);
    up.wait_for("services after ");
    up.stop();
    let trusted = shop.says(&["trust", "."]);
    assert_eq!(trusted.stderr.matches("trusted in ").count(), 2, "{}", trusted.stderr);
    let mut up = shop.up(&[]);
    up.wait_for("services after ");
    up.stop();
}

#[test]
fn a_services_table_stands_above_its_projects_file() {
    let shop = Shop::new(
        "[services.a]\npath = './a'\nforwards = ['0:8080']\nenv = { A = 'table' }\nguest.grace = '3s'\n\
         guest.artifact = 'a/app.wasm'\nwatch.ignore = ['x']\n",
    );
    shop.http(&["a"]);
    fs::write(
        shop.folder.path().join("a/.wasmrun.toml"),
        "[guest]\ngrace = '1s'\npids = 100\nartifact = 'none.wasm'\n[network]\nforwards = ['0:9000']\n[env]\nA = 'own'\nB = 'own'\n",
    )
    .unwrap();
    let mut command = shop.command(&["up"]);
    command.env("WASMRUN_PIDS", "200").env("WASMRUN_FORWARD", "0:7000");
    let mut up = Run::of(command);
    up.wait_for("-> guest:8080/tcp");
    let name = format!("{}.a", shop.name());
    let state: Value = serde_json::from_str(&shop.says(&["inspect", &name]).stdout).unwrap();
    let settings = state["settings"].as_array().unwrap();
    let of = |name: &str| settings.iter().find(|row| row[0] == name).unwrap().clone();
    assert_eq!(of("grace"), serde_json::json!(["grace", "3s", ".wasmrun.toml#a"]));
    assert_eq!(of("pids"), serde_json::json!(["pids", "200", "WASMRUN_PIDS"]));
    let ports: Vec<u64> = state["forwards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["guest"].as_u64().unwrap())
        .collect();
    assert_eq!(ports, [9000, 8080]);
    up.stop();
    let checked = shop.says(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for line in [
        "service:   a (./a)",
        "env:       A=table",
        "env:       B=own",
        "setting:   grace = 3s (./.wasmrun.toml#a)",
        "ok",
    ] {
        assert!(
            checked.stdout.lines().any(|said| said == line),
            "{line}: {}",
            checked.stdout
        );
    }
}

#[test]
fn a_folder_of_the_same_name_elsewhere_is_another_project() {
    let shop = Shop::new("");
    for parent in ["one", "two"] {
        let folder = format!("{parent}/shop");
        shop.http(&[&format!("{folder}/a")]);
        fs::write(
            shop.folder.path().join(&folder).join(".wasmrun.toml"),
            "services.a = { path = './a', forwards = ['0:8080'] }\n",
        )
        .unwrap();
    }
    let mut up = shop.up(&["--file", "one/shop"]);
    up.wait_for("services after ");
    let one = shop.folder.path().join("one/shop").canonicalize().unwrap();
    shop.says(&["up", "--file", "two/shop"]).says(
        2,
        &format!(
            "error: a project `shop` is up already: {}\nhint: runs are named after the folder: rename one of them",
            one.display()
        ),
    );
    shop.says(&["down", "--file", "two/shop"]).says(
        2,
        &format!(
            "error: the project `shop` that is up is {}\nhint: name that folder with `--file`",
            one.display()
        ),
    );
    up.stop();
}

/// Five of them start beside each other: within 150 ms of what one alone takes, where a machine has the processors.
#[test]
fn five_services_are_soon_ready() {
    let names = ["a", "b", "c", "d", "e"];
    let file: String = names
        .iter()
        .map(|name| format!("services.{name} = {{ path = './{name}', forwards = ['0:8080'] }}\n"))
        .collect();
    let shop = Shop::new(&file);
    shop.http(&names);
    let time = |arguments: &[&str]| {
        let started = Instant::now();
        let mut up = shop.up(arguments);
        up.wait_for("services after ");
        let took = started.elapsed();
        up.stop();
        took
    };
    time(&[]);
    let one: Duration = (0..5).map(|_| time(&["a"])).min().unwrap();
    let five: Duration = (0..5).map(|_| time(&[])).min().unwrap();
    println!("one is ready after {one:?}, five after {five:?}");
    // Ten times what is wanted, for a machine that does other things.
    assert!(five < one + Duration::from_millis(1500), "{one:?} {five:?}");
}
