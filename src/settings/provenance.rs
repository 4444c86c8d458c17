//! Where a setting was given.

use super::Settings;
use super::file::{Config, File};
use super::typed::Os;
use std::ffi::OsString;
use std::time::Duration;

/// What holds, for `inspect`: each setting's name, its value, and where it came from.
pub fn explain(os: &Os, file: Option<&File>, settings: &Settings) -> Vec<(String, String, String)> {
    let defaults = Config::default();
    let config = file.map_or(&defaults, |file| &file.config);
    let place = |typed: bool, written: bool| match (typed, written, file) {
        (true, ..) => "command line or environment".to_owned(),
        (false, true, Some(file)) => file.path.display().to_string(),
        _ => "default".to_owned(),
    };
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let (guest, network, http) = (&config.guest, &config.network, &settings.http);
    let most = settings
        .max_connections
        .map_or("what `ulimit -n` allows".to_owned(), |most| most.to_string());
    let memory = settings
        .memory
        .map_or("4 GiB".to_owned(), |size| bytesize::ByteSize::b(size).to_string());
    let cpus = settings.cpus.map_or("all".to_owned(), |cpus| cpus.to_string());
    let pids = settings.pids.unwrap_or(netns::jail::TASKS).to_string();
    let tmp_size = bytesize::ByteSize::b(settings.tmp_size).to_string();
    let rows = [
        ("memory", memory, os.memory.is_some(), guest.memory.is_some()),
        ("cpus", cpus, os.cpus.is_some(), guest.cpus.is_some()),
        ("pids", pids, os.pids.is_some(), guest.pids.is_some()),
        ("tmp-size", tmp_size, os.tmp_size.is_some(), guest.tmp_size.is_some()),
        (
            "connect-timeout",
            time(settings.connect_timeout),
            os.connect_timeout.is_some(),
            network.connect_timeout.is_some(),
        ),
        (
            "udp-idle",
            time(settings.udp_idle),
            os.udp_idle.is_some(),
            network.udp_idle.is_some(),
        ),
        (
            "max-connections",
            most,
            os.max_connections.is_some(),
            network.max_connections.is_some(),
        ),
        (
            "header-timeout",
            time(http.header_timeout),
            false,
            config.http.header_timeout.is_some(),
        ),
        (
            "body-timeout",
            time(http.body_timeout),
            false,
            config.http.body_timeout.is_some(),
        ),
        (
            "send-timeout",
            time(http.send_timeout),
            false,
            config.http.send_timeout.is_some(),
        ),
        (
            "idle-timeout",
            time(http.idle_timeout),
            false,
            config.http.idle_timeout.is_some(),
        ),
        (
            "max-requests",
            http.max_requests.to_string(),
            false,
            config.http.max_requests.is_some(),
        ),
        (
            "max-streams",
            http.max_streams.to_string(),
            false,
            config.http.max_streams.is_some(),
        ),
        ("grace", time(settings.grace), os.grace.is_some(), guest.grace.is_some()),
        (
            "restart",
            format!("{:?}", settings.restart).to_lowercase(),
            os.restart.is_some(),
            guest.restart.is_some(),
        ),
        (
            "tiered",
            format!("{:?}", settings.tiered).to_lowercase(),
            os.tiered.is_some(),
            guest.tiered.is_some(),
        ),
        (
            "forward-path",
            format!("{:?}", settings.path).to_lowercase(),
            os.forward_path.is_some(),
            network.path.is_some(),
        ),
        ("stdin", settings.stdin.to_string(), os.stdin, guest.stdin.is_some()),
    ];
    let row =
        |(name, value, typed, written): (&str, String, bool, bool)| (name.to_owned(), value, place(typed, written));
    rows.into_iter().map(row).collect()
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
