//! Guests that call real servers of this machine, by the clients that people use. A server that is not on this machine is one whose
//! tests are listed as ignored: redis-server and postgresql of Debian.

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::program::{self, project, succeeds};
use support::{Run, eventually, output, wasmrun};

fn main() {
    let has_redis = succeeds("redis-server", &["--version"]);
    let has_python = succeeds("python3", &["-c", "import venv, ensurepip"]);
    let has_npm = succeeds("npm", &["--version"]);
    let tests: [program::Test; 4] = [
        ("python_uses_redis", has_redis && has_python, python_uses_redis),
        (
            "python_uses_postgresql_by_its_url",
            postgresql().is_some() && has_python,
            python_uses_postgresql_by_its_url,
        ),
        ("nodejs_uses_redis", has_redis && has_npm, nodejs_uses_redis),
        (
            "a_shop_of_three_services",
            postgresql().is_some() && has_python && has_npm,
            a_shop_of_three_services,
        ),
    ];
    program::main(tests);
}

/// A server that ends with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(mut command: Command, port: u16) -> Server {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let server = Server { process, port };
    eventually("the server accepts", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    server
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn redis() -> Server {
    let port = free_port();
    let mut command = Command::new("redis-server");
    command.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    serve(command, port)
}

/// Where PostgreSQL's programs are, of the newest version.
fn postgresql() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.pop().filter(|folder| folder.join("initdb").exists())
}

/// With a user `app` and the password `secret`, by SCRAM. It refuses to run as root.
fn database(folder: &Path) -> Server {
    let programs = postgresql().unwrap();
    let as_nobody = |name: &str| {
        let mut command = Command::new(programs.join(name));
        if rustix::process::geteuid().is_root() {
            // Debian's nobody, who has an entry in passwd(5), as it wants.
            command.uid(65534).gid(65534);
        }
        command.current_dir("/").env("LC_ALL", "C");
        command
    };
    let (data, password) = (folder.join("data"), folder.join("password"));
    std::fs::write(&password, "secret\n").unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534)).unwrap();
    }
    let mut initdb = as_nobody("initdb");
    initdb
        .args([
            "--auth=scram-sha-256",
            "--username=app",
            "--encoding=UTF8",
            "--no-sync",
            "-D",
        ])
        .arg(&data);
    initdb.arg(format!("--pwfile={}", password.display()));
    let made = output(initdb);
    assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
    let port = free_port();
    let mut postgres = as_nobody("postgres");
    postgres
        .arg("-D")
        .arg(&data)
        .args(["-F", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
    serve(postgres, port)
}

fn calls(name: &str, variable: &str, url: &str) -> String {
    let folder = project(name);
    let given = format!("{variable}={url}");
    // The rule is what the variable names, so that it is written once.
    let allow = format!("${variable}");
    let arguments = [
        "os",
        folder.path().to_str().unwrap(),
        "--env",
        &given,
        "--allow",
        &allow,
    ];
    let said = output(wasmrun(&arguments));
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

fn python_uses_redis() {
    let redis = redis();
    let url = format!("redis://localhost:{}", redis.port);
    let said = calls("calls-python", "REDIS_URL", &url);
    assert_eq!(said, "hello 1000\npublished\n3000000\n");
}

fn python_uses_postgresql_by_its_url() {
    let folder = support::folder();
    let database = database(folder.path());
    let url = format!("postgresql://app:secret@localhost:{}/postgres", database.port);
    let said = calls("calls-python", "DATABASE_URL", &url);
    assert_eq!(said, "100 note 99\n3000000\n");
}

fn nodejs_uses_redis() {
    let redis = redis();
    let url = format!("redis://localhost:{}", redis.port);
    assert_eq!(calls("calls-node", "REDIS_URL", &url), "1000\n3000000\npublished\n");
}

/// examples/shop, with a database of the test's own: Express, by a link to Flask, by a rule to PostgreSQL; and one that has neither.
fn a_shop_of_three_services() {
    let (folder, runs) = (support::folder(), support::folder());
    let database = database(folder.path());
    let shop = support::folder();
    program::copy(&program::example("shop"), shop.path());
    let file = shop.path().join(".wasmrun.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let url = format!("postgresql://app:secret@localhost:{}/postgres", database.port);
    let text = text.replace("postgresql://shop:shop@localhost:5432/shop", &url);
    std::fs::write(&file, text.replace("8080:3000", "0:3000")).unwrap();
    let mut command = wasmrun(&["up", "--file", shop.path().to_str().unwrap(), "--trust"]);
    command.env("XDG_RUNTIME_DIR", runs.path());
    let mut up = Run::of(command);
    // The first time engines are made, and packages installed.
    let address = up.ready_within(3000, Duration::from_secs(300));
    assert_eq!(program::get(address, "/"), (200, "no orders yet\n".to_owned()));
    for (number, item) in [(1, "tea"), (2, "größe 36")] {
        let body = serde_json::json!({ "item": item }).to_string();
        let answer = order(address, &body);
        assert_eq!(
            answer,
            (201, serde_json::json!({ "id": number, "item": item })),
            "{}",
            up.stderr()
        );
    }
    assert_eq!(program::get(address, "/").1, "1 tea\n2 größe 36\n");
    for said in [
        "http://orders:5000/ EACCES",
        "http://localhost:5432/ ECONNREFUSED",
        "http://169.254.169.254/ EACCES",
        "http://example.com/ EACCES",
    ] {
        eventually(said, || up.stdout().contains(said));
    }
    up.stop();
}

fn order(address: SocketAddr, body: &str) -> (u16, serde_json::Value) {
    let mut stream = support::connect(address);
    let length = body.len();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let (status, text) = support::answer(stream);
    (status, serde_json::from_str(&text).unwrap_or_default())
}
