//! DER (X.690), as far as elements have to be told apart: their tags and lengths.

/// `SEQUENCE`.
pub(crate) const SEQUENCE: u8 = 0x30;
/// `OCTET STRING`.
pub(crate) const OCTETS: u8 = 0x04;
/// `OBJECT IDENTIFIER`.
pub(crate) const OBJECT: u8 = 0x06;

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
    /// What comes after it.
    pub(crate) rest: &'a [u8],
}

/// The first element; none where there is no whole one.
pub(crate) fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, after) = bytes.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        // Four bytes are more than there can be; an indefinite length (0x80) is not DER.
        0x81..=0x84 => {
            let (length, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            let length = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            (usize::try_from(length).ok()?, after)
        }
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(length)?;
    Some(Element {
        tag,
        content,
        whole: &bytes[..bytes.len() - rest.len()],
        rest,
    })
}

/// The elements one after another, up to the first that is not whole.
pub(crate) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let element = element(bytes)?;
        bytes = element.rest;
        Some(element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_told_apart() {
        let bytes = [0x30, 2, 5, 0, 0x04, 0x81, 1, 7, 0x30];
        let found: Vec<_> = elements(&bytes).map(|element| (element.tag, element.content)).collect();
        assert_eq!(found, [(0x30, &[5, 0][..]), (0x04, &[7][..])]);
        for wrong in [
            &[][..],
            &[0x30],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 2, 0],
        ] {
            assert!(element(wrong).is_none(), "{wrong:?}");
        }
    }
}
