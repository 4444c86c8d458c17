//! `wasmrun doctor`: what isolation and forwarding need of this machine, one line each, with the fix where one is missing.

use report::{FAILED, Result};
use std::fs;
use std::io::Write;
use std::net::{Ipv6Addr, TcpListener};
use supervisor::protocol::{Inside, Message, Task};
use supervisor::{GuestProcess, Start, refusal};

/// One need and how it stands.
struct Check {
    need: &'static str,
    state: State,
}

enum State {
    Good(String),
    /// It works without, less well.
    Weak {
        why: String,
        fix: String,
    },
    /// wasmrun stops without it.
    Bad {
        why: String,
        fix: String,
    },
}

/// Checks everything and prints a line for each need; the exit code says whether guests can be isolated.
pub async fn run() -> Result<u8> {
    if !refusal::has_proc() {
        // Nothing else could be found out.
        writeln!(
            std::io::stdout(),
            "FAIL  /proc: not mounted\n      {}",
            refusal::MOUNT_PROC
        )?;
        return Ok(report::FAILED);
    }
    let mut checks = vec![
        kernel(),
        sysctl(
            "user namespaces",
            "/proc/sys/user/max_user_namespaces",
            |value| value == "0",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        sysctl(
            "network namespaces",
            "/proc/sys/user/max_net_namespaces",
            |value| value == "0",
            "sysctl -w user.max_net_namespaces=15000",
        ),
    ];
    checks.extend(jail().await);
    checks.extend([ipv6(), descriptors(), cache()]);
    let mut out = std::io::stdout().lock();
    let mut bad = false;
    for check in &checks {
        let (mark, text, fix) = match &check.state {
            State::Good(text) => ("ok  ", text, None),
            State::Weak { why, fix } => ("warn", why, Some(fix)),
            State::Bad { why, fix } => {
                bad = true;
                ("FAIL", why, Some(fix))
            }
        };
        writeln!(out, "{mark}  {}: {text}", check.need)?;
        if let Some(fix) = fix {
            for line in fix.lines() {
                writeln!(out, "      {line}")?;
            }
        }
    }
    let verdict = if bad {
        "guests cannot be isolated on this machine"
    } else {
        "guests can be isolated on this machine"
    };
    writeln!(out, "{verdict}")?;
    Ok(if bad { FAILED } else { 0 })
}

fn kernel() -> Check {
    // pidfd_open(2) is of 5.3, epoll_pwait2(2) of 5.11, mount_setattr(2) of 5.12.
    let release = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let state = if version >= (5, 12) {
        State::Good(release)
    } else {
        State::Bad {
            why: format!("Linux {release} is too old"),
            fix: "use Linux 5.12 or later".to_owned(),
        }
    };
    Check { need: "kernel", state }
}

fn sysctl(need: &'static str, path: &str, is_off: impl Fn(&str) -> bool, fix: &str) -> Check {
    let state = match fs::read_to_string(path) {
        Ok(value) if is_off(value.trim()) => State::Bad {
            why: format!("disabled: {path} is {}", value.trim()),
            fix: fix.to_owned(),
        },
        Ok(value) => State::Good(format!("up to {} for each user", value.trim())),
        Err(error) => State::Bad {
            why: format!("not supported by this kernel ({path}: {error})"),
            fix: "use a kernel with CONFIG_USER_NS and CONFIG_NET_NS".to_owned(),
        },
    };
    Check { need, state }
}

/// Builds a real jail and asks from inside.
async fn jail() -> Vec<Check> {
    let built = try_jail().await;
    let inside = match built {
        Err(failure) => {
            let fix = failure.hint.clone().unwrap_or_default();
            let why = failure.to_string();
            return vec![Check {
                need: "a guest's jail",
                state: State::Bad { why, fix },
            }];
        }
        Ok(inside) => inside,
    };
    let holds = |need, holds, good: &str, why: &str| Check {
        need,
        state: if holds {
            State::Good(good.to_owned())
        } else {
            State::Bad {
                why: why.to_owned(),
                fix: "please report this with the output of `uname -a`".to_owned(),
            }
        },
    };
    vec![
        holds(
            "a guest's jail",
            true,
            "user, network, mount, ipc, uts, cgroup and pid namespaces",
            "",
        ),
        holds(
            "its loopback",
            inside.loopback,
            "up, the only interface",
            "connections on it fail",
        ),
        holds(
            "its root",
            inside.root_is_empty,
            "empty",
            "it contains files of the host",
        ),
        holds(
            "its capabilities",
            !inside.capabilities,
            "none",
            "some could not be given up",
        ),
    ]
}

async fn try_jail() -> Result<Inside> {
    let probe = Start {
        task: Task::Probe,
        limits: netns::cgroup::Limits::default(),
        is_isolated: true,
        code: None,
        mounts: Vec::new(),
        stdin: false,
        adopts: None,
        way_out: None,
        authorities: Vec::new(),
    };
    let mut process = GuestProcess::start(probe, None)?;
    let inside = match process.message().await {
        Some(Message::Inside(inside)) => Ok(inside),
        Some(Message::Jail { error, errno }) => Err(refusal::explain(&error, errno)),
        _ => Err(anyhow::anyhow!("the probe process ended without an answer").into()),
    };
    process.ended().await?;
    inside
}

fn ipv6() -> Check {
    let state = match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => State::Good("[::1] is available".to_owned()),
        Err(error) => State::Weak {
            why: format!("[::1] cannot be bound ({error}); forwards listen on 127.0.0.1 alone"),
            fix: "sysctl -w net.ipv6.conf.lo.disable_ipv6=0".to_owned(),
        },
    };
    Check {
        need: "IPv6 loopback",
        state,
    }
}

fn descriptors() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let state = match limit {
        Some(limit) if limit < 4096 => State::Weak {
            why: format!("at most {limit}, which is about {} connections", limit / 2),
            fix: "raise the hard limit: `ulimit -Hn`, limits.conf(5)".to_owned(),
        },
        Some(limit) => State::Good(format!("up to {limit}")),
        None => State::Good("unlimited".to_owned()),
    };
    Check {
        need: "file descriptors",
        state,
    }
}

fn cache() -> Check {
    let state = match files::cache::place() {
        None => State::Weak {
            why: "there is no home folder to keep compiled code in".to_owned(),
            fix: "set WASMRUN_CACHE_DIR to a folder of your own".to_owned(),
        },
        Some(folder) => match runtime::Cache::open(&folder) {
            Ok(_) => State::Good(folder.display().to_string()),
            Err(error) => State::Weak {
                why: format!("{:#}", anyhow::Error::new(error)),
                fix: "set WASMRUN_CACHE_DIR to a folder of your own".to_owned(),
            },
        },
    };
    Check {
        need: "cache of compiled code",
        state,
    }
}
