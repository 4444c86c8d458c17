//! Addresses in a guest's memory, and what there is of names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wasmtime_wasi::p1::types::{Errno, Error};
use wiggle::{GuestMemory, GuestPtr};

/// Of `socket_type`.
pub(super) const DATAGRAM: u32 = 1;
pub(super) const STREAM: u32 = 2;
/// Of `address_family`.
pub(super) const INET4: u32 = 1;
pub(super) const INET6: u32 = 2;
/// Longest name of a host, with some room (RFC 1035 has 255).
pub(super) const LONGEST_NAME: u32 = 1024;

/// `WasiAddress`: where an address lies and how long it is. Four bytes are IPv4, sixteen IPv6; what is longer begins with
/// the family.
pub(super) struct Place {
    bytes: GuestPtr<u8>,
    size: u32,
}

impl Place {
    pub(super) fn at(memory: &GuestMemory<'_>, address: u32) -> Result<Place, Error> {
        Ok(Place {
            bytes: GuestPtr::new(memory.read(GuestPtr::<u32>::new(address))?),
            size: memory.read(GuestPtr::<u32>::new(after(address, 4)?))?,
        })
    }

    pub(super) fn read(&self, memory: &GuestMemory<'_>, port: u32) -> Result<SocketAddr, Error> {
        let port = u16::try_from(port).map_err(|_| Errno::Inval)?;
        let copy = |at: u32, length: u32| -> Result<Vec<u8>, Error> {
            let from = GuestPtr::<u8>::new(after(self.bytes.offset(), at)?);
            Ok(memory.to_vec(from.as_array(length))?)
        };
        let four = |at| -> Result<IpAddr, Error> {
            let bytes: [u8; 4] = copy(at, 4)?.try_into().map_err(|_| Errno::Inval)?;
            Ok(Ipv4Addr::from(bytes).into())
        };
        let sixteen = |at| -> Result<IpAddr, Error> {
            let bytes: [u8; 16] = copy(at, 16)?.try_into().map_err(|_| Errno::Inval)?;
            Ok(Ipv6Addr::from(bytes).into())
        };
        let ip = match self.size {
            4 => four(0)?,
            16 => sixteen(0)?,
            18.. => match u32::from(u16::from_le_bytes(copy(0, 2)?.try_into().map_err(|_| Errno::Inval)?)) {
                INET4 => four(2)?,
                INET6 => sixteen(2)?,
                _ => return Err(Errno::Afnosupport.into()),
            },
            _ => return Err(Errno::Inval.into()),
        };
        Ok(SocketAddr::new(ip, port))
    }

    pub(super) fn write(&self, memory: &mut GuestMemory<'_>, ip: IpAddr) -> Result<(), Error> {
        let bytes = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let mut all = Vec::new();
        if self.size >= 18 {
            all.extend((family_of(ip) as u16).to_le_bytes());
        }
        all.extend(bytes);
        let length = u32::try_from(all.len())?;
        if self.size < length {
            return Err(Errno::Inval.into());
        }
        Ok(memory.copy_from_slice(&all, self.bytes.as_array(length))?)
    }
}

fn family_of(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { INET4 } else { INET6 }
}

fn after(address: u32, offset: u32) -> Result<u32, Error> {
    Ok(address.checked_add(offset).ok_or(Errno::Fault)?)
}

pub(super) fn write(memory: &mut GuestMemory<'_>, to: u32, value: u32) -> Result<(), Error> {
    Ok(memory.write(GuestPtr::new(to), value)?)
}

pub(super) fn say(
    memory: &mut GuestMemory<'_>,
    is: SocketAddr,
    address: u32,
    family: u32,
    port: u32,
) -> Result<(), Error> {
    Place::at(memory, address)?.write(memory, is.ip())?;
    write(memory, family, if is.is_ipv4() { 4 } else { 6 })?;
    write(memory, port, is.port().into())
}

/// The port of a service: a number, or one of the two that every program knows.
pub(super) fn port_of(service: &str) -> Result<u16, Error> {
    Ok(match service {
        "" => 0,
        "http" => 80,
        "https" => 443,
        number => number.parse::<u16>().map_err(|_| Errno::Noent)?,
    })
}

/// Fills the guest's own list of `WasiAddrinfo`, and says how many were filled. A `WasiSockaddr` has the port, high byte
/// first, and the address.
pub(super) fn answer(
    memory: &mut GuestMemory<'_>,
    found: &[SocketAddr],
    hints: u32,
    first: u32,
    most: u32,
) -> Result<u32, Error> {
    let wanted = match hints {
        0 => 0,
        hints => memory.read(GuestPtr::<u8>::new(after(hints, 2)?))?.into(),
    };
    let (mut at, mut written) = (first, 0);
    for address in found
        .iter()
        .filter(|address| [0, family_of(address.ip())].contains(&wanted))
    {
        if written == most || at == 0 {
            break;
        }
        let family = family_of(address.ip()) as u8;
        let sockaddr = memory.read(GuestPtr::<u32>::new(after(at, 12)?))?;
        let data = memory.read(GuestPtr::<u32>::new(after(sockaddr, 8)?))?;
        let mut bytes = address.port().to_be_bytes().to_vec();
        match address.ip() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
        memory.write(GuestPtr::<u8>::new(sockaddr), family)?;
        write(memory, after(sockaddr, 4)?, u32::try_from(bytes.len())?)?;
        memory.copy_from_slice(&bytes, GuestPtr::<u8>::new(data).as_array(u32::try_from(bytes.len())?))?;
        memory.write(GuestPtr::<u8>::new(after(at, 2)?), family)?;
        // Streams of TCP, which is 1 among protocols.
        memory.write(GuestPtr::<u8>::new(after(at, 3)?), STREAM as u8)?;
        memory.write(GuestPtr::<u8>::new(after(at, 4)?), 1)?;
        write(memory, after(at, 8)?, u32::try_from(bytes.len())?)?;
        write(memory, after(at, 20)?, 0)?;
        at = memory.read(GuestPtr::<u32>::new(after(at, 24)?))?;
        written += 1;
    }
    Ok(written)
}
