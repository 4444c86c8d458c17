//! Keys as text (RFC 7468), also those that were encrypted as PEM itself had it (RFC 1421, OpenSSL's `PEM_read_bio`).

use crate::cipher::{Cipher, CipherKind};
use crate::{Algorithm, Failure, digest};
use pkcs8::der::pem::{LineEnding, decode_vec, encode_string};

/// The label, and the DER.
pub(crate) fn read(text: &[u8], password: Option<&[u8]>) -> Result<(String, Vec<u8>), Failure> {
    let text = std::str::from_utf8(text).map_err(|_| Failure::Invalid)?;
    let begin = text.find("-----BEGIN ").ok_or(Failure::Invalid)?;
    let text = &text[begin..];
    let label = text["-----BEGIN ".len()..].split("-----").next().unwrap_or_default();
    let end = format!("-----END {label}-----");
    let until = text.find(&end).ok_or(Failure::Invalid)?;
    // Curves come in front of OpenSSL's own keys, and the key follows.
    if label == "EC PARAMETERS" {
        return read(&text.as_bytes()[until + end.len()..], password);
    }
    let header = format!("-----BEGIN {label}-----");
    let body = text[header.len()..until].trim_start();
    let (headers, body) = match body.starts_with("Proc-Type:") {
        true => body
            .split_once("\n\n")
            .or_else(|| body.split_once("\r\n\r\n"))
            .ok_or(Failure::Invalid)?,
        false => ("", body),
    };
    let lines: String = body.split_ascii_whitespace().collect();
    let der = decoded(label, &lines)?;
    let der = match headers.lines().find_map(|line| line.strip_prefix("DEK-Info:")) {
        Some(info) => decrypted(info.trim(), &der, password.ok_or(Failure::Locked)?)?,
        None => der,
    };
    Ok((label.to_owned(), der))
}

/// Lines of any length, as OpenSSL reads them.
fn decoded(label: &str, base64: &str) -> Result<Vec<u8>, Failure> {
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    let (_, der) = decode_vec(text.as_bytes()).map_err(|_| Failure::Invalid)?;
    Ok(der)
}

/// `AES-128-CBC,` and a salt, which is the initialization vector, too; the key is by MD5 (EVP_BytesToKey, one round).
fn decrypted(info: &str, der: &[u8], password: &[u8]) -> Result<Vec<u8>, Failure> {
    let (name, salt) = info.split_once(',').ok_or(Failure::Invalid)?;
    let kind = CipherKind::find(&name.to_lowercase()).filter(|kind| kind.iv == 16);
    let kind = kind.ok_or(Failure::Unsupported)?;
    let salt = data_encoding::HEXUPPER_PERMISSIVE.decode(salt.trim().as_bytes());
    let salt = salt.ok().filter(|salt| salt.len() == kind.iv).ok_or(Failure::Invalid)?;
    let mut key = Vec::new();
    let mut last = Vec::new();
    while key.len() < kind.key {
        last = digest(Algorithm::Md5, &[&last, password, &salt[..8]].concat(), None)?;
        key.extend_from_slice(&last);
    }
    let mut cipher = Cipher::new(kind, false, &key[..kind.key], &salt, 0)?;
    let mut plain = cipher.update(der)?;
    plain.extend(cipher.finish().map_err(|_| Failure::Mismatch)?);
    Ok(plain)
}

pub(crate) fn write(label: &'static str, der: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = encode_string(label, LineEnding::LF, der).map_err(|_| Failure::Invalid)?;
    Ok(text.into_bytes())
}
