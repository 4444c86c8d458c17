//! Cookies that guests set: none of them is the hub's, and none is for other hosts.

use gateway::cookies::{APP, PAGE};
use http::{HeaderMap, HeaderValue, header};

const HOST_ONLY: &str = "__host-";

/// Takes the hub's cookies out of an answer, and `Domain` out of the others, each of which stays a field of its own.
pub(super) fn of_guest(headers: &mut HeaderMap) {
    let set: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    if set.is_empty() {
        return;
    }
    headers.remove(header::SET_COOKIE);
    for value in set {
        if is_ours(value.as_bytes()) {
            continue;
        }
        headers.append(header::SET_COOKIE, without_domain(value));
    }
}

/// A cookie without a name is sent as its value alone, which may look like one of ours (RFC 6265bis, 5.8.3).
fn is_ours(cookie: &[u8]) -> bool {
    let pair = cookie.split(|byte| *byte == b';').next().unwrap_or_default();
    let text = String::from_utf8_lossy(pair).to_ascii_lowercase();
    let text = text.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    let name = text.split('=').next().unwrap_or_default().trim();
    let name = name.strip_prefix(HOST_ONLY).unwrap_or(name);
    [PAGE, APP].contains(&name)
}

fn without_domain(value: HeaderValue) -> HeaderValue {
    let is_domain = |part: &[u8]| {
        let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    };
    let parts = || value.as_bytes().split(|byte| *byte == b';');
    if !parts().skip(1).any(is_domain) {
        return value;
    }
    let kept = parts()
        .enumerate()
        .filter(|(place, part)| *place == 0 || !is_domain(part));
    let kept: Vec<&[u8]> = kept.map(|(_, part)| part).collect();
    HeaderValue::from_bytes(&kept.join(&b';')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn left(cookies: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        of_guest(&mut headers);
        let set = headers.get_all(header::SET_COOKIE).iter();
        set.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_guest_sets_its_own_cookies_for_its_own_host() {
        assert_eq!(
            left(&["a=1; Path=/", "b=domain=x; Secure"]),
            ["a=1; Path=/", "b=domain=x; Secure"]
        );
        assert_eq!(left(&["a=1; DOMAIN = localhost; Path=/"]), ["a=1; Path=/"]);
        assert_eq!(left(&["wasmrunner=1"]), ["wasmrunner=1"]);
        for cookie in [
            "wasmrun=x",
            " wasmrun-app = x; Path=/",
            "__Host-wasmrun=x; Secure",
            "__host-wasmrun-app=x",
            "=wasmrun-app=x",
            "wasmrun",
        ] {
            assert!(left(&[cookie]).is_empty(), "{cookie}");
        }
    }

    proptest! {
        #[test]
        fn no_cookie_keeps_a_domain(cookie in "[ -~]{0,80}") {
            for cookie in left(&[&cookie]) {
                for attribute in cookie.split(';').skip(1) {
                    let name = attribute.split('=').next().unwrap_or_default();
                    prop_assert!(!name.trim().eq_ignore_ascii_case("domain"));
                }
            }
        }
    }
}
