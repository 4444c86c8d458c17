//! What supervisor and guest process say to each other, over a channel of messages (`netns::fd_passing`).
//!
//! Both are the same binary, so the form needs no versions: JSON, one value a message.

use anyhow::{Context, Result};
use files::Held;
use netns::fd_passing;
use runtime::Counts;
use rustix::fs::MemfdFlags;
use rustix::net::RecvFlags;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use tokio::process::Command;

/// The hidden first argument of a process that becomes a jail.
pub const GUEST: &str = "__guest";
/// The hidden first argument of a process that compiles what comes over its channel.
pub const COMPILE: &str = "__compile";
/// Longest message; a channel takes about 200 kB at most (`net.core.wmem_default`).
const MESSAGE: usize = 64 * 1024;
/// Longest text in a message, so that the rest has room: JSON may write six bytes for one (`\u0001`).
const TEXT: usize = 8 * 1024;

/// How a guest's process gets connections that leave its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayOut {
    /// It is given the host's sockets, and cannot say where any of its sockets leads.
    Given,
    /// It is given sockets of its own network, and bytes are relayed.
    Relayed,
}

/// The first message, in a file because arguments and environment can be larger than a message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Launch {
    /// The supervisor's process id.
    pub supervisor: i32,
    /// The process accepts from listeners of the host. None: it never gets any.
    pub adopts: Option<Adopts>,
    /// A jail is built before anything runs.
    pub is_isolated: bool,
    /// How connections leave its network, for which it asks over a channel that comes along ([`netns::egress`]). None: there are none.
    pub way_out: Option<WayOut>,
    /// A file of the certificates that this machine trusts comes along, open.
    pub has_trust: bool,
    /// The file of the guest's code; none where none is run.
    pub code: Option<PathBuf>,
    /// What the guest is shown.
    pub mounts: Vec<Mount>,
    /// Most processes and threads.
    pub tasks: Option<u64>,
    /// What the process is for.
    pub task: Task,
}

impl Launch {
    /// How many files and directories come along open.
    fn comes_along(&self) -> usize {
        let of_host = |mount: &&Mount| matches!(mount.source, Source::Host { .. });
        match self.is_isolated {
            true => usize::from(self.code.is_some()) + self.mounts.iter().filter(of_host).count(),
            false => 0,
        }
    }
}

/// How a guest accepts from listeners of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopts {
    /// At most so many at once.
    pub connections: usize,
    /// It makes sockets of its own, with init's help; otherwise its listeners are made for it.
    pub makes_sockets: bool,
}

/// Something that a guest is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it comes from.
    pub source: Source,
    /// Where the guest finds it.
    pub guest: String,
    /// The guest cannot change what is in it.
    pub read_only: bool,
    /// Files in it that are not the guest's to change, from its root.
    pub fixed: Vec<PathBuf>,
}

/// Where what is shown comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A file or directory of the host; the path is what it is called. In a jail it comes along open: as it was held, or by its
    /// path where it was not.
    Host {
        /// The path of it.
        path: PathBuf,
        /// It, opened when it was chosen.
        #[serde(skip)]
        held: Option<Held>,
    },
    /// An empty directory in memory, of at most so many bytes. It takes a jail.
    Memory {
        /// Bytes.
        size: u64,
    },
}

/// What the process is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// Run a guest.
    Run(Box<runtime::Guest>),
    /// Say what the jail looks like from inside (`wasmrun doctor`).
    Probe,
}

/// From the guest's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// The guest did something that others act on.
    Event(runtime::Event),
    /// The guest has ended.
    Ended(runtime::Outcome),
    /// What came through adopted listeners; forwards without connections are left out.
    Adopted(Vec<Counts>),
    /// All of that has been said.
    Counted,
    /// And nothing more is accepted from them, as the order of this number said.
    Released(u64),
    /// The jail could not be built; with the errno, if it was a system call.
    Jail {
        /// What failed, with its causes.
        error: String,
        /// The kernel's error number, where it was one.
        errno: Option<i32>,
    },
    /// The answer to [`Task::Probe`].
    Inside(Inside),
}

/// A jail from inside.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inside {
    /// Connections on its loopback interface work.
    pub loopback: bool,
    /// The host's files are not there.
    pub root_is_empty: bool,
    /// It has some capability left.
    pub capabilities: bool,
}

/// To the guest's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Accept from this listener, which comes along, for a port of the guest.
    Adopt {
        /// The forward's number.
        forward: u64,
        /// The guest's port.
        port: u16,
    },
    /// Say what came through adopted listeners.
    Count,
    /// Give adopted listeners up, and say so with this number.
    Release(u64),
    /// Another guest has taken over: send clients on where that can be done.
    Retire,
    /// Finish what is under way and end.
    Stop,
}

/// To the compiler, with two descriptors: the guest's file and an empty one for what comes of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// More builds of this guest will follow, so that what they share is worth keeping.
    pub more_will_follow: bool,
    /// Nobody waits for it.
    pub background: bool,
    /// Bytes that the process may use, in all.
    pub memory: u64,
    /// None: a text is to become a binary, and nothing else.
    pub tier: Option<runtime::Tier>,
}

/// The compiler's answer: why the guest could not be compiled.
pub type JobDone = Result<(), String>;

/// This binary again, in the role that its first argument names. Tokens and paths of the user's environment are nobody's
/// business in there.
pub fn ourselves(role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("wasmrun").arg(role).env_clear().kill_on_drop(true);
    command
}

/// Sends one value.
pub fn send<T: Serialize>(channel: impl AsFd, value: &T) -> Result<()> {
    send_with(channel, value, &[])
}

/// Sends one value with descriptors.
pub fn send_with<T: Serialize>(channel: impl AsFd, value: &T, fds: &[BorrowedFd<'_>]) -> Result<()> {
    let json = serde_json::to_vec(value)?;
    fd_passing::send(channel, &json, fds).context("the other process is gone")
}

/// Receives one value; none at the end.
pub fn receive<T: DeserializeOwned>(channel: impl AsFd, flags: RecvFlags) -> rustix::io::Result<Option<T>> {
    Ok(receive_with(channel, flags)?.map(|(value, _)| value))
}

/// Receives one value with its descriptors; none at the end.
pub fn receive_with<T: DeserializeOwned>(
    channel: impl AsFd,
    flags: RecvFlags,
) -> rustix::io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; MESSAGE];
    let (length, fds) = fd_passing::receive(channel, &mut buffer, flags)?;
    if length == 0 {
        return Ok(None);
    }
    match serde_json::from_slice(&buffer[..length]) {
        Ok(value) => Ok(Some((value, fds))),
        Err(_) => Err(rustix::io::Errno::PROTO),
    }
}

/// Cuts a text to what a message can carry: its middle goes, because a trap's name stands first or last.
pub fn shorten(text: String) -> String {
    if text.len() <= TEXT {
        return text;
    }
    let (head, tail) = (
        text.floor_char_boundary(TEXT / 2),
        text.ceil_char_boundary(text.len() - TEXT / 2),
    );
    format!("{} […] {}", &text[..head], &text[tail..])
}

/// What a launch comes with.
pub struct Launched {
    /// What to do.
    pub launch: Launch,
    /// What becomes standard input.
    pub stdin: OwnedFd,
    /// Its end of the socket factory.
    pub factory: Option<OwnedFd>,
    /// Its end of the way out.
    pub egress: Option<OwnedFd>,
    /// The certificates that this machine trusts.
    pub trust: Option<OwnedFd>,
    /// In a jail: the code, and each mount of the host, in their order.
    pub held: Vec<OwnedFd>,
}

/// Sends a launch with the descriptors that the process gets: its standard input; its ends of the socket factory and of the way
/// out, and the certificates, as far as the launch says so; and what it shows of the host.
///
/// # Errors
///
/// The process is gone.
pub fn send_launch(
    channel: impl AsFd,
    launch: &Launch,
    stdin: BorrowedFd<'_>,
    ends: &[&OwnedFd],
    held: &[Held],
) -> Result<()> {
    let mut file = memory_file("launch")?;
    file.write_all(&serde_json::to_vec(launch)?)?;
    let mut fds = vec![file.as_fd(), stdin];
    fds.extend(ends.iter().map(AsFd::as_fd));
    let gone = "the guest's process did not start";
    fd_passing::send(&channel, b"launch", &fds).context(gone)?;
    let held: Vec<BorrowedFd<'_>> = held.iter().map(AsFd::as_fd).collect();
    for some in held.chunks(fd_passing::MAX_FDS) {
        fd_passing::send(&channel, b"held", some).context(gone)?;
    }
    Ok(())
}

/// Receives a launch and what comes with it.
pub fn receive_launch(channel: impl AsFd) -> Result<Launched> {
    let (_, fds) = fd_passing::receive(&channel, &mut [0; 16], RecvFlags::empty())?;
    let mut fds = fds.into_iter();
    let file = fds.next().context("the supervisor sent no launch")?;
    let stdin = fds.next().context("the supervisor sent no input")?;
    let (mut file, mut json) = (File::from(file), Vec::new());
    file.rewind()?;
    file.read_to_end(&mut json)?;
    let launch: Launch = serde_json::from_slice(&json)?;
    let factory = launch.is_isolated.then(|| fds.next()).flatten();
    let egress = launch.way_out.and_then(|_| fds.next());
    let trust = launch.has_trust.then(|| fds.next()).flatten();
    let wanted = launch.comes_along();
    let mut held = Vec::new();
    while held.len() < wanted {
        let (_, some) = fd_passing::receive(&channel, &mut [0; 16], RecvFlags::empty())?;
        if some.is_empty() {
            anyhow::bail!("the supervisor sent no directories");
        }
        held.extend(some);
    }
    Ok(Launched {
        launch,
        stdin,
        factory,
        egress,
        trust,
        held,
    })
}

/// A file that exists in memory only.
pub fn memory_file(name: &str) -> Result<File> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Outcome;

    #[test]
    fn the_longest_text_fits_into_a_message_however_json_writes_it() {
        for character in ["\u{1}", "\"", "é", "\u{10ffff}", "x"] {
            let text = shorten(format!("begin{}end", character.repeat(100_000)));
            assert!(text.starts_with("begin") && text.ends_with("end"));
            let message = serde_json::to_vec(&Message::Ended(Outcome::Trapped(text))).unwrap();
            assert!(message.len() < MESSAGE, "{character:?}: {}", message.len());
        }
    }

    proptest::proptest! {
        /// A guest that broke out sends what it likes: it is one of the messages, or an error, and the next is read as it is.
        #[test]
        fn fuzzed_messages_are_known_or_refused(
            seed in 0usize..6,
            edits in proptest::collection::vec((proptest::prelude::any::<usize>(), proptest::prelude::any::<u8>()), 0..12),
            cut in proptest::option::of(proptest::prelude::any::<usize>()),
        ) {
            use runtime::{Counts, Event};
            let address = "127.0.0.1:80".parse().unwrap();
            let seeds = [
                Message::Event(Event::Listening(address)),
                Message::Event(Event::MemoryLimit(1 << 40)),
                Message::Adopted(vec![Counts::default(); 3]),
                Message::Released(7),
                Message::Ended(Outcome::Trapped("unreachable".to_owned())),
                Message::Jail { error: "no".to_owned(), errno: Some(1) },
            ];
            let mut bytes = serde_json::to_vec(&seeds[seed]).unwrap();
            for (at, byte) in edits {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(1 + cut % bytes.len());
            }
            let (ours, theirs) = fd_passing::channel().unwrap();
            fd_passing::send(&theirs, &bytes, &[]).unwrap();
            send(&theirs, &Message::Counted).unwrap();
            match receive::<Message>(&ours, RecvFlags::DONTWAIT) {
                // What was understood can be said again.
                Ok(message) => drop(serde_json::to_vec(&message.unwrap()).unwrap()),
                Err(errno) => proptest::prop_assert_eq!(errno, rustix::io::Errno::PROTO),
            }
            let next = receive::<Message>(&ours, RecvFlags::DONTWAIT);
            proptest::prop_assert!(matches!(next, Ok(Some(Message::Counted))));
        }
    }
}
