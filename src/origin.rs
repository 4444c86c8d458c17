//! Names of this machine in a request's `Host` and `Origin`, for servers on loopback.
//!
//! A page of any site can have its name resolve to 127.0.0.1 and then read what answers there (DNS rebinding); its requests
//! have that name in them. So one that came by a foreign name is not answered.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};

/// Answers 403 to what came by a foreign name, or from a page of another site.
pub async fn only_this_machine(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_local =
        headers.get(header::HOST).is_some_and(is_local_host) && headers.get(header::ORIGIN).is_none_or(is_local_origin);
    match is_local {
        true => next.run(request).await,
        false => (
            StatusCode::FORBIDDEN,
            "forbidden: use `localhost` or a loopback address\n",
        )
            .into_response(),
    }
}

/// Whether a `Host` header is `localhost` or a loopback address, with any port.
fn is_local_host(host: &HeaderValue) -> bool {
    is_local(host, "http://")
}

/// The same of an `Origin` header.
fn is_local_origin(origin: &HeaderValue) -> bool {
    is_local(origin, "")
}

fn is_local(value: &HeaderValue, prefix: &str) -> bool {
    let uri: Option<Uri> = value
        .to_str()
        .ok()
        .and_then(|text| format!("{prefix}{text}").parse().ok());
    uri.and_then(|uri| uri.host().map(str::to_owned))
        .is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        for host in ["localhost", "localhost:35729", "127.0.0.1:1", "[::1]:35729"] {
            assert!(is_local_host(&value(host)), "{host}");
            assert!(is_local_origin(&value(&format!("http://{host}"))), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:1",
            "evil@localhost.x",
            "",
        ] {
            assert!(!is_local_host(&value(host)), "{host}");
        }
        assert!(!is_local_origin(&value("null")));
    }
}
