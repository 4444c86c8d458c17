//! A browser, by WebDriver (<https://www.w3.org/TR/webdriver2/>): requests with JSON to chromedriver. Of the protocol's clients on
//! crates.io each brings some fifty crates; this is what of it is needed here.

use crate::support::network::eventually_within;
use crate::support::program::FIRST;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A page, or a change of one, takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser in a process of its own, which ends with this.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    pub fn start(has_javascript: bool, home: &Path) -> Browser {
        // The port is free again for a moment, and then the driver's.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .env("HOME", home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut browser = Browser {
            driver,
            address,
            session: String::new(),
        };
        eventually_within("chromedriver listens", FIRST, || TcpStream::connect(address).is_ok());
        let profile = format!("--user-data-dir={}", home.join("chromium").display());
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", profile],
            // 2 blocks it.
            "prefs": {"profile.managed_default_content_settings.javascript": if has_javascript { 1 } else { 2 }},
        });
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let session = browser.ask("POST /session", json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// The value of the answer, or what is wrong.
    fn exchange(&self, line: &str, body: &Value) -> Result<Value, String> {
        let mut stream = TcpStream::connect(self.address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.replace("/session/.", &format!("/session/{}", self.session));
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        // The driver keeps the connection, whatever it is asked for.
        let failed = |error: std::io::Error| error.to_string();
        let (mut reader, mut length) = (BufReader::new(stream), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).map_err(failed)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap()
                }
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).map_err(failed)?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        match answer["value"].get("error") {
            Some(_) => Err(answer["value"]["message"].to_string()),
            None => Ok(answer["value"].clone()),
        }
    }

    #[track_caller]
    fn ask(&self, line: &str, body: Value) -> Value {
        self.exchange(line, &body)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[track_caller]
    pub fn go(&self, url: &str) {
        self.ask("POST /session/./url", json!({"url": url}));
    }

    #[track_caller]
    pub fn url(&self) -> String {
        self.ask("GET /session/./url", json!({})).as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let element = self.ask(
            "POST /session/./element",
            json!({"using": "css selector", "value": selector}),
        );
        let id = element.as_object().unwrap().values().next().unwrap();
        format!("/session/./element/{}", id.as_str().unwrap())
    }

    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.ask(&format!("POST {}/click", self.element(selector)), json!({}));
    }

    /// Writes into a field, in place of what is there.
    #[track_caller]
    pub fn write(&self, selector: &str, text: &str) {
        self.ask(&format!("POST {}/clear", self.element(selector)), json!({}));
        self.ask(&format!("POST {}/value", self.element(selector)), json!({"text": text}));
    }

    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let text = self.ask(&format!("GET {}/text", self.element(selector)), json!({}));
        text.as_str().unwrap().to_owned()
    }

    /// What a function body returns. What it begins goes on.
    #[track_caller]
    pub fn script(&self, script: &str) -> Value {
        self.ask("POST /session/./execute/sync", json!({"script": script, "args": []}))
    }

    /// Waits until a function body returns true, in whatever document is there by then.
    #[track_caller]
    pub fn until(&self, script: &str) {
        let order = json!({"script": script, "args": []});
        eventually_within(script, PATIENCE, || {
            self.exchange("POST /session/./execute/sync", &order) == Ok(true.into())
        });
    }

    /// What the browser has complained of: a policy of the page that is broken, a file that is missing.
    #[track_caller]
    pub fn complaints(&self) -> Vec<Value> {
        let log = self.ask("POST /session/./se/log", json!({"type": "browser"}));
        let mut log = log.as_array().unwrap().clone();
        log.retain(|entry| entry["level"] == "SEVERE" && !entry["message"].to_string().contains("favicon"));
        log
    }

    /// Makes another window and goes there. Returns the one that it has left.
    #[track_caller]
    pub fn another_window(&self) -> String {
        let first = self
            .ask("GET /session/./window", json!({}))
            .as_str()
            .unwrap()
            .to_owned();
        let second = self.ask("POST /session/./window/new", json!({"type": "tab"}));
        self.window(second["handle"].as_str().unwrap());
        first
    }

    #[track_caller]
    pub fn window(&self, handle: &str) {
        self.ask("POST /session/./window", json!({"handle": handle}));
    }

    /// Makes the screen so wide.
    #[track_caller]
    pub fn width(&self, width: u32) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        let order = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        self.ask("POST /session/./goog/cdp/execute", order);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is the driver's child.
        let _ = self.exchange("DELETE /session/.", &json!({}));
        let _ = killpg(Pid::from_raw(self.driver.id().cast_signed()), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}
