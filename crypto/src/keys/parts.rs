//! The numbers of a key, by their names in a JWK (RFC 7518, 6; RFC 8037).

use super::curve::{Curve, padded};
use super::rsa::{RsaPrivate, RsaPublic};
use super::{Key, Private, Public};
use crate::Failure;

/// A name and its bytes; those of a curve's name are text.
pub type Part = (String, Vec<u8>);

const RSA: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

impl Key {
    /// The parts, with `kty` and `crv`.
    pub fn parts(&self) -> Vec<Part> {
        let part = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        let public = self.public();
        let mut parts = match &public {
            Public::Rsa(key) => vec![part("kty", b"RSA"), part("n", &key.n), part("e", &key.e)],
            Public::Ec(curve, point) => {
                let (x, y) = point[1..].split_at(curve.length());
                let name = curve.web_name().as_bytes();
                vec![part("kty", b"EC"), part("x", x), part("y", y), part("crv", name)]
            }
            Public::Ed25519(key) => vec![part("crv", b"Ed25519"), part("x", key), part("kty", b"OKP")],
            Public::X25519(key) => vec![part("crv", b"X25519"), part("x", key), part("kty", b"OKP")],
        };
        match self {
            Key::Public(_) => {}
            Key::Private(Private::Rsa(key)) => {
                parts.extend(
                    RSA[2..]
                        .iter()
                        .zip(&key.numbers)
                        .map(|(name, number)| part(name, number)),
                );
            }
            Key::Private(Private::Ec(_, secret, _)) => parts.push(part("d", secret)),
            Key::Private(Private::Ed25519(secret) | Private::X25519(secret)) => parts.push(part("d", secret)),
        }
        parts
    }

    /// The key of these parts: a private one, where `d` is there.
    ///
    /// # Errors
    ///
    /// A part is missing, or they do not belong together.
    pub fn assemble(parts: &[Part]) -> Result<Key, Failure> {
        let found = |name: &str| {
            let part = parts.iter().find(|(own, _)| own == name);
            part.map(|(_, bytes)| bytes.as_slice())
        };
        let get = |name: &str| found(name).ok_or(Failure::Invalid);
        match get("kty")? {
            b"RSA" if found("d").is_none() => Ok(Key::Public(Public::Rsa(RsaPublic::new(get("n")?, get("e")?)?))),
            b"RSA" => {
                let mut numbers: [&[u8]; 8] = [&[]; 8];
                for (number, name) in numbers.iter_mut().zip(RSA) {
                    *number = get(name)?;
                }
                Ok(Key::Private(Private::Rsa(Box::new(RsaPrivate::new(numbers)?))))
            }
            b"EC" => {
                let name = std::str::from_utf8(get("crv")?).map_err(|_| Failure::Unsupported)?;
                let curve = Curve::find(name).filter(|curve| curve.web_name() == name);
                let curve = curve.ok_or(Failure::Unsupported)?;
                let [x, y] = [padded(get("x")?, curve.length())?, padded(get("y")?, curve.length())?];
                let point = curve.point(&[&[4], x.as_slice(), y.as_slice()].concat())?;
                let Some(secret) = found("d") else {
                    return Ok(Key::Public(Public::Ec(curve, point)));
                };
                let secret = curve.secret(secret)?;
                if curve.point_of(&secret)? != point {
                    return Err(Failure::Invalid);
                }
                Ok(Key::Private(Private::Ec(curve, secret, point)))
            }
            b"OKP" => {
                let array = |name| get(name)?.try_into().map_err(|_| Failure::Invalid);
                let public: [u8; 32] = array("x")?;
                let secret: Option<[u8; 32]> = found("d").map(|_| array("d")).transpose()?;
                let key = match (get("crv")?, secret) {
                    (b"Ed25519", Some(seed)) => Key::Private(Private::Ed25519(seed)),
                    (b"Ed25519", None) => Key::Public(Public::Ed25519(public)),
                    (b"X25519", Some(secret)) => Key::Private(Private::X25519(secret)),
                    (b"X25519", None) => Key::Public(Public::X25519(public)),
                    _ => return Err(Failure::Unsupported),
                };
                let own = key.parts().into_iter().find(|(name, _)| name == "x");
                if own.is_some_and(|(_, own)| own == public) {
                    Ok(key)
                } else {
                    Err(Failure::Invalid)
                }
            }
            _ => Err(Failure::Unsupported),
        }
    }
}
