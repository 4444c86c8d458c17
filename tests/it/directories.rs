//! Directories that a guest is given stay the ones that were meant, whatever it does in them.

use crate::support;
use std::os::unix::fs::symlink;
use support::guests::guest;
use support::{Run, eventually, folder, output, wasmrun};
use tempfile::TempDir;

/// A folder with a secret and, beside it, `data/sub`.
fn place() -> TempDir {
    let place = folder();
    std::fs::write(place.path().join("secret"), "").unwrap();
    std::fs::create_dir_all(place.path().join("data/sub")).unwrap();
    place
}

#[test]
fn a_link_that_a_guest_puts_in_the_place_of_a_directory_is_not_followed_at_its_next_start() {
    let place = place();
    let relinks = guest("relinks");
    let mut command = wasmrun(&["os", relinks.to_str().unwrap(), "--restart", "on-failure"]);
    command.args(["--dir", "data::/data", "--dir", "data/sub::/sub"]);
    command.current_dir(place.path());
    let mut run = Run::of(command);
    // It has been started three times, and each time but the first with the link there.
    eventually("it traps again and again", || {
        run.stderr().matches("restarting in").count() > 2
    });
    let link = std::fs::read_link(place.path().join("data/sub")).unwrap();
    assert_eq!(link.to_str(), Some(".."));
    run.signal(nix::sys::signal::Signal::SIGINT);
    run.ended();
}

#[test]
fn a_link_in_what_a_guest_may_write_is_refused() {
    let place = place();
    symlink("..", place.path().join("data/link")).unwrap();
    let relinks = guest("relinks");
    let target = place.path().canonicalize().unwrap();
    for (directories, code) in [
        (["data::/data", "data/link::/sub:ro"], 2),
        (["data::/data:ro", "data/link::/sub:ro"], 0),
    ] {
        let mut command = wasmrun(&[
            "os",
            relinks.to_str().unwrap(),
            "--dir",
            directories[0],
            "--dir",
            directories[1],
        ]);
        command.current_dir(place.path());
        let ended = output(command);
        let link = target.join("data/link").display().to_string();
        if code == 2 {
            let data = target.join("data").display().to_string();
            ended.says(
                2,
                &format!(
                    "error: --dir: `data/link` passes through the symbolic link {link} in {data}, which a guest may have \
                     created\nhint: name {} itself, if you mean it",
                    target.display()
                ),
            );
        } else {
            // Typed, and in nobody's reach: followed, and said.
            let said = format!(
                "warning: --dir: {link} is a symbolic link: the guest gets {}",
                target.display()
            );
            assert!(ended.stderr.contains(&said), "{}", ended.stderr);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_link_out_of_its_folder_is_refused_where_a_file_names_it() {
    let place = place();
    std::fs::create_dir_all(place.path().join("data/now")).unwrap();
    symlink("now", place.path().join("data/within")).unwrap();
    std::fs::create_dir(place.path().join("private")).unwrap();
    symlink("../../private", place.path().join("data/sub/out")).unwrap();
    std::fs::copy(guest("files"), place.path().join("guest.wat")).unwrap();
    let target = place.path().canonicalize().unwrap();
    let run = |directory: &str| {
        let text = format!("[guest]\nartifact = \"guest.wat\"\ndirs = [\"{directory}::/sub\"]\n");
        std::fs::write(place.path().join(".wasmrun.toml"), text).unwrap();
        let mut command = wasmrun(&["os", "."]);
        command.current_dir(place.path());
        output(command)
    };
    run("data/sub/out").says(
        2,
        &format!(
            "error: ./.wasmrun.toml:3:9: `data/sub/out` passes through the symbolic link {}, which leads out of its folder\n\
             hint: name {} itself, if you mean it",
            target.join("data/sub/out").display(),
            target.join("private").display()
        ),
    );
    run("data/within").says(0, "");
    assert!(place.path().join("data/now/made").exists());
}

#[test]
fn a_directory_that_is_removed_and_made_anew_is_the_one_that_the_next_guest_gets() {
    let place = place();
    let source = std::fs::read_to_string(guest("files")).unwrap();
    let file = place.path().join("guest.wat");
    std::fs::write(&file, &source).unwrap();
    let mut command = wasmrun(&["os", file.to_str().unwrap(), "--watch", "--dir", "data/sub::/sub"]);
    command.current_dir(place.path());
    let run = Run::of(command);
    let made = place.path().join("data/sub/made");
    eventually("the guest has written", || made.exists());
    let waits = || run.stderr().matches("waiting for a change").count();
    eventually("it has ended", || waits() == 1);
    std::fs::remove_dir_all(place.path().join("data/sub")).unwrap();
    std::fs::create_dir(place.path().join("data/sub")).unwrap();
    std::fs::write(&file, format!(";; Another.\n{source}")).unwrap();
    eventually("the next one has written, too", || made.exists());
    run.stop();
}

/// A guest that writes its own file would be another one at its next start.
#[test]
fn a_guest_does_not_write_its_own_file() {
    let place = place();
    // What this guest tries to create in its directory is called "made".
    let made = place.path().join("data/sub/made");
    std::fs::copy(guest("files"), &made).unwrap();
    let source = std::fs::read(&made).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = wasmrun(&["os", "data/sub/made"]);
        command.args(arguments).current_dir(place.path());
        output(command)
    };
    // It ends with the errno.
    assert_ne!(run(&["--dir", "data/sub::/x"]).code, Some(0));
    assert_eq!(std::fs::read(&made).unwrap(), source);
    // Nor does it move the folder away in which it lies.
    let relinks = place.path().join("data/sub/guest.wat");
    std::fs::copy(guest("relinks"), &relinks).unwrap();
    let mut command = wasmrun(&[
        "os",
        "data/sub/guest.wat",
        "--dir",
        "data::/data",
        "--dir",
        "data/sub::/sub",
    ]);
    command.current_dir(place.path());
    assert_eq!(output(command).code, Some(134));
    assert!(relinks.exists() && !place.path().join("data/was").exists());
    // A build would put another file there, of which the guests that run know nothing.
    let ended = run(&["--watch", "--dir", "data::/x"]);
    let data = place.path().canonicalize().unwrap().join("data");
    ended.says(
        2,
        &format!(
            "error: with `--watch` the guest could change its own code: it may write {}, which contains {}\n\
             hint: give the guest another directory, or add `:ro`",
            data.display(),
            data.join("sub/made").display()
        ),
    );
}
