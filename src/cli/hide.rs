//! This process's command line as everybody on this machine can read it (`/proc/PID/cmdline`, proc_pid_cmdline(5); `ps`), and
//! taking out of it what is nobody's business.
//!
//! The kernel shows the memory that the arguments lie in, so that is overwritten, as `mysql -p` and many others do it. It is
//! done by way of `/proc/self/mem`: to write there with a pointer would take `unsafe`, and to become this program again with
//! other arguments some milliseconds. Between exec(2) and here the value can be read; `--env NAME` and `--env-file` have no such
//! moment.

use anyhow::{Context, Result, ensure};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// What is seen in its place.
const HIDDEN: u8 = b'*';

/// Hides the values of these variables, which were given as `NAME=VALUE` in arguments of their own or at the end of some.
/// Arguments must have been read before.
///
/// # Errors
///
/// There is no `/proc`, or it does not say where the arguments are.
pub fn hide(variables: &[String]) -> Result<()> {
    let secrets: Vec<(&[u8], usize)> = variables
        .iter()
        .filter_map(|variable| {
            let (_, value) = variable.split_once('=')?;
            Some((variable.as_bytes(), value.len()))
        })
        .filter(|(_, length)| *length > 0)
        .collect();
    if secrets.is_empty() {
        return Ok(());
    }
    let place = procfs::process::Process::myself()?.stat()?;
    let (start, end) = place
        .arg_start
        .zip(place.arg_end)
        .context("the kernel does not say where the arguments are")?;
    ensure!(
        start > 0 && start < end,
        "the kernel does not say where the arguments are"
    );
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    let mut arguments = vec![0; usize::try_from(end - start)?];
    memory.read_exact_at(&mut arguments, start)?;
    for (at, length) in places(&arguments, &secrets) {
        memory.write_all_at(&vec![HIDDEN; length], start + at as u64)?;
    }
    Ok(())
}

/// Where the values lie: offset and length.
fn places(arguments: &[u8], secrets: &[(&[u8], usize)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for argument in arguments.split(|byte| *byte == 0) {
        let end = at + argument.len();
        let values = secrets.iter().filter(|(variable, _)| argument.ends_with(variable));
        found.extend(values.map(|(_, length)| (end - length, *length)));
        at = end + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_however_they_were_given() {
        let arguments = b"wasmrun\0os\0-e\0A=one\0--env=B=two\0-veC==three\0--env\0D\0A=on\0";
        let secrets: [(&[u8], usize); 3] = [(b"A=one", 3), (b"B=two", 3), (b"C==three", 6)];
        let shown: Vec<&[u8]> = places(arguments, &secrets)
            .into_iter()
            .map(|(at, length)| &arguments[at..at + length])
            .collect();
        assert_eq!(shown, [b"one".as_slice(), b"two", b"=three"]);
    }

    #[test]
    fn this_process_can_do_it() {
        let started = std::time::Instant::now();
        hide(&["THERE_IS_NO_SUCH=argument".to_owned()]).unwrap();
        println!("{:?}", started.elapsed());
    }
}
