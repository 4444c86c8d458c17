//! Files that are read whole, of which somebody else may have decided what they are: a named pipe, a device or a file of
//! another kind would make who opens it, or reads it, wait for ever.

use std::fs::{File, FileType, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Longest manifest, list of requirements or lock file that is read, in bytes.
pub const MANIFEST: u64 = 32 << 20;

/// Opens a regular file; never waits for one that is none.
///
/// # Errors
///
/// It cannot be opened, or is no regular file, which the error says.
pub fn open(path: &Path) -> Result<File> {
    // Looked at first, because to open a device may do something; and again, because it may be another by then.
    check(path.metadata()?.file_type())?;
    // O_NONBLOCK: a named pipe is opened at once (fifo(7)), and what has the look of a regular file and blocks
    // (`/proc/kmsg`) says EAGAIN.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
///
/// As of [`open`]; it cannot be read, or is larger.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= most {
        bytes.try_reserve_exact(length.try_into().unwrap_or(usize::MAX))?;
        // What lies in /proc has no length; what is written to at the moment has another soon.
        file.take(most + 1).read_to_end(&mut bytes)?;
    }
    if length > most || bytes.len() as u64 > most {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {most} bytes"),
        ));
    }
    Ok(bytes)
}

/// The same as text. With a byte order mark it may be UTF-16, as PowerShell writes what a command has said
/// (`pip freeze > requirements.txt`).
///
/// # Errors
///
/// As of [`read`], or it is neither UTF-8 nor UTF-16.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    decode(read(path, most)?).ok_or_else(|| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

fn decode(bytes: Vec<u8>) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    }
}

fn check(kind: FileType) -> Result<()> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("it is {what}, not a regular file"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_are_obeyed() {
        let text = "flask>=3 # é\u{1f600}\r\n";
        let units = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [vec![0xff, 0xfe], units(u16::to_le_bytes)].concat(),
            [vec![0xfe, 0xff], units(u16::to_be_bytes)].concat(),
        ] {
            assert_eq!(decode(bytes).as_deref(), Some(text));
        }
        for bytes in [&b"\xff\xfea"[..], b"\xff\xfe\x00\xd8", b"\x80"] {
            assert_eq!(decode(bytes.to_vec()), None);
        }
    }
    use nix::sys::stat::Mode;

    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, what) in [
            (pipe.as_path(), "it is a named pipe, not a regular file"),
            (link.as_path(), "it is a device, not a regular file"),
            (folder.path(), "it is a directory, not a regular file"),
        ] {
            assert_eq!(read(path, 10).unwrap_err().to_string(), what);
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(read_text(&path, 10).unwrap(), "0123456789");
        assert_eq!(read(&path, 9).unwrap_err().to_string(), "it is larger than 9 bytes");
        // A hole costs nothing, and neither does to look at it.
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(
            read(&path, 1 << 31).unwrap_err().to_string(),
            "it is larger than 2147483648 bytes"
        );
        // Without a length.
        assert!(
            read_text(Path::new("/proc/self/status"), 1 << 20)
                .unwrap()
                .contains("Pid:")
        );
    }
}
