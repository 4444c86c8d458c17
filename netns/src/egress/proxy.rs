//! Connections through a proxy: CONNECT of HTTP (RFC 9110, 9.3.6). Guests know nothing of it: what they get is the connection to the
//! proxy, once that has said that it leads on.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of a proxy's answer, in bytes.
const HEAD: usize = 16 << 10;
/// Most fields in it.
const FIELDS: usize = 64;
/// What is looked at before it is taken.
const PIECE: usize = 1024;

/// Which proxy leads to which place.
#[derive(Clone)]
pub struct Proxies {
    /// As it was written, without passwords.
    shown: String,
    /// What it was made of.
    texts: [String; 3],
    matcher: Arc<Matcher>,
}

/// Why a text is no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It cannot be read.
    #[error("it is no URL such as `http://proxy.example.com:3128`")]
    Url,
    /// `socks5://`, `https://`
    #[error("proxies are reached by http://, not by {0}://")]
    Scheme(String),
}

impl Proxies {
    /// One proxy for every place but those of `no`, which is written as the variable `NO_PROXY` is: names, which stand for what is
    /// below them, addresses, networks, or `*`, between commas.
    ///
    /// # Errors
    ///
    /// The URL is none of a proxy.
    pub fn of_url(url: &str, no: &str) -> Result<Proxies, ProxyError> {
        Proxies::new(shown(&proxy(url)?), url, url, no)
    }

    /// The proxies of the variables `HTTPS_PROXY`, `HTTP_PROXY` (for port 80), `ALL_PROXY` and `NO_PROXY`, in upper or lower case, as
    /// curl(1) reads them; none where none is set.
    ///
    /// # Errors
    ///
    /// One is no URL of a proxy; the error comes with the variable.
    pub fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Proxies>, (&'static str, ProxyError)> {
        let read = |names: [&'static str; 2]| {
            let set = names.iter().find_map(|name| Some((*name, variable(name)?)));
            set.filter(|(_, text)| !text.trim().is_empty())
        };
        let all = read(["ALL_PROXY", "all_proxy"]);
        let https = read(["HTTPS_PROXY", "https_proxy"]).or(all.clone());
        let http = read(["HTTP_PROXY", "http_proxy"]).or(all);
        let mut names = Vec::new();
        for (name, text) in [&https, &http].into_iter().flatten() {
            let proxy = shown(&proxy(text).map_err(|error| (*name, error))?);
            if !names.contains(&proxy) {
                names.push(proxy);
            }
        }
        if names.is_empty() {
            return Ok(None);
        }
        let text = |set: Option<(&'static str, String)>| set.map(|(_, text)| text).unwrap_or_default();
        let no = text(read(["NO_PROXY", "no_proxy"]));
        let shown = format!("env ({})", names.join(" and "));
        let proxies = Proxies::new(shown, &text(https), &text(http), &no);
        proxies.map(Some).map_err(|error| ("HTTPS_PROXY", error))
    }

    fn new(shown: String, https: &str, http: &str, no: &str) -> Result<Proxies, ProxyError> {
        let matcher = Matcher::builder().https(https).http(http).no(no).build();
        Ok(Proxies {
            shown,
            texts: [https.to_owned(), http.to_owned(), no.to_owned()],
            matcher: Arc::new(matcher),
        })
    }

    /// The proxy that leads to a port of a host, which is a name or an address.
    pub(super) fn of(&self, host: &str, port: u16) -> Option<Proxy> {
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        // Of what goes there only the port is known.
        let scheme = if port == 80 { "http" } else { "https" };
        let place: Uri = format!("{scheme}://{host}:{port}/").parse().ok()?;
        let proxy = self.matcher.intercept(&place)?;
        Some(Proxy {
            host: proxy.uri().host()?.trim_matches(['[', ']']).to_owned(),
            port: proxy.uri().port_u16().unwrap_or(80),
            credentials: proxy.basic_auth().cloned(),
            to: format!("{host}:{port}"),
        })
    }

    /// Whether a proxy leads to some port of a host.
    pub(super) fn has(&self, host: &str) -> bool {
        self.of(host, 443).is_some() || self.of(host, 80).is_some()
    }
}

/// As people may see it.
impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxies({})", self.shown)
    }
}

impl PartialEq for Proxies {
    fn eq(&self, other: &Proxies) -> bool {
        self.texts == other.texts
    }
}

/// The URL of a proxy.
fn proxy(text: &str) -> Result<Uri, ProxyError> {
    let text = text.trim();
    let text = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let uri: Uri = text.parse().map_err(|_| ProxyError::Url)?;
    match uri.scheme_str() {
        Some("http") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        Some("http") | None => Err(ProxyError::Url),
        Some(other) => Err(ProxyError::Scheme(other.to_owned())),
    }
}

/// Without who may use it.
fn shown(proxy: &Uri) -> String {
    let place = proxy.authority().map_or("", |authority| authority.as_str());
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    format!("http://{place}")
}

/// A proxy, and what it is asked for.
pub(super) struct Proxy {
    /// A name or an address.
    pub(super) host: String,
    pub(super) port: u16,
    credentials: Option<HeaderValue>,
    /// `NAME:PORT`
    to: String,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Why a proxy does not lead on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stuck {
    #[error("cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("closes the connection")]
    Closed,
    #[error("speaks no HTTP")]
    NoHttp,
    #[error("{}", said(*.code, .reason))]
    Answer { code: u16, reason: String },
}

/// An answer as it is shown: somebody else has written the reason.
fn said(code: u16, reason: &str) -> String {
    let plain: String = reason.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("answers {code} {plain}").trim_end().to_owned()
}

impl Proxy {
    /// Has the proxy at the other end lead on. What comes after its word is left to be read: the other side may speak first.
    pub(super) async fn lead(&self, proxy: &mut TcpStream) -> Result<(), Stuck> {
        proxy.write_all(&self.request()).await?;
        let mut head = Vec::new();
        loop {
            let mut piece = [0; PIECE];
            let length = proxy.peek(&mut piece).await?;
            if length == 0 {
                return Err(Stuck::Closed);
            }
            let before = head.len();
            head.extend_from_slice(&piece[..length]);
            let end = end_of_head(&head, before);
            // What is of the head is taken, and no byte more.
            head.truncate(end.unwrap_or(head.len()));
            proxy.read_exact(&mut piece[..head.len() - before]).await?;
            match end {
                Some(_) => return read(&head),
                None if head.len() >= HEAD => return Err(Stuck::NoHttp),
                None => {}
            }
        }
    }

    fn request(&self) -> Vec<u8> {
        let mut request = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", self.to).into_bytes();
        if let Some(credentials) = &self.credentials {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(credentials.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }
}

/// Where the blank line ends, which begins at most three bytes before `from`. A line may end without CR (RFC 9112, 2.2).
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    (from..head.len())
        .find(|at| head[*at] == b'\n' && (head[..*at].ends_with(b"\n") || head[..*at].ends_with(b"\n\r")))
        .map(|at| at + 1)
}

fn read(head: &[u8]) -> Result<(), Stuck> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    match (answer.parse(head), answer.code) {
        // No body follows one of these, whatever its fields say (RFC 9110, 9.3.6).
        (Ok(httparse::Status::Complete(_)), Some(200..=299)) => Ok(()),
        (Ok(httparse::Status::Complete(_)), Some(code)) => Err(Stuck::Answer {
            code,
            reason: answer.reason.unwrap_or_default().to_owned(),
        }),
        _ => Err(Stuck::NoHttp),
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
