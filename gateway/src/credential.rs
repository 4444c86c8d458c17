//! What a client presents to be let in.

use super::secret::Secret;
use data_encoding::BASE64;
use http::{HeaderMap, header};

/// Longest field that is looked at, in bytes.
const LONGEST: usize = 1024;

/// What is in `Authorization`.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented {
    /// It is not there.
    Nothing,
    /// A token, as Bearer (RFC 6750), or as the password of Basic (RFC 7617) with any user's name.
    Token(Secret),
    /// It is there, and none of these.
    Malformed,
}

/// Reads it. Two of it are none: who had put the other one there?
pub fn presented(headers: &HeaderMap) -> Presented {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (fields.next(), fields.next());
    let Some(field) = first else {
        return Presented::Nothing;
    };
    let token = field
        .to_str()
        .ok()
        .filter(|field| field.len() <= LONGEST)
        .and_then(token);
    match token.filter(|_| second.is_none()) {
        Some(token) => Presented::Token(Secret::from_text(token)),
        None => Presented::Malformed,
    }
}

fn token(field: &str) -> Option<String> {
    let (scheme, rest) = field.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    let is_plain = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if scheme.eq_ignore_ascii_case("bearer") {
        return is_plain(rest).then(|| rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
    let (_, password) = pair.split_once(':')?;
    is_plain(password).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn of(fields: &[&str]) -> Presented {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        presented(&headers)
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_a_password() {
        let token = Presented::Token(Secret::from_text("wr_x"));
        assert_eq!(of(&[]), Presented::Nothing);
        assert_eq!(of(&["Bearer wr_x"]), token);
        assert_eq!(of(&["bearer  wr_x "]), token);
        let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair.as_bytes()));
        assert_eq!(of(&[&basic("any:wr_x")]), token);
        assert_eq!(of(&[&basic(":wr_x")]), token);
        let long = format!("Bearer {}", "x".repeat(LONGEST));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "wr_x",
            "Digest wr_x",
            "Basic !",
            "Bearer a b",
            &basic("wr_x"),
            &basic("a:"),
            &long,
        ] {
            assert_eq!(of(&[wrong]), Presented::Malformed, "{wrong}");
        }
        assert_eq!(of(&["Bearer wr_x", "Bearer wr_x"]), Presented::Malformed);
    }

    proptest! {
        #[test]
        fn no_field_makes_the_reader_panic(text in "[ -~]{0,100}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = of(&[&text]);
            let field = format!("Basic {}", BASE64.encode(&bytes));
            if let Presented::Token(token) = of(&[&field]) {
                prop_assert!(bytes.ends_with(token.expose().as_bytes()));
            }
        }
    }
}
