//! The way out of a guest's network, as the runtime sees it.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use wasmtime::component::{ComponentType, Lift};

/// Counts what goes over a connection. Dropping it says that the connection is closed, so the socket has to be dropped first.
pub trait Account: Send + Sync {
    /// So many bytes more were sent.
    fn sent(&self, bytes: usize);

    /// So many bytes more were received.
    fn received(&self, bytes: usize);
}

/// A connection that leaves the guest's network, and does not block (`O_NONBLOCK`).
pub struct Outgoing {
    /// Its socket.
    pub stream: TcpStream,
    /// What counts its bytes.
    pub account: Box<dyn Account>,
}

/// A flow of datagrams with one address outside of the guest's network. Dropping it ends the flow.
pub trait Datagrams: Send + Sync {
    /// Sends a datagram as soon as there is room. An error of the kind `BrokenPipe` or `ConnectionReset` is the flow's end.
    fn send<'a>(&'a self, datagram: &'a [u8]) -> BoxFuture<'a, io::Result<()>>;

    /// The next datagram; none where the flow has ended. Errors are those of the network, and not the end.
    fn receive(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>>;
}

/// Makes connections and looks names up, elsewhere: this process can do neither.
pub trait Egress: Send + Sync {
    /// A connection to this address. An error of the kind `PermissionDenied` is that of a rule that is missing, which has been
    /// told of.
    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Outgoing>>;

    /// A flow of datagrams with this address. Errors are as of [`Egress::connect`].
    fn datagrams(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Arc<dyn Datagrams>>>;

    /// The addresses of a name; of one that no rule covers, one by which a connect to it is recognized.
    fn resolve(&self, name: String) -> BoxFuture<'static, Result<Vec<IpAddr>, NameError>>;

    /// The records of a name, each with its fields in the order of the kind's RFC.
    fn records(&self, name: String, kind: RecordKind) -> BoxFuture<'static, Result<Vec<Vec<String>>, NameError>>;
}

/// A kind of DNS record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum RecordKind {
    /// RFC 2782.
    #[component(name = "srv")]
    Srv,
    /// RFC 1035, 3.3.14.
    #[component(name = "txt")]
    Txt,
    /// RFC 1035, 3.3.9.
    #[component(name = "mx")]
    Mx,
    /// RFC 1035, 3.3.11.
    #[component(name = "ns")]
    Ns,
    /// RFC 1035, 3.3.1.
    #[component(name = "cname")]
    Cname,
    /// RFC 8659.
    #[component(name = "caa")]
    Caa,
}

/// Why a name has no address, or no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nobody knows it.
    #[error("the name is not known")]
    Unknown,
    /// Whoever knows does not answer.
    #[error("the name cannot be looked up now")]
    Temporary,
}
