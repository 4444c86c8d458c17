//! What the usual tools pack is read here, and the other way round.

use crate::support::{decoding, deflating, encoding, frames, inflating, text, whole};
use compression::{Container, Format};
use std::io::Write;
use std::process::{Command, Stdio};

/// What a tool makes of its input; none where it is not installed.
fn by(tool: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: {}: {error}", tool[0]);
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeds = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeds.join().unwrap().unwrap();
    assert!(output.status.success(), "{tool:?}");
    Some(output.stdout)
}

#[track_caller]
fn agrees(packs: &[&str], unpacks: &[&str], ours: (Format, u8), reads: Format) {
    let content = text(300_000);
    if let Some(packed) = by(packs, &content) {
        assert!(whole(reads, &packed, 0).unwrap() == content, "of {packs:?}");
    }
    let packed = whole(ours.0, &content, ours.1).unwrap();
    if let Some(unpacked) = by(unpacks, &packed) {
        assert!(unpacked == content, "by {unpacks:?}");
    }
}

#[test]
fn gzip_agrees() {
    let ours = Format::Deflate(deflating(6, 31));
    agrees(
        &["gzip", "-c"],
        &["gzip", "-dc"],
        (ours, 4),
        Format::Inflate(inflating(31)),
    );
}

#[test]
fn zlib_agrees() {
    let packs = "import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))";
    let unpacks = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let ours = Format::Deflate(deflating(9, 15));
    agrees(
        &["python3", "-c", packs],
        &["python3", "-c", unpacks],
        (ours, 4),
        Format::Inflate(inflating(47)),
    );
}

#[test]
fn brotli_agrees() {
    // Node has Brotli where brotli(1) is not installed.
    let packs = "process.stdout.write(zlib.brotliCompressSync(fs.readFileSync(0)))";
    let unpacks = "process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(0)))";
    for quality in [0, 1, 5, 9, 10, 11] {
        let ours = Format::BrotliEncode(vec![(1, quality)]);
        let reads = Format::BrotliDecode(Vec::new());
        agrees(&["node", "-e", packs], &["node", "-e", unpacks], (ours, 2), reads);
    }
}

#[test]
fn zstd_agrees() {
    for level in [1, 3, 19] {
        let ours = Format::ZstdCompress(frames(&[(100, level), (201, 1)]));
        let option = format!("-{level}");
        let reads = Format::ZstdDecompress(frames(&[]));
        agrees(&["zstd", "-q", "-c", &option], &["zstd", "-q", "-dc"], (ours, 2), reads);
    }
}

#[test]
fn bzip2_agrees() {
    agrees(
        &["bzip2", "-c"],
        &["bzip2", "-dc"],
        (Format::Bzip2Compress(9), 2),
        Format::Bzip2Decompress,
    );
}

#[test]
fn xz_agrees() {
    let ours = || Format::LzmaEncode(encoding(Container::Xz, Vec::new()));
    let reads = || Format::LzmaDecode(decoding(Container::Auto, Vec::new()));
    agrees(&["xz", "-c"], &["xz", "-dc"], (ours(), 3), reads());
    // Of whose head a larger dictionary is asked for.
    agrees(&["xz", "-9", "-c"], &["xz", "-dc"], (ours(), 3), reads());
    let ours = Format::LzmaEncode(encoding(Container::Alone, Vec::new()));
    agrees(
        &["xz", "--format=lzma", "-c"],
        &["xz", "--format=lzma", "-dc"],
        (ours, 3),
        reads(),
    );
}
