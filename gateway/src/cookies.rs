//! The hub's cookies: how they are set, read, and kept from guests.

use super::secret::Secret;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// How long a session lasts, and with it its cookies.
pub const SESSION: Duration = Duration::from_hours(12);
/// The cookie of the page. Over https it begins with `__Host-`, which no other host can set (RFC 6265bis, 4.1.3).
pub const PAGE: &str = "wasmrun";
/// The same of an app.
pub const APP: &str = "wasmrun-app";
const HOST_ONLY: &str = "__Host-";

fn name(of: &str, is_secure: bool) -> String {
    format!("{}{of}", if is_secure { HOST_ONLY } else { "" })
}

/// The cookie of the page: for its origin, and for no request that another site has caused.
pub(crate) fn page(secret: &Secret, is_secure: bool) -> Option<HeaderValue> {
    let same_site = SameSite::Strict;
    cookie(PAGE, secret, same_site, is_secure)
}

/// The cookie of an app: links from elsewhere lead into it, forms and scripts do not.
pub(crate) fn app(secret: &Secret, is_secure: bool) -> Option<HeaderValue> {
    cookie(APP, secret, SameSite::Lax, is_secure)
}

fn cookie(of: &str, secret: &Secret, same_site: SameSite, is_secure: bool) -> Option<HeaderValue> {
    // Without `Domain` it is for that host alone (RFC 6265, 5.3).
    let cookie = Cookie::build((name(of, is_secure), secret.expose().to_owned()))
        .path("/")
        .http_only(true)
        .same_site(same_site)
        .secure(is_secure)
        .max_age(cookie::time::Duration::seconds(SESSION.as_secs().cast_signed()))
        .build();
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Every cookie of a request, as it came.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(';')).map(str::trim)
}

/// The value of one of ours. Two of that name are none: one of them is somebody else's doing.
pub(crate) fn read(headers: &HeaderMap, of: &str, is_secure: bool) -> Option<String> {
    let name = name(of, is_secure);
    let cookies = cookies(headers).filter_map(|cookie| Cookie::parse(cookie).ok());
    let mut named = cookies.filter(|cookie| cookie.name() == name);
    let (first, second) = (named.next(), named.next());
    first
        .filter(|_| second.is_none())
        .map(|cookie| cookie.value().to_owned())
}

/// Takes the cookies of the hub out of a request that goes on to a guest.
pub(crate) fn without_ours(headers: &mut HeaderMap) {
    let is_ours = |cookie: &&str| {
        let name = cookie.split('=').next().unwrap_or_default().trim();
        let name = name.strip_prefix(HOST_ONLY).unwrap_or(name);
        name == PAGE || name == APP
    };
    // A field that is no text is none of a browser's.
    let rest: Vec<&str> = cookies(headers).filter(|cookie| !is_ours(cookie)).collect();
    let rest = HeaderValue::from_str(&rest.join("; "))
        .ok()
        .filter(|rest| !rest.is_empty());
    headers.remove(header::COOKIE);
    if let Some(rest) = rest {
        headers.insert(header::COOKIE, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn cookies_are_for_one_host_and_not_for_scripts() {
        let secret = Secret::from_text("x");
        let of_page = page(&secret, true).unwrap();
        assert_eq!(
            of_page.to_str().unwrap(),
            "__Host-wasmrun=x; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200"
        );
        let of_app = app(&secret, false).unwrap();
        assert_eq!(
            of_app.to_str().unwrap(),
            "wasmrun-app=x; HttpOnly; SameSite=Lax; Path=/; Max-Age=43200"
        );
        assert!(of_page.is_sensitive() && !format!("{of_page:?}").contains('x'));
    }

    #[test]
    fn a_guest_never_gets_our_cookies() {
        let mut headers = with("a=1; wasmrun-app=s; b=2;__Host-wasmrun=s; wasmrun=s; wasmrunner=3");
        without_ours(&mut headers);
        assert_eq!(headers[header::COOKIE], "a=1; b=2; wasmrunner=3");
        let mut headers = with("wasmrun-app=s");
        without_ours(&mut headers);
        assert!(!headers.contains_key(header::COOKIE));
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_reader_panic(text in "[ -~]{0,200}") {
            let mut headers = with(&text);
            let _ = read(&headers, PAGE, false);
            without_ours(&mut headers);
            prop_assert!(read(&headers, PAGE, false).is_none());
        }
    }
}
