//! Which addresses are this machine's: nobody but the kernel knows all of them.

use crate::netlink::Routes;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::OnceLock;

/// Any port: to see which address this machine would use, nothing is sent.
const DISCARD: u16 = 9;

/// What is asked; empty where the kernel does not say.
#[derive(Default)]
pub(super) struct Own(OnceLock<Routes>);

impl Own {
    /// Has the kernel be asked; what is returned has to run meanwhile. It takes a runtime of tokio's.
    pub(super) fn open(&self) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let (routes, asking) = Routes::open()?;
        let _ = self.0.set(routes);
        Ok(asking)
    }

    /// Whether an address is one of this machine's. Of several in a network connections come from the first, whichever they go to.
    pub(super) async fn has(&self, ip: IpAddr) -> bool {
        if comes_from(ip) {
            return true;
        }
        match self.0.get() {
            Some(routes) => routes.is_local(ip).await,
            None => false,
        }
    }
}

/// Whether whoever reaches an address from here, comes from it.
fn comes_from(ip: IpAddr) -> bool {
    let from: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = || -> io::Result<bool> {
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect((ip, DISCARD))?;
        Ok(socket.local_addr()?.ip() == ip)
    };
    own().unwrap_or(false)
}
