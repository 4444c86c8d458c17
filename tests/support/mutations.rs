//! Requests that nobody would send, to a service that has to live on.

use super::connect;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// How many are sent; `.ci/full` sends more.
fn count() -> u64 {
    std::env::var("TEST_MUTATIONS").map_or(300, |count| count.parse().expect("TEST_MUTATIONS is a number"))
}

/// Who sends them, side by side.
const SENDERS: u64 = 8;

/// What is put into a request.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"%ff",
    b"%u0041",
    b"\\ud800",
    b"\\u0000",
    b"\"",
    b"'",
    b"{",
    b"[",
    b"]",
    b"}",
    b":",
    b",",
    b"1e999",
    b"-0",
    b"NaN",
    b"99999999999999999999999999",
    b"0x10",
    b"__proto__",
    b"constructor",
    b"toString",
    b"[]",
    b"[__proto__][a]",
    b"../../etc/passwd",
    b"//",
    b";",
    b"=",
    b"&",
    b"chunked",
    b"gzip",
    b"${7*7}{{7*7}}%s%n",
];

/// The same numbers from the same seed (xorshift64, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// A request that makes sense.
fn request(chance: &mut Chance) -> Vec<u8> {
    let depth = [1, 10, 100, 1_000, 10_000, 100_000][chance.below(6)];
    let json =
        |open: &str, inside: &str, close: &str| [open.repeat(depth), inside.into(), close.repeat(depth)].concat();
    let query = |depth: usize| format!("a{}=b", "[c]".repeat(depth.min(5_000)));
    let (kind, body) = match chance.below(12) {
        0 => ("application/json", json("[", "", "]")),
        1 => ("application/json", json("{\"a\":", "1", "}")),
        2 => ("application/json", json("[{\"a\":[", "null", "]}]")),
        3 => ("application/json", format!("[{}0]", "\"x\",1.5e3,true,".repeat(depth))),
        4 => ("application/json", format!("\"{}\"", "\\u00e9\\n\\\\".repeat(depth))),
        5 => (
            "application/json",
            format!("{}.{}e-{depth}", "9".repeat(depth), "1".repeat(depth)),
        ),
        6 => (
            "application/json",
            format!("{{{}\"z\":0}}", "\"a\":{\"__proto__\":1},".repeat(depth)),
        ),
        7 => ("application/x-www-form-urlencoded", query(depth)),
        8 => ("application/x-www-form-urlencoded", "a=1&b[]=2&".repeat(depth)),
        9 => (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nabc\r\n".repeat(depth.min(1_000))
                + "--x--\r\n",
        ),
        10 => ("text/plain; charset=utf-16", "text ".repeat(depth)),
        _ => ("application/octet-stream", json("(", "a", ")*")),
    };
    let method = ["GET", "POST", "PUT", "PATCH", "DELETE"][chance.below(5)];
    let path = match chance.below(4) {
        0 => format!("/?{}", query(depth.min(1_000))),
        1 => format!("/{}", "a%2Fb/".repeat(depth.min(1_000))),
        2 => "/?a=1&a=2&b[c]=3".to_owned(),
        _ => "/".to_owned(),
    };
    let cookie = "k=v; ".repeat(depth.min(500));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {cookie}\r\naccept: text/html;q=0.5, */*\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..chance.below(6) {
        // The head is where most is decided.
        let near = if chance.below(2) == 0 { 300 } else { usize::MAX };
        let at = chance.below(bytes.len().min(near));
        match chance.below(5) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => drop(bytes.splice(at..at, PIECES[chance.below(PIECES.len())].iter().copied())),
            2 => {
                let end = (at + chance.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + chance.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ if chance.below(4) == 0 => bytes.truncate(at.max(1)),
            _ => {}
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
}

/// Sends what is wrong in some place; how a request is answered is not looked at.
pub fn send(address: SocketAddr) {
    let each = count() / SENDERS;
    std::thread::scope(|scope| {
        for sender in 1..=SENDERS {
            scope.spawn(move || {
                let mut chance = Chance(sender.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..each {
                    let mut bytes = request(&mut chance);
                    mutate(&mut bytes, &mut chance);
                    let mut stream = connect(address);
                    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                    // A server may have refused it before its end.
                    let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
}
