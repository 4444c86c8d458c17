//! Where a setting was given.

use super::Settings;
use super::file::{Config, File};
use super::typed::Os;
use clap::ValueEnum;
use std::ffi::OsString;
use std::time::Duration;
use supervisor::code::Precompiled;

/// What holds, for `inspect`: the name of each setting, its value as it can be typed, and where it was given.
pub fn explain(os: &Os, file: Option<&File>, settings: &Settings) -> Vec<(String, String, String)> {
    let defaults = Config::default();
    let config = file.map_or(&defaults, |file| &file.config);
    let (guest, network, http, build) = (&config.guest, &config.network, &config.http, &config.build);
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let size = |size: u64| bytesize::ByteSize::b(size).to_string();
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    // What is not built has no policy, and these are given all the same.
    let is_jailed = !os.no_build_jail && build.jail != Some(false);
    // Name (an option is `--` and it), value, whether it was typed, whether it was written.
    let mut rows: Vec<(&str, String, bool, bool)> = vec![
        (
            "memory",
            size(settings.guest.memory.unwrap_or(runtime::Guest::MEMORY)),
            os.memory.is_some(),
            guest.memory.is_some(),
        ),
        (
            "cpus",
            or(settings.guest.cpus.map(|cpus| cpus.to_string()), "all"),
            os.cpus.is_some(),
            guest.cpus.is_some(),
        ),
        (
            "pids",
            settings.guest.pids.unwrap_or(netns::jail::TASKS).to_string(),
            os.pids.is_some(),
            guest.pids.is_some(),
        ),
        (
            "tmp-size",
            size(settings.guest.tmp_size),
            os.tmp_size.is_some(),
            guest.tmp_size.is_some(),
        ),
        (
            "stdin",
            settings.guest.stdin.to_string(),
            os.stdin,
            guest.stdin.is_some(),
        ),
        (
            "grace",
            time(settings.life.grace),
            os.grace.is_some(),
            guest.grace.is_some(),
        ),
        (
            "restart",
            spelled(&settings.life.restart),
            os.restart.is_some(),
            guest.restart.is_some(),
        ),
        (
            "tiered",
            spelled(&settings.code.tiered),
            os.tiered.is_some(),
            guest.tiered.is_some(),
        ),
        (
            "listeners",
            or(settings.guest.listeners.as_ref().map(spelled), "by toolchain"),
            os.listeners.is_some(),
            guest.listeners.is_some(),
        ),
        (
            "auto-forward",
            settings.network.auto_forward.to_string(),
            os.auto_forward,
            network.auto_forward.is_some(),
        ),
        (
            "allow",
            listed(&settings.network.allow, "nothing"),
            !os.allow.is_empty(),
            !network.allow.is_empty(),
        ),
        (
            "allow-private",
            listed(&settings.network.allow_private, "nothing"),
            !os.allow_private.is_empty(),
            !network.allow_private.is_empty(),
        ),
        (
            "expose",
            listed(&settings.network.expose, "nothing"),
            !os.expose.is_empty(),
            !network.expose.is_empty(),
        ),
        (
            "link",
            listed(&settings.network.links, "nothing"),
            !os.links.is_empty(),
            !network.links.is_empty(),
        ),
        (
            "forward-path",
            spelled(&settings.network.path),
            os.forward_path.is_some(),
            network.path.is_some(),
        ),
        (
            "connect-timeout",
            time(settings.network.connect_timeout),
            os.connect_timeout.is_some(),
            network.connect_timeout.is_some(),
        ),
        (
            "udp-idle",
            time(settings.network.udp_idle),
            os.udp_idle.is_some(),
            network.udp_idle.is_some(),
        ),
        (
            "max-connections",
            or(
                settings.network.max_connections.map(|most| most.to_string()),
                "what `ulimit -n` allows",
            ),
            os.max_connections.is_some(),
            network.max_connections.is_some(),
        ),
        (
            "max-outbound",
            settings.network.max_outbound.to_string(),
            os.max_outbound.is_some(),
            network.max_outbound.is_some(),
        ),
        (
            "header-timeout",
            time(settings.guest.http.header_timeout),
            false,
            http.header_timeout.is_some(),
        ),
        (
            "body-timeout",
            time(settings.guest.http.body_timeout),
            false,
            http.body_timeout.is_some(),
        ),
        (
            "send-timeout",
            time(settings.guest.http.send_timeout),
            false,
            http.send_timeout.is_some(),
        ),
        (
            "idle-timeout",
            time(settings.guest.http.idle_timeout),
            false,
            http.idle_timeout.is_some(),
        ),
        (
            "max-requests",
            settings.guest.http.max_requests.to_string(),
            false,
            http.max_requests.is_some(),
        ),
        (
            "max-streams",
            settings.guest.http.max_streams.to_string(),
            false,
            http.max_streams.is_some(),
        ),
        (
            "language",
            or(
                os.language.map(|named| format!("{named:?}")).or(build.language.clone()),
                "by files",
            ),
            os.language.is_some(),
            build.language.is_some(),
        ),
        ("offline", os.offline.to_string(), os.offline, false),
        (
            "no-build-jail",
            (!is_jailed).to_string(),
            os.no_build_jail,
            build.jail.is_some(),
        ),
        ("watch", settings.watch.is_some().to_string(), os.watch, false),
        (
            "no-isolation",
            (!settings.isolation).to_string(),
            os.no_isolation,
            false,
        ),
        ("no-cache", (!settings.code.cache).to_string(), os.no_cache, false),
        (
            "allow-precompiled",
            (settings.code.precompiled == Precompiled::Allowed).to_string(),
            os.allow_precompiled,
            false,
        ),
    ];
    if let Some(watch) = &settings.watch {
        let written = &config.watch;
        rows.push(("debounce", time(watch.debounce), false, written.debounce.is_some()));
        rows.push((
            "health",
            or(watch.health.clone(), "none"),
            false,
            written.health.is_some(),
        ));
        let paths: Vec<String> = watch.paths.iter().map(|path| path.display().to_string()).collect();
        rows.push(("paths", listed(&paths, "the project"), false, !watch.paths.is_empty()));
        rows.push(("ignore", listed(&watch.ignore, "none"), false, !watch.ignore.is_empty()));
        rows.push((
            "livereload",
            or(watch.livereload.map(|port| port.to_string()), "off"),
            false,
            // Written as `false` it is what it is by default.
            watch.livereload.is_some(),
        ));
    }
    let place_of = |name: &str, typed: bool, written: bool| match (typed, written, file) {
        // The one of them that has a letter of its own.
        (true, ..) if name == "watch" => place("--watch", &["-w"]),
        (true, ..) => place(&format!("--{name}"), &[]),
        (false, true, Some(file)) => file.path.display().to_string(),
        _ => "default".to_owned(),
    };
    rows.into_iter()
        .map(|(name, value, typed, written)| {
            let place = place_of(name, typed, written);
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
