//! Records of DNS that are no addresses: what getaddrinfo(3) cannot be asked for. Servers, search domains and time-outs are those of
//! resolv.conf(5).

use super::message::Failed;
use super::record::{Record, RecordKind};
use domain::base::iana::Rcode;
use domain::base::{Message, Name, ParsedName, Question, ToName};
use domain::rdata::{Caa, Cname, Mx, Ns, Srv, Txt};
use domain::resolv::StubResolver;
use domain::resolv::stub::conf::ResolvConf;
use std::str::FromStr;

/// Most records of an answer.
const RECORDS: usize = 64;
/// Most bytes of an answer as JSON: it goes in one message of the channel.
const BYTES: usize = 7 << 10;

/// Longest name that DNS has, in bytes (RFC 1035, 2.3.4).
const LONGEST: usize = 253;

/// Whether it is a name of a host, or of a service of one.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST && name.bytes().all(fits)
}

/// The name without the labels of a service in front of it.
pub(super) fn owner(name: &str) -> &str {
    let mut owner = name;
    while let Some((_, rest)) = owner.split_once('.').filter(|(label, _)| label.starts_with('_')) {
        owner = rest;
    }
    owner
}

/// Asks for the records of a name; it may have none of this kind.
pub(super) async fn look_up(servers: ResolvConf, name: &str, kind: RecordKind) -> Result<Vec<Record>, Failed> {
    let name: Name<Vec<u8>> = Name::from_str(name).map_err(|_| Failed::Unknown)?;
    // It lasts for one question: the servers may be others by the next one.
    let resolver = StubResolver::from_conf(servers);
    let question = Question::new_in(name, kind.rtype());
    let answer = resolver.query(question).await.map_err(|_| Failed::TryAgain)?;
    match answer.header().rcode() {
        Rcode::NOERROR => {}
        Rcode::NXDOMAIN => return Err(Failed::Unknown),
        _ => return Err(Failed::TryAgain),
    }
    // The alias of a name is followed by the server that was asked (RFC 1034, 4.3.1).
    read(answer.as_slice(), kind).map(fitting).ok_or(Failed::TryAgain)
}

/// As many as a message holds.
fn fitting(mut records: Vec<Record>) -> Vec<Record> {
    let mut bytes = 2;
    records.retain(|record| {
        bytes += serde_json::to_vec(record).map_or(BYTES, |text| 1 + text.len());
        bytes <= BYTES
    });
    records
}

/// The records of this kind; none where the message is malformed.
fn read(answer: &[u8], kind: RecordKind) -> Option<Vec<Record>> {
    let answer = Message::from_octets(answer).ok()?;
    let section = answer.answer().ok()?;
    macro_rules! each {
        ($data:ty, $fields:expr) => {{
            let fields: fn($data) -> Record = $fields;
            let records = section.limit_to::<$data>().take(RECORDS);
            records.map(|record| Some(fields(record.ok()?.into_data()))).collect()
        }};
    }
    match kind {
        RecordKind::Srv => each!(Srv<ParsedName<&[u8]>>, |srv| vec![
            srv.priority().to_string(),
            srv.weight().to_string(),
            srv.port().to_string(),
            plain(srv.target()),
        ]),
        RecordKind::Txt => each!(Txt<&[u8]>, |txt| txt.iter().map(text).collect()),
        RecordKind::Mx => each!(Mx<ParsedName<&[u8]>>, |mx| vec![
            mx.preference().to_string(),
            plain(mx.exchange())
        ]),
        RecordKind::Ns => each!(Ns<ParsedName<&[u8]>>, |ns| vec![plain(ns.nsdname())]),
        RecordKind::Cname => each!(Cname<ParsedName<&[u8]>>, |cname| vec![plain(cname.cname())]),
        RecordKind::Caa => each!(Caa<&[u8]>, |caa| vec![
            caa.flags().bits().to_string(),
            caa.tag().to_string(),
            text(caa.value()),
        ]),
    }
}

/// A name as people write it.
fn plain(name: &impl ToName) -> String {
    name.fmt_with_dot().to_string().trim_end_matches('.').to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::MessageBuilder;
    use domain::base::iana::Class;
    use domain::rdata::caa::CaaTag;
    use domain::resolv::stub::conf::{ServerConf, Transport};
    use std::net::UdpSocket;

    /// A server that answers one question with what is made of it.
    fn server(answer: fn(&Message<&[u8]>) -> Vec<u8>) -> ResolvConf {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut servers = ResolvConf::new();
        servers.servers = vec![ServerConf::new(socket.local_addr().unwrap(), Transport::UdpTcp)];
        std::thread::spawn(move || {
            let mut question = [0; 512];
            let (length, client) = socket.recv_from(&mut question).unwrap();
            let message = Message::from_octets(&question[..length]).unwrap();
            socket.send_to(&answer(&message), client).unwrap();
        });
        servers
    }

    fn ask(answer: fn(&Message<&[u8]>) -> Vec<u8>, kind: RecordKind) -> Result<Vec<Record>, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(look_up(server(answer), "_db._tcp.example.com", kind))
    }

    fn name(text: &str) -> Name<Vec<u8>> {
        Name::from_str(text).unwrap()
    }

    #[test]
    fn records_have_the_fields_of_their_kind() {
        let srv = |asked: &Message<&[u8]>| {
            let mut answer = MessageBuilder::new_vec().start_answer(asked, Rcode::NOERROR).unwrap();
            let place = name("_db._tcp.example.com");
            for (priority, target) in [(1, "b.example.com."), (0, "a.example.com.")] {
                let data = Srv::new(priority, 5, 27017, name(target));
                answer.push((&place, Class::IN, 60, data)).unwrap();
            }
            // Of another kind, as the alias on the way is.
            answer
                .push((&place, Class::IN, 60, Cname::new(name("c.example.com"))))
                .unwrap();
            answer.finish()
        };
        let both = [
            ["1", "5", "27017", "b.example.com"],
            ["0", "5", "27017", "a.example.com"],
        ];
        assert_eq!(ask(srv, RecordKind::Srv).unwrap(), both);
        assert_eq!(ask(srv, RecordKind::Cname).unwrap(), [["c.example.com"]]);
        assert_eq!(ask(srv, RecordKind::Mx), Ok(Vec::new()));
        let texts = |asked: &Message<&[u8]>| {
            let mut answer = MessageBuilder::new_vec().start_answer(asked, Rcode::NOERROR).unwrap();
            let place = name("_db._tcp.example.com");
            let mut text = domain::rdata::rfc1035::TxtBuilder::<Vec<u8>>::new();
            text.append_charstr(domain::base::CharStr::from_slice(b"a=1 \xff").unwrap())
                .unwrap();
            text.append_charstr(domain::base::CharStr::from_slice(b"").unwrap())
                .unwrap();
            answer.push((&place, Class::IN, 60, text.finish().unwrap())).unwrap();
            answer
                .push((&place, Class::IN, 60, Mx::new(10, name("mail.example.com"))))
                .unwrap();
            let tag = CaaTag::from_octets(&b"issue"[..]).unwrap();
            let caa = Caa::new(domain::rdata::caa::CaaFlags::critical(), tag, &b"ca.example; x"[..]);
            answer.push((&place, Class::IN, 60, caa)).unwrap();
            answer
                .push((&place, Class::IN, 60, Ns::new(name("ns.example.com"))))
                .unwrap();
            answer.finish()
        };
        assert_eq!(ask(texts, RecordKind::Txt).unwrap(), [["a=1 \u{fffd}", ""]]);
        assert_eq!(ask(texts, RecordKind::Mx).unwrap(), [["10", "mail.example.com"]]);
        assert_eq!(
            ask(texts, RecordKind::Caa).unwrap(),
            [["128", "issue", "ca.example; x"]]
        );
        assert_eq!(ask(texts, RecordKind::Ns).unwrap(), [["ns.example.com"]]);
    }

    #[test]
    fn a_server_says_that_there_is_no_such_name_or_cannot_say() {
        fn code(asked: &Message<&[u8]>, code: Rcode) -> Vec<u8> {
            MessageBuilder::new_vec().start_answer(asked, code).unwrap().finish()
        }
        assert_eq!(
            ask(|asked| code(asked, Rcode::NXDOMAIN), RecordKind::Srv),
            Err(Failed::Unknown)
        );
        assert_eq!(
            ask(|asked| code(asked, Rcode::REFUSED), RecordKind::Srv),
            Err(Failed::TryAgain)
        );
        // Bytes after the head that are no records.
        let broken = |asked: &Message<&[u8]>| {
            let mut answer = code(asked, Rcode::NOERROR);
            answer[7] = 9;
            answer
        };
        assert_eq!(ask(broken, RecordKind::Srv), Err(Failed::TryAgain));
    }

    #[test]
    fn more_than_a_message_holds_is_left_out() {
        let records = fitting(vec![vec!["\u{1}".repeat(200)]; 100]);
        assert_eq!(records.len(), 5);
        assert!(serde_json::to_vec(&records).unwrap().len() <= BYTES);
        assert_eq!(fitting(vec![vec!["x".repeat(BYTES)], vec![String::new()]]), [[""]; 0]);
    }

    #[test]
    fn a_service_goes_with_the_name_that_has_it() {
        for (asked, wanted) in [
            ("_mongodb._tcp.cluster.example.net", "cluster.example.net"),
            ("example.net", "example.net"),
            ("a._tcp.example.net", "a._tcp.example.net"),
            ("_dmarc.example.net", "example.net"),
            ("_x", "_x"),
        ] {
            assert_eq!(owner(asked), wanted);
        }
        assert!(is_name("_a.b-c.d") && !is_name("a b") && !is_name("") && !is_name("a:b"));
    }
}
