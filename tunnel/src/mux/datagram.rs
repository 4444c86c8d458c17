//! Datagrams on a stream: capsules (RFC 9297, 3.2) of the type DATAGRAM, each with one UDP payload (RFC 9298, 5).

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Most bytes of a datagram: what UDP over IPv6 can carry (RFC 9298, 5).
pub const MAX_DATAGRAM: usize = 65_527;

const DATAGRAM: u64 = 0;
/// The context of UDP payloads; others are extensions, which are dropped.
const PAYLOAD: u64 = 0;

/// A capsule that is longer than any datagram: the stream is to be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram has {0} bytes, and {MAX_DATAGRAM} are the most")]
pub(super) struct OversizedDatagram(u64);

/// Reads datagrams from the bytes of a stream. It holds at most one.
#[derive(Default)]
pub(super) struct Capsules {
    arrived: BytesMut,
    /// What is left of a capsule of another type.
    skipped: u64,
}

impl Capsules {
    /// Takes the next bytes of the stream, and gives each datagram that is whole to `deliver`.
    ///
    /// # Errors
    ///
    /// One is too long.
    pub(super) fn feed(&mut self, mut bytes: Bytes, mut deliver: impl FnMut(&[u8])) -> Result<(), OversizedDatagram> {
        loop {
            let skipped = self.skipped.min(bytes.len() as u64);
            bytes.advance(usize::try_from(skipped).unwrap_or(bytes.len()));
            self.skipped -= skipped;
            // As much as one capsule can want, so that a chunk of many is not copied again for each.
            let taken = bytes.len().min(2 * MAX_DATAGRAM);
            self.arrived.extend_from_slice(&bytes.split_to(taken));
            while let Some(capsule) = self.take()? {
                let mut value = &capsule[..];
                // RFC 9297, 3.3: a context that cannot be read makes the datagram nothing.
                if number(&mut value) == Some(PAYLOAD) {
                    deliver(value);
                }
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// The value of the next DATAGRAM, once it is whole.
    fn take(&mut self) -> Result<Option<Bytes>, OversizedDatagram> {
        loop {
            let mut rest = &self.arrived[..];
            let (Some(kind), Some(length)) = (number(&mut rest), number(&mut rest)) else {
                return Ok(None);
            };
            let head = self.arrived.len() - rest.len();
            let is_datagram = kind == DATAGRAM;
            // With room for the context.
            if is_datagram && length > MAX_DATAGRAM as u64 + 8 {
                return Err(OversizedDatagram(length));
            }
            let here = length.min(rest.len() as u64);
            let value = usize::try_from(here).unwrap_or(rest.len());
            if is_datagram {
                if here < length {
                    return Ok(None);
                }
                self.arrived.advance(head);
                return Ok(Some(self.arrived.split_to(value).freeze()));
            }
            self.arrived.advance(head + value);
            self.skipped = length - here;
        }
    }
}

/// One datagram as a capsule.
pub(super) fn capsule(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    put_number(&mut out, DATAGRAM);
    put_number(&mut out, payload.len() as u64 + 1);
    put_number(&mut out, PAYLOAD);
    out.put_slice(payload);
    out.freeze()
}

/// A number of one to eight bytes (RFC 9000, 16); none where it is not whole.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let first = *bytes.first()?;
    let length = 1 << (first >> 6);
    let (number, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(
        number[1..]
            .iter()
            .fold(u64::from(first & 0x3f), |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

fn put_number(out: &mut BytesMut, number: u64) {
    match number {
        0..0x40 => out.put_u8(number as u8),
        0x40..0x4000 => out.put_u16(number as u16 | 0x4000),
        // Longer than any datagram.
        _ => out.put_u32(number as u32 | 0x8000_0000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fed(chunks: impl IntoIterator<Item = Vec<u8>>) -> Result<Vec<Vec<u8>>, OversizedDatagram> {
        let (mut capsules, mut datagrams) = (Capsules::default(), Vec::new());
        for chunk in chunks {
            capsules.feed(chunk.into(), |datagram| datagrams.push(datagram.to_vec()))?;
        }
        Ok(datagrams)
    }

    proptest! {
        #[test]
        fn datagrams_keep_their_boundaries_however_the_bytes_come(
            lengths in proptest::collection::vec(prop_oneof![0..70usize, 16_000..17_000usize, Just(MAX_DATAGRAM)], 0..6),
            chunk in prop_oneof![1..50usize, 1..200_000usize],
        ) {
            let datagrams: Vec<Vec<u8>> = lengths.iter().map(|length| vec![*length as u8; *length]).collect();
            let wire: Vec<u8> = datagrams.iter().flat_map(|datagram| capsule(datagram)).collect();
            prop_assert_eq!(fed(wire.chunks(chunk).map(<[u8]>::to_vec)), Ok(datagrams));
        }

        #[test]
        fn garbage_is_no_panic_and_no_growth(wire in proptest::collection::vec(any::<u8>(), 0..3000), chunk in 1..100usize) {
            let mut capsules = Capsules::default();
            for chunk in wire.chunks(chunk) {
                if capsules.feed(Bytes::copy_from_slice(chunk), |_| {}).is_err() {
                    break;
                }
                prop_assert!(capsules.arrived.len() <= MAX_DATAGRAM + 32);
            }
        }
    }

    #[test]
    fn what_is_unknown_is_skipped_and_what_is_too_long_refused() {
        // A capsule of type 7 with 5 bytes, a datagram of context 2, and one of context 0.
        let wire = [&[7, 5, 1, 2, 3, 4, 5, 0, 2, 2, 9][..], &capsule(b"x")].concat();
        for chunk in 1..wire.len() {
            assert_eq!(fed(wire.chunks(chunk).map(<[u8]>::to_vec)), Ok(vec![b"x".to_vec()]));
        }
        let long = [0, 0x80, 1, 0, 8];
        assert_eq!(fed([long.to_vec()]), Err(OversizedDatagram(65_544)));
        let endless = [7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(fed([endless.to_vec(), vec![0; 100_000]]), Ok(vec![]));
    }
}
