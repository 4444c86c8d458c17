//! Guests that call real servers of this machine, by the clients that people use. A server that is not on this machine is one whose
//! tests are listed as ignored: redis-server, postgresql, mariadb-server and nginx-light of Debian.

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::program::{self, builds_apart, has_rust, project, succeeds};
use support::server::{Server, free_port};
use support::{Run, certificates, eventually, guests, output, wasmrun};

fn main() {
    let has_redis = succeeds("redis-server", &["--version"]);
    let has_python = succeeds("python3", &["-c", "import venv, ensurepip"]);
    let has_npm = succeeds("npm", &["--version"]);
    // Its installer's `--help` is a failure.
    let has_mariadb = Path::new("/usr/bin/mariadb-install-db").exists() && succeeds(system("mariadbd"), &["--version"]);
    let has_nginx = succeeds(system("nginx"), &["-v"]);
    let has_tls = succeeds("openssl", &["version"]);
    let tests: [program::Test; 17] = [
        ("python_uses_redis", has_redis && has_python, python_uses_redis),
        (
            "python_uses_postgresql_by_its_url",
            postgresql().is_some() && has_python,
            python_uses_postgresql_by_its_url,
        ),
        ("python_uses_mariadb", has_mariadb && has_python, python_uses_mariadb),
        (
            "python_fetches_from_nginx",
            has_nginx && has_python,
            python_fetches_from_nginx,
        ),
        (
            "python_uses_redis_by_tls",
            has_redis && has_python && has_tls,
            python_uses_redis_by_tls,
        ),
        (
            "python_uses_postgresql_by_tls",
            postgresql().is_some() && has_python && has_tls,
            python_uses_postgresql_by_tls,
        ),
        (
            "python_uses_mariadb_by_tls",
            has_mariadb && has_python && has_tls,
            python_uses_mariadb_by_tls,
        ),
        ("nodejs_uses_redis", has_redis && has_npm, nodejs_uses_redis),
        (
            "nodejs_uses_redis_by_tls",
            has_redis && has_npm && has_tls,
            nodejs_uses_redis_by_tls,
        ),
        (
            "nodejs_uses_postgresql_by_tls",
            postgresql().is_some() && has_npm && has_tls,
            nodejs_uses_postgresql_by_tls,
        ),
        (
            "nodejs_uses_mariadb_by_tls",
            has_mariadb && has_npm && has_tls,
            nodejs_uses_mariadb_by_tls,
        ),
        ("nodejs_uses_mariadb", has_mariadb && has_npm, nodejs_uses_mariadb),
        (
            "nodejs_fetches_from_nginx",
            has_nginx && has_npm,
            nodejs_fetches_from_nginx,
        ),
        ("rust_uses_redis", has_redis && has_rust(), rust_uses_redis),
        (
            "rust_uses_postgresql",
            // It builds for a minute: `.ci/full` has it.
            postgresql().is_some() && has_rust() && std::env::var_os("TEST_FULL").is_some(),
            rust_uses_postgresql,
        ),
        (
            "rust_fetches_from_nginx",
            has_nginx && has_rust(),
            rust_fetches_from_nginx,
        ),
        (
            "a_shop_of_three_services",
            postgresql().is_some() && has_python && has_npm,
            a_shop_of_three_services,
        ),
    ];
    program::main(tests);
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
    Server::accepting(command, port)
}

/// The same, and TLS alone.
fn redis_by_tls(folder: &Path) -> Server {
    let port = free_port();
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--tls-auth-clients", "no", "--tls-port", &port.to_string()]);
    for (option, name) in [("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "ca.pem")] {
        command.arg(format!("--tls-{option}-file")).arg(folder.join(name));
    }
    Server::accepting(command, port)
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
    database_with(folder, &[])
}

fn database_with(folder: &Path, more: &[String]) -> Server {
    let programs = postgresql().unwrap();
    let as_nobody = |name: &str| as_nobody(&programs.join(name));
    let (data, password) = (folder.join("data"), folder.join("password"));
    std::fs::write(&password, "secret\n").unwrap();
    give_to_nobody(folder);
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
        .args(["-F", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()])
        .args(more);
    Server::accepting(postgres, port)
}

/// MariaDB with a user `app`, the password `secret` and the database `shop`, as its own `identified by` has it.
fn mariadb(folder: &Path) -> Server {
    mariadb_with(folder, &[])
}

fn mariadb_with(folder: &Path, more: &[String]) -> Server {
    let (data, first) = (folder.join("data"), folder.join("first.sql"));
    let sql = "create database shop;\ncreate user app@'%' identified by 'secret';\ngrant all on shop.* to app@'%';\n";
    std::fs::write(&first, sql).unwrap();
    give_to_nobody(folder);
    let mut install = as_nobody(Path::new("mariadb-install-db"));
    install.args([
        "--no-defaults",
        "--skip-test-db",
        "--auth-root-authentication-method=normal",
    ]);
    install
        .env("TMPDIR", folder)
        .arg(format!("--datadir={}", data.display()));
    let made = output(install);
    assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
    let port = free_port();
    let mut mariadbd = as_nobody(&system("mariadbd"));
    mariadbd.args([
        "--no-defaults",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",
    ]);
    for (option, place) in [
        ("datadir", &data),
        ("init-file", &first),
        ("tmpdir", &folder.to_owned()),
        ("socket", &folder.join("socket")),
        ("pid-file", &folder.join("pid")),
    ] {
        mariadbd.arg(format!("--{option}={}", place.display()));
    }
    mariadbd.arg(format!("--port={port}")).args(more);
    Server::accepting(mariadbd, port)
}

/// Servers that refuse to run as root run as Debian's nobody, who has an entry in passwd(5), as they want.
fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command.current_dir("/").env("LC_ALL", "C");
    command
}

fn give_to_nobody(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534)).unwrap();
    }
}

/// Certificates in a folder, for servers that want a key to be theirs alone.
fn secured(folder: &Path) {
    certificates::make(folder);
    let key = folder.join("server.key");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, readable).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&key, Some(65534), Some(65534)).unwrap();
    }
}

/// A program that may not be on an ordinary user's PATH.
fn system(name: &str) -> PathBuf {
    let place = Path::new("/usr/sbin").join(name);
    if place.exists() { place } else { name.into() }
}

/// nginx with a text, a text that it compresses, digits for ranges, 50 MB, a redirect, and how many requests a connection had.
fn nginx(folder: &Path) -> Server {
    let root = folder.join("root");
    std::fs::create_dir(&root).unwrap();
    let files = [
        ("hello.txt", "hello from nginx: größe\n".to_owned()),
        ("lines.txt", "one line\n".repeat(10_000)),
        ("digits.bin", "0123456789".repeat(10)),
        ("large.bin", "x".repeat(50 << 20)),
    ];
    for (name, text) in files {
        std::fs::write(root.join(name), text).unwrap();
    }
    let port = free_port();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|what| format!("{what}_temp_path {what};\n"));
    // One process, which ends with the test, of the user who started it.
    let settings = format!(
        "daemon off; master_process off; pid pid; error_log stderr;
        events {{}}
        http {{
            access_log off; gzip on; gzip_min_length 1000; gzip_types text/plain;
            types {{ text/plain txt; }}
            default_type application/octet-stream;
            {}
            server {{
                listen 127.0.0.1:{port};
                root root;
                location = /moved {{ return 302 /hello.txt; }}
                location = /uses {{ default_type text/plain; return 200 $connection_requests; }}
                location = /post {{ default_type text/plain; return 200 \"$request_method $content_type\"; }}
            }}
        }}",
        temporary.concat()
    );
    std::fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = Command::new(system("nginx"));
    command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(folder);
    Server::accepting(command, port)
}

fn calls(name: &str, variable: &str, url: &str) -> String {
    calls_from(project(name).path(), variable, url)
}

/// The same, of a project that is built: it stays where it is, so that what its build has fetched is found again.
fn rust_calls(name: &str, variable: &str, url: &str) -> String {
    let folder = guests::root().join("tests/projects").join(name);
    calls_from(&folder, variable, url)
}

fn calls_from(folder: &Path, variable: &str, url: &str) -> String {
    let given = format!("{variable}={url}");
    // The rule is what the variable names, so that it is written once.
    let allow = format!("${variable}");
    let arguments = ["os", folder.to_str().unwrap(), "--env", &given, "--allow", &allow];
    let mut command = wasmrun(&arguments);
    builds_apart(&mut command);
    let said = output(command);
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

fn python_uses_mariadb() {
    let folder = support::folder();
    let server = mariadb(folder.path());
    let url = format!("mysql://app:secret@localhost:{}/shop", server.port);
    let said = calls("calls-python", "DATABASE_URL", &url);
    assert_eq!(said, "{'count': 100, 'last': 'größe 99 🦀'}\nit's True\n1054\n1045\n");
}

const DATABASES: (&str, &str) = ("tls-python", "databases.py");
const CALLS: (&str, &str) = ("calls-tls-node", "index.js");

/// A script of a project, with the authority of the test.
fn calls_by_tls((name, script): (&str, &str), folder: &Path, variable: &str, url: &str) -> String {
    let project = project(name);
    let script = project.path().join(script);
    let authority = project.path().join("ca.pem");
    std::fs::copy(folder.join("ca.pem"), &authority).unwrap();
    let authority = authority.to_str().unwrap();
    let (given, known) = (format!("{variable}={url}"), format!("AUTHORITY={authority}"));
    let mut arguments = vec!["os", script.to_str().unwrap(), "--env", &given, "--env", &known];
    let allow = format!("${variable}");
    arguments.extend(["--allow", &allow, "--ca", authority]);
    let said = output(wasmrun(&arguments));
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

fn python_uses_redis_by_tls() {
    let folder = support::folder();
    certificates::make(folder.path());
    let redis = redis_by_tls(folder.path());
    let url = format!("rediss://localhost:{}", redis.port);
    let said = calls_by_tls(DATABASES, folder.path(), "REDIS_URL", &url);
    assert_eq!(said, "hello 1000\npublished\n3000000\n");
}

fn postgresql_by_tls(folder: &Path) -> Server {
    secured(folder);
    let files = [("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")];
    let files = files.map(|(setting, name)| format!("{setting}={}", folder.join(name).display()));
    let settings = files.into_iter().chain(["ssl=on".to_owned()]);
    let more: Vec<String> = settings.flat_map(|setting| ["-c".to_owned(), setting]).collect();
    database_with(folder, &more)
}

fn python_uses_postgresql_by_tls() {
    let folder = support::folder();
    let database = postgresql_by_tls(folder.path());
    let url = format!("postgresql://app:secret@localhost:{}/postgres", database.port);
    let said = calls_by_tls(DATABASES, folder.path(), "DATABASE_URL", &url);
    assert_eq!(said, "TLSv1.3 256\n3000000\n");
}

fn nodejs_uses_postgresql_by_tls() {
    let folder = support::folder();
    let database = postgresql_by_tls(folder.path());
    let url = format!("postgresql://app:secret@localhost:{}/postgres", database.port);
    let twice: Vec<String> = (0..20).map(|number| (number * 2).to_string()).collect();
    assert_eq!(
        calls_by_tls(CALLS, folder.path(), "POSTGRES_URL", &url),
        format!("TLSv1.3 256\n3000000\n{}\n", twice.join(","))
    );
}

fn mariadb_by_tls(folder: &Path) -> Server {
    secured(folder);
    let files = [("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")];
    let more = files.map(|(option, name)| format!("--ssl-{option}={}", folder.join(name).display()));
    mariadb_with(folder, &more)
}

fn nodejs_uses_redis_by_tls() {
    let folder = support::folder();
    certificates::make(folder.path());
    let redis = redis_by_tls(folder.path());
    let url = format!("rediss://localhost:{}", redis.port);
    assert_eq!(calls_by_tls(CALLS, folder.path(), "REDIS_URL", &url), "1000\n3000000\n");
}

fn nodejs_uses_mariadb_by_tls() {
    let folder = support::folder();
    let server = mariadb_by_tls(folder.path());
    let url = format!("mysql://app:secret@localhost:{}/shop", server.port);
    assert_eq!(
        calls_by_tls(CALLS, folder.path(), "MYSQL_URL", &url),
        "TLSv1.3\n3000000\n"
    );
}

fn python_uses_mariadb_by_tls() {
    let folder = support::folder();
    let server = mariadb_by_tls(folder.path());
    let url = format!("mysql://app:secret@localhost:{}/shop", server.port);
    let said = calls_by_tls(DATABASES, folder.path(), "DATABASE_URL", &url);
    assert_eq!(said, "Ssl_version TLSv1.3\n3000000\n");
}

fn python_fetches_from_nginx() {
    let folder = support::folder();
    let server = nginx(folder.path());
    let said = calls("calls-python", "WEB_URL", &format!("http://localhost:{}", server.port));
    let lists = "gzip 90000\n302 /hello.txt\n206 bytes 6-11/100 678901\n404\n52428800\n";
    assert_eq!(
        said,
        format!(
            "requests 200 hello from nginx: größe\n2 3 4\n{lists}urllib3 1 2 3\ngzip 90000\n\
             httpx hello from nginx: größe\n2 3 4\n{lists}ConnectionError\n"
        )
    );
}

fn nodejs_uses_mariadb() {
    let folder = support::folder();
    let server = mariadb(folder.path());
    let url = format!("mysql://app:secret@localhost:{}/shop", server.port);
    let said = calls("calls-mariadb", "DATABASE_URL", &url);
    assert_eq!(
        said,
        "100\nit's true\n20 größe 19 🦀\n1\nER_BAD_FIELD_ERROR 1054\nER_ACCESS_DENIED_ERROR\n"
    );
}

fn nodejs_fetches_from_nginx() {
    let folder = support::folder();
    let server = nginx(folder.path());
    let said = calls("calls-web", "WEB_URL", &format!("http://localhost:{}", server.port));
    let part = "206 bytes 6-11/100 678901\n";
    assert_eq!(
        said,
        format!(
            "fetch 200 hello from nginx: größe\n2 3 4\ngzip 90000\ntrue /hello.txt 24\n{part}404\n\
             POST text/plain;charset=UTF-8\n52428800\n\
             axios 200 hello from nginx: größe\n2 3 4\n90000\n/hello.txt 24\n{part}ERR_BAD_REQUEST 404\n\
             POST application/json\n52428800\n"
        )
    );
}

fn rust_uses_redis() {
    let redis = redis();
    let url = format!("redis://localhost:{}", redis.port);
    assert_eq!(
        rust_calls("calls-redis-rust", "REDIS_URL", &url),
        "1000\n3000000\npublished\n"
    );
}

fn rust_uses_postgresql() {
    let folder = support::folder();
    let database = database(folder.path());
    let url = format!("postgresql://app:secret@localhost:{}/postgres", database.port);
    let said = rust_calls("calls-postgres-rust", "DATABASE_URL", &url);
    assert_eq!(said, "100 größe 99\n3000000\nSome(\"42703\")\n");
}

fn rust_fetches_from_nginx() {
    let folder = support::folder();
    let server = nginx(folder.path());
    let said = rust_calls(
        "calls-web-rust",
        "WEB_URL",
        &format!("http://localhost:{}", server.port),
    );
    assert_eq!(
        said,
        "200 OK hello from nginx: größe\n302 Found /hello.txt\n206 Partial Content bytes 6-11/100 678901\n\
         404 Not Found\nPOST text/plain\n52428800\nErrorCode::HttpRequestDenied\n"
    );
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
