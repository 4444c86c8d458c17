//! What can be wrong with a rule.

/// Why a text is not an outbound rule. The text of each says what to write instead.
///
/// What is repeated is a part that can be no password: of a URL its host, its port and its scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Nothing was typed.
    #[error("the rule is empty; write HOST:PORT, for example `db.example.com:5432`")]
    Empty,
    /// A URL without a host, or a port alone.
    #[error("the rule names no host; write HOST:PORT, for example `db.example.com:5432`")]
    NoHost,
    /// A host alone.
    #[error("`{0}` has no port; write `{0}:443`, for example, or `{0}:*` for every port")]
    NoPort(String),
    /// Not a number from 1 to 65535, nor two.
    #[error("`{0}` is not a port; ports are whole numbers from 1 to 65535, two of them as `8000-8080`, or `*` for all")]
    Port(String),
    /// `8090-8080`
    #[error("the range `{0}` runs backwards; write the smaller port first")]
    Backwards(String),
    /// A protocol other than tcp and udp, or a path without a scheme.
    #[error("unsupported protocol `{0}`; write `/tcp`, the default, or `/udp`")]
    Protocol(String),
    /// A scheme that nobody knows, without a port.
    #[error("the scheme `{0}` has no port of its own; write the port as well: `{0}://HOST:PORT`")]
    SchemeWithoutPort(String),
    /// `jdbc:postgresql://`
    #[error("what stands before `://` is not a scheme; write HOST:PORT, for example `db.example.com:5432`")]
    Scheme,
    /// `mongodb+srv://`
    #[error("`{0}` names servers by SRV records, not by a host; write a rule for each: HOST:PORT, or `*.NAME:PORT`")]
    Records(String),
    /// `postgresql://a:5432,b:5432/`
    #[error("a rule names one host; write a rule for each")]
    Several,
    /// `user:password@host:5432`
    #[error("user and password do not belong in a rule; write HOST:PORT")]
    User,
    /// A `/`, `?` or `#` in what may be a password.
    #[error(
        "in this URL the password cannot be told from the host; write HOST:PORT, or `%2F`, `%3F`, `%23` for `/`, `?`, `#`"
    )]
    Ambiguous,
    /// A space, `=` and the like: a connection string of another kind.
    #[error(
        "the rule has a character that no host, port or network has; write HOST:PORT, for example `db.example.com:5432`"
    )]
    Character,
    /// `bücher.example`
    #[error("the name is not ASCII; write its ASCII form, which has `xn--` in it (`idn2 NAME` prints it)")]
    NotAscii,
    /// A name that DNS does not have.
    #[error("`{0}` is not a name; names are letters, digits, `-` and `_`, with single dots between")]
    Name(String),
    /// More than 253 bytes, or a label of more than 63.
    #[error("the name is too long; a name has at most 253 bytes, and at most 63 between two dots")]
    Long,
    /// `a.*.example.com`
    #[error(
        "in `{0}` the `*` is in the wrong place; write `*.NAME` for every name below, or `*` alone for any public host"
    )]
    Star(String),
    /// `127.1`, `0x7f.1`, `2130706433`
    #[error("`{0}` is neither a name nor an address; write an address in full, for example `192.0.2.1`")]
    Numeric(String),
    /// `::1:80`
    #[error("an IPv6 address goes in brackets; write `[2001:db8::5]:443` or `[2001:db8::]/32:443`, for example")]
    Brackets,
    /// Brackets around something else.
    #[error("`{0}` is not an IPv6 address; write `[2001:db8::5]:443`, for example")]
    Address(String),
    /// The length of the prefix.
    #[error("`/{0}` is not the prefix of a network; write `10.20.0.0/16` or `[2001:db8::]/32`, for example")]
    Prefix(String),
    /// `http://10.0.0.0/8`
    #[error(
        "`{0}` may be a network, or an address and a path; write a network without a scheme: `{0}:443`, for example"
    )]
    NetworkOrPath(String),
    /// `10.20.3.4/16`
    #[error(
        "`{address}/{length}` has bits beyond its prefix; write `{network}` for the network, or `{address}` alone",
        length = length_of(.network)
    )]
    HostBits {
        /// The address as typed.
        address: String,
        /// The network that it lies in.
        network: String,
    },
    /// `::ffff:10.0.0.1`
    #[error(
        "`{0}` carries an IPv4 address, and is judged by that; write it in its own form, as `10.20.0.0/16` or `192.0.2.1`"
    )]
    Carrier(String),
    /// `127.0.0.1`
    #[error(
        "a guest's loopback is its own; write `localhost:{0}` to lead its localhost to this machine's, \
         or `host:{0}` to reach this machine as `host.wasmrun.internal`"
    )]
    Loopback(String),
    /// `0.0.0.0`, multicast, broadcast, and what wasmrun makes up for guests.
    #[error("`{0}` is nothing that a rule can allow; write an address of one machine, or a network of such")]
    Forbidden(String),
    /// `$A:5432`
    #[error("a variable stands for a rule as a whole; write `$NAME` or `${{NAME}}` alone")]
    Variable,
    /// The variable of a rule is not there.
    #[error("`${0}` is not set; set it for the guest, or write HOST:PORT in its place")]
    Unset(String),
    /// The variable of a rule is empty.
    #[error("`${0}` is empty; set it for the guest, or write HOST:PORT in its place")]
    EmptyValue(String),
    /// The variable of a rule has something else.
    #[error("the value of `${name}` is not a rule")]
    Value {
        /// The variable.
        name: String,
        /// What is wrong, without any part of the value.
        source: Box<RuleError>,
    },
}

fn length_of(network: &str) -> &str {
    network.rsplit('/').next().unwrap_or_default()
}

impl RuleError {
    /// The same without any part of what was typed.
    pub(super) fn redacted(self) -> RuleError {
        use RuleError::*;
        let hidden = || "…".to_owned();
        match self {
            NoPort(_) => NoPort(hidden()),
            Port(_) => Port(hidden()),
            Backwards(_) => Backwards(hidden()),
            Protocol(_) => Protocol(hidden()),
            SchemeWithoutPort(_) => SchemeWithoutPort(hidden()),
            Records(_) => Records(hidden()),
            Name(_) => Name(hidden()),
            Star(_) => Star(hidden()),
            Numeric(_) => Numeric(hidden()),
            Address(_) => Address(hidden()),
            Prefix(_) => Prefix(hidden()),
            NetworkOrPath(_) => NetworkOrPath(hidden()),
            HostBits { .. } => HostBits {
                address: hidden(),
                network: hidden(),
            },
            Carrier(_) => Carrier(hidden()),
            Loopback(_) => Loopback("PORT".to_owned()),
            Forbidden(_) => Forbidden(hidden()),
            Unset(_) | EmptyValue(_) | Value { .. } => Variable,
            Empty | NoHost | Scheme | Several | User | Ambiguous | Character | NotAscii | Long | Brackets
            | Variable => self,
        }
    }
}
