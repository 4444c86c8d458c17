//! The compiler, in a process of its own: it reads what may be hostile, and is as large as that makes it. So it has no file
//! and no network (`netns::jail::limit_compiler`), and an end to its memory and its time.

use crate::protocol::{self, COMPILE, Job, JobDone};
use anyhow::{Context, anyhow};
use netns::fd_passing;
use report::{Failure, Result};
use runtime::Tier;
use rustix::net::RecvFlags;
use rustix::process::Signal;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::Mutex;

/// What a compile may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes. CPython with its library, 36 MB, takes 460 MiB.
    pub memory: u64,
    /// CPython takes a minute where this is a debug build and the processor is busy.
    pub time: Duration,
}

impl Limits {
    /// The variable that says another number of bytes.
    pub const MEMORY: &str = "WASMRUN_COMPILE_MEMORY";
    /// The variable that says another length of time.
    pub const TIME: &str = "WASMRUN_COMPILE_TIMEOUT";
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: 4 << 30,
            time: Duration::from_secs(600),
        }
    }
}

/// What wasmtime says of that where it can say something (`wasmtime::OutOfMemory`).
const OUT_OF_MEMORY: &str = "out of memory";

/// A compiler that is started when it is needed. Dropping a compilation ends the process.
#[derive(Default)]
pub struct Compiler {
    limits: Limits,
    /// One that is kept for the next build, because it remembers what it compiled.
    kept: Mutex<Option<Running>>,
    /// There will be more builds of the same guest.
    keeps: bool,
    /// Others come first.
    background: bool,
}

struct Running {
    process: Child,
    channel: Arc<OwnedFd>,
}

impl Compiler {
    /// For one guest after another that have most in common.
    pub fn for_many_builds(limits: Limits) -> Compiler {
        Compiler {
            keeps: true,
            ..Compiler::for_one_build(limits)
        }
    }

    /// For one guest.
    pub fn for_one_build(limits: Limits) -> Compiler {
        Compiler {
            limits,
            ..Compiler::default()
        }
    }

    /// For what is not waited for.
    pub fn in_background(self) -> Compiler {
        Compiler {
            background: true,
            ..self
        }
    }

    /// Whether more builds of the same guest are to come.
    pub fn is_for_many_builds(&self) -> bool {
        self.keeps
    }

    /// Whether it lets other processes go first.
    pub fn is_background(&self) -> bool {
        self.background
    }

    /// Compiles `source` into `code`. The inner error is the compiler's: what is wrong with the guest.
    ///
    /// # Errors
    ///
    /// The compiler could not be started, or has taken all of the memory or time that it may.
    pub async fn compile(&self, source: &File, code: &File, tier: Tier) -> Result<JobDone> {
        self.work(source, code, Some(tier)).await
    }

    /// Makes a `binary` of a text. The errors are the same.
    pub async fn assemble(&self, text: &File, binary: &File) -> Result<JobDone> {
        self.work(text, binary, None).await
    }

    async fn work(&self, source: &File, code: &File, tier: Option<Tier>) -> Result<JobDone> {
        let Limits { memory, time } = self.limits;
        // Taken out, so that it goes when this future is dropped half way.
        let kept = self.kept.lock().await.take();
        let mut running = match kept {
            Some(running) => running,
            None => Running::start()?,
        };
        let job = Job {
            more_will_follow: self.keeps,
            background: self.background,
            memory,
            tier,
        };
        // One that is overdue is dropped, which ends it.
        let done = tokio::time::timeout(time, running.run(&job, source, code)).await;
        let done = done.map_err(|_| {
            let shown = humantime::format_duration(time);
            Failure::from(anyhow!("the compiler exceeded its time limit of {shown}"))
                .hint(format!("raise the limit, for example with {}=1h", Limits::TIME))
        })??;
        if self.keeps {
            *self.kept.lock().await = Some(running);
        }
        Ok(done)
    }
}

impl Running {
    fn start() -> Result<Running> {
        let (ours, theirs) = fd_passing::channel().context("cannot make a channel")?;
        let process = protocol::ourselves(COMPILE)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the compiler")?;
        Ok(Running {
            process,
            channel: Arc::new(ours),
        })
    }

    async fn run(&mut self, job: &Job, source: &File, code: &File) -> Result<JobDone> {
        protocol::send_with(&*self.channel, job, &[source.as_fd(), code.as_fd()])?;
        // A thread, because tokio knows no message sockets. It ends with the process, whose end closes the channel.
        let channel = self.channel.clone();
        let answer = tokio::task::spawn_blocking(move || protocol::receive::<JobDone>(&*channel, RecvFlags::empty()));
        match answer.await.context("cannot wait for the compiler")? {
            Ok(Some(Err(text))) if text.ends_with(OUT_OF_MEMORY) => {
                Err(Failure::from(anyhow!("the compiler is {OUT_OF_MEMORY}")).hint(more_memory(job.memory)))
            }
            Ok(Some(done)) => Ok(done),
            _ => {
                let status = self.process.wait().await.context("cannot wait for the compiler")?;
                let failure = Failure::from(anyhow!("the compiler ended with {status}"));
                // What Rust does where memory ends.
                Err(if status.signal() == Some(Signal::ABORT.as_raw()) {
                    failure.hint(more_memory(job.memory))
                } else {
                    failure
                })
            }
        }
    }
}

fn more_memory(memory: u64) -> String {
    let shown = bytesize::ByteSize::b(memory);
    format!("raise its limit of {shown}, for example with {}=16GiB", Limits::MEMORY)
}
