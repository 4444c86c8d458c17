//! The compiler, from inside: this binary again, without files or network.

use crate::protocol::{self, Job, JobDone};
use anyhow::{Result, anyhow};
use netns::jail;
use report::FAILED;
use runtime::Compiler;
use rustix::net::RecvFlags;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

/// How much less a compile that nobody waits for may press on.
const BACKGROUND: i32 = 10;

/// Compiles what comes over standard input, which is a channel, until that is closed; returns the exit code.
pub fn compile() -> u8 {
    match serve_compiles() {
        Ok(()) => 0,
        // There is nobody to tell.
        Err(_) => FAILED,
    }
}

fn serve_compiles() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    jail::close_inherited()?;
    let _ = rustix::thread::set_name(c"wasmrun-compile");
    let channel = std::io::stdin().as_fd().try_clone_to_owned()?;
    let mut kept: Option<Compiler> = None;
    while let Some((job, fds)) = protocol::receive_with::<Job>(&channel, RecvFlags::empty())? {
        if kept.is_none() {
            // Before it has more than this thread, and has read anything.
            jail::limit_compiler(job.memory)?;
        }
        let [source, code] = <[OwnedFd; 2]>::try_from(fds).map_err(|_| anyhow!("a job has two files"))?;
        let compiled = (|| -> Result<()> {
            let (mut source, mut bytes) = (File::from(source), Vec::new());
            source.rewind()?;
            source.read_to_end(&mut bytes)?;
            let compiler = kept.get_or_insert_with(|| {
                if job.background {
                    // Of this thread, and of those that it is about to make (sched(7)).
                    let _ = rustix::process::nice(BACKGROUND);
                }
                if job.more_will_follow {
                    Compiler::for_many_builds()
                } else {
                    Compiler::default()
                }
            });
            let made = match job.tier {
                Some(tier) => compiler.compile(&bytes, tier)?,
                None => runtime::binary_of_text(&bytes)?,
            };
            File::from(code).write_all(&made)?;
            Ok(())
        })();
        let done: JobDone = compiled.map_err(|error| protocol::shorten(format!("{error:#}")));
        protocol::send(&channel, &done)?;
    }
    Ok(())
}
