//! Tests that own their network: each runs again in a user, network and mount namespace of its own, where it is root and no
//! packet can leave the machine. Used by the tests of `netns`, too.

use std::process::Command;
use std::time::{Duration, Instant};

/// Set in the namespaces.
const INSIDE: &str = "WASMRUN_TEST_INSIDE";

/// Runs `test` in a network of its own, with these variables. The name must be the test function's.
pub fn namespaced(name: &str, variables: &[(&str, &str)], test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        command("ip", &["link", "set", "lo", "up"]);
        return test();
    }
    // One that hangs fails, and does not hold all others up.
    let output = Command::new("timeout")
        .args(["180", "unshare", "--user", "--map-root-user", "--net", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .envs(variables.iter().copied())
        .output()
        .expect("coreutils' timeout and util-linux's unshare run");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "in its own network the test failed, or did not run:\n{text}"
    );
}

/// Runs a program that must succeed.
#[track_caller]
pub fn command(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {arguments:?} failed"
    );
}

/// Nothing here takes this long; what does is stuck.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must come true soon.
#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_within(what, PATIENCE, holds);
}

#[track_caller]
pub fn eventually_within(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
