//! OpenSSL's command: it signs, judges, serves and calls.

use super::authority::pem;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tls::{Config, Failure, Session};

/// Runs it to its end, which has to be a good one, and gives what it says.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Its code for a chain.
pub(crate) fn verify(chain: &[Vec<u8>], roots: &[Vec<u8>], name: &str) -> u16 {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, certificates: &[Vec<u8>]| {
        let text: String = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        std::fs::write(folder.path().join(file), text).expect("written");
    };
    write("leaf", &chain[..1]);
    write("others", &chain[1..]);
    write("roots", roots);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    let mut command = Command::new("openssl");
    command.args([
        "verify",
        "-partial_chain",
        "-purpose",
        "sslserver",
        "-no-CApath",
        "-no-CAstore",
    ]);
    match roots {
        [] => command.arg("-no-CAfile"),
        _ => command.args(["-CAfile", "roots"]),
    };
    if chain.len() > 1 {
        command.args(["-untrusted", "others"]);
    }
    command.args([if is_address { "-verify_ip" } else { "-verify_hostname" }, name, "leaf"]);
    let output = command.current_dir(folder.path()).output().expect("openssl");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // `error 18 at 0 depth lookup: self-signed certificate`; the command goes on, so the first one counts.
    let found = said
        .lines()
        .find_map(|line| line.strip_prefix("error ")?.split(' ').next()?.parse().ok());
    match output.status.success() {
        true => 0,
        false => found.unwrap_or_else(|| panic!("{said}")),
    }
}

/// `openssl s_server -rev`: says each line backwards.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn new(folder: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .args(arguments)
            .current_dir(folder);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let output = BufReader::new(child.stdout.as_mut().expect("its output"));
        let line = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        let address = line.expect("an address");
        Server { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session on a socket.
pub(crate) struct Wire {
    pub(crate) session: Session,
    pub(crate) stream: TcpStream,
    /// What was heard and not asked for.
    heard: Vec<u8>,
}

impl Wire {
    pub(crate) fn client(address: SocketAddr, config: &Arc<Config>, name: &str) -> Result<Wire, Failure> {
        Wire::new(
            TcpStream::connect(address).expect("connected"),
            Session::open(config, Some(name))?,
        )
    }

    fn new(stream: TcpStream, session: Session) -> Result<Wire, Failure> {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a socket");
        let mut wire = Wire {
            session,
            stream,
            heard: Vec::new(),
        };
        let mut is_shaking = wire.take(&[], false)?;
        while is_shaking {
            is_shaking = wire.turn()?;
        }
        Ok(wire)
    }

    fn turn(&mut self) -> Result<bool, Failure> {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer).unwrap_or(0);
        self.take(&buffer[..read], read == 0)
    }

    fn take(&mut self, bytes: &[u8], ended: bool) -> Result<bool, Failure> {
        let progress = self.session.feed(bytes, ended).inspect_err(|failure| {
            let _ = (&self.stream).write_all(&failure.to_send);
        })?;
        let _ = self.stream.write_all(&progress.to_send);
        self.heard.extend(progress.plaintext);
        Ok(progress.handshaking)
    }

    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        let sealed = self.session.seal(text.as_bytes())?;
        let _ = self.stream.write_all(&sealed);
        Ok(())
    }

    pub(crate) fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line = self.heard.drain(..=end).collect();
                return Ok(String::from_utf8(line).expect("text"));
            }
            self.turn()?;
        }
    }
}

/// `openssl s_client` that calls a session of ours, and what it prints.
pub(crate) struct Client {
    child: Child,
    listener: TcpListener,
}

impl Client {
    pub(crate) fn new(folder: &Path, arguments: &[&str]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address").to_string();
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &address])
            .args(arguments)
            .current_dir(folder);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Client {
            child: command.spawn().expect("openssl"),
            listener,
        }
    }

    pub(crate) fn accept(&self, config: &Arc<Config>) -> Result<Wire, Failure> {
        let (stream, _) = self.listener.accept().expect("a connection");
        Wire::new(stream, Session::open(config, None)?)
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("its input");
        input.write_all(text.as_bytes()).expect("written");
    }

    /// Ends its input, and so its session; all that it has printed.
    pub(crate) fn output(mut self) -> String {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().expect("its end");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}
