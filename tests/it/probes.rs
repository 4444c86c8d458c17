//! What a guest tries that wants out: every spelling of what it may not reach, names that lead inside, and answers that change. Beside
//! what the guest and the user are told, it is counted what the network has seen.

use crate::outbound::{Ends, call, on_a_host};
use crate::support;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::guests::{self, guest};
use support::{Run, eventually, output, wasmrun};

/// The other host's view: it says each packet that comes, and answers for names with what it was told last.
const OUTSIDE: &str = "
import socket, struct, sys, threading
lock, turns, asked = threading.Lock(), {}, {}
def say(*words):
    with lock:
        print(*words, flush=True)
def watch():
    every = 3
    link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(every))
    link.bind(('in', every))
    say('watching')
    while True:
        data, (_, family, kind, *_) = link.recvfrom(2000)
        if kind == socket.PACKET_OUTGOING:
            continue
        if family == 0x0800:
            what, to, rest = data[9], socket.inet_ntop(socket.AF_INET, data[16:20]), data[(data[0] & 15) * 4:]
        elif family == 0x86dd and data[6] not in (0, 58):
            what, to, rest = data[6], socket.inet_ntop(socket.AF_INET6, data[24:40]), data[40:]
        else:
            continue
        say('packet', {6: 'tcp', 17: 'udp'}.get(what, what), to, struct.unpack('>H', rest[2:4])[0])
def wire(name):
    return b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\\0'
def records(name, kind):
    if name not in turns:
        return None
    if kind == 1:
        asked[name] = asked.get(name, -1) + 1
    turn = turns[name][min(max(asked.get(name, 0), 0), len(turns[name]) - 1)]
    found = []
    for value in turn.split(','):
        if value == '!':
            return '!'
        if value.startswith('='):
            found.append((name, 5, wire(value[1:])))
            found += records(value[1:], kind) or []
        elif kind == (28 if ':' in value else 1):
            found.append((name, kind, socket.inet_pton(socket.AF_INET6 if ':' in value else socket.AF_INET, value)))
    return found
def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('198.51.100.2', 53))
    say('naming')
    while True:
        data, who = server.recvfrom(2000)
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode('latin1'))
            at += 1 + data[at]
        name, kind, question = '.'.join(labels).lower(), struct.unpack('>H', data[at + 1:at + 3])[0], data[12:at + 5]
        say('query', name)
        found = records(name, kind)
        if found == '!':
            continue
        head = data[:2] + (b'\\x81\\x83' if found is None else b'\\x81\\x80')
        answer = head + struct.pack('>HHHH', 1, len(found or []), 0, 0) + question
        for owner, kind, value in found or []:
            answer += wire(owner) + struct.pack('>HHIH', kind, 1, 0, len(value)) + value
        server.sendto(answer, who)
for work in (watch, names):
    threading.Thread(target=work, daemon=True).start()
for line in sys.stdin:
    name, told = line.split()
    turns[name], asked[name] = told.split('|'), -1
    say('told', name)
";

struct Outside {
    process: Ends,
    lines: Arc<Mutex<Vec<String>>>,
    marks: u16,
}

/// What has come since it was asked last: packets as `tcp ADDRESS PORT`, and names that were asked for.
struct Seen {
    packets: BTreeSet<String>,
    queries: BTreeSet<String>,
}

impl Outside {
    /// Of the host whose network this process is in.
    fn start(pid: &str) -> Outside {
        // By DNS as well, and answered by the other host.
        std::fs::write("/etc/nsswitch.conf", "hosts: files dns\n").unwrap();
        let to_it = "nameserver 198.51.100.2\noptions timeout:1 attempts:1\n";
        std::fs::write("/etc/resolv.conf", to_it).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["--target", pid, "--net", "python3", "-c", OUTSIDE]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Ends(command.spawn().unwrap());
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, from) = (lines.clone(), process.0.stdout.take().unwrap());
        std::thread::spawn(move || {
            let lines = BufReader::new(from).lines().map_while(Result::ok);
            lines.for_each(|line| kept.lock().unwrap().push(line));
        });
        let outside = Outside {
            process,
            lines,
            marks: 20_000,
        };
        outside.says("watching");
        outside.says("naming");
        outside
    }

    fn says(&self, line: &str) {
        eventually(line, || self.lines.lock().unwrap().iter().any(|said| said == line));
    }

    /// Has a name answered so from here on: a list of addresses for each time, with `=NAME` for another name of it and `!` for
    /// silence. The last one stays.
    fn answers(&mut self, name: &str, turns: &[&str]) {
        self.lines.lock().unwrap().retain(|line| !line.starts_with("told "));
        let line = format!("{name} {}\n", turns.join("|"));
        self.process
            .0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        self.says(&format!("told {name}"));
    }

    fn seen(&mut self) -> Seen {
        // What was sent before this has come before it.
        self.marks += 1;
        let mark = format!("packet udp 198.51.100.2 {}", self.marks);
        let socket = UdpSocket::bind("198.51.100.1:0").unwrap();
        socket.send_to(b"x", ("198.51.100.2", self.marks)).unwrap();
        self.says(&mark);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        let these = |kind: &str| -> BTreeSet<String> {
            let these = lines.iter().filter_map(|line| line.strip_prefix(kind));
            these.map(str::to_owned).collect()
        };
        let mut packets = these("packet ");
        packets.retain(|packet| !packet.starts_with("udp 198.51.100.2 "));
        Seen {
            packets,
            queries: these("query "),
        }
    }
}

/// Services of this machine, on every address: how many have come.
fn services(port: u16) -> Arc<AtomicUsize> {
    let come = Arc::new(AtomicUsize::new(0));
    let (listener, count) = (TcpListener::bind(("::", port)).unwrap(), come.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    come
}

fn set<const N: usize>(these: [&str; N]) -> BTreeSet<String> {
    these.into_iter().map(str::to_owned).collect()
}

/// As `wasi:sockets` numbers its errors.
const DENIED: &str = "connect 01";
const INVALID: &str = "connect 03";
const UNREACHABLE: &str = "connect 13";
const REFUSED: &str = "connect 14";
const UNKNOWN: &str = "lookup 18";
const NOT_NOW: &str = "lookup 19";

/// What a user is told; the place where it differs from what was asked for.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    NoRule,
    NoRuleFor(&'static str),
    /// An address that is not public.
    Special(&'static str),
    /// A name that leads to one.
    Leads(&'static str),
    Cloud(&'static str),
    Never(&'static str),
    Own(&'static str),
    /// The guest's own localhost.
    Silent,
    /// A port of this machine, by its word.
    Host,
    Reached,
}

impl Said {
    fn line(self, host: &str, port: u16) -> Option<String> {
        Some(match self {
            Said::Nothing | Said::Reached => return None,
            Said::NoRule => format!("denied: {host}:{port}/tcp: no rule allows it"),
            Said::NoRuleFor(place) => format!("denied: {place}:{port}/tcp: no rule allows it"),
            Said::Special(place) => format!("denied: {place}:{port} is not public"),
            Said::Leads(address) => format!("denied: {host}:{port} is {address}, which is not public"),
            Said::Cloud(place) => format!("denied: {place}:{port}/tcp: this machine's cloud credentials may be there"),
            Said::Never(place) => format!("denied: {place}:{port}/tcp: no rule can allow this address"),
            Said::Own(place) => format!("denied: {place}:{port}/tcp: that is this machine itself"),
            Said::Silent => format!("refused: localhost:{port}: nothing listens there in the guest"),
            Said::Host => format!("denied: host.wasmrun.internal:{port}/tcp: no rule allows it"),
        })
    }
}

type Outcome = (&'static str, Said);

/// A host, a port, and what comes of it without rules, with a narrow one, and with the widest.
type Probe = (&'static str, u16, [Outcome; 3]);

const fn all(code: &'static str, said: Said) -> [Outcome; 3] {
    [(code, said); 3]
}

/// Denied each time; what is said differs.
const fn denied(none: Said, narrow: Said, wide: Said) -> [Outcome; 3] {
    [(DENIED, none), (DENIED, narrow), (DENIED, wide)]
}

/// An address that is in a special block: without a rule of it, and with one that is wide.
const fn special(place: &'static str) -> [Outcome; 3] {
    denied(Said::NoRuleFor(place), Said::NoRuleFor(place), Said::Special(place))
}

const fn cloud(place: &'static str) -> [Outcome; 3] {
    denied(Said::NoRuleFor(place), Said::Cloud(place), Said::Cloud(place))
}

const fn never(place: &'static str) -> [Outcome; 3] {
    denied(Said::NoRuleFor(place), Said::Never(place), Said::Never(place))
}

const fn own(place: &'static str) -> [Outcome; 3] {
    denied(Said::NoRuleFor(place), Said::Own(place), Said::Own(place))
}

/// A name that no narrow rule covers.
const fn name(wide: Outcome) -> [Outcome; 3] {
    [(DENIED, Said::NoRule), (DENIED, Said::NoRule), wide]
}

const INSIDE: [Outcome; 3] = all(REFUSED, Said::Silent);
const NONE: [Outcome; 3] = all(UNKNOWN, Said::Nothing);
const ODD: [Outcome; 3] = all(INVALID, Said::Nothing);

const PROBES: &[Probe] = &[
    // The one that the narrow rule is about, to know that what leads out does.
    (
        "asked.example.net",
        80,
        [
            (DENIED, Said::NoRule),
            ("203.0.113.9:80 hello", Said::Reached),
            ("203.0.113.9:80 hello", Said::Reached),
        ],
    ),
    // Ports and names beside it.
    ("asked.example.net", 81, name((REFUSED, Said::Nothing))),
    ("asked.example.net", 443, name(("203.0.113.9:443 hello", Said::Reached))),
    ("sub.asked.example.net", 80, name((UNKNOWN, Said::Nothing))),
    ("xasked.example.net", 80, name((UNKNOWN, Said::Nothing))),
    ("example.net", 80, name((UNKNOWN, Said::Nothing))),
    ("secret-data.attacker.example", 80, name((UNKNOWN, Said::Nothing))),
    // Cloud metadata.
    ("169.254.169.254", 80, cloud("169.254.169.254")),
    ("169.254.169.254.", 80, cloud("169.254.169.254")),
    ("169.254.170.2", 80, cloud("169.254.170.2")),
    ("100.100.100.200", 80, cloud("100.100.100.200")),
    ("168.63.129.16", 80, cloud("168.63.129.16")),
    ("fd00:ec2::254", 80, cloud("[fd00:ec2::254]")),
    ("[fd00:ec2::254]", 80, cloud("[fd00:ec2::254]")),
    ("64:ff9b::a9fe:a9fe", 80, cloud("[64:ff9b::a9fe:a9fe]")),
    ("2852039166", 80, name((DENIED, Said::Cloud("2852039166")))),
    ("0xa9fea9fe", 80, name((DENIED, Said::Cloud("0xa9fea9fe")))),
    // Link-local.
    ("169.254.1.1", 80, special("169.254.1.1")),
    ("fe80::1", 80, special("[fe80::1]")),
    // Loopback.
    ("localhost", 80, INSIDE),
    ("a.b.localhost.", 80, INSIDE),
    ("guest", 80, INSIDE),
    ("127.0.0.1", 80, INSIDE),
    ("127.7.7.7", 80, INSIDE),
    ("::1", 80, INSIDE),
    ("[::1]", 80, INSIDE),
    ("127.1", 80, name((UNKNOWN, Said::Nothing))),
    ("2130706433", 80, name((UNKNOWN, Said::Nothing))),
    ("0x7f.1", 80, name((UNKNOWN, Said::Nothing))),
    ("0177.0.0.1", 80, name((UNKNOWN, Said::Nothing))),
    ("::ffff:127.0.0.1", 80, ODD),
    ("[::ffff:7f00:1]", 80, ODD),
    ("::127.0.0.1", 80, ODD),
    ("64:ff9b::7f00:1", 80, own("[64:ff9b::7f00:1]")),
    ("2002:7f00:1::1", 80, own("[2002:7f00:1::1]")),
    ("0.0.0.0", 80, ODD),
    ("::", 80, ODD),
    ("0", 80, name((INVALID, Said::Nothing))),
    // This machine by its addresses, one of which nothing comes from.
    ("198.51.100.1", 80, own("198.51.100.1")),
    ("198.51.100.3", 80, own("198.51.100.3")),
    ("2001:db8:1::1", 80, own("[2001:db8:1::1]")),
    (
        "myself.example.net",
        80,
        name((DENIED, Said::Own("myself.example.net"))),
    ),
    (
        "host.wasmrun.internal",
        80,
        [(DENIED, Said::NoRule), (DENIED, Said::Host), (DENIED, Said::Host)],
    ),
    (
        "HOST.docker.internal.",
        80,
        [
            (DENIED, Said::NoRuleFor("host.docker.internal")),
            (DENIED, Said::Host),
            (DENIED, Said::Host),
        ],
    ),
    // Private networks, and addresses that carry theirs.
    ("10.0.0.9", 80, special("10.0.0.9")),
    ("172.16.0.1", 80, special("172.16.0.1")),
    ("192.168.0.1", 80, special("192.168.0.1")),
    ("100.64.0.1", 80, special("100.64.0.1")),
    ("fd12:3456::1", 80, special("[fd12:3456::1]")),
    ("10.9", 80, name((DENIED, Said::Leads("10.0.0.9")))),
    ("0xa000009", 80, name((DENIED, Said::Leads("10.0.0.9")))),
    ("012.0.0.9", 80, name((DENIED, Said::Leads("10.0.0.9")))),
    ("::ffff:10.0.0.9", 80, ODD),
    ("64:ff9b::10.0.0.9", 80, special("[64:ff9b::a00:9]")),
    ("2002:a00:9::1", 80, special("[2002:a00:9::1]")),
    ("2001:db8:5::5efe:a00:9", 80, special("[2001:db8:5::5efe:a00:9]")),
    ("64:ff9b:1::10.0.0.9", 80, special("[64:ff9b:1::a00:9]")),
    // Names that lead there: of the hosts file, and by anybody's DNS.
    ("inside.example.org", 80, name((DENIED, Said::Leads("10.0.0.9")))),
    ("10.0.0.9.nip.example.net", 80, name((DENIED, Said::Leads("10.0.0.9")))),
    (
        "metadata.example.internal",
        80,
        name((DENIED, Said::Cloud("metadata.example.internal"))),
    ),
    // Everybody, and nobody.
    ("224.0.0.1", 80, ODD),
    ("ff02::1", 80, ODD),
    ("255.255.255.255", 80, ODD),
    ("64:ff9b::224.0.0.1", 80, never("[64:ff9b::e000:1]")),
    ("64:ff9b::0.0.0.0", 80, never("[64:ff9b::]")),
    ("2002:ffff:ffff::1", 80, never("[2002:ffff:ffff::1]")),
    // Stand-ins that stand for nothing.
    (
        "240.0.1.1",
        80,
        [
            (DENIED, Said::NoRule),
            (UNREACHABLE, Said::Nothing),
            (UNREACHABLE, Said::Nothing),
        ],
    ),
    (
        "240.0.200.7",
        80,
        [
            (DENIED, Said::NoRule),
            (UNREACHABLE, Said::Nothing),
            (UNREACHABLE, Said::Nothing),
        ],
    ),
    ("240.1.2.3", 80, special("240.1.2.3")),
    // No names at all.
    ("a b", 80, NONE),
    ("a\u{1b}[31mb", 80, NONE),
    ("asked.example.net/x", 80, NONE),
    ("\u{e4}.example.net", 80, NONE),
    ("asked.example.net\t", 80, NONE),
];

const RULES: [&[&str]; 3] = [
    &[],
    &["--allow", "asked.example.net:80"],
    &["--allow", "*:*", "--allow", "0.0.0.0/0:*", "--allow", "[::]/0:*"],
];

#[test]
fn what_a_guest_may_not_reach_is_refused_named_and_sent_nothing() {
    on_a_host(
        "probes::what_a_guest_may_not_reach_is_refused_named_and_sent_nothing",
        |pid| {
            support::network::command("ip", &["address", "add", "198.51.100.3/24", "dev", "out"]);
            let come = services(80);
            for own in ["127.0.0.1", "198.51.100.1", "198.51.100.3", "::1", "2001:db8:1::1"] {
                drop(std::net::TcpStream::connect((own, 80)).unwrap());
            }
            eventually("they are there", || come.load(Ordering::SeqCst) == 5);
            let mut outside = Outside::start(pid);
            outside.answers("asked.example.net", &["203.0.113.9"]);
            outside.answers("10.0.0.9.nip.example.net", &["10.0.0.9"]);
            outside.answers("metadata.example.internal", &["169.254.169.254"]);
            outside.answers("myself.example.net", &["198.51.100.3"]);
            let places: Vec<(&str, u16)> = PROBES.iter().map(|(host, port, _)| (*host, *port)).collect();
            for (turn, rules) in RULES.iter().enumerate() {
                outside.seen();
                let ended = call(rules, &places);
                let seen = outside.seen();
                let told: Vec<&str> = ended.stdout.lines().collect();
                let mut lines = BTreeSet::new();
                let mut faults = Vec::new();
                for (at, (host, port, outcomes)) in PROBES.iter().enumerate() {
                    let (wanted, said) = outcomes[turn];
                    let answer = told.get(at).map(|line| line.replace("::ffff:", ""));
                    if answer.as_deref() != Some(wanted) {
                        faults.push(format!("{host} {port}: {answer:?}, not {wanted:?}"));
                    }
                    lines.extend(said.line(host.to_ascii_lowercase().trim_end_matches('.'), *port));
                }
                let warned: BTreeSet<String> = ended
                    .stderr
                    .lines()
                    .filter_map(|line| line.strip_prefix("warning: ").map(str::to_owned))
                    .collect();
                // The widest rules are warned of themselves.
                let warned: BTreeSet<String> = warned.into_iter().filter(|line| !line.contains("`*:*`")).collect();
                faults.extend(
                    warned
                        .difference(&lines)
                        .map(|line| format!("said, and not wanted: {line}")),
                );
                faults.extend(
                    lines
                        .difference(&warned)
                        .map(|line| format!("wanted, and not said: {line}")),
                );
                assert!(faults.is_empty(), "{rules:?}: {faults:#?}\n{}", ended.stderr);
                let (packets, queries) = match turn {
                    0 => (set([]), set([])),
                    1 => (set(["tcp 203.0.113.9 80"]), set(["asked.example.net"])),
                    _ => (
                        set(["tcp 203.0.113.9 80", "tcp 203.0.113.9 81", "tcp 203.0.113.9 443"]),
                        seen.queries.clone(),
                    ),
                };
                assert_eq!(seen.packets, packets, "{rules:?}");
                assert_eq!(seen.queries, queries, "{rules:?}");
                // Numbers in whatever form are no names, and what is odd is not asked for.
                let is_one = |name: &String| name.chars().any(char::is_alphabetic) && !name.starts_with("0x");
                assert!(seen.queries.iter().all(is_one), "{:?}", seen.queries);
            }
            assert_eq!(come.load(Ordering::SeqCst), 5, "services of this machine");
        },
    );
}

/// Answers that are another one each time, without a time to live.
#[test]
fn a_name_that_changes_leads_a_guest_nowhere_inside() {
    on_a_host("probes::a_name_that_changes_leads_a_guest_nowhere_inside", |pid| {
        let come = services(80);
        let mut outside = Outside::start(pid);
        let turns: [(&str, &str, Option<&str>); 12] = [
            ("203.0.113.9", "203.0.113.9:80 hello", None),
            ("10.0.0.9", DENIED, Some("is 10.0.0.9, which is not public")),
            ("127.0.0.1", UNKNOWN, None),
            ("::1", UNKNOWN, None),
            ("169.254.169.254", DENIED, Some("cloud credentials")),
            ("fd00:ec2::254", DENIED, Some("cloud credentials")),
            ("::ffff:10.0.0.9", INVALID, None),
            ("64:ff9b::a00:9", DENIED, Some("is 10.0.0.9, which is not public")),
            ("240.0.1.1", UNKNOWN, None),
            ("240.0.0.1", UNKNOWN, None),
            ("198.51.100.1", DENIED, Some("that is this machine itself")),
            ("203.0.113.9", "203.0.113.9:80 hello", None),
        ];
        let places = turns.map(|_| ("rebind.example.net", 80));
        for rules in [
            &["--allow", "*.example.net:80"][..],
            &["--allow", "rebind.example.net:80"],
            &["--allow", "*:*", "--allow", "0.0.0.0/0:*", "--allow", "[::]/0:*"],
        ] {
            // A link has the first address of links: an answer must not be taken for it.
            let rules = [rules, &["--link", "orders:80", "--connect-timeout", "5s"]].concat();
            outside.answers("rebind.example.net", &turns.map(|(answer, ..)| answer));
            outside.seen();
            let ended = call(&rules, &places);
            let told: Vec<String> = ended.stdout.lines().map(|line| line.replace("::ffff:", "")).collect();
            let wanted: Vec<&str> = turns.iter().map(|(_, wanted, _)| *wanted).collect();
            assert_eq!(told, wanted, "{rules:?}: {}", ended.stderr);
            for said in turns.iter().filter_map(|(.., said)| *said) {
                assert!(ended.stderr.contains(said), "{rules:?}: {said}: {}", ended.stderr);
            }
            assert_eq!(outside.seen().packets, set(["tcp 203.0.113.9 80"]), "{rules:?}");
        }
        assert_eq!(come.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_name_that_is_many_or_another_or_silent_leads_nowhere_inside() {
    on_a_host(
        "probes::a_name_that_is_many_or_another_or_silent_leads_nowhere_inside",
        |pid| {
            let come = services(80);
            let mut outside = Outside::start(pid);
            let private: Vec<String> = (1..60).map(|last| format!("10.0.0.{last}")).collect();
            let many = format!("{},127.0.0.1,169.254.169.254,203.0.113.9", private.join(","));
            outside.answers("many.example.net", &[&many]);
            outside.answers("other.example.net", &["=db.corp.internal"]);
            outside.answers("db.corp.internal", &["10.0.0.9"]);
            outside.answers("chain.example.net", &["=link.example.net"]);
            outside.answers("link.example.net", &["=localhost"]);
            outside.answers("localhost", &["127.0.0.1"]);
            outside.answers("fine.example.net", &["=public.example.net"]);
            outside.answers("public.example.net", &["203.0.113.9"]);
            outside.answers("silent.example.net", &["!"]);
            outside.seen();
            let places = ["other", "chain", "silent", "gone", "fine"].map(|name| format!("{name}.example.net"));
            let places: Vec<(&str, u16)> = places.iter().map(|name| (name.as_str(), 80)).collect();
            let began = std::time::Instant::now();
            // The very names, so that only the answers are in the way.
            let rules: Vec<String> = places.iter().map(|(name, _)| format!("--allow={name}:80")).collect();
            let ended = call(&rules.iter().map(String::as_str).collect::<Vec<_>>(), &places);
            let told: Vec<String> = ended.stdout.lines().map(|line| line.replace("::ffff:", "")).collect();
            assert_eq!(
                told,
                [DENIED, UNKNOWN, NOT_NOW, UNKNOWN, "203.0.113.9:80 hello"],
                "{}",
                ended.stderr
            );
            let said = "warning: denied: other.example.net:80 is 10.0.0.9, which is not public\n";
            assert!(ended.stderr.contains(said), "{}", ended.stderr);
            assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
            let seen = outside.seen();
            assert_eq!(seen.packets, set(["tcp 203.0.113.9 80"]));
            // Where a name stands for another one, that is not asked for by us.
            let asked = ["other", "chain", "silent", "gone", "fine"].map(|name| format!("{name}.example.net"));
            assert_eq!(seen.queries, asked.into_iter().collect());
            // A client that goes through all addresses comes to the one that is allowed.
            std::fs::write("/etc/hosts", "127.0.0.1 localhost\n").unwrap();
            outside.answers("api.example.com", &[&many]);
            let mut run = Run::start(&[
                "os",
                guest("fetch").to_str().unwrap(),
                "-f",
                "0:3000",
                "--allow=*.example.com:80",
            ]);
            let address = run.ready(3000);
            let (status, body) = support::get(address);
            assert!(
                status == 200 && body.contains("GET /fetched api.example.com"),
                "{status} {body}"
            );
            run.stop();
            assert_eq!(outside.seen().packets, set(["tcp 203.0.113.9 80"]));
            assert_eq!(come.load(Ordering::SeqCst), 0);
        },
    );
}

/// What a request is addressed to is what is connected, however it is written.
#[test]
fn a_request_goes_where_its_authority_says_and_no_other_way() {
    on_a_host(
        "probes::a_request_goes_where_its_authority_says_and_no_other_way",
        |pid| {
            let come = services(80);
            let mut outside = Outside::start(pid);
            let folder = support::folder();
            let file = folder.path().join("fetch.wasm");
            let reached = ["tcp 203.0.113.9 80"];
            for (authority, wanted) in [
                ("api.example.com:80", Some("api.example.com")),
                ("API.example.COM", Some("API.example.COM")),
                ("user:secret@api.example.com", Some("api.example.com")),
                ("10.0.0.9@api.example.com", Some("api.example.com")),
                ("api.example.com@10.0.0.9", None),
                ("api.example.com:80@10.0.0.9:80", None),
                ("10.0.0.9#@api.example.com", None),
                ("10.0.0.9/@api.example.com", None),
                ("10.0.0.9\\@api.example.com", None),
                ("10.0.0.9\r\nhost: api.example.com", None),
                ("api.example.com:", Some("api.example.com")),
                ("api.example.com:443", None),
                ("api.example.com:0", None),
                ("api.example.com:65616", None),
                ("www.example.com", None),
                ("127.0.0.1", None),
                ("2130706433", None),
                ("198.51.100.1", None),
                ("[::1]", None),
                ("[::ffff:10.0.0.9]", None),
                ("[::ffff:127.0.0.1]", None),
                ("[64:ff9b::10.0.0.9]", None),
                ("[fe80::1%25out]", None),
                ("[fe80::1%out]", None),
                ("0.0.0.0", None),
                ("[::]", None),
                ("169.254.169.254", None),
                ("host.wasmrun.internal", None),
                ("", None),
            ] {
                std::fs::write(&file, guests::fetches("http", authority)).unwrap();
                outside.seen();
                let mut run = Run::start(&[
                    "os",
                    file.to_str().unwrap(),
                    "-f",
                    "0:3000",
                    "--allow=http://api.example.com",
                ]);
                let address = run.ready(3000);
                let (status, body) = support::get(address);
                let seen = outside.seen();
                match wanted {
                    Some(host) => {
                        assert!(
                            status == 200 && body.contains(&format!("GET /fetched {host}")),
                            "{authority}: {status} {body}"
                        );
                        assert!(!body.contains("secret"), "{authority}: {body}");
                        assert_eq!(seen.packets, set(reached), "{authority}");
                    }
                    None => {
                        assert_eq!(status, 502, "{authority}: {body}");
                        assert_eq!(seen.packets, set([]), "{authority}");
                    }
                }
                assert_eq!(seen.queries, set([]), "{authority}");
                run.stop();
            }
            assert_eq!(come.load(Ordering::SeqCst), 0);
        },
    );
}

/// Counts are the guest's to tell; one that is stopped, or has broken out, tells none.
#[test]
fn a_guest_that_tells_no_counts_holds_up_no_inspect() {
    on_a_host("probes::a_guest_that_tells_no_counts_holds_up_no_inspect", |_| {
        let runtime = support::folder();
        let command = |arguments: &[&str]| {
            let mut command = wasmrun(arguments);
            command.env("XDG_RUNTIME_DIR", runtime.path());
            command
        };
        let fetch = guest("fetch");
        let arguments = [
            "os",
            fetch.to_str().unwrap(),
            "-f",
            "0:3000",
            "--allow=http://api.example.com",
            "--name",
            "silent",
        ];
        let mut run = Run::of(command(&arguments));
        let address = run.ready(3000);
        assert_eq!(support::get(address).0, 200);
        let guest = run.guest();
        nix::sys::signal::kill(guest, Signal::SIGSTOP).unwrap();
        for _ in 0..20 {
            let began = std::time::Instant::now();
            let state: serde_json::Value =
                serde_json::from_str(&output(command(&["inspect", "silent"])).stdout).unwrap();
            let row = &state["outbound"][0];
            assert_eq!((&row["live"], &row["opened"]), (&1.into(), &1.into()), "{row}");
            assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
        }
        nix::sys::signal::kill(guest, Signal::SIGCONT).unwrap();
        assert_eq!(support::get(address).0, 200);
        run.stop();
    });
}

/// Whatever lies under the name of a run's socket for links.
#[test]
fn what_lies_in_the_place_of_a_links_socket_is_no_run() {
    let runtime = support::folder();
    let folder = runtime.path().join("wasmrun");
    let mut own = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut own, 0o700);
    own.create(&folder).unwrap();
    let place = |name: &str| folder.join(format!("{name}.link"));
    std::fs::write(place("file"), "x").unwrap();
    std::fs::create_dir(place("folder")).unwrap();
    nix::unistd::mkfifo(&place("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/nonexistent", place("dangling")).unwrap();
    std::os::unix::fs::symlink(place("circle"), place("circle")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place("device")).unwrap();
    // One that another kind of socket listens on, as those for control are, and one that was left behind.
    let _stream = std::os::unix::net::UnixListener::bind(place("stream")).unwrap();
    let _datagrams = std::os::unix::net::UnixDatagram::bind(place("datagrams")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(place("stale")).unwrap());
    let names = [
        "file",
        "folder",
        "fifo",
        "dangling",
        "circle",
        "device",
        "stream",
        "datagrams",
        "stale",
        "none",
    ];
    let caller = guest("caller");
    let start = |link: &str, names: &[&str]| {
        let mut arguments = vec![
            "os",
            caller.to_str().unwrap(),
            "--connect-timeout",
            "1s",
            "--link",
            link,
            "--",
        ];
        arguments.extend(names.iter().flat_map(|name| [*name, "80"]));
        let mut command = wasmrun(&arguments);
        command.env("XDG_RUNTIME_DIR", runtime.path());
        output(command)
    };
    let links: Vec<String> = names.iter().map(|name| format!("{name}:80")).collect();
    let ended = start(&links.join(","), &names);
    assert_eq!(
        ended.stdout,
        format!("{REFUSED}\n").repeat(names.len()),
        "{}",
        ended.stderr
    );
    for name in names {
        let said = format!("warning: refused: {name}:80: {name} is not running\n");
        assert!(ended.stderr.contains(&said), "{name}: {}", ended.stderr);
    }
    // No name leads out of the folder.
    for name in ["../x", "a/b", "/x", "..", ".", ".x", "-x", "a\\b", "a%2fb", "a b"] {
        let ended = start(&format!("x={name}:80"), &["x"]);
        assert_eq!(ended.code, Some(2), "{name}: {}{}", ended.stdout, ended.stderr);
    }
    // A guest names runs that it is not linked to as it likes, also so.
    let odd = ["../../x", "stream", "..", "a/../stream"];
    let ended = start("none:80", &odd);
    let told = [UNKNOWN, DENIED, UNKNOWN, UNKNOWN]
        .map(|line| format!("{line}\n"))
        .concat();
    assert_eq!(ended.stdout, told, "{}", ended.stderr);
}
