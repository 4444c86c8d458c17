//! Where a setting was given.

use super::Settings;
use super::file::Config;
use super::layers::Layers;
use super::sections::Livereload;
use super::typed::Os;
use clap::ValueEnum;
use std::ffi::OsString;
use std::time::Duration;
use supervisor::code::Precompiled;

/// Whether a file has a setting.
type Has = fn(&Config) -> bool;

/// What holds, for `inspect`: the name of each setting, its value as it can be typed, and where it was given.
pub fn explain(os: &Os, layers: &Layers, settings: &Settings) -> Vec<(String, String, String)> {
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let size = |size: u64| bytesize::ByteSize::b(size).to_string();
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    // What is not built has no policy, and these are given all the same.
    let is_jailed = !os.no_build_jail && layers.value(|config| config.build.jail.as_ref()) != Some(false);
    let authorities = settings.network.authorities.iter();
    let authorities: Vec<String> = authorities.map(|named| named.path.display().to_string()).collect();
    let language = layers.value(|config| config.build.language.as_ref());
    // Name (an option is `--` and it), value, whether it was typed, whether a file has it.
    let mut rows: Vec<(&str, String, bool, Has)> = vec![
        (
            "memory",
            size(settings.guest.memory.unwrap_or(runtime::Guest::MEMORY)),
            os.memory.is_some(),
            |config| config.guest.memory.is_some(),
        ),
        (
            "cpus",
            or(settings.guest.cpus.map(|cpus| cpus.to_string()), "all"),
            os.cpus.is_some(),
            |config| config.guest.cpus.is_some(),
        ),
        (
            "pids",
            settings.guest.pids.unwrap_or(netns::jail::TASKS).to_string(),
            os.pids.is_some(),
            |config| config.guest.pids.is_some(),
        ),
        (
            "tmp-size",
            size(settings.guest.tmp_size),
            os.tmp_size.is_some(),
            |config| config.guest.tmp_size.is_some(),
        ),
        ("stdin", settings.guest.stdin.to_string(), os.stdin, |config| {
            config.guest.stdin.is_some()
        }),
        ("grace", time(settings.life.grace), os.grace.is_some(), |config| {
            config.guest.grace.is_some()
        }),
        (
            "restart",
            spelled(&settings.life.restart),
            os.restart.is_some(),
            |config| config.guest.restart.is_some(),
        ),
        (
            "tiered",
            spelled(&settings.code.tiered),
            os.tiered.is_some(),
            |config| config.guest.tiered.is_some(),
        ),
        (
            "listeners",
            or(settings.guest.listeners.as_ref().map(spelled), "by toolchain"),
            os.listeners.is_some(),
            |config| config.guest.listeners.is_some(),
        ),
        (
            "auto-forward",
            settings.network.auto_forward.to_string(),
            os.auto_forward,
            |config| config.network.auto_forward.is_some(),
        ),
        (
            "allow",
            listed(&settings.network.allow, "nothing"),
            !os.allow.is_empty(),
            |config| !config.network.allow.is_empty(),
        ),
        (
            "allow-private",
            listed(&settings.network.allow_private, "nothing"),
            !os.allow_private.is_empty(),
            |config| !config.network.allow_private.is_empty(),
        ),
        (
            "expose",
            listed(&settings.network.expose, "nothing"),
            !os.expose.is_empty(),
            |config| !config.network.expose.is_empty(),
        ),
        (
            "link",
            listed(&settings.network.links, "nothing"),
            !os.links.is_empty(),
            |config| !config.network.links.is_empty(),
        ),
        (
            "forward-path",
            spelled(&settings.network.path),
            os.forward_path.is_some(),
            |config| config.network.path.is_some(),
        ),
        (
            "outbound-path",
            spelled(&settings.network.outbound_path),
            os.outbound_path.is_some(),
            |config| config.network.outbound_path.is_some(),
        ),
        (
            "proxy",
            or(settings.network.proxies.as_ref().map(ToString::to_string), "none"),
            os.proxy.is_some(),
            |config| config.network.proxy.is_some(),
        ),
        (
            "ca",
            listed(&authorities, "this machine's"),
            !os.authorities.is_empty(),
            |config| !config.network.ca.is_empty(),
        ),
        (
            "connect-timeout",
            time(settings.network.connect_timeout),
            os.connect_timeout.is_some(),
            |config| config.network.connect_timeout.is_some(),
        ),
        (
            "udp-idle",
            time(settings.network.udp_idle),
            os.udp_idle.is_some(),
            |config| config.network.udp_idle.is_some(),
        ),
        (
            "max-connections",
            or(
                settings.network.max_connections.map(|most| most.to_string()),
                "what `ulimit -n` allows",
            ),
            os.max_connections.is_some(),
            |config| config.network.max_connections.is_some(),
        ),
        (
            "max-outbound",
            settings.network.max_outbound.to_string(),
            os.max_outbound.is_some(),
            |config| config.network.max_outbound.is_some(),
        ),
        (
            "header-timeout",
            time(settings.guest.http.header_timeout),
            false,
            |config| config.http.header_timeout.is_some(),
        ),
        (
            "body-timeout",
            time(settings.guest.http.body_timeout),
            false,
            |config| config.http.body_timeout.is_some(),
        ),
        (
            "send-timeout",
            time(settings.guest.http.send_timeout),
            false,
            |config| config.http.send_timeout.is_some(),
        ),
        (
            "idle-timeout",
            time(settings.guest.http.idle_timeout),
            false,
            |config| config.http.idle_timeout.is_some(),
        ),
        (
            "max-requests",
            settings.guest.http.max_requests.to_string(),
            false,
            |config| config.http.max_requests.is_some(),
        ),
        (
            "max-streams",
            settings.guest.http.max_streams.to_string(),
            false,
            |config| config.http.max_streams.is_some(),
        ),
        (
            "language",
            or(os.language.map(|named| format!("{named:?}")).or(language), "by files"),
            os.language.is_some(),
            |config| config.build.language.is_some(),
        ),
        ("offline", os.offline.to_string(), os.offline, |_| false),
        ("no-build-jail", (!is_jailed).to_string(), os.no_build_jail, |config| {
            config.build.jail.is_some()
        }),
        ("watch", settings.watch.is_some().to_string(), os.watch, |_| false),
        (
            "no-isolation",
            (!settings.isolation).to_string(),
            os.no_isolation,
            |_| false,
        ),
        ("no-cache", (!settings.code.cache).to_string(), os.no_cache, |_| false),
        (
            "allow-precompiled",
            (settings.code.precompiled == Precompiled::Allowed).to_string(),
            os.allow_precompiled,
            |_| false,
        ),
    ];
    if let Some(watch) = &settings.watch {
        rows.push(("debounce", time(watch.debounce), false, |config| {
            config.watch.debounce.is_some()
        }));
        rows.push(("health", or(watch.health.clone(), "none"), false, |config| {
            config.watch.health.is_some()
        }));
        let paths: Vec<String> = watch.paths.iter().map(|path| path.display().to_string()).collect();
        rows.push(("paths", listed(&paths, "the project"), false, |config| {
            !config.watch.paths.is_empty()
        }));
        rows.push(("ignore", listed(&watch.ignore, "none"), false, |config| {
            !config.watch.ignore.is_empty()
        }));
        let port = watch.livereload.map(|port| port.to_string());
        rows.push(("livereload", or(port, "off"), false, |config| {
            // Written as `false` it is what it is by default.
            !matches!(config.watch.livereload, None | Some(Livereload::Switch(false)))
        }));
    }
    let place_of = |name: &str, typed: bool, has: Has| match (typed, layers.top(|config| has(config).then_some(config)))
    {
        // The one of them that has a letter of its own.
        (true, _) if name == "watch" => place("--watch", &["-w"]),
        (true, _) => place(&format!("--{name}"), &[]),
        (false, Some((_, file))) => file.shown(),
        (false, None) => "default".to_owned(),
    };
    rows.into_iter()
        .map(|(name, value, typed, has)| {
            let place = place_of(name, typed, has);
            (name.to_owned(), value, place)
        })
        .collect()
}

/// Values that add up.
fn listed(values: &[impl ToString], otherwise: &str) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    match values.is_empty() {
        true => otherwise.to_owned(),
        false => values.join(", "),
    }
}

/// A value as it is typed.
fn spelled(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// Where the value of an option was given: by the option, or by its variable. It may be typed under other names, too, after
/// which a value of one letter's follows at once.
pub fn place(option: &str, others: &[&str]) -> String {
    variable_behind(option, others).unwrap_or_else(|| option.to_owned())
}

/// The variable that an option's value comes from: the one of its name, where the option was not typed.
pub fn variable_behind(option: &str, others: &[&str]) -> Option<String> {
    let name = format!(
        "WASMRUN_{}",
        option.trim_start_matches('-').replace('-', "_").to_uppercase()
    );
    let is_it = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        argument == option
            || argument.starts_with(&format!("{option}="))
            || others.iter().any(|other| argument.starts_with(other))
    };
    let is_typed = std::env::args_os()
        .take_while(|argument| argument != "--")
        .any(|argument| is_it(&argument));
    (!is_typed && std::env::var_os(&name).is_some_and(|value| !value.is_empty())).then_some(name)
}
