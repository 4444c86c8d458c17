//! `wasmrun:host/derivation`: keys from passwords, which are made to be slow and would take an interpreter minutes.

use crate::host::Host;
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

/// Longest key, in bytes.
const LONGEST: u32 = 1 << 16;
/// Most memory that scrypt may take, in bytes. It is not the guest's.
const MEMORY: u128 = 256 << 20;
/// Most that it may write there in all, in bytes: half a minute's work.
const WORK: u128 = 16 << 30;
/// Most blocks of PBKDF2, in all: two minutes' work.
const ROUNDS: u64 = 200_000_000;

type Bytes = Vec<u8>;

pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut derivation = linker.instance("wasmrun:host/derivation@0.1.0")?;
    derivation.func_wrap_async(
        "pbkdf2",
        |_: StoreContextMut<'_, Host>, (hash, password, salt, rounds, length): (String, Bytes, Bytes, u32, u32)| {
            Box::new(aside(move || pbkdf2(&hash, &password, &salt, rounds, length)))
        },
    )?;
    derivation.func_wrap_async(
        "scrypt",
        |_: StoreContextMut<'_, Host>, (password, salt, n, r, p, length): (Bytes, Bytes, u32, u32, u32, u32)| {
            Box::new(aside(move || scrypt(&password, &salt, [n, r, p], length)))
        },
    )
}

/// Computes on a thread of its own, so that connections and orders go on.
async fn aside(compute: impl FnOnce() -> Result<Bytes, String> + Send + 'static) -> Result<(Result<Bytes, String>,)> {
    Ok((tokio::task::spawn_blocking(compute).await?,))
}

fn pbkdf2(hash: &str, password: &[u8], salt: &[u8], rounds: u32, length: u32) -> Result<Bytes, String> {
    let derive = match hash {
        "sha1" => pbkdf2::pbkdf2_hmac::<sha1::Sha1>,
        "sha224" => pbkdf2::pbkdf2_hmac::<sha2::Sha224>,
        "sha256" => pbkdf2::pbkdf2_hmac::<sha2::Sha256>,
        "sha384" => pbkdf2::pbkdf2_hmac::<sha2::Sha384>,
        "sha512" => pbkdf2::pbkdf2_hmac::<sha2::Sha512>,
        _ => return Err(format!("unsupported hash type {hash}")),
    };
    // No hash has less than 20 bytes.
    if length > LONGEST || u64::from(rounds) * u64::from(length / 20 + 1) > ROUNDS {
        return Err("time limit exceeded".to_owned());
    }
    let mut key = vec![0; length as usize];
    derive(password, salt, rounds, &mut key);
    Ok(key)
}

fn scrypt(password: &[u8], salt: &[u8], [n, r, p]: [u32; 3], length: u32) -> Result<Bytes, String> {
    let [wide_n, wide_r, wide_p] = [n, r, p].map(u128::from);
    let (takes, works) = (128 * wide_r * (wide_n + wide_p), 128 * wide_r * wide_n * wide_p);
    if length > LONGEST || takes > MEMORY || works > WORK {
        return Err("memory limit exceeded".to_owned());
    }
    let parameters = scrypt::Params::new(n.max(1).ilog2() as u8, r, p, scrypt::Params::RECOMMENDED_LEN)
        .map_err(|_| "invalid parameters of scrypt".to_owned())?;
    let mut key = vec![0; length as usize];
    scrypt::scrypt(password, salt, &parameters, &mut key).map_err(|_| "invalid length of the key".to_owned())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 6070 and RFC 7914, "Test Vectors".
    #[test]
    fn keys_are_as_in_the_standards() {
        let key = pbkdf2("sha1", b"password", b"salt", 4096, 20).unwrap();
        assert_eq!(hex(&key), "4b007901b765489abead49d926f721d065a429c1");
        let key = pbkdf2("sha256", b"passwd", b"salt", 1, 64).unwrap();
        assert!(hex(&key).starts_with("55ac046e56e3089fec1691c22544b605"));
        let key = scrypt(b"password", b"NaCl", [1024, 8, 16], 64).unwrap();
        assert!(hex(&key).starts_with("fdbabe1c9d3472007856e7190d01e9fe"));
        let key = scrypt(b"", b"", [16, 1, 1], 64).unwrap();
        assert!(hex(&key).starts_with("77d6576238657b203b19ca42c18a0497"));
    }

    #[test]
    fn what_would_never_end_is_refused() {
        assert!(pbkdf2("sha256", b"", b"", u32::MAX, 32).is_err());
        assert!(pbkdf2("md4", b"", b"", 1, 32).is_err());
        assert!(scrypt(b"", b"", [1 << 31, 8, 1], 32).is_err());
        assert!(scrypt(b"", b"", [2, u32::MAX, u32::MAX], 32).is_err());
        assert!(scrypt(b"", b"", [0, 0, 0], 32).is_err());
    }
}
