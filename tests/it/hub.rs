//! The hub as other machines and administrators meet it. The other machine is this one, with folders of its own.

use crate::remote::{Lab, hello, ready};
use crate::support;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use support::{Output, Run, connect, eventually, get, output};

/// A hub on a free port, and what it has said of itself.
struct Hub {
    run: Run,
    /// `wss://127.0.0.1:PORT`
    url: String,
    address: SocketAddr,
    pin: Option<String>,
}

impl Hub {
    fn start(lab: &Lab, options: &[&str]) -> Hub {
        let mut run = lab.start(&[&["hub", "--bind", "127.0.0.1:0"], options].concat());
        let line = run.wait_for("listening: ");
        let url = line["listening: ".len()..].to_owned();
        let pin = url.starts_with("wss").then(|| {
            let line = run.wait_for("--pin ");
            let (_, pin) = line.split_once("--pin ").unwrap();
            pin.split(' ').next().unwrap().to_owned()
        });
        Hub {
            address: url.split_once("//").unwrap().1.parse().unwrap(),
            run,
            url,
            pin,
        }
    }

    /// Makes a token and a context `lab` of it on this machine.
    fn context(&self, lab: &Lab, rights: &[&str]) {
        let token = lab.there(&[&["hub", "token", "add", "laptop"], rights].concat());
        assert_eq!(token.code, Some(0), "{}", token.stderr);
        let added = self.add(lab, "lab", self.pin.as_deref(), token.stdout.trim());
        assert_eq!(added.code, Some(0), "{}", added.stderr);
    }

    fn add(&self, lab: &Lab, name: &str, pin: Option<&str>, token: &str) -> Output {
        let mut arguments = vec!["context", "add", name, &self.url, "--token-stdin"];
        arguments.extend(pin.iter().flat_map(|pin| ["--pin", pin]));
        let mut command = lab.command("here", &arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        Output {
            code: ended.status.code(),
            stdout: String::from_utf8(ended.stdout).unwrap(),
            stderr: String::from_utf8(ended.stderr).unwrap(),
        }
    }
}

impl Lab {
    fn there(&self, arguments: &[&str]) -> Output {
        output(self.command("run", arguments))
    }

    fn web(&self, name: &str) -> Run {
        let web = self.start(&["os", &hello(), "--name", name, "--expose", "3000"]);
        let socket = self.path(&format!("run/wasmrun/{name}.sock"));
        eventually("the run is there", || socket.exists());
        web
    }
}

#[test]
fn a_token_and_a_pin_let_another_machine_in_and_no_further_than_they_say() {
    let lab = Lab::new();
    let (_web, _other) = (lab.web("web"), lab.web("other"));
    let hub = Hub::start(&lab, &["--tls", "self"]);
    hub.context(&lab, &["--run", "web", "--port", "3000"]);
    let listed = lab.says(&["ps", "lab"]);
    assert!(listed.stdout.contains("\nweb "), "{}{}", listed.stdout, listed.stderr);
    assert!(!listed.stdout.contains("other"), "{}", listed.stdout);
    let mut forward = lab.here(&["forward", "lab/web", "0:3000"]);
    let address = ready(&mut forward, "lab/web:3000");
    assert_eq!(get(address), (200, "hello from wasmrun\n".to_owned()));
    // What the token does not say.
    for (arguments, wanted) in [
        (&["restart", "lab/web"][..], "manage"),
        (&["logs", "lab/web"], "logs"),
        (&["inspect", "lab/other"], "other"),
    ] {
        let refused = lab.says(arguments);
        assert_ne!(refused.code, Some(0), "{arguments:?}");
        assert!(refused.stderr.contains(wanted), "{arguments:?}: {}", refused.stderr);
    }
    let mut wrong_port = lab.here(&["forward", "lab/web", "0:3001"]);
    let refused = ready(&mut wrong_port, "lab/web:3001");
    assert!(support::is_cut(&mut connect(refused)));
    wrong_port.wait_for("port 3001: ");
    // Another key than the one that is known, and no known one.
    let token = std::fs::read_to_string(lab.path("here/config/wasmrun/tokens/lab")).unwrap();
    let pin = format!("sha256:{}", "A".repeat(43));
    let said = hub.add(&lab, "wrong", Some(&pin), &token);
    assert!(said.stderr.contains("has the pin sha256:"), "{}", said.stderr);
    let said = hub.add(&lab, "wrong", None, &token);
    assert!(
        said.stderr.contains("no authority that this machine knows"),
        "{}",
        said.stderr
    );
    let said = hub.add(&lab, "wrong", hub.pin.as_deref(), "wr_nothing");
    assert!(said.stderr.contains("does not know the token"), "{}", said.stderr);
    assert!(!said.stderr.contains("wr_"), "{}", said.stderr);
    // A token that is removed ends what it has open.
    let mut client = connect(address);
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let mut whole = Vec::new();
    while !whole.ends_with(b"wasmrun\n") {
        let length = client.read(&mut answer).unwrap();
        whole.extend_from_slice(&answer[..length]);
    }
    assert_eq!(lab.there(&["hub", "token", "remove", "laptop"]).code, Some(0));
    assert!(support::is_cut(&mut client));
    forward.wait_for("is lost for good: its connections were reset");
    let said = lab.says(&["ps", "lab"]);
    assert!(said.stderr.contains("does not know the token"), "{}", said.stderr);
}

/// `restart` and the others, by a token that may all; what was done is in the audit, and no secret.
#[test]
fn runs_are_managed_by_who_may_and_it_is_written_down() {
    let lab = Lab::new();
    let _web = lab.web("web");
    let audit = lab.path("audit");
    let hub = Hub::start(&lab, &["--audit", audit.to_str().unwrap(), "--audit-streams"]);
    hub.context(&lab, &["--allow", "connect,logs,manage"]);
    let restarted = lab.says(&["restart", "lab/web"]);
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    assert_eq!(lab.says(&["logs", "lab/web"]).code, Some(0));
    let mut forward = lab.here(&["forward", "lab/web", "0:3000"]);
    let address = ready(&mut forward, "lab/web:3000");
    assert_eq!(get(address).0, 200);
    assert_eq!(lab.says(&["stop", "lab/web"]).code, Some(0));
    let lines = || std::fs::read_to_string(&audit).unwrap();
    eventually("the stream is written down", || {
        lines().contains("\"event\":\"stream\"")
    });
    let written = lines();
    for line in written.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].is_string() && line["event"].is_string(), "{line}");
    }
    for wanted in [
        "\"who\":\"token laptop\"",
        "\"operation\":\"restart\"",
        "\"operation\":\"stop\"",
    ] {
        assert!(written.contains(wanted), "{wanted}: {written}");
    }
    assert!(!written.contains("wr_"), "{written}");
    drop(hub);
}

#[test]
fn what_the_user_switches_off_is_off_at_once() {
    let lab = Lab::new();
    let _web = lab.web("web");
    let hub = Hub::start(&lab, &[]);
    hub.context(&lab, &[]);
    let mut forward = lab.here(&["forward", "lab/web", "0:3000"]);
    let address = ready(&mut forward, "lab/web:3000");
    assert_eq!(get(address).0, 200);
    let file = lab.path("run/config/wasmrun/hub.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "tunnel = false\n").unwrap();
    forward.wait_for("is lost for good: its connections were reset");
    let said = lab.says(&["ps", "lab"]);
    let wanted = format!("switched off by {}", file.display());
    assert!(said.stderr.contains(&wanted), "{}", said.stderr);
    drop(hub);
}

#[test]
fn a_hub_for_other_machines_takes_tls_and_a_token() {
    let lab = Lab::new();
    for (options, wanted) in [
        (&["--bind", "0.0.0.0:0"][..], "does not listen on 0.0.0.0:0 without TLS"),
        (
            &["--bind", "0.0.0.0:0", "--tls", "self"],
            "does not listen on 0.0.0.0:0 without a token",
        ),
        (
            &["--bind", "0.0.0.0:0", "--tls", "self", "--no-auth"],
            "`--no-auth` is for loopback",
        ),
        (&["--bind", "lab:1"], "write ADDRESS:PORT"),
        (&["--allow", "connect"], "narrow `--stdio`"),
    ] {
        let said = lab.there(&[&["hub"], options].concat());
        assert_eq!(said.code, Some(2), "{options:?}: {}", said.stderr);
        assert!(said.stderr.contains(wanted), "{options:?}: {}", said.stderr);
    }
}

/// `command="wasmrun hub --stdio --allow view --run web"` in `authorized_keys`.
#[test]
fn a_key_may_be_narrowed() {
    let lab = Lab::new();
    let (_web, _other) = (lab.web("web"), lab.web("other"));
    let narrow = "wasmrun hub --stdio --allow view --run web";
    let added = lab.says(&["context", "add", "lab", "ssh://lab", "--remote-command", narrow]);
    assert_eq!((added.code, &*added.stderr), (Some(0), "added: lab (1 runs)\n"));
    let mut forward = lab.here(&["forward", "lab/web", "0:3000"]);
    let address = ready(&mut forward, "lab/web:3000");
    assert!(support::is_cut(&mut connect(address)));
    forward.wait_for("port 3000: ");
    let said = lab.says(&["restart", "lab/web"]);
    assert_ne!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn a_context_is_a_name_for_a_machine() {
    let lab = Lab::new();
    let _web = lab.web("web");
    let says = |arguments: &[&str]| lab.says(arguments);
    let added = says(&["context", "add", "lab", "ssh://me@lab", "--forward", "web:0:3000"]);
    assert_eq!((added.code, &*added.stderr), (Some(0), "added: lab (1 runs)\n"));
    assert_eq!(
        says(&["context", "list"]).stdout,
        "* local  this machine\n  lab    ssh://me@lab\n"
    );
    let all = says(&["ps", "--all"]);
    assert!(all.stdout.contains("\nlab/web "), "{}{}", all.stdout, all.stderr);
    let mut forward = lab.here(&["forward", "lab/"]);
    let address = ready(&mut forward, "lab/web:3000");
    assert_eq!(get(address).0, 200);
    // In use, its runs need no prefix.
    assert_eq!(says(&["inspect", "web"]).code, Some(2));
    assert_eq!(says(&["context", "use", "lab"]).code, Some(0));
    assert!(says(&["inspect", "web"]).stdout.contains("\"name\": \"web\""));
    assert!(says(&["ps"]).stdout.contains("\nweb "));
    assert_eq!(says(&["inspect", "local/web"]).code, Some(2));
    let mut other = lab.command("here", &["inspect", "web"]);
    other.env("WASMRUN_CONTEXT", "local");
    assert_eq!(output(other).code, Some(2));
    assert_eq!(says(&["context", "remove", "lab"]).code, Some(0));
    assert_eq!(says(&["inspect", "web"]).code, Some(2));
    for (arguments, wanted) in [
        (&["inspect", "lab/web"][..], "no context is named `lab`"),
        (
            &["context", "add", "local", "ssh://lab"],
            "a context cannot be named `local`",
        ),
        (&["context", "add", "x", "ssh://lab/web"], "names a run"),
        (&["context", "add", "x", "ws://lab"], "write wss://"),
        (
            &["context", "add", "x", "ssh://lab", "--pin", "sha256:x"],
            "tokens and pins are for wss",
        ),
        (&["context", "use", "y"], "no context is named `y`"),
    ] {
        let said = says(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(wanted), "{arguments:?}: {}", said.stderr);
    }
}

/// One that ssh has started is nobody's own.
#[test]
fn a_hub_that_is_asked_for_takes_over() {
    let lab = Lab::new();
    let _web = lab.web("web");
    assert_eq!(lab.says(&["ps", "ssh://lab"]).code, Some(0));
    let first = lab.hub().expect("a hub");
    let mut hub = Hub::start(&lab, &[]);
    assert_ne!(lab.hub(), Some(first));
    assert_eq!(lab.says(&["ps", "ssh://lab"]).code, Some(0));
    hub.run.signal(Signal::SIGTERM);
    assert_eq!(hub.run.ended().code(), Some(143));
}

#[test]
fn a_terminal_is_no_channel() {
    let lab = Lab::new();
    lab.there(&["hub", "--stdio"]).says(
        2,
        "error: `wasmrun hub --stdio` speaks to a program by pipes or a socket\n\
         hint: ssh starts it: `wasmrun forward ssh://HOST/RUN PORT`",
    );
    assert!(lab.hub().is_none(), "and nothing was started");
}

/// KohakuRiver's client asks for the state, upgrades without a sub-protocol, and is told that it is connected.
#[test]
fn kohaku_rivers_clients_are_served() {
    let lab = Lab::new();
    let _web = lab.web("web");
    let hub = Hub::start(&lab, &[]);
    let token = lab.there(&["hub", "token", "add", "river"]).stdout;
    let ask = |path: &str, fields: &str| {
        let mut stream = TcpStream::connect(hub.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{fields}\r\n",
            hub.address,
            token.trim()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let said = |mut stream: TcpStream, wanted: &str| {
        let mut text = Vec::new();
        let mut piece = [0; 512];
        while !String::from_utf8_lossy(&text).contains(wanted) {
            let length = stream.read(&mut piece).unwrap();
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&piece[..length]);
        }
        stream
    };
    said(ask("/api/status/web", ""), "\"status\":\"running\"");
    said(ask("/api/status/nobody", ""), "HTTP/1.1 404");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = said(ask("/ws/forward/web/3000?proto=tcp", upgrade), "CONNECTED");
    // A frame of theirs in a masked frame of RFC 6455, whose mask is 0: CONNECT of 1, and a request in DATA.
    let mut send = |kind: u8, port: u16, data: &[u8]| {
        let length = u8::try_from(8 + data.len()).unwrap();
        let mut frame = vec![0x82, 0x80 | length, 0, 0, 0, 0, kind, 0, 0, 0, 0, 1];
        frame.extend_from_slice(&port.to_be_bytes());
        frame.extend_from_slice(data);
        stream.write_all(&frame).unwrap();
    };
    send(1, 3000, b"");
    send(3, 0, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    said(stream, "hello from wasmrun");
    said(ask("/ws/forward/nobody/3000", upgrade), "Error: ");
    // Switched off.
    drop(hub);
    let hub = Hub::start(&lab, &["--no-kohaku"]);
    let mut stream = TcpStream::connect(hub.address).unwrap();
    let request = format!(
        "GET /api/status/web HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        hub.address,
        token.trim()
    );
    stream.write_all(request.as_bytes()).unwrap();
    said(stream, "switched off by the command line");
}

/// What a server says to a request of a browser's: status, fields and body.
struct Said {
    status: u16,
    head: String,
    body: String,
}

impl Said {
    fn field(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let mut lines = self.head.lines();
        let line = lines.find(|line| line.to_ascii_lowercase().starts_with(&prefix));
        &line.unwrap_or_else(|| panic!("no {name}: {}", self.head))[prefix.len()..]
    }

    /// The cookie that it sets.
    fn cookie(&self) -> &str {
        self.field("set-cookie").split(';').next().unwrap()
    }
}

/// A browser that knows where a name of this machine leads.
fn browse(hub: SocketAddr, method: &str, url: &str, cookie: &str, form: &str) -> Said {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(hub).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    // An answer may be broken off by a switch that is turned meanwhile.
    let _ = stream.read_to_string(&mut text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or(("HTTP/1.1 000 no answer", ""));
    Said {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Without a script: the link, the page, a port, Start, and the guest's own page.
#[test]
fn a_browser_starts_an_app_from_the_page() {
    let lab = Lab::new();
    let _web = lab.web("web");
    let mut hub = Hub::start(&lab, &[]);
    let line = hub.run.wait_for("open this link once: ");
    let link = line["open this link once: ".len()..].to_owned();
    let page = format!("http://wasmrun.localhost:{}", hub.address.port());
    assert!(link.starts_with(&format!("{page}/login?code=")), "{link}");
    let address = hub.address;
    let get = |url: &str, cookie: &str| browse(address, "GET", url, cookie, "");
    assert_eq!(get(&format!("{page}/"), "").status, 401);
    let entered = get(&link, "");
    assert_eq!(
        (entered.status, entered.field("location")),
        (303, "/"),
        "{}",
        entered.head
    );
    assert_eq!(get(&link, "").status, 401, "a link is for one browser");
    let cookie = entered.cookie().to_owned();
    let list = get(&format!("{page}/"), &cookie);
    assert!(
        list.status == 200 && list.body.contains("web"),
        "{} {}",
        list.head,
        list.body
    );
    assert!(list.field("content-security-policy").contains("default-src 'none'"));
    let run = get(&format!("{page}/runs/web"), &cookie);
    let (_, token) = run.body.split_once("name=\"token\" value=\"").expect("a form");
    let token = token.split('"').next().unwrap();
    let form = format!("token={token}&run=web&port=3000");
    let post = |cookie: &str, form: &str| browse(address, "POST", &format!("{page}/start"), cookie, form);
    assert_eq!(
        post(&cookie, "run=web&port=3000").status,
        403,
        "without the form's token"
    );
    assert_eq!(post("", &form).status, 401);
    let started = post(&cookie, &form);
    let app = format!("http://web-3000.localhost:{}", address.port());
    let enter = started.field("location");
    assert!(
        started.status == 303 && enter.starts_with(&format!("{app}/.wasmrun/enter?code=")),
        "{enter}"
    );
    let entered = get(enter, "");
    assert_eq!(entered.status, 303, "{}", entered.head);
    let hello = get(&format!("{app}/"), entered.cookie());
    assert!(
        hello.status == 200 && hello.body.contains("hello from wasmrun"),
        "{} {}",
        hello.head,
        hello.body
    );
    assert_eq!(get(&format!("{app}/"), "").status, 401);
    assert_eq!(
        get(&format!("{app}/"), &cookie).status,
        401,
        "the page's cookie is none of an app's"
    );
    assert_eq!(
        get(&format!("http://evil.example.com:{}/", address.port()), &cookie).status,
        421
    );
    // Another browser, by another link.
    let another = lab.there(&["hub", "url"]);
    assert_eq!(get(another.stdout.trim(), "").status, 303, "{}", another.stderr);
    // Switched off.
    let file = lab.path("run/config/wasmrun/hub.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "browser = false\n").unwrap();
    eventually("the page is off", || get(&format!("{page}/"), &cookie).status == 403);
    assert!(
        get(&format!("{app}/"), entered.cookie())
            .body
            .contains("switched off by")
    );
}

/// A laptop's page has the runs of its contexts beside its own, and opens their ports through the tunnel.
#[test]
fn the_page_has_the_runs_of_other_machines() {
    let lab = Lab::new();
    let (_web, hub) = (lab.web("web"), Hub::start(&lab, &["--tls", "self"]));
    hub.context(&lab, &["--allow", "connect,logs"]);
    let mut own = lab.here(&["hub", "--bind", "127.0.0.1:0"]);
    let line = own.wait_for("listening: ");
    let address: SocketAddr = line.split_once("//").unwrap().1.parse().unwrap();
    let line = own.wait_for("open this link once: ");
    let get = |url: &str, cookie: &str| browse(address, "GET", url, cookie, "");
    let entered = get(&line["open this link once: ".len()..], "");
    let cookie = entered.cookie().to_owned();
    let page = format!("http://wasmrun.localhost:{}", address.port());
    // The first look has the machine reached.
    eventually("its runs are there", || {
        get(&format!("{page}/"), &cookie).body.contains(">lab/web</a>")
    });
    let run = get(&format!("{page}/runs/lab~web"), &cookie);
    assert!(
        run.body.contains("wasmrun forward lab/web"),
        "{} {}",
        run.head,
        run.body
    );
    // The context's token has no scope for it.
    let (_, token) = run.body.split_once("name=\"token\" value=\"").expect("a form");
    let token = token.split('"').next().unwrap();
    let post = |path: &str, form: &str| browse(address, "POST", &format!("{page}{path}"), &cookie, form);
    let restarted = post("/runs/lab~web/restart", &format!("token={token}"));
    assert_eq!(restarted.status, 403, "{}", restarted.body);
    let started = post("/start", &format!("token={token}&run=lab~web&port=3000"));
    let enter = started.field("location").to_owned();
    assert!(enter.starts_with("http://lab-web-"), "{} {enter}", started.head);
    let (app, _) = enter.split_once("/.wasmrun/").unwrap();
    let inside = get(&enter, "");
    for _ in 0..3 {
        let hello = get(&format!("{app}/"), inside.cookie());
        let is_hello = hello.status == 200 && hello.body.contains("hello from wasmrun");
        assert!(is_hello, "{} {}", hello.head, hello.body);
    }
    // Who comes by this hub's tunnel is led no further.
    let beyond = lab.says(&["ps", &format!("unix:{}/", lab.path("here/wasmrun/hub.pipe").display())]);
    assert_eq!(beyond.code, Some(0), "{}", beyond.stderr);
    assert!(!beyond.stdout.contains("lab"), "{}", beyond.stdout);
    // What is no context any more is not on the page.
    assert_eq!(lab.says(&["context", "remove", "lab"]).code, Some(0));
    eventually("they are gone", || {
        !get(&format!("{page}/"), &cookie).body.contains("lab/web")
    });
    assert_eq!(get(&format!("{page}/runs/lab~web"), &cookie).status, 404);
    own.signal(Signal::SIGINT);
    own.ended();
}
