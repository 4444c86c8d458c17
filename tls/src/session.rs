//! One session without I/O: ciphertext in and out, plaintext out and in.
//!
//! Nothing waits but what makes no whole record yet (64 KiB at most, in a handshake), and what was sealed too early
//! ([`EARLY`] at most). After a failure there is nothing more to feed.

use crate::config::{Config, Side};
use crate::failure::Failure;
use crate::judge::{Chain, Purpose};
use crate::settings::Verify;
use crate::suite;
use crate::verification;
use crate::verifier;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::{ClientConnection, Connection, Error, HandshakeKind, ServerConnection};
use std::io::{Read, Write};
use std::sync::Arc;

/// Most bytes that can be sealed before the handshake is over.
const EARLY: usize = 16 << 20;
/// Longest keying material, in bytes.
const LONGEST: u32 = 1 << 16;
/// What OpenSSL says of an end of the stream without close_notify.
const EOF: &str = "unexpected eof while reading";

/// A session of a client or a server.
pub struct Session {
    connection: Connection,
    config: Arc<Config>,
    /// What a client asks for.
    name: Option<ServerName<'static>>,
    /// Bytes that were sealed before the handshake was over.
    early: usize,
    /// The peer has closed its direction.
    is_ended: bool,
    /// This direction is closed.
    is_closed: bool,
    failed: Option<Failure>,
    /// Of the peer's chain, once it was looked at without refusing.
    verification: Option<u16>,
}

/// What came of bytes that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the peer has said.
    pub plaintext: Vec<u8>,
    /// To be sent.
    pub to_send: Vec<u8>,
    /// The handshake is still going on.
    pub handshaking: bool,
    /// The peer has closed its direction (close_notify).
    pub closed: bool,
}

/// What is agreed, and who the peer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// 0x0303 or 0x0304; 0 before it is agreed.
    pub version: u16,
    /// OpenSSL's name of the cipher suite, or an empty one.
    pub suite: String,
    /// Length of the suite's key in bits.
    pub bits: u16,
    /// ALPN.
    pub protocol: Option<Vec<u8>>,
    /// The name that a client asked this server for (SNI), or that this client asked for.
    pub server_name: Option<String>,
    /// The peer's certificates, in DER, its own first.
    pub peer: Vec<Vec<u8>>,
    /// The code of the peer's chain, or 0: also where nothing is refused. The name is not looked at.
    pub verification: u16,
    /// An earlier session goes on, so no certificate was sent.
    pub resumed: bool,
}

impl Session {
    /// A session. A client's name is what it asks for and what the certificate has to be for: a name of DNS or an address. A
    /// server's is ignored.
    ///
    /// # Errors
    ///
    /// A client judges names, and there is none, or one that can be no name.
    pub fn open(config: &Arc<Config>, name: Option<&str>) -> Result<Session, Failure> {
        let fresh = |connection, name| Session {
            connection,
            config: config.clone(),
            name,
            early: 0,
            is_ended: false,
            is_closed: false,
            failed: None,
            verification: None,
        };
        let mut session = match &config.side {
            Side::Server(server) => {
                let connection = ServerConnection::new(server.clone()).map_err(failure)?;
                fresh(connection.into(), None)
            }
            Side::Client {
                config: named,
                nameless,
            } => {
                // A dot at its end is of the name's absolute form, which no certificate has.
                let name = name.map(|name| name.strip_suffix('.').unwrap_or(name));
                let parsed = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
                if parsed.is_none() && config.verify == Verify::Full {
                    return Err(Failure::new(match name {
                        None | Some("") => "no name that the certificate could be for".to_owned(),
                        Some(name) => format!("`{}` is no name of DNS", name.escape_debug()),
                    }));
                }
                let connection = match &parsed {
                    Some(name) => ClientConnection::new(named.clone(), name.clone()),
                    // An address is not told to the server.
                    None => ClientConnection::new(nameless.clone(), unspecified()),
                };
                fresh(connection.map_err(failure)?.into(), parsed)
            }
        };
        session.connection.set_buffer_limit(None);
        Ok(session)
    }

    /// Takes what arrived: any amount, and nothing too, so a client begins. `ended`: nothing more will arrive.
    ///
    /// # Errors
    ///
    /// The session has failed, with what is to be sent of it; the same again, at every later time. What was read before the
    /// failure comes first: then the alert is in the progress, and the failure in the next one's place.
    pub fn feed(&mut self, ciphertext: &[u8], ended: bool) -> Result<Progress, Failure> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        // Of another session, which did not ask for it.
        verifier::take_refused();
        let mut plaintext = Vec::new();
        let taken = self.take(ciphertext, &mut plaintext);
        let to_send = self.pending();
        let failure = match taken {
            Err(error) => Some(Failure::of(&error, verifier::take_refused(), to_send.clone())),
            Ok(()) if ended && !self.is_ended => Some(Failure {
                to_send: to_send.clone(),
                ..Failure::new(EOF)
            }),
            Ok(()) => None,
        };
        if let Some(failure) = failure {
            self.failed = Some(Failure {
                to_send: Vec::new(),
                ..failure.clone()
            });
            if plaintext.is_empty() {
                return Err(failure);
            }
        }
        Ok(Progress {
            plaintext,
            to_send,
            handshaking: self.connection.is_handshaking(),
            closed: self.is_ended,
        })
    }

    /// rustls' buffers are short, so it reads and is read in turns.
    fn take(&mut self, mut ciphertext: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Error> {
        plaintext.reserve_exact(ciphertext.len());
        while !ciphertext.is_empty() {
            let read = self.connection.read_tls(&mut ciphertext);
            if read.map_err(|error| Error::General(error.to_string()))? == 0 {
                // After close_notify nothing counts (RFC 8446, 6.1).
                break;
            }
            let processed = self.connection.process_new_packets();
            let ready = match &processed {
                Ok(state) => state.plaintext_bytes_to_read(),
                // What came before it.
                Err(_) => usize::MAX,
            };
            if ready > 0 {
                // The error is that there is no more for now.
                let _ = self.connection.reader().take(ready as u64).read_to_end(plaintext);
            }
            self.is_ended |= processed?.peer_has_closed();
        }
        Ok(())
    }

    /// Encrypts all of it, and gives what is to be sent. Before the handshake is over that is nothing: what was sealed is in a
    /// later [`Progress`].
    ///
    /// # Errors
    ///
    /// The session has failed, this direction is closed, or too much waits for the handshake (16 MiB).
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
        // A peer that only went away may still read.
        if let Some(failed) = self.failed.as_ref().filter(|failed| failed.text != EOF) {
            return Err(failed.clone());
        }
        if self.is_closed {
            return Err(Failure::new("protocol is shutdown"));
        }
        let is_early = self.connection.is_handshaking();
        if is_early {
            self.early = self.early.saturating_add(plaintext.len());
            if self.early > EARLY {
                return Err(Failure::new("too much was written before the handshake was over"));
            }
        }
        let written = self.connection.writer().write_all(plaintext);
        written.map_err(|error| Failure::new(error.to_string()))?;
        Ok(if is_early { Vec::new() } else { self.pending() })
    }

    /// Closes this direction, and gives what is to be sent (close_notify): nothing at the second time.
    pub fn close(&mut self) -> Vec<u8> {
        if !self.is_closed && self.failed.is_none() {
            self.connection.send_close_notify();
        }
        self.is_closed = true;
        self.pending()
    }

    /// What is agreed by now.
    pub fn facts(&mut self) -> Facts {
        let peer = self.connection.peer_certificates().unwrap_or_default();
        let verification = match (peer, self.config.verify) {
            ([leaf, others @ ..], Verify::None) => *self.verification.get_or_insert_with(|| {
                let purpose = match self.config.side {
                    Side::Client { .. } => Purpose::Server,
                    Side::Server(_) => Purpose::Client,
                };
                let chain = Chain { leaf, others, purpose };
                // Who asks for no verdict compares the name itself.
                let verdict = self.config.judge.judge(chain, None, UnixTime::now());
                verdict.err().unwrap_or(verification::OK)
            }),
            // What would have refused has.
            _ => verification::OK,
        };
        let (suite, bits) = match self.connection.negotiated_cipher_suite() {
            Some(suite) => suite::describe(suite.suite()),
            None => (String::new(), 0),
        };
        let server_name = match &self.connection {
            Connection::Client(_) => self.name.as_ref().and_then(|name| match name {
                ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
                _ => None,
            }),
            Connection::Server(server) => server.server_name().map(str::to_owned),
        };
        Facts {
            version: self.connection.protocol_version().map_or(0, u16::from),
            suite,
            bits,
            protocol: self.connection.alpn_protocol().map(<[u8]>::to_vec),
            server_name,
            peer: peer
                .iter()
                .map(|certificate: &CertificateDer<'_>| certificate.to_vec())
                .collect(),
            verification,
            resumed: self.connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// Keying material of the session (RFC 8446, 7.5; RFC 5705).
    ///
    /// # Errors
    ///
    /// The handshake is not over, or the length is 0 or more than 64 KiB.
    pub fn derive(&self, label: &str, context: Option<&[u8]>, length: u32) -> Result<Vec<u8>, Failure> {
        if length == 0 || length > LONGEST {
            return Err(Failure::new("invalid length of keying material"));
        }
        let material = vec![0; length as usize];
        let derived = self
            .connection
            .export_keying_material(material, label.as_bytes(), context);
        derived.map_err(failure)
    }

    fn pending(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        // Into memory; it cannot fail.
        while self.connection.wants_write() && self.connection.write_tls(&mut records).is_ok_and(|written| written > 0)
        {
        }
        records
    }
}

fn failure(error: Error) -> Failure {
    Failure::of(&error, None, Vec::new())
}

fn unspecified() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])))
}
