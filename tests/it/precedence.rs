//! Command line, then environment, then file, then default: for every setting that can be given in more than one way.

use crate::support;
use serde_json::Value;
use std::collections::BTreeMap;
use support::{Run, output, wasmrun};

/// A setting: its name, `section.key = value` of the file, `WASMRUN_…` value, typed value; and what `inspect` shows of the
/// default and of each of them. An empty way is one that it does not have.
struct Setting {
    name: &'static str,
    ways: [&'static str; 3],
    shown: [&'static str; 4],
}

const fn of(name: &'static str, ways: [&'static str; 3], shown: [&'static str; 4]) -> Setting {
    Setting { name, ways, shown }
}

/// All that `inspect` shows.
const SETTINGS: &[Setting] = &[
    of(
        "memory",
        ["guest.memory = '1GiB'", "2GiB", "3GiB"],
        ["4.0 GiB", "1.0 GiB", "2.0 GiB", "3.0 GiB"],
    ),
    of("cpus", ["", "", ""], ["all", "", "", ""]),
    of(
        "pids",
        ["guest.pids = 600", "700", "800"],
        ["1024", "600", "700", "800"],
    ),
    of(
        "tmp-size",
        ["guest.tmp-size = '1MiB'", "2MiB", "3MiB"],
        ["64.0 MiB", "1.0 MiB", "2.0 MiB", "3.0 MiB"],
    ),
    of("stdin", ["guest.stdin = true", "", ""], ["false", "true", "", ""]),
    of("grace", ["guest.grace = '1s'", "2s", "3s"], ["10s", "1s", "2s", "3s"]),
    of(
        "restart",
        ["guest.restart = 'always'", "on-failure", "never"],
        ["never", "always", "on-failure", "never"],
    ),
    of(
        "tiered",
        ["guest.tiered = 'always'", "never", "auto"],
        ["auto", "always", "never", "auto"],
    ),
    of(
        "listeners",
        ["guest.listeners = 'before-directories'", "", "after-directories"],
        [
            "by toolchain",
            "before-directories",
            "before-directories",
            "after-directories",
        ],
    ),
    of(
        "auto-forward",
        ["network.auto-forward = true", "1", ""],
        ["false", "true", "true", "true"],
    ),
    // These add up: what is typed takes the place of the variable alone.
    of(
        "allow",
        ["network.allow = ['a.example:1']", "b.example:2", "c.example:3"],
        [
            "nothing",
            "a.example:1",
            "a.example:1, b.example:2",
            "a.example:1, c.example:3",
        ],
    ),
    of(
        "allow-private",
        ["", "10.0.0.0/8", "10.1.0.0/16"],
        ["nothing", "", "10.0.0.0/8", "10.1.0.0/16"],
    ),
    of(
        "expose",
        ["network.expose = [1]", "2", "3"],
        ["nothing", "1", "1, 2", "1, 3"],
    ),
    of("link", ["", "b:2", "x:3=c:4"], ["nothing", "", "b:2", "x:3=c:4"]),
    of(
        "forward-path",
        ["network.path = 'adopt'", "splice", "auto"],
        ["auto", "adopt", "splice", "auto"],
    ),
    of(
        "outbound-path",
        ["network.outbound-path = 'relay'", "given", "auto"],
        ["auto", "relay", "given", "auto"],
    ),
    of(
        "proxy",
        ["network.proxy = 'none'", "http://me:secret@b:2", "http://c:3"],
        ["none", "none", "http://b:2", "http://c:3"],
    ),
    of("ca", ["", "", ""], ["this machine's", "", "", ""]),
    of(
        "connect-timeout",
        ["network.connect-timeout = '1s'", "2s", "3s"],
        ["30s", "1s", "2s", "3s"],
    ),
    of(
        "udp-idle",
        ["network.udp-idle = '1s'", "2s", "3s"],
        ["1m", "1s", "2s", "3s"],
    ),
    of(
        "max-connections",
        ["network.max-connections = 11", "12", "13"],
        ["what `ulimit -n` allows", "11", "12", "13"],
    ),
    of(
        "max-outbound",
        ["network.max-outbound = 11", "12", "13"],
        ["1024", "11", "12", "13"],
    ),
    of(
        "header-timeout",
        ["http.header-timeout = '1s'", "", ""],
        ["30s", "1s", "", ""],
    ),
    of(
        "body-timeout",
        ["http.body-timeout = '1s'", "", ""],
        ["1m", "1s", "", ""],
    ),
    of(
        "send-timeout",
        ["http.send-timeout = '1s'", "", ""],
        ["1m", "1s", "", ""],
    ),
    of(
        "idle-timeout",
        ["http.idle-timeout = '1s'", "", ""],
        ["1m 15s", "1s", "", ""],
    ),
    of("max-requests", ["http.max-requests = 9", "", ""], ["512", "9", "", ""]),
    of("max-streams", ["http.max-streams = 9", "", ""], ["128", "9", "", ""]),
    // A file that is typed is not built, whatever this says.
    of(
        "language",
        ["build.language = 'c'", "go", "rust"],
        ["by files", "c", "go", "rust"],
    ),
    of("offline", ["", "1", ""], ["false", "", "true", "true"]),
    of("no-build-jail", ["", "", ""], ["false", "", "", ""]),
    of("watch", ["", "", ""], ["false", "", "", ""]),
    of("no-isolation", ["", "", ""], ["false", "", "", ""]),
    of("no-cache", ["", "", ""], ["false", "", "", ""]),
    of("allow-precompiled", ["", "", ""], ["false", "", "", ""]),
];

/// What `inspect` shows of a run under so many of the ways: none, the file, the environment as well, all.
fn shown(ways: usize) -> BTreeMap<String, (String, String)> {
    let folder = support::folder();
    let guest = support::guests::guest("p1_echo");
    let file = folder.path().join("settings.toml");
    let lines = SETTINGS.iter().map(|setting| setting.ways[0]).filter(|_| ways > 0);
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let mut arguments = vec!["os", guest.to_str().unwrap(), "--name", "run", "--forward", "0:3000"];
    arguments.extend(["--config", file.to_str().unwrap()]);
    let typed: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| ways > 2 && !setting.ways[2].is_empty())
        .map(|setting| format!("--{}={}", setting.name, setting.ways[2]))
        .collect();
    arguments.extend(typed.iter().map(String::as_str));
    let mut command = wasmrun(&arguments);
    command
        .env("XDG_RUNTIME_DIR", folder.path())
        .env_remove("WASMRUN_FORWARD_PATH");
    for setting in SETTINGS
        .iter()
        .filter(|setting| ways > 1 && !setting.ways[1].is_empty())
    {
        let name = setting.name.replace('-', "_").to_uppercase();
        command.env(format!("WASMRUN_{name}"), setting.ways[1]);
    }
    let mut run = Run::of(command);
    run.ready(3000);
    let mut inspect = wasmrun(&["inspect", "run"]);
    inspect.env("XDG_RUNTIME_DIR", folder.path());
    let state: Value = serde_json::from_str(&output(inspect).stdout).unwrap();
    run.stop();
    let row = |row: &Value| {
        let [name, value, from] = [0, 1, 2].map(|at| row[at].as_str().unwrap().to_owned());
        (name, (value, from))
    };
    state["settings"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_nearer_way_wins() {
    for ways in 0..4 {
        let rows = shown(ways);
        let names: Vec<&String> = rows.keys().collect();
        let mut wanted: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "a setting is missing here, or not shown");
        for setting in SETTINGS {
            // The nearest that it has.
            let way = (1..=ways)
                .rev()
                .find(|way| !setting.ways[way - 1].is_empty())
                .unwrap_or(0);
            let (value, from) = &rows[setting.name];
            assert_eq!(value, setting.shown[way], "{} from {from}, {ways} ways", setting.name);
            let name = setting.name.replace('-', "_").to_uppercase();
            let place = match way {
                0 => "default".to_owned(),
                1 => "settings.toml".to_owned(),
                2 => format!("WASMRUN_{name}"),
                _ => format!("--{}", setting.name),
            };
            assert!(from.ends_with(&place), "{} is said to be from {from}", setting.name);
        }
    }
}
