//! `--watch`: edit, save, live, and not one request that fails.

#![expect(clippy::disallowed_methods, reason = "the test ends with its runtime")]

use crate::support;
use nix::sys::signal::{Signal, kill};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use support::guests::guest;
use support::project::{KeepAlive, Kind, Load, Project, serves, version};
use support::{Run, connect, eventually, wasmrun};

/// How often a guest is replaced under load; `bench/reload.sh` does it more often.
fn rounds() -> u64 {
    std::env::var("TEST_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap())
}

/// Replaces the guest again and again while clients ask; each build has to be seen, and no request may fail.
#[track_caller]
fn replace_under_load(project: &Project, address: SocketAddr, lasting: usize, brief: usize) {
    let load = Load::start(address, lasting, brief);
    load.sees(1);
    for number in 2..=rounds() {
        project.save(number);
        load.sees(number);
    }
    load.ends_well(1000);
}

#[test]
fn no_request_fails_while_an_http_guest_is_replaced() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&[]);
    replace_under_load(&project, address, 3, 2);
    run.reloaded(rounds());
    assert_eq!(run.reloads() as u64, rounds() - 1);
    run.stop();
}

#[test]
fn no_request_fails_while_a_guest_with_its_own_sockets_is_replaced() {
    let project = Project::new(Kind::Tcp);
    let (run, address) = project.watch(&[]);
    replace_under_load(&project, address, 0, 3);
    run.stop();
}

#[test]
fn a_connection_that_is_kept_alive_moves_on_between_two_requests() {
    let project = Project::new(Kind::Tcp);
    let (mut run, address) = project.watch(&[]);
    // Busy all the time, and quiet for long: neither is cut, and neither is answered by the past.
    replace_under_load(&project, address, 1, 0);
    let mut quiet = KeepAlive::open(address);
    assert_eq!(quiet.get(), Ok(rounds()));
    project.save(9999);
    run.reloaded(rounds() + 1);
    assert_eq!(quiet.get(), Ok(9999));
    drop(quiet);
    run.stop();
}

/// Asks over one HTTP/2 connection until the server ends it; the number of requests, and what the last answer was.
async fn ask_until_told_to_go(address: SocketAddr) -> (u64, String) {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connection = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = connection.await.unwrap();
    let connection = tokio::spawn(connection);
    let (mut asked, mut last) = (0, String::new());
    while sender.ready().await.is_ok() {
        let request = hyper::Request::get("http://localhost/")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        match sender.send_request(request).await {
            Ok(response) => {
                let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
                last = String::from_utf8(body.to_vec()).unwrap();
                asked += 1;
            }
            // It was told to go away before the request went out, or was looked at: which can be asked again elsewhere.
            Err(error) => {
                let unseen = format!("{error:?}").contains("NO_ERROR, Remote");
                assert!(unseen || error.is_canceled() || error.is_closed(), "{error:?}");
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    connection.await.unwrap().expect("an end without an error");
    (asked, last)
}

#[test]
fn a_client_of_http_2_is_told_to_make_a_new_connection() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.spawn(ask_until_told_to_go(address));
    std::thread::sleep(Duration::from_millis(200));
    project.save(2);
    run.reloaded(2);
    let told = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), client).await });
    let (asked, last) = told.expect("long before the grace is over").unwrap();
    assert!(asked > 10, "{asked}");
    assert_eq!(last, "version 0000000001\n");
    assert_eq!(version(address), Ok(2));
    run.stop();
}

#[test]
fn builds_that_fail_or_trap_or_never_listen_leave_the_old_one_serving() {
    let project = Project::new(Kind::Tcp);
    let (mut run, address) = project.watch(&["--connect-timeout", "1s"]);
    let load = Load::start(address, 0, 3);
    load.sees(1);
    let trap = std::fs::read(guest("trap")).unwrap();
    let mut failed = 0;
    let last = rounds().min(20).next_multiple_of(3) + 2;
    for number in 2..=last {
        match number % 3 {
            0 => project.put(b"\0asm this is no guest"),
            1 => project.put(&trap),
            _ => {
                project.save(number);
                load.sees(number);
                continue;
            }
        }
        failed += 1;
        eventually(&format!("failure {failed} is said"), || {
            run.stderr().matches("still serving").count() == failed
        });
    }
    assert_eq!(load.newest(), last);
    // One that is well, but listens nowhere in time.
    project.put(&project.slow_build(99, 60_000));
    run.wait_for("did not take over: it does not listen on port 8080/tcp after 1s");
    assert_eq!(version(address), Ok(last));
    load.ends_well(1000);
    let said = run.stderr();
    assert!(said.contains("is not a valid guest"), "{said}");
    assert!(said.contains("did not take over: it trapped: "), "{said}");
    run.stop();
}

#[test]
fn nobody_notices_that_a_guest_takes_long_to_listen() {
    let project = Project::new(Kind::Tcp);
    let (run, address) = project.watch(&[]);
    let load = Load::start(address, 0, 3);
    let (times, late) = if rounds() > 20 { (20, 2000) } else { (3, 500) };
    for number in 2..2 + times {
        project.put(&project.slow_build(number, late));
        load.sees(number);
    }
    load.ends_well(300);
    run.stop();
}

/// Runs a shell's command in the project's folder.
#[track_caller]
fn shell(project: &Project, command: &str) {
    let status = std::process::Command::new("sh")
        .args(["-ec", command])
        .current_dir(project.folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "{command}");
}

#[test]
fn every_way_to_save_is_one_reload() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&[]);
    let elsewhere = support::folder();
    let ways = [
        // As vim does: the old file becomes a backup, the new one is written and the backup goes.
        "touch 4913; rm 4913; mv app.wasm app.wasm~; cat $NEW > app.wasm; rm app.wasm~",
        // VS Code writes in place.
        "cat $NEW > app.wasm",
        // JetBrains' safe write.
        "cat $NEW > app.wasm___jb_tmp___; mv app.wasm app.wasm___jb_old___; mv app.wasm___jb_tmp___ app.wasm; rm app.wasm___jb_old___",
        // sed -i, and every tool that renames.
        "cp $NEW sedXYZ; mv sedXYZ app.wasm",
        // git, which removes the file and makes it anew.
        "git init -q .; git add app.wasm; commit='git -c user.name=a -c user.email=a@b commit -q -m'; $commit old; \
         git update-index --cacheinfo 100644,$(git hash-object -w $NEW),app.wasm; $commit new; git checkout -q -f HEAD",
        "rm app.wasm; cp $NEW app.wasm",
        "cp $NEW app.wasm",
        "cp $NEW $NEW.2; mv $NEW.2 app.wasm",
        // Slowly, in pieces.
        "head -c 500 $NEW > app.wasm; sleep 0.02; tail -c +501 $NEW >> app.wasm",
    ];
    for (number, way) in (2..).zip(ways) {
        let new = elsewhere.path().join(format!("{number}.wasm"));
        std::fs::write(&new, project.build(number)).unwrap();
        shell(&project, &way.replace("$NEW", new.to_str().unwrap()));
        run.reloaded(number);
        assert_eq!(version(address), Ok(number), "{way}");
    }
    // Nothing more comes of any of them; and nothing of what has no new content.
    shell(
        &project,
        "touch app.wasm; cp app.wasm x; mv x app.wasm; chmod 600 app.wasm",
    );
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(run.reloads(), ways.len(), "{}", run.stderr());
    run.stop();
}

#[test]
fn many_saves_in_a_second_are_few_builds_and_the_last_one_serves() {
    let project = Project::new(Kind::Http);
    std::fs::write(project.folder.path().join("source"), "0").unwrap();
    let builds: Vec<Vec<u8>> = (0..=50).map(|number| project.build(100 + number)).collect();
    for (number, build) in builds.iter().enumerate() {
        std::fs::create_dir_all(project.folder.path().join("target")).unwrap();
        std::fs::write(project.folder.path().join(format!("target/{number}")), build).unwrap();
    }
    let config =
        "[build]\ncommand = \"echo built >> target/log; cp target/$(cat source) app.wasm\"\noutput = \"app.wasm\"\n";
    std::fs::write(project.folder.path().join(".wasmrun.toml"), config).unwrap();
    let (run, address) = project.watch(&[]);
    serves(address, 100);
    let built = || {
        std::fs::read_to_string(project.folder.path().join("target/log"))
            .unwrap()
            .lines()
            .count()
    };
    // A pause of 50 ms is the end of a run of saves, and a busy machine makes some of its own: the best of a few seconds.
    let mut seconds = (0..4).map(|_| {
        let before = built();
        for number in 1..=50 {
            std::fs::write(project.folder.path().join("source"), number.to_string()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        serves(address, 150);
        // What was saved last has been built; nothing of this second comes in the next.
        std::thread::sleep(Duration::from_millis(200));
        built() - before
    });
    let few = seconds.any(|builds| builds <= 3);
    assert!(few, "more than 3 builds in each of four seconds");
    run.stop();
}

#[test]
fn a_crowd_of_changes_in_an_ignored_folder_is_none() {
    let project = Project::new(Kind::Http);
    let folder = project.folder.path();
    std::fs::write(folder.join(".gitignore"), "generated\n*.wasm\n").unwrap();
    std::fs::write(folder.join("source"), "1").unwrap();
    let config = "[build]\ncommand = \"echo x >> generated/log\"\noutput = \"app.wasm\"\n";
    std::fs::write(folder.join(".wasmrun.toml"), config).unwrap();
    std::fs::create_dir(folder.join("generated")).unwrap();
    let (run, _) = project.watch(&[]);
    for number in 0..10_000 {
        std::fs::write(folder.join(format!("generated/{number}")), "x").unwrap();
    }
    std::fs::create_dir(folder.join("node_modules")).unwrap();
    std::fs::write(folder.join("node_modules/x"), "x").unwrap();
    let built = || {
        std::fs::read_to_string(folder.join("generated/log"))
            .unwrap()
            .lines()
            .count()
    };
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(built(), 1);
    // It still looks.
    std::fs::write(folder.join("source"), "2").unwrap();
    eventually("a source is built", || built() == 2);
    run.stop();
}

#[test]
fn what_a_build_writes_into_the_project_does_not_build_again() {
    let project = Project::new(Kind::Http);
    let folder = project.folder.path();
    std::fs::write(folder.join("source"), "1").unwrap();
    // An intermediate file with another content each time.
    let command = "echo x >> target/log; date +%N > app.o; sleep 0.1; date +%N >> app.o";
    let config = format!("[build]\ncommand = \"mkdir -p target; {command}\"\noutput = \"app.wasm\"\n");
    std::fs::write(folder.join(".wasmrun.toml"), config).unwrap();
    let (run, _) = project.watch(&[]);
    let built = || {
        std::fs::read_to_string(folder.join("target/log"))
            .unwrap()
            .lines()
            .count()
    };
    for number in 2..=4 {
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(built(), number - 1);
        std::fs::write(folder.join("source"), number.to_string()).unwrap();
        eventually("a source is built", || built() == number);
    }
    run.stop();
}

#[test]
fn a_newer_change_ends_the_build_that_runs_with_all_its_processes() {
    let project = Project::new(Kind::Http);
    let folder = project.folder.path();
    std::fs::write(folder.join("source"), "quick").unwrap();
    let command = "if grep -q slow source; then sh -c 'sleep 7541; true' & wait; fi";
    let config = format!("[build]\ncommand = \"{command}\"\noutput = \"app.wasm\"\n");
    std::fs::write(folder.join(".wasmrun.toml"), config).unwrap();
    let (run, address) = project.watch(&[]);
    std::fs::write(folder.join("source"), "slow").unwrap();
    let is_slow = || support::is_running("sleep 7541");
    eventually("the slow build runs", is_slow);
    project.save(7);
    std::fs::write(folder.join("source"), "quick again").unwrap();
    serves(address, 7);
    eventually("no process of the old build is left", || !is_slow());
    // And at the end.
    std::fs::write(folder.join("source"), "slow again").unwrap();
    eventually("another slow build runs", is_slow);
    run.stop();
    eventually("no process of the build is left", || !is_slow());
}

#[test]
fn the_settings_are_applied_while_it_runs() {
    let project = Project::new(Kind::Http);
    let file = project.folder.path().join(".wasmrun.toml");
    std::fs::write(&file, "").unwrap();
    let (mut run, address) = project.watch(&[]);
    let mut kept = KeepAlive::open(address);
    assert_eq!(kept.get(), Ok(1));
    // One more forward: the first is not touched.
    std::fs::write(&file, "[network]\nforwards = [\"0:9090\"]\n").unwrap();
    let second = run.ready(9090);
    assert_eq!(version(second), Ok(1));
    assert_eq!(kept.get(), Ok(1));
    // A broken file changes nothing.
    std::fs::write(&file, "[network\n").unwrap();
    run.wait_for("warning: keeping the previous settings");
    assert_eq!(version(second), Ok(1));
    // And without it again.
    std::fs::write(&file, "").unwrap();
    run.wait_for("closed: ");
    eventually("the second is closed", || std::net::TcpStream::connect(second).is_err());
    assert_eq!(version(address), Ok(1));
    assert_eq!(kept.get(), Ok(1));
    drop(kept);
    run.stop();
}

#[test]
fn limits_are_applied_while_it_runs() {
    let project = Project::new(Kind::Http);
    let file = project.folder.path().join(".wasmrun.toml");
    let limits = |connections: usize| {
        std::fs::write(&file, format!("[network]\nmax-connections = {connections}\n")).unwrap();
    };
    limits(1);
    let (mut run, address) = project.watch(&[]);
    let mut kept = KeepAlive::open(address);
    assert_eq!(kept.get(), Ok(1));
    let waiting = std::thread::spawn(move || version(address));
    run.wait_for("the limit of 1 open connections is reached");
    limits(2);
    assert_eq!(waiting.join().unwrap(), Ok(1));
    assert_eq!(kept.get(), Ok(1));
    drop(kept);
    run.stop();
}

#[test]
fn who_waits_for_a_guest_does_so_as_long_as_the_settings_say_now() {
    let project = Project::new(Kind::Tcp);
    let file = project.folder.path().join(".wasmrun.toml");
    let (mut run, _) = project.watch(&[]);
    let free = free_port();
    let text = format!(
        "[network]\nconnect-timeout = \"1s\"\nforwards = [\"{}:9090\"]\n",
        free.port()
    );
    std::fs::write(&file, text).unwrap();
    eventually("the forward is there", || std::net::TcpStream::connect(free).is_ok());
    let began = std::time::Instant::now();
    assert!(version(free).is_err());
    let waited = began.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(15)).contains(&waited),
        "{waited:?}"
    );
    run.wait_for("a connection waited 1s for guest:9090 and was closed: nothing listens there");
    run.stop();
}

/// A port that nobody has.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn who_comes_while_nobody_serves_is_not_kept_waiting() {
    let project = Project::new(Kind::Tcp);
    project.put(b"\0asm");
    let address = free_port();
    let rule = format!("{}:8080", address.port());
    let more = ["--connect-timeout", "60s", "--restart", "never"];
    let mut run = Run::start(&[&["os", project.path(), "--watch", "-f", &rule][..], &more].concat());
    let is_quick = || {
        let asked = Instant::now();
        assert!(version(address).is_err());
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    };
    run.wait_for("no guest is running; waiting for a change");
    is_quick();
    project.save(2);
    run.wait_for("ready: ");
    assert_eq!(version(address), Ok(2));
    kill(run.guest(), Signal::SIGKILL).unwrap();
    run.wait_for("; waiting for a change");
    is_quick();
    project.save(3);
    serves(address, 3);
    run.stop();
}

#[test]
fn the_wait_for_a_guest_begins_with_its_start() {
    let project = Project::new(Kind::Tcp);
    let config = "[build]\ncommand = \"sleep 3 && touch app.wasm\"\noutput = \"app.wasm\"\n";
    std::fs::write(project.folder.path().join(".wasmrun.toml"), config).unwrap();
    let address = free_port();
    let rule = format!("{}:8080", address.port());
    let run = Run::start(&["os", project.path(), "--watch", "-f", &rule, "--connect-timeout", "1s"]);
    eventually("it listens", || std::net::TcpStream::connect(address).is_ok());
    assert_eq!(version(address), Ok(1));
    run.stop();
}

#[test]
fn a_file_that_is_written_in_pieces_is_no_failure() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&[]);
    let build = project.build(2);
    let mut file = std::fs::File::create(project.guest()).unwrap();
    for piece in build.chunks(build.len() / 5) {
        file.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    run.reloaded(2);
    assert_eq!(version(address), Ok(2));
    assert!(!run.stderr().contains("error"), "{}", run.stderr());
    // One that stays as it is, is.
    std::fs::write(project.guest(), &build[..build.len() / 2]).unwrap();
    run.wait_for("error: ");
    run.wait_for("still serving #2");
    run.stop();
}

#[test]
fn a_guest_of_another_name_takes_over_when_the_settings_name_it() {
    let project = Project::new(Kind::Http);
    let file = project.folder.path().join(".wasmrun.toml");
    let names = |name: &str| std::fs::write(&file, format!("[guest]\nartifact = \"{name}.wasm\"\n")).unwrap();
    names("app");
    let other = project.folder.path().join("other.wasm");
    std::fs::write(&other, project.build(2)).unwrap();
    let (mut run, address) = project.watch(&[]);
    names("other");
    run.reloaded(2);
    assert_eq!(version(address), Ok(2));
    // It is the one that is watched from here on.
    std::fs::write(&other, project.build(3)).unwrap();
    run.reloaded(3);
    assert_eq!(version(address), Ok(3));
    project.save(4);
    // One that is not there yet is waited for.
    names("later");
    run.wait_for("still serving #3");
    std::fs::write(project.folder.path().join("later.wasm"), project.build(5)).unwrap();
    run.reloaded(4);
    assert_eq!(version(address), Ok(5));
    run.stop();
}

#[test]
fn a_candidate_that_takes_over_from_a_guest_that_died_has_its_ports_detected() {
    let project = Project::new(Kind::Tcp);
    let mut run = Run::start(&[
        "os",
        project.path(),
        "--watch",
        "--auto-forward",
        "--verbose",
        "--connect-timeout",
        "5s",
    ]);
    let (address, old) = (run.ready(8080), run.guest());
    let elsewhere = project.text(2).replace("(i32.const 8080)", "(i32.const 9090)");
    project.put(&project.encode(&elsewhere));
    // It listens, and does not take over: port 8080 is missing.
    eventually("the new guest listens", || {
        run.stderr().contains("guest: listens on 0.0.0.0:9090")
    });
    kill(old, Signal::SIGKILL).unwrap();
    run.wait_for("; #2 takes over");
    let detected = run.ready(9090);
    assert_eq!(version(detected), Ok(2));
    // What nobody listens on any more goes once the new one has had its time.
    run.wait_for("closed: ");
    assert!(std::net::TcpStream::connect(address).is_err());
    run.stop();
}

#[test]
fn a_guest_that_is_killed_under_load_is_started_again() {
    let project = Project::new(Kind::Tcp);
    let (mut run, address) = project.watch(&[]);
    let load = Load::start(address, 0, 4);
    load.sees(1);
    kill(run.guest(), Signal::SIGKILL).unwrap();
    run.wait_for("error: #1 was killed (exit code 137); restarting in 100ms, connections wait");
    serves(address, 1);
    std::thread::sleep(Duration::from_millis(
        std::env::var("TEST_PAUSE").map_or(300, |p| p.parse().unwrap()),
    ));
    let (answers, failures) = load.end();
    // It had one connection in hand, and its queue held at most the others'. Those that came later waited.
    assert!(failures.len() <= 4, "{failures:?}");
    assert!(
        failures.iter().all(|failure| !failure.contains("connect")),
        "{failures:?}"
    );
    assert!(answers > 100, "{answers}");
    run.stop();
}

#[test]
fn a_guest_is_started_again_after_a_failure_where_that_is_wanted() {
    let mut run = Run::start(&[
        "os",
        guest("exit7").to_str().unwrap(),
        "--restart",
        "on-failure",
        "-f",
        "0:8080",
    ]);
    run.wait_for("error: #1 ended with exit code 7; restarting in 100ms, connections wait");
    run.wait_for("error: #2 ended with exit code 7; restarting in 200ms, connections wait");
    run.stop();
}

#[test]
fn a_new_guest_has_to_be_well_before_it_takes_over() {
    let project = Project::new(Kind::Http);
    let file = project.folder.path().join(".wasmrun.toml");
    std::fs::write(&file, "[watch]\nhealth = \"/health\"\n").unwrap();
    let (mut run, address) = project.watch(&["--connect-timeout", "3s"]);
    project.save(2);
    run.reloaded(2);
    // It listens, and traps at each request.
    project.put(&std::fs::read(guest("trap_http")).unwrap());
    run.wait_for(
        "#3 did not take over: its health check failed: GET /health on port 8080: status 500 Internal Server Error",
    );
    assert_eq!(version(address), Ok(2));
    project.save(4);
    run.reloaded(4);
    assert_eq!(version(address), Ok(4));
    run.stop();
}

#[test]
fn a_page_is_told_to_refresh() {
    let project = Project::new(Kind::Http);
    let file = project.folder.path().join(".wasmrun.toml");
    std::fs::write(&file, "[watch]\nlivereload = 0\n").unwrap();
    let (mut run, _) = project.watch(&[]);
    let line = run.wait_for("livereload: http://");
    let place: std::net::SocketAddr = line["livereload: http://".len()..]
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let ask = |origin: &str| {
        use std::io::Write;
        let mut stream = connect(place);
        write!(stream, "GET / HTTP/1.1\r\nhost: {place}\r\norigin: {origin}\r\n\r\n").unwrap();
        stream
    };
    let mut stranger = String::new();
    let mut stream = ask("http://example.com");
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer).unwrap();
    stranger.push_str(&String::from_utf8_lossy(&buffer[..length]));
    assert!(stranger.starts_with("HTTP/1.1 403 "), "{stranger}");
    let mut page = ask("http://localhost:8080");
    let mut said = String::new();
    let mut read_until = |text: &str| {
        while !said.contains(text) {
            let length = page.read(&mut buffer).unwrap();
            assert!(length > 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        said.clone()
    };
    let head = read_until("retry: 500");
    assert!(
        head.contains("access-control-allow-origin: http://localhost:8080"),
        "{head}"
    );
    project.save(2);
    read_until("event: reload\ndata: 2\n\n");
    run.stop();
}

#[test]
fn a_kernel_without_notifications_left_is_polled() {
    for what in ["instances", "watches"] {
        let project = Project::new(Kind::Http);
        let mut command = std::process::Command::new("unshare");
        let script = format!("echo 0 > /proc/sys/user/max_inotify_{what} && exec \"$@\"");
        command
            .args(["--user", "--map-root-user", "--", "sh", "-c", &script, "sh"])
            .args([env!("CARGO_BIN_EXE_wasmrun"), "os", project.path()])
            .args(["--watch", "-f", "0:8080"])
            .env("WASMRUN_CACHE_DIR", project.folder.path().join("target"))
            .env("XDG_RUNTIME_DIR", support::runtime_folder())
            .env("NO_COLOR", "1");
        let mut run = Run::of(command);
        run.wait_for("polling for changes twice a second");
        run.wait_for(&format!("hint: sysctl -w fs.inotify.max_user_{what}=524288"));
        let address = run.ready(8080);
        project.save(2);
        run.reloaded(2);
        assert_eq!(version(address), Ok(2));
        run.stop();
    }
}

/// What a supervisor has: descriptors that are no sockets, threads, processes below it, and memory of its own in bytes. Of
/// sockets it keeps a stock that changes.
fn holdings(run: &Run) -> (usize, usize, usize, u64) {
    let pid = run.pid();
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let memory: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links: Vec<_> = links
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .collect();
    let sockets = links
        .iter()
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count();
    assert!(sockets < 160, "{sockets} sockets");
    (
        links.len() - sockets,
        count("task"),
        run.descendants().len(),
        memory * 1024,
    )
}

#[test]
fn reloads_leave_nothing_behind() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&[]);
    let reload = |run: &mut Run, number: u64| {
        project.save(number);
        run.reloaded(number);
        assert_eq!(version(address), Ok(number));
    };
    for number in 2..=6 {
        reload(&mut run, number);
    }
    // Compiled in this run at least once, whatever is in the cache.
    project.put(&project.bulky_build(7, 1));
    run.reloaded(7);
    // A guest that is used has sockets in stock.
    assert_eq!(version(address), Ok(7));
    // A guest is three processes; the compiler stays for the next build.
    let settled = |run: &Run| eventually("the old ones are gone", || run.descendants().len() <= 4);
    settled(&run);
    let before = holdings(&run);
    for number in 8..8 + 2 * rounds() {
        reload(&mut run, number);
    }
    settled(&run);
    // Threads that wait for files go when they have had nothing to do for ten seconds.
    let given_back = |now: (usize, usize, usize, u64)| now.0 <= before.0 && now.1 <= before.1 + 2 && now.2 <= before.2;
    let end = Instant::now() + support::PATIENCE;
    while !given_back(holdings(&run)) {
        assert!(
            Instant::now() < end,
            "descriptors, threads, processes, memory: {before:?} became {:?}",
            holdings(&run)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let after = holdings(&run);
    assert!(
        after.3 < before.3 + (2 << 20),
        "memory: {} before, {} after",
        before.3,
        after.3
    );
    run.stop();
}

/// From the rename of a prebuilt component to the first answer of the new guest.
#[test]
fn a_reload_is_quick() {
    // 1.0 MB, or what the benchmark asks for.
    let functions = std::env::var("TEST_FUNCTIONS").map_or(3350, |functions| functions.parse().unwrap());
    let project = Project::new(Kind::Tcp);
    let size = project.bulky_build(1, functions).len();
    project.put(&project.bulky_build(1, functions));
    let (run, address) = project.watch(&["-v"]);
    let mut times = Vec::new();
    for number in 2..2 + rounds().min(20) {
        let build = project.bulky_build(number, functions);
        let new = project.folder.path().join("new");
        std::fs::write(&new, build).unwrap();
        // A person saves, looks, and saves again.
        std::thread::sleep(Duration::from_millis(
            std::env::var("TEST_PAUSE").map_or(300, |p| p.parse().unwrap()),
        ));
        let started = Instant::now();
        std::fs::rename(new, project.guest()).unwrap();
        while version(address) != Ok(number) {
            assert!(started.elapsed() < Duration::from_secs(60), "{}", run.stderr());
            // The compiler wants the processors, too.
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(started.elapsed());
    }
    times.sort();
    println!(
        "{size} bytes, rename to answer: median {:?}, worst {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    println!(
        "{}",
        run.stderr()
            .lines()
            .filter(|line| line.starts_with("reloaded"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    run.stop();
}

#[test]
fn without_watch_a_project_is_built_once() {
    let project = Project::new(Kind::Http);
    let folder = project.folder.path();
    std::fs::rename(project.guest(), folder.join("built")).unwrap();
    let config = "[build]\ncommand = \"echo building $WHAT; cp built out.wasm\"\noutput = \"out.wasm\"\n";
    std::fs::write(folder.join(".wasmrun.toml"), config).unwrap();
    let mut run = Run::start(&["os", project.path(), "-f", "0:8080"]);
    let address = run.ready(8080);
    assert_eq!(version(address), Ok(1));
    // A build's output is talk; standard output is the guest's.
    assert!(
        run.stderr().contains("building\n") && run.stdout().is_empty(),
        "{}",
        run.stderr()
    );
    run.stop();

    std::fs::write(
        folder.join(".wasmrun.toml"),
        "[build]\ncommand = \"echo offline: $CARGO_NET_OFFLINE; exit 3\"\noutput = \"x.wasm\"\n",
    )
    .unwrap();
    let said = |command: &str, what: &str| {
        let folder = folder.canonicalize().unwrap();
        format!("building: {command} (in {})\n{what}", folder.display())
    };
    let offline = "echo offline: $CARGO_NET_OFFLINE; exit 3";
    let failed = "error: the build failed (exit code 3)";
    support::run(&["os", project.path()]).says(2, &said(offline, &format!("offline:\n{failed}")));
    support::run(&["os", project.path(), "--offline"]).says(2, &said(offline, &format!("offline: true\n{failed}")));
    std::fs::write(
        folder.join(".wasmrun.toml"),
        "[build]\ncommand = \"true\"\noutput = \"x.wasm\"\n",
    )
    .unwrap();
    let path = Path::new(project.path()).join("x.wasm");
    support::run(&["os", project.path()]).says(
        2,
        &said(
            "true",
            &format!(
                "error: the build succeeded, but did not create {}\nhint: name the file it creates: `output = \"…\"` under `[build]`",
                path.display()
            ),
        ),
    );
}

#[test]
fn a_toolchain_that_is_missing_is_named_with_its_installation() {
    let folder = support::folder();
    std::fs::write(folder.path().join("go.mod"), "module x\n").unwrap();
    let mut command = support::wasmrun(&["os", folder.path().to_str().unwrap()]);
    command.env("PATH", "/nowhere");
    support::output(command).says(
        2,
        "error: this project is built with go, which is not installed\n\
         hint: install Go 1.21 or later: https://go.dev/dl (Debian: `sudo apt-get install -t bookworm-backports golang-go`)",
    );
}

#[test]
fn a_stop_while_it_builds_is_quick() {
    let folder = support::folder();
    std::fs::write(
        folder.path().join(".wasmrun.toml"),
        "[build]\ncommand = \"sleep 60\"\noutput = \"x.wasm\"\n",
    )
    .unwrap();
    let run = Run::start(&["os", folder.path().to_str().unwrap(), "-f", "0:1"]);
    eventually("it builds", || !run.descendants().is_empty());
    let started = Instant::now();
    run.stop();
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// A project whose folder is watched, with a build that copies what is made of `source`.
fn copying(project: &Project) {
    std::fs::create_dir(project.folder.path().join("target")).unwrap();
    for version in 1..=2 {
        std::fs::write(
            project.folder.path().join(format!("target/{version}")),
            project.build(version),
        )
        .unwrap();
    }
    std::fs::write(project.folder.path().join("source"), "1").unwrap();
    let config = "[build]\ncommand = \"cp target/$(head -c1 source) app.wasm\"\noutput = \"app.wasm\"\n";
    std::fs::write(project.folder.path().join(".wasmrun.toml"), config).unwrap();
}

/// `wasmrun os . --watch > server.log 2>&1`: each line that is written there was a change of the project.
#[test]
fn its_own_output_is_no_change() {
    let project = Project::new(Kind::Http);
    copying(&project);
    let log = project.folder.path().join("server.log");
    let file = std::fs::File::create(&log).unwrap();
    let mut command = wasmrun(&["os", project.path(), "--watch", "-v", "-f", "0:80"]);
    command.stdout(file.try_clone().unwrap()).stderr(file);
    let mut run = command.spawn().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap();
    eventually("it is ready", || said().contains("ready: "));
    // What editors and systems leave is none either.
    for litter in [
        ".DS_Store",
        "nohup.out",
        "data.db-journal",
        "data.db-wal",
        ".idea/workspace.xml",
    ] {
        let path = project.folder.path().join(litter);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::thread::sleep(Duration::from_secs(1));
    std::fs::write(project.folder.path().join("source"), "2").unwrap();
    eventually("it is made anew", || said().contains("reloaded #2 in "));
    std::thread::sleep(Duration::from_secs(1));
    let said = said();
    assert_eq!(said.matches("reloaded #").count(), 1, "{said}");
    assert!(said.contains("source changed\n"), "{said}");
    kill(nix::unistd::Pid::from_raw(run.id() as i32), Signal::SIGTERM).unwrap();
    run.wait().unwrap();
}

#[test]
fn a_file_that_changes_again_and_again_is_named() {
    let project = Project::new(Kind::Http);
    copying(&project);
    let (mut run, _) = project.watch(&[]);
    let file = project.folder.path().join("counter.txt");
    for number in 0..12 {
        std::fs::write(&file, format!("{number}")).unwrap();
        std::thread::sleep(Duration::from_millis(250));
    }
    let warning = run.wait_for("counter.txt keeps changing, and each change reloads the guest");
    assert!(warning.starts_with("warning: "), "{warning}");
    let hint = "hint: to ignore the file, write `ignore = [\"counter.txt\"]` under `[watch]` in .wasmrun.toml";
    run.wait_for(hint);
    assert_eq!(run.stderr().matches("keeps changing").count(), 1);
    run.stop();
}

/// `rm -rf dist`, `cargo clean`, a release's link, a volume of Kubernetes: a watch is of an inode, and these leave it behind.
#[test]
fn what_is_removed_and_made_anew_is_watched_again() {
    use std::os::unix::fs::symlink;
    let project = Project::new(Kind::Http);
    let top = project.folder.path().to_owned();
    let put = |path: &str, version: u64| {
        let path = top.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, project.build(version)).unwrap();
    };
    let switch = |link: &str, target: &str| {
        symlink(target, top.join("next")).unwrap();
        std::fs::rename(top.join("next"), top.join(link)).unwrap();
    };
    put("dist/app.wasm", 1);
    put("target/x/release/app.wasm", 1);
    put("r1/app.wasm", 1);
    put("r2/app.wasm", 2);
    symlink("r1", top.join("current")).unwrap();
    put("volume/..1/app.wasm", 1);
    put("volume/..2/app.wasm", 2);
    symlink("..1", top.join("volume/..data")).unwrap();
    symlink("..data/app.wasm", top.join("volume/app.wasm")).unwrap();
    put("one.wasm", 1);
    put("two.wasm", 2);
    symlink("one.wasm", top.join("link.wasm")).unwrap();
    let remove = |folder: &str| {
        std::fs::remove_dir_all(top.join(folder)).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    };
    let cases: [(&str, &dyn Fn(u64)); 6] = [
        ("dist", &|version| {
            remove("dist");
            put("dist/app.wasm", version);
        }),
        ("dist/app.wasm", &|version| {
            remove("dist");
            put("dist/app.wasm", version);
        }),
        ("target/x/release/app.wasm", &|version| {
            remove("target");
            put("target/x/release/app.wasm", version);
        }),
        ("current", &|version| {
            put(&format!("r{version}/app.wasm"), version);
            switch("current", &format!("r{version}"));
        }),
        ("volume/app.wasm", &|version| {
            put(&format!("volume/..{version}/app.wasm"), version);
            switch("volume/..data", &format!("..{version}"));
        }),
        ("link.wasm", &|version| match version {
            2 => switch("link.wasm", "two.wasm"),
            // And what it leads to.
            _ => put("two.wasm", version),
        }),
    ];
    for (path, change) in cases {
        let whole = top.join(path);
        let mut run = Run::start(&["os", whole.to_str().unwrap(), "--watch", "-f", "0:80"]);
        let address = run.ready(80);
        let first = version(address).unwrap();
        // What is made anew is watched, too.
        for version in [2, 3] {
            if version == first {
                continue;
            }
            change(version);
            eventually(&format!("{path} is {version}: {}", run.stderr()), || {
                support::project::version(address) == Ok(version)
            });
        }
        run.stop();
    }
}
