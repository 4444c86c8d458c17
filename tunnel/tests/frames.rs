//! Frames: what is written is read again, and nothing else passes.

use bytes::Bytes;
use proptest::prelude::*;
use tunnel::pipe::{Bye, Frame, Hello, MAX_FRAME, MAX_TEXT, Malformed, Refused, SessionId, Text, Welcome};

fn frames() -> impl Strategy<Value = Frame> {
    let text = ".{0,80}".prop_map(|text| Text::new(&text));
    let hello = (
        any::<[u8; 16]>(),
        any::<u32>(),
        any::<u64>(),
        any::<u32>(),
        text.clone(),
    )
        .prop_map(|(session, epoch, received, buffer, agent)| {
            Frame::Hello(Hello {
                session: SessionId(session),
                epoch,
                received,
                buffer,
                agent,
            })
        });
    let welcome = (
        any::<[u8; 16]>(),
        any::<u64>(),
        any::<u32>(),
        any::<u16>(),
        any::<u16>(),
    )
        .prop_map(|(session, received, buffer, linger, ping)| {
            Frame::Welcome(Welcome {
                session: SessionId(session),
                received,
                buffer,
                linger,
                ping,
            })
        });
    let refused = (any::<u16>(), text.clone()).prop_map(|(code, text)| {
        Frame::Refused(Refused {
            code: code.into(),
            text,
        })
    });
    let bye = (any::<u16>(), text).prop_map(|(code, text)| Frame::Bye(Bye { code, text }));
    prop_oneof![
        hello,
        welcome,
        refused,
        bye,
        any::<u64>().prop_map(Frame::Ack),
        any::<u64>().prop_map(Frame::Ping),
        any::<u64>().prop_map(Frame::Pong),
        (128..=255u8).prop_map(Frame::Extension),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(frame in frames()) {
        prop_assert_eq!(Frame::decode(frame.encode()), Ok(frame));
    }

    #[test]
    fn data_is_its_bytes(payload in proptest::collection::vec(any::<u8>(), 1..2000)) {
        let wire = Bytes::from([vec![4], payload.clone()].concat());
        let frame = Frame::decode(wire.clone()).expect("DATA");
        let Frame::Data(data) = &frame else { panic!("{frame:?}") };
        prop_assert_eq!(data.payload(), &payload[..]);
        prop_assert_eq!(frame.encode(), wire);
    }

    #[test]
    fn what_is_decoded_is_encoded_as_it_was(kind in 0u8..12, rest in proptest::collection::vec(0x20u8..0x7f, 0..60)) {
        let wire = Bytes::from([vec![kind], rest].concat());
        if let Ok(frame) = Frame::decode(wire.clone()) {
            prop_assert_eq!(frame.encode(), wire);
        }
    }

    #[test]
    fn garbage_is_no_panic_and_no_long_text(wire in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let decoded = Frame::decode(Bytes::from(wire));
        if let Ok(Frame::Bye(Bye { text, .. }) | Frame::Refused(Refused { text, .. })) = decoded {
            prop_assert!(text.as_str().len() <= MAX_TEXT);
            prop_assert!(!text.as_str().contains(char::is_control));
        }
    }
}

#[test]
fn each_kind_of_wrong_frame_has_its_error() {
    let decode = |wire: &[u8]| Frame::decode(Bytes::copy_from_slice(wire));
    assert_eq!(decode(&[]), Err(Malformed::Length(0)));
    assert_eq!(decode(&[4]), Err(Malformed::Length(4)), "DATA without bytes");
    assert_eq!(decode(&[5, 0, 0]), Err(Malformed::Length(5)), "a short ACK");
    assert_eq!(decode(&[6; 10]), Err(Malformed::Length(6)), "a long PING");
    assert_eq!(decode(&[9, 1]), Err(Malformed::Type(9)));
    assert_eq!(decode(&[1, b'W', b'R', b'P', b'2']), Err(Malformed::Magic));
    assert_eq!(decode(b"GET / HTTP/1.1"), Err(Malformed::Type(b'G')));
    assert_eq!(
        decode(&vec![4; MAX_FRAME + 1]),
        Err(Malformed::Oversized(MAX_FRAME + 1))
    );
    assert_eq!(
        decode(&vec![4; MAX_FRAME]),
        Err(Malformed::Length(4)),
        "more than a DATA frame has"
    );
}
