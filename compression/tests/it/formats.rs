//! What is the libraries' own to say: errors, members, dictionaries, parameters.

use crate::support::{deflating, frames, inflating, pair, run, text, whole};
use compression::{Deflating, Failure, Format, Inflating, Stream, adler32, crc32, frame, train};

fn gzip(content: &[u8]) -> Vec<u8> {
    whole(Format::Deflate(deflating(6, 31)), content, 4).unwrap()
}

fn inflate(settings: Inflating, packed: &[u8]) -> Result<Vec<u8>, Failure> {
    whole(Format::Inflate(settings), packed, 0)
}

#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T, Failure>, number: i32, text: &str) {
    let failure = result.unwrap_err();
    assert_eq!((failure.number, failure.text.as_str()), (number, text));
}

#[test]
fn failures_are_said_as_zlib_says_them() {
    let zlib = whole(Format::Deflate(deflating(6, 15)), b"hello hello hello", 4).unwrap();
    fails(inflate(inflating(15), b"no header"), -3, "incorrect header check");
    fails(inflate(inflating(31), b"no header"), -3, "incorrect header check");
    fails(inflate(inflating(15), &[0x79, 0x18]), -3, "unknown compression method");
    fails(inflate(inflating(9), &zlib), -3, "invalid window size");
    fails(inflate(inflating(-15), &[0xff; 20]), -3, "invalid block type");
    fails(
        inflate(inflating(-15), &[0, 1, 2, 3, 4]),
        -3,
        "invalid stored block lengths",
    );
    let mut broken = zlib.clone();
    *broken.last_mut().unwrap() ^= 1;
    fails(inflate(inflating(15), &broken), -3, "incorrect data check");
    let mut broken = gzip(b"hello");
    *broken.last_mut().unwrap() ^= 1;
    fails(inflate(inflating(47), &broken), -3, "incorrect length check");
    fails(
        Stream::open(Format::Inflate(inflating(7))).map(drop),
        -2,
        "stream error",
    );
    fails(
        Stream::open(Format::Deflate(deflating(10, 15))).map(drop),
        -2,
        "stream error",
    );
}

#[test]
fn members_follow_each_other_until_a_zero() {
    let two = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(inflate(inflating(31), &two).unwrap(), b"one two");
    assert_eq!(inflate(inflating(47), &two).unwrap(), b"one two");
    let first = Inflating {
        members: false,
        ..inflating(31)
    };
    assert_eq!(inflate(first, &two).unwrap(), b"one ");
    let padded = [gzip(b"one"), vec![0, 0, 1]].concat();
    let mut stream = Stream::open(Format::Inflate(inflating(31))).unwrap();
    let progress = stream.push(&padded, 0, 100).unwrap();
    assert_eq!(
        (progress.output, progress.taken, progress.is_end),
        (b"one".to_vec(), padded.len() - 3, true)
    );
    let garbage = [gzip(b"one"), b"xyz".to_vec()].concat();
    fails(inflate(inflating(31), &garbage), -3, "incorrect header check");
    // A byte at a time, and with no room but one byte.
    let mut stream = Stream::open(Format::Inflate(inflating(47))).unwrap();
    let bytes: Vec<(&[u8], u8)> = two.chunks(1).map(|byte| (byte, 0)).collect();
    assert_eq!(run(&mut stream, &bytes, 1).unwrap(), b"one two");
    // zlib's header has no members.
    let zlib = whole(Format::Deflate(deflating(6, 15)), b"one", 4).unwrap();
    let twice = [zlib.clone(), zlib].concat();
    assert_eq!(inflate(inflating(47), &twice).unwrap(), b"one");
}

#[test]
fn dictionaries_are_asked_for_and_have_to_fit() {
    let dictionary = Some(b"hello world".to_vec());
    let settings = Deflating {
        dictionary: dictionary.clone(),
        ..deflating(6, 15)
    };
    let packed = whole(Format::Deflate(settings.clone()), b"hello world, hello", 4).unwrap();
    let with = |dictionary: Option<&[u8]>, window_bits| Inflating {
        dictionary: dictionary.map(<[u8]>::to_vec),
        ..inflating(window_bits)
    };
    assert_eq!(
        inflate(with(Some(b"hello world"), 15), &packed).unwrap(),
        b"hello world, hello"
    );
    fails(inflate(with(None, 15), &packed), 2, "Missing dictionary");
    fails(inflate(with(Some(b"other"), 15), &packed), 2, "Bad dictionary");
    let raw = Deflating {
        window_bits: -15,
        ..settings.clone()
    };
    let packed = whole(Format::Deflate(raw), b"hello world, hello", 4).unwrap();
    assert_eq!(
        inflate(with(Some(b"hello world"), -15), &packed).unwrap(),
        b"hello world, hello"
    );
    fails(inflate(with(None, -15), &packed), -3, "invalid distance too far back");
    let gzip = Deflating {
        window_bits: 31,
        ..settings
    };
    fails(Stream::open(Format::Deflate(gzip)).map(drop), -2, "stream error");
    let with = |parameters| compression::Frames {
        dictionary: dictionary.clone(),
        ..frames(parameters)
    };
    let packed = whole(Format::ZstdCompress(with(&[])), b"hello world, hello", 2).unwrap();
    assert_eq!(
        whole(Format::ZstdDecompress(with(&[])), &packed, 0).unwrap(),
        b"hello world, hello"
    );
}

#[test]
fn a_level_and_a_strategy_can_change() {
    let content = text(100_000);
    for window_bits in [31, 15, 9, -15, -9] {
        let mut stream = Stream::open(Format::Deflate(deflating(0, window_bits))).unwrap();
        // Before anything is there to be lost.
        stream.tune(0, 2).unwrap();
        stream.tune(0, 0).unwrap();
        let mut packed = run(&mut stream, &[(&content, 0)], 1 << 20).unwrap();
        fails(stream.tune(9, 0), -5, "buffer error");
        packed.extend(run(&mut stream, &[(&[], 2)], 1 << 20).unwrap());
        let stored = packed.len();
        assert!(stored > content.len());
        stream.tune(9, 0).unwrap();
        packed.extend(run(&mut stream, &[(&content, 2)], 1 << 20).unwrap());
        assert!(packed.len() < stored + stored / 2);
        stream.tune(6, 2).unwrap();
        // The trailer a byte at a time.
        packed.extend(run(&mut stream, &[(&content, 4)], 1).unwrap());
        let all = [&content[..], &content, &content].concat();
        assert!(
            inflate(inflating(window_bits), &packed).unwrap() == all,
            "{window_bits}"
        );
        fails(stream.tune(10, 0), -2, "stream error");
        fails(stream.tune(1, 9), -2, "stream error");
        stream.restart().unwrap();
        let again = run(&mut stream, &[(&content, 4)], 1 << 20).unwrap();
        assert!(
            inflate(inflating(window_bits), &again).unwrap() == content,
            "{window_bits}"
        );
    }
}

#[test]
fn failures_are_said_as_the_others_say_them() {
    let brotli = |bytes: &[u8]| whole(Format::BrotliDecode(Vec::new()), bytes, 0);
    fails(brotli(&[0xff; 20]), -15, "_ERROR_FORMAT_PADDING_2");
    fails(
        Stream::open(Format::BrotliDecode(vec![(1, 1)])).map(drop),
        -2,
        "stream error",
    );
    let zstd = |bytes: &[u8]| whole(Format::ZstdDecompress(frames(&[])), bytes, 0);
    fails(zstd(b"no frame at all"), 10, "Unknown frame descriptor");
    fails(
        Stream::open(Format::ZstdCompress(frames(&[(101, 28)]))).map(drop),
        42,
        "Parameter is out of bound",
    );
    fails(
        Stream::open(Format::ZstdCompress(frames(&[(1, 1)]))).map(drop),
        40,
        "Unsupported parameter",
    );
    fails(
        whole(Format::Bzip2Decompress, b"no bzip2", 0),
        -5,
        "Invalid data stream",
    );
    fails(
        whole(pair(13).unpacks, b"no xz at all", 0),
        7,
        "Input format not supported by decoder",
    );
}

#[test]
fn frames_say_what_they_are() {
    let content = text(5000);
    let pledged = compression::Frames {
        pledged: Some(5000),
        ..frames(&[])
    };
    let packed = whole(Format::ZstdCompress(pledged.clone()), &content, 2).unwrap();
    let facts = frame(&packed).unwrap();
    assert_eq!(
        (facts.length, facts.content, facts.dictionary),
        (Some(packed.len() as u64), Some(5000), 0)
    );
    assert_eq!(frame(&packed[..20]).unwrap().length, None);
    assert!(frame(b"no frame at all").is_err());
    let mut stream = Stream::open(Format::ZstdCompress(pledged)).unwrap();
    let pieces: [(&[u8], u8); 2] = [(&content[..100], 0), (&content[101..], 2)];
    fails(run(&mut stream, &pieces, 1 << 20), 72, "Src size is incorrect");
}

#[test]
fn dictionaries_are_made_of_samples() {
    let samples: Vec<Vec<u8>> = (0..400)
        .map(|number| format!("{{\"name\": \"guest {number}\", \"host\": \"here\"}}").into_bytes())
        .collect();
    let lengths: Vec<u32> = samples.iter().map(|sample| sample.len() as u32).collect();
    let dictionary = train(&samples.concat(), &lengths, 4096).unwrap();
    let with = || compression::Frames {
        dictionary: Some(dictionary.clone()),
        ..frames(&[])
    };
    let packed = whole(Format::ZstdCompress(with()), &samples[7], 2).unwrap();
    let plain = whole(Format::ZstdCompress(frames(&[])), &samples[7], 2).unwrap();
    assert!(packed.len() < plain.len());
    assert_ne!(frame(&packed).unwrap().dictionary, 0);
    assert_eq!(whole(Format::ZstdDecompress(with()), &packed, 0).unwrap(), samples[7]);
    assert!(train(b"abc", &[4], 100).is_err());
    assert!(train(b"", &[], 100).is_err());
}

#[test]
fn checksums_are_the_usual_ones() {
    assert_eq!((crc32(0, b"hello"), adler32(1, b"hello")), (0x3610_a686, 0x062c_0215));
    assert_eq!(crc32(crc32(0, b"hel"), b"lo"), 0x3610_a686);
    assert_eq!(adler32(adler32(1, b"hel"), b"lo"), 0x062c_0215);
}
