//! Tables of docs/ that are made from the code: of settings, from the command line, its variables and the keys of the file; of
//! languages, from their registry.
//!
//! `WASMRUN_UPDATE_DOCS=1 cargo test --workspace --bin wasmrun documented` writes them.

use clap::{Arg, CommandFactory};
use languages::registry;
use std::collections::BTreeSet;
use std::path::Path;

/// What a setting is called, its options (long names; empty for PATH), its keys in the file, other variables, its default.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const ROWS: &[Row] = &[
    ("project or guest", &["PATH"], &[], &[], "`.`"),
    ("guest file", &["PATH"], &["guest.artifact"], &[], "the only one there"),
    ("arguments", &["--"], &["guest.args"], &[], "none"),
    (
        "variables (add up, later wins)",
        &["env", "env-file"],
        &["env"],
        &[],
        "none",
    ),
    ("directories (add up)", &["dir"], &["guest.dirs"], &[], "none"),
    ("standard input", &["stdin"], &["guest.stdin"], &[], "empty"),
    ("name of the run", &["name"], &[], &[], "the folder's or file's"),
    ("forwards (add up)", &["forward"], &["network.forwards"], &[], "none"),
    (
        "automatic forwards",
        &["auto-forward"],
        &["network.auto-forward"],
        &[],
        "off",
    ),
    (
        "outbound rules (add up)",
        &["allow"],
        &["network.allow"],
        &[],
        "none: no connection leaves the guest's network",
    ),
    (
        "networks for names (add up)",
        &["allow-private"],
        &["network.allow-private"],
        &[],
        "public addresses only",
    ),
    (
        "ports for links (add up)",
        &["expose"],
        &["network.expose"],
        &[],
        "those on which the guest listens",
    ),
    ("links (add up)", &["link"], &["network.links"], &[], "none"),
    ("forward path", &["forward-path"], &["network.path"], &[], "`auto`"),
    (
        "outbound path",
        &["outbound-path"],
        &["network.outbound-path"],
        &[],
        "`auto`",
    ),
    ("outbound proxy", &["proxy"], &["network.proxy"], &[], "none"),
    (
        "authorities for TLS (add up)",
        &["ca"],
        &["network.ca"],
        &[],
        "those that this machine trusts",
    ),
    (
        "wait for the guest",
        &["connect-timeout"],
        &["network.connect-timeout"],
        &[],
        "30s",
    ),
    ("UDP idle timeout", &["udp-idle"], &["network.udp-idle"], &[], "60s"),
    (
        "connection limit",
        &["max-connections"],
        &["network.max-connections"],
        &[],
        "by `ulimit -n`",
    ),
    (
        "limit of outbound connections",
        &["max-outbound"],
        &["network.max-outbound"],
        &[],
        "1024",
    ),
    (
        "order of inherited listeners",
        &["listeners"],
        &["guest.listeners"],
        &[],
        "by toolchain",
    ),
    ("metrics", &["metrics"], &[], &[], "off"),
    ("readiness descriptor", &["ready-fd"], &[], &[], "none"),
    ("HTTP: head of a request", &[], &["http.header-timeout"], &[], "30s"),
    ("HTTP: body of a request", &[], &["http.body-timeout"], &[], "60s"),
    ("HTTP: response", &[], &["http.send-timeout"], &[], "60s"),
    ("HTTP: idle connection", &[], &["http.idle-timeout"], &[], "75s"),
    ("HTTP: requests in the guest", &[], &["http.max-requests"], &[], "512"),
    (
        "HTTP/2: streams of a connection",
        &[],
        &["http.max-streams"],
        &[],
        "128",
    ),
    (
        "memory",
        &["memory"],
        &["guest.memory"],
        &[],
        "4 GiB, memories and tables",
    ),
    ("processor time", &["cpus"], &["guest.cpus"], &[], "all of it"),
    ("processes and threads", &["pids"], &["guest.pids"], &[], "1,024"),
    (
        "size of a program's `/tmp`",
        &["tmp-size"],
        &["guest.tmp-size"],
        &[],
        "64 MiB",
    ),
    ("grace", &["grace"], &["guest.grace"], &[], "10s"),
    (
        "restart policy",
        &["restart"],
        &["guest.restart"],
        &[],
        "`never`; `on-failure` with `--watch`",
    ),
    ("watch", &["watch"], &[], &[], "off"),
    (
        "watched paths",
        &[],
        &["watch.paths"],
        &[],
        "the project, or the guest's file",
    ),
    ("ignored paths", &[], &["watch.ignore"], &[], "none"),
    ("debounce", &[], &["watch.debounce"], &[], "50ms"),
    ("health check", &[], &["watch.health"], &[], "none"),
    ("livereload", &[], &["watch.livereload"], &[], "off"),
    ("language", &["language"], &["build.language"], &[], "by files"),
    ("build command", &[], &["build.command"], &[], "by language"),
    (
        "build output",
        &[],
        &["build.output"],
        &[],
        "the artifact, or the only file",
    ),
    ("build directory", &[], &["build.dir"], &[], "the file's folder"),
    ("build jail", &["no-build-jail"], &["build.jail"], &[], "on"),
    ("offline", &["offline"], &[], &[], "off"),
    (
        "Python entry point",
        &["PATH"],
        &["python.script", "python.module", "python.wsgi", "python.asgi"],
        &[],
        "`app.py`, `main.py`, …",
    ),
    ("Python source packages", &[], &["python.build-packages"], &[], "off"),
    (
        "Node.js entry point",
        &["PATH"],
        &["nodejs.script"],
        &[],
        "what `npm start` runs",
    ),
    ("tiered compilation", &["tiered"], &["guest.tiered"], &[], "`auto`"),
    ("compiled code", &["allow-precompiled"], &[], &[], "refused"),
    ("compile without a cache", &["no-cache"], &[], &[], "off"),
    ("memory of a compile", &[], &[], &["WASMRUN_COMPILE_MEMORY"], "4 GiB"),
    ("time of a compile", &[], &[], &["WASMRUN_COMPILE_TIMEOUT"], "10m"),
    ("isolation", &["no-isolation"], &[], &[], "on"),
    ("trust", &["trust"], &[], &[], "ask"),
    ("services of `wasmrun up`", &[], &["services"], &[], "none"),
    ("configuration file", &["config"], &[], &[], "`.wasmrun.toml`"),
    ("log format", &["log-format"], &[], &[], "`text`"),
    ("verbosity", &["verbose", "quiet"], &[], &[], ""),
    (
        "cache folder",
        &[],
        &[],
        &["WASMRUN_CACHE_DIR"],
        "`~/.cache/wasmrun/code`",
    ),
];

/// Every option of `wasmrun os`, by its long name.
fn options() -> Vec<Arg> {
    let mut cli = crate::cli::Cli::command();
    cli.build();
    let os = cli.find_subcommand("os").expect("there is `wasmrun os`");
    let shown = os.get_arguments().filter(|arg| !arg.is_hide_set());
    shown
        .filter(|arg| arg.get_id() != "help" && arg.get_id() != "version")
        .cloned()
        .collect()
}

/// The keys of the file, as its example has them; `file::tests` holds that it has all. `[env]` and `[services]` have any.
fn keys() -> BTreeSet<String> {
    let example = std::fs::read_to_string(root().join(".wasmrun.toml.example")).unwrap();
    let text: String = example
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
        .collect();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let whole = ["env", "services"];
    let mut keys: BTreeSet<String> = whole.map(str::to_owned).into();
    for (section, rest) in table.iter().filter(|(section, _)| !whole.contains(&section.as_str())) {
        let inner = rest.as_table().unwrap();
        keys.extend(inner.keys().map(|key| format!("{section}.{key}")));
    }
    keys
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(options: &[Arg]) -> String {
    let mut table = "| setting | command line | environment | file | default |\n|---|---|---|---|---|\n".to_owned();
    for (title, of_row, keys, variables, default) in ROWS {
        let arg = |name: &&str| options.iter().find(|arg| arg.get_long() == Some(*name));
        let option = |name: &&str| match *name {
            "PATH" => "PATH".to_owned(),
            "--" => "after `--`".to_owned(),
            name => format!("`--{name}`"),
        };
        let own = of_row.iter().filter_map(arg).filter_map(Arg::get_env);
        let own = own.map(|name| name.to_string_lossy().into_owned());
        let variables = own.chain(variables.iter().map(|name| (*name).to_owned()));
        let variables = variables.map(|name| match name.as_str() {
            "WASMRUN_CA"
            | "WASMRUN_FORWARD"
            | "WASMRUN_ALLOW"
            | "WASMRUN_ALLOW_PRIVATE"
            | "WASMRUN_LINK"
            | "WASMRUN_EXPOSE" => {
                format!("`{name}` (commas)")
            }
            name => format!("`{name}`"),
        });
        let key = |(at, key): (usize, &&str)| match key.split_once('.') {
            Some((section, key)) if at == 0 => format!("`[{section}] {key}`"),
            Some((_, key)) => format!("`{key}`"),
            None => format!("`[{key}]`"),
        };
        let cells = [
            (*title).to_owned(),
            of_row.iter().map(option).collect::<Vec<_>>().join(", "),
            variables.collect::<Vec<_>>().join(", "),
            keys.iter().enumerate().map(key).collect::<Vec<_>>().join(", "),
            (*default).to_owned(),
        ];
        for cell in cells {
            table += if cell.is_empty() { "|" } else { "| " };
            table += &cell;
            table += " ";
        }
        table += "|\n";
    }
    table
}

#[test]
fn settings_are_documented() {
    let options = options();
    let known: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.1).copied().collect();
    for arg in &options {
        let name = match (arg.get_long(), arg.is_last_set()) {
            (Some(long), _) => long,
            (None, true) => "--",
            (None, false) => "PATH",
        };
        assert!(known.contains(name), "no row has --{name}");
    }
    let written: BTreeSet<String> = ROWS.iter().flat_map(|row| row.2).map(ToString::to_string).collect();
    assert_eq!(written, keys(), "the keys of the file");
    is_current("docs/configuration.md", "settings", &table(&options));
}

#[test]
fn languages_are_documented() {
    is_current("docs/reload.md", "languages", &registry::table(registry::ALL));
}

/// Whether a page has a table in its place; or puts it there.
#[track_caller]
fn is_current(page: &str, name: &str, wanted: &str) {
    let path = root().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).expect("the page has a place for the table");
    let (is, after) = rest.split_once(&end).expect("and its end");
    if std::env::var_os("WASMRUN_UPDATE_DOCS").is_some() {
        return std::fs::write(path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    }
    assert_eq!(is, wanted, "{page} is not current; WASMRUN_UPDATE_DOCS=1 writes it");
}
