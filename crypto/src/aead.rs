//! Ciphers that authenticate, in parts: GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439). The crates of their names take a
//! text as a whole, and Node's ciphers give parts before the tag is known; so both are put together here.

use crate::Failure;
use crate::by_key::with_aes;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::ChaCha20;
use ghash::GHash;
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;

const BLOCK: usize = 16;
/// Most bytes of one text: 2^39 - 256 bits (5.2.1.1), and less than 2^38 (RFC 8439, 2.8).
const LONGEST: u64 = (1 << 36) - 32;

/// A cipher and a hash of what it gives.
pub(crate) trait Sealer: Send {
    fn authenticate(&mut self, data: &[u8]) -> Result<(), Failure>;
    fn update(&mut self, data: &[u8], encrypts: bool) -> Result<Vec<u8>, Failure>;
    fn tag(&mut self) -> [u8; BLOCK];
}

/// A universal hash over data and text, each filled up with zeros, and over both lengths.
struct Authenticator<H> {
    hash: H,
    rest: Vec<u8>,
    data: u64,
    text: u64,
}

impl<H: UniversalHash> Authenticator<H> {
    fn new(hash: H) -> Self {
        Authenticator {
            hash,
            rest: vec![],
            data: 0,
            text: 0,
        }
    }

    fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        if self.text > 0 {
            return Err(Failure::Invalid);
        }
        self.data += data.len() as u64;
        self.add(data);
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Failure> {
        if self.text + text.len() as u64 > LONGEST {
            return Err(Failure::Limit);
        }
        if self.text == 0 && !text.is_empty() {
            self.fill();
        }
        self.text += text.len() as u64;
        self.add(text);
        Ok(())
    }

    fn add(&mut self, mut data: &[u8]) {
        if !self.rest.is_empty() {
            let (first, others) = data.split_at(data.len().min(BLOCK - self.rest.len()));
            self.rest.extend_from_slice(first);
            data = others;
            if self.rest.len() < BLOCK {
                return;
            }
            self.fill();
        }
        let (whole, rest) = data.split_at(data.len() - data.len() % BLOCK);
        self.hash.update_padded(whole);
        self.rest = rest.to_vec();
    }

    fn fill(&mut self) {
        self.hash.update_padded(&std::mem::take(&mut self.rest));
    }
}

/// AES-GCM.
pub(crate) struct Gcm {
    stream: Box<dyn StreamCipher + Send>,
    mask: [u8; BLOCK],
    authenticator: Authenticator<GHash>,
}

impl Gcm {
    pub(crate) fn begin(key: &[u8], iv: &[u8]) -> Result<Box<dyn Sealer>, Failure> {
        if iv.is_empty() {
            return Err(Failure::Invalid);
        }
        with_aes!(key, Aes => {
            let aes = Aes::new_from_slice(key).map_err(|_| Failure::Invalid)?;
            let mut hash_key = GenericArray::default();
            aes.encrypt_block(&mut hash_key);
            let hash = GHash::new(&hash_key);
            let counter = first_counter(&hash, iv);
            let mut mask = counter;
            aes.encrypt_block(&mut mask);
            let mut next = counter;
            let number = u32::from_be_bytes([counter[12], counter[13], counter[14], counter[15]]);
            next[12..].copy_from_slice(&number.wrapping_add(1).to_be_bytes());
            let stream = ctr::Ctr32BE::<Aes>::new(GenericArray::from_slice(key), &next);
            Ok(Box::new(Gcm {
                stream: Box::new(stream),
                mask: mask.into(),
                authenticator: Authenticator::new(hash),
            }) as Box<dyn Sealer>)
        })
    }
}

/// J0 (7.1, step 2).
fn first_counter(hash: &GHash, iv: &[u8]) -> ghash::Block {
    let mut counter = ghash::Block::default();
    if iv.len() == 12 {
        counter[..12].copy_from_slice(iv);
        counter[15] = 1;
        return counter;
    }
    let mut hash = hash.clone();
    hash.update_padded(iv);
    counter[8..].copy_from_slice(&(8 * iv.len() as u64).to_be_bytes());
    hash.update(&[counter]);
    hash.finalize()
}

impl Sealer for Gcm {
    fn authenticate(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.authenticator.data(data)
    }

    fn update(&mut self, data: &[u8], encrypts: bool) -> Result<Vec<u8>, Failure> {
        apply(&mut *self.stream, &mut self.authenticator, data, encrypts)
    }

    fn tag(&mut self) -> [u8; BLOCK] {
        let authenticator = &mut self.authenticator;
        authenticator.fill();
        let mut lengths = ghash::Block::default();
        lengths[..8].copy_from_slice(&(8 * authenticator.data).to_be_bytes());
        lengths[8..].copy_from_slice(&(8 * authenticator.text).to_be_bytes());
        authenticator.hash.update(&[lengths]);
        let mut tag: [u8; BLOCK] = authenticator.hash.clone().finalize().into();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// ChaCha20-Poly1305.
pub(crate) struct ChaCha {
    stream: ChaCha20,
    authenticator: Authenticator<Poly1305>,
}

impl ChaCha {
    pub(crate) fn new(key: &[u8], iv: &[u8]) -> Result<ChaCha, Failure> {
        let mut stream = ChaCha20::new_from_slices(key, iv).map_err(|_| Failure::Invalid)?;
        let mut hash_key = poly1305::Key::default();
        stream.apply_keystream(&mut hash_key);
        // The first block is for the hash.
        stream.try_seek(64_u32).map_err(|_| Failure::Invalid)?;
        Ok(ChaCha {
            stream,
            authenticator: Authenticator::new(Poly1305::new(&hash_key)),
        })
    }
}

impl Sealer for ChaCha {
    fn authenticate(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.authenticator.data(data)
    }

    fn update(&mut self, data: &[u8], encrypts: bool) -> Result<Vec<u8>, Failure> {
        apply(&mut self.stream, &mut self.authenticator, data, encrypts)
    }

    fn tag(&mut self) -> [u8; BLOCK] {
        let authenticator = &mut self.authenticator;
        authenticator.fill();
        let mut lengths = poly1305::Block::default();
        lengths[..8].copy_from_slice(&authenticator.data.to_le_bytes());
        lengths[8..].copy_from_slice(&authenticator.text.to_le_bytes());
        authenticator.hash.update(&[lengths]);
        authenticator.hash.clone().finalize().into()
    }
}

/// What is encrypted is hashed.
fn apply<H: UniversalHash>(
    stream: &mut (impl StreamCipher + ?Sized),
    authenticator: &mut Authenticator<H>,
    data: &[u8],
    encrypts: bool,
) -> Result<Vec<u8>, Failure> {
    let mut done = data.to_vec();
    if !encrypts {
        authenticator.text(data)?;
    }
    stream.try_apply_keystream(&mut done).map_err(|_| Failure::Limit)?;
    if encrypts {
        authenticator.text(&done)?;
    }
    Ok(done)
}
