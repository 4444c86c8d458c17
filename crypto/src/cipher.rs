//! Ciphers in parts, by OpenSSL's names: AES in five modes, AES key wrap (RFC 3394) and ChaCha20-Poly1305.

use crate::Failure;
use crate::aead::{ChaCha, Gcm, Sealer};
use crate::by_key::with_aes;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher};
use aes_kw::Kek;

/// Of AES, in bytes.
const BLOCK: usize = 16;
/// The only value that key wrap begins with here (RFC 3394, 2.2.3.1).
const WRAP_IV: [u8; 8] = [0xa6; 8];

/// How blocks follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mode {
    Cbc,
    Ctr,
    Ecb,
    Gcm,
    Poly1305,
    Wrap,
}

/// A cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherKind {
    /// OpenSSL's name.
    pub name: &'static str,
    /// How blocks follow each other.
    pub mode: Mode,
    /// Bytes of the key.
    pub key: usize,
    /// Usual bytes of the initialization vector; GCM takes others, too.
    pub iv: usize,
    /// OpenSSL's number.
    pub nid: u32,
}

const fn kind(name: &'static str, mode: Mode, key: usize, iv: usize, nid: u32) -> CipherKind {
    CipherKind {
        name,
        mode,
        key,
        iv,
        nid,
    }
}

impl CipherKind {
    /// All of them.
    pub const ALL: [CipherKind; 16] = [
        kind("aes-128-cbc", Mode::Cbc, 16, 16, 419),
        kind("aes-128-ctr", Mode::Ctr, 16, 16, 904),
        kind("aes-128-ecb", Mode::Ecb, 16, 0, 418),
        kind("aes-192-cbc", Mode::Cbc, 24, 16, 423),
        kind("aes-192-ctr", Mode::Ctr, 24, 16, 905),
        kind("aes-192-ecb", Mode::Ecb, 24, 0, 422),
        kind("aes-256-cbc", Mode::Cbc, 32, 16, 427),
        kind("aes-256-ctr", Mode::Ctr, 32, 16, 906),
        kind("aes-256-ecb", Mode::Ecb, 32, 0, 426),
        kind("chacha20-poly1305", Mode::Poly1305, 32, 12, 1018),
        kind("id-aes128-gcm", Mode::Gcm, 16, 12, 895),
        kind("id-aes128-wrap", Mode::Wrap, 16, 8, 788),
        kind("id-aes192-gcm", Mode::Gcm, 24, 12, 898),
        kind("id-aes192-wrap", Mode::Wrap, 24, 8, 789),
        kind("id-aes256-gcm", Mode::Gcm, 32, 12, 901),
        kind("id-aes256-wrap", Mode::Wrap, 32, 8, 790),
    ];

    /// The one of this name; some have several.
    pub fn find(name: &str) -> Option<CipherKind> {
        let name = match name {
            "aes128" => "aes-128-cbc",
            "aes192" => "aes-192-cbc",
            "aes256" => "aes-256-cbc",
            "aes-128-gcm" => "id-aes128-gcm",
            "aes-192-gcm" => "id-aes192-gcm",
            "aes-256-gcm" => "id-aes256-gcm",
            "aes128-wrap" => "id-aes128-wrap",
            "aes192-wrap" => "id-aes192-wrap",
            "aes256-wrap" => "id-aes256-wrap",
            _ => name,
        };
        CipherKind::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// Whether it makes a tag, and data may be authenticated without being encrypted.
    pub fn is_authenticated(self) -> bool {
        matches!(self.mode, Mode::Gcm | Mode::Poly1305)
    }
}

/// What encrypts or decrypts whole blocks.
trait Blocks: Send {
    fn apply(&mut self, blocks: &mut [u8]);
}

struct Encrypting<C>(C);
struct Decrypting<C>(C);

impl<C: BlockEncryptMut + BlockSizeUser + Send> Blocks for Encrypting<C> {
    fn apply(&mut self, blocks: &mut [u8]) {
        let (blocks, _) = InOutBuf::from(blocks).into_chunks();
        self.0.encrypt_blocks_inout_mut(blocks);
    }
}

impl<C: BlockDecryptMut + BlockSizeUser + Send> Blocks for Decrypting<C> {
    fn apply(&mut self, blocks: &mut [u8]) {
        let (blocks, _) = InOutBuf::from(blocks).into_chunks();
        self.0.decrypt_blocks_inout_mut(blocks);
    }
}

enum Engine {
    Blocks {
        engine: Box<dyn Blocks>,
        padding: bool,
        rest: Vec<u8>,
    },
    Stream(Box<dyn StreamCipher + Send>),
    Sealer(Box<dyn Sealer>),
    Wrap(Vec<u8>),
}

/// An encryption or a decryption in the making.
pub struct Cipher {
    engine: Engine,
    encrypts: bool,
    tag: Vec<u8>,
    tag_length: usize,
}

impl Cipher {
    /// Begins.
    ///
    /// # Errors
    ///
    /// Key, initialization vector or tag have a length that the cipher does not take.
    pub fn new(kind: CipherKind, encrypts: bool, key: &[u8], iv: &[u8], tag_length: usize) -> Result<Cipher, Failure> {
        if key.len() != kind.key || (kind.mode != Mode::Gcm && iv.len() != kind.iv) {
            return Err(Failure::Invalid);
        }
        // NIST SP 800-38D, 5.2.1.2.
        let is_tag = matches!(tag_length, 4 | 8 | 12..=16);
        if kind.is_authenticated() && !is_tag {
            return Err(Failure::Invalid);
        }
        Ok(Cipher {
            engine: engine(kind.mode, encrypts, key, iv)?,
            encrypts,
            tag: vec![],
            tag_length,
        })
    }

    /// Whether the last block is filled up (PKCS #7), as it is unless this is called.
    pub fn set_padding(&mut self, is_wanted: bool) {
        if let Engine::Blocks { padding, .. } = &mut self.engine {
            *padding = is_wanted;
        }
    }

    /// Adds data that is authenticated and not encrypted; before any other data.
    ///
    /// # Errors
    ///
    /// The cipher authenticates nothing, or there was other data.
    pub fn authenticate(&mut self, data: &[u8]) -> Result<(), Failure> {
        match &mut self.engine {
            Engine::Sealer(sealer) => sealer.authenticate(data),
            _ => Err(Failure::Unsupported),
        }
    }

    /// The tag that a decryption has to meet at its end.
    pub fn expect(&mut self, tag: &[u8]) {
        self.tag = tag.to_vec();
    }

    /// Encrypts or decrypts more.
    ///
    /// # Errors
    ///
    /// More data than the cipher can take, or a wrapped key that the key has not wrapped.
    pub fn update(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        match &mut self.engine {
            Engine::Blocks { engine, padding, rest } => {
                rest.extend_from_slice(data);
                let mut whole = rest.len() - rest.len() % BLOCK;
                // The last block may be padding.
                if *padding && !self.encrypts && whole == rest.len() {
                    whole = whole.saturating_sub(BLOCK);
                }
                let kept = rest.split_off(whole);
                let mut done = std::mem::replace(rest, kept);
                engine.apply(&mut done);
                Ok(done)
            }
            Engine::Stream(stream) => {
                let mut done = data.to_vec();
                stream.try_apply_keystream(&mut done).map_err(|_| Failure::Limit)?;
                Ok(done)
            }
            Engine::Sealer(sealer) => sealer.update(data, self.encrypts),
            Engine::Wrap(key) => match self.encrypts {
                true => wrap(key, data),
                false => unwrap(key, data),
            },
        }
    }

    /// What is left, at the end.
    ///
    /// # Errors
    ///
    /// [`Failure::Length`] of data that does not fill its blocks, [`Failure::Mismatch`] of padding or a tag that is none.
    pub fn finish(&mut self) -> Result<Vec<u8>, Failure> {
        match &mut self.engine {
            Engine::Blocks { engine, padding, rest } => {
                let mut last = std::mem::take(rest);
                if self.encrypts && *padding {
                    let missing = BLOCK - last.len() % BLOCK;
                    last.resize(last.len() + missing, missing as u8);
                }
                if last.len() % BLOCK != 0 || (*padding && last.is_empty()) {
                    return Err(Failure::Length);
                }
                engine.apply(&mut last);
                if !self.encrypts && *padding {
                    let missing = usize::from(last.last().copied().unwrap_or_default());
                    let data = last.len().checked_sub(missing).ok_or(Failure::Mismatch)?;
                    if missing == 0 || last[data..].iter().any(|byte| usize::from(*byte) != missing) {
                        return Err(Failure::Mismatch);
                    }
                    last.truncate(data);
                }
                Ok(last)
            }
            Engine::Stream(_) | Engine::Wrap(_) => Ok(vec![]),
            Engine::Sealer(sealer) => {
                let tag = sealer.tag();
                if self.encrypts {
                    self.tag = tag[..self.tag_length].to_vec();
                    return Ok(vec![]);
                }
                let wanted = &self.tag;
                let is_tag = matches!(wanted.len(), 4 | 8 | 12..=16) && crate::equal(wanted, &tag[..wanted.len()]);
                if is_tag { Ok(vec![]) } else { Err(Failure::Mismatch) }
            }
        }
    }

    /// The tag, after the end of an encryption.
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }
}

fn engine(mode: Mode, encrypts: bool, key: &[u8], iv: &[u8]) -> Result<Engine, Failure> {
    let invalid = |_| Failure::Invalid;
    let blocks = |engine| Engine::Blocks {
        engine,
        padding: true,
        rest: vec![],
    };
    match (mode, encrypts) {
        (Mode::Cbc, true) => with_aes!(key, Aes => {
            let engine = cbc::Encryptor::<Aes>::new_from_slices(key, iv).map_err(invalid)?;
            Ok(blocks(Box::new(Encrypting(engine))))
        }),
        (Mode::Cbc, false) => with_aes!(key, Aes => {
            let engine = cbc::Decryptor::<Aes>::new_from_slices(key, iv).map_err(invalid)?;
            Ok(blocks(Box::new(Decrypting(engine))))
        }),
        (Mode::Ecb, true) => with_aes!(key, Aes => {
            let engine = ecb::Encryptor::<Aes>::new_from_slice(key).map_err(invalid)?;
            Ok(blocks(Box::new(Encrypting(engine))))
        }),
        (Mode::Ecb, false) => with_aes!(key, Aes => {
            let engine = ecb::Decryptor::<Aes>::new_from_slice(key).map_err(invalid)?;
            Ok(blocks(Box::new(Decrypting(engine))))
        }),
        (Mode::Ctr, _) => with_aes!(key, Aes => {
            let engine = ctr::Ctr128BE::<Aes>::new_from_slices(key, iv).map_err(invalid)?;
            Ok(Engine::Stream(Box::new(engine)))
        }),
        (Mode::Gcm, _) => Ok(Engine::Sealer(Gcm::begin(key, iv)?)),
        (Mode::Poly1305, _) => Ok(Engine::Sealer(Box::new(ChaCha::new(key, iv)?))),
        (Mode::Wrap, _) if iv != WRAP_IV => Err(Failure::Unsupported),
        (Mode::Wrap, _) => Ok(Engine::Wrap(key.to_vec())),
    }
}

fn wrap(key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failure> {
    with_aes!(key, Aes => {
        let kek = Kek::<Aes>::try_from(key).map_err(|_| Failure::Invalid)?;
        kek.wrap_vec(data).map_err(|_| Failure::Length)
    })
}

fn unwrap(key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failure> {
    with_aes!(key, Aes => {
        let kek = Kek::<Aes>::try_from(key).map_err(|_| Failure::Invalid)?;
        kek.unwrap_vec(data).map_err(|error| match error {
            aes_kw::Error::IntegrityCheckFailed => Failure::Mismatch,
            _ => Failure::Length,
        })
    })
}
