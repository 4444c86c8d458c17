//! The compiler, in a process of its own: it reads what may be hostile and takes all memory it can get.

use crate::protocol::{self, COMPILE, Job, JobDone};
use anyhow::{Context, Result, anyhow};
use netns::passing;
use runtime::Tier;
use rustix::net::RecvFlags;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Child;
use tokio::sync::Mutex;

/// A compiler that is started when it is needed. Dropping a compilation ends the process.
#[derive(Default)]
pub struct Compiler {
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
    pub fn for_many_builds() -> Compiler {
        Compiler {
            keeps: true,
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

    pub fn is_for_many_builds(&self) -> bool {
        self.keeps
    }

    pub fn is_background(&self) -> bool {
        self.background
    }

    /// Compiles `source` into `code`. The inner error is the compiler's: what is wrong with the guest.
    pub async fn compile(&self, source: &File, code: &File, tier: Tier) -> Result<JobDone> {
        // Taken out, so that it goes when this future is dropped half way.
        let kept = self.kept.lock().await.take();
        let mut running = match kept {
            Some(running) => running,
            None => Running::start()?,
        };
        let job = Job {
            more_will_follow: self.keeps,
            background: self.background,
            tier,
        };
        let done = running.run(&job, source, code).await?;
        if self.keeps {
            *self.kept.lock().await = Some(running);
        }
        Ok(done)
    }
}

impl Running {
    fn start() -> Result<Running> {
        let (ours, theirs) = passing::channel().context("cannot make a channel")?;
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
        let answer = tokio::task::spawn_blocking(move || protocol::receive(&*channel, RecvFlags::empty()));
        match answer.await.context("cannot wait for the compiler")? {
            Ok(Some(done)) => Ok(done),
            _ => {
                let status = self.process.wait().await.context("cannot wait for the compiler")?;
                Err(anyhow!("the compiler ended with {status}"))
            }
        }
    }
}
