//! Random numbers of the system, for salts and keys.

use crate::Failure;
use rand_core::{OsRng, RngCore};

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn random_bytes(length: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    OsRng.try_fill_bytes(bytes).map_err(|_| Failure::Limit)
}
