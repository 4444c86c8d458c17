//! Tests of [`super`]: URLs, variables, and what a proxy answers.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use tokio::net::TcpListener;

fn environment(set: &[(&str, &str)]) -> Result<Option<Proxies>, (&'static str, ProxyError)> {
    let set: HashMap<&str, &str> = set.iter().copied().collect();
    Proxies::of_environment(|name| set.get(name).map(|text| (*text).to_owned()))
}

fn of(proxies: &Proxies, host: &str, port: u16) -> Option<String> {
    proxies.of(host, port).map(|proxy| proxy.to_string())
}

#[test]
fn a_url_is_for_every_place_but_some() {
    let proxies = Proxies::of_url("http://me:p%40ss@proxy.example.com:3128", ".corp, 10.0.0.0/8,::1").unwrap();
    for (host, port, is_led) in [
        ("api.example.com", 443, true),
        ("api.example.com", 80, true),
        ("db.corp", 5432, false),
        ("10.1.2.3", 443, false),
        ("11.1.2.3", 443, true),
        ("::1", 443, false),
        ("2001:db8::1", 443, true),
    ] {
        assert_eq!(
            of(&proxies, host, port).as_deref(),
            is_led.then_some("proxy.example.com:3128"),
            "{host}:{port}"
        );
    }
    let proxy = proxies.of("2001:db8::1", 5432).unwrap();
    assert_eq!(
        String::from_utf8(proxy.request()).unwrap(),
        "CONNECT [2001:db8::1]:5432 HTTP/1.1\r\nHost: [2001:db8::1]:5432\r\n\
         Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
    );
    // Who may use it is not shown.
    assert_eq!(proxies.to_string(), "http://proxy.example.com:3128");
    assert!(!format!("{proxies:?}").contains("p%40ss"));
    assert_eq!(
        of(&Proxies::of_url("proxy", "").unwrap(), "a", 1).as_deref(),
        Some("proxy:80")
    );
    assert_eq!(
        of(&Proxies::of_url("http://[::1]:8080", "").unwrap(), "a", 1).as_deref(),
        Some("[::1]:8080")
    );
    for (wrong, error) in [
        ("socks5://a:1", ProxyError::Scheme("socks5".to_owned())),
        ("https://a", ProxyError::Scheme("https".to_owned())),
        ("http://", ProxyError::Url),
        ("a b", ProxyError::Url),
        ("", ProxyError::Url),
    ] {
        assert_eq!(Proxies::of_url(wrong, ""), Err(error), "{wrong}");
    }
}

#[test]
fn variables_are_read_as_curl_reads_them() {
    assert_eq!(environment(&[]), Ok(None));
    assert_eq!(environment(&[("NO_PROXY", "x"), ("HTTPS_PROXY", " ")]), Ok(None));
    let all = environment(&[
        ("ALL_PROXY", "http://all:1"),
        ("http_proxy", "web:2"),
        ("no_proxy", "x.org"),
    ]);
    let all = all.unwrap().unwrap();
    assert_eq!(of(&all, "a.org", 443).as_deref(), Some("all:1"));
    assert_eq!(of(&all, "a.org", 80).as_deref(), Some("web:2"));
    assert_eq!(of(&all, "b.x.org", 80), None);
    assert_eq!(all.to_string(), "env (http://all:1 and http://web:2)");
    let web = environment(&[("HTTP_PROXY", "http://web:2")]).unwrap().unwrap();
    assert_eq!(
        (of(&web, "a.org", 80).as_deref(), of(&web, "a.org", 443)),
        (Some("web:2"), None)
    );
    assert!(web.has("a.org"));
    let wrong = environment(&[("https_proxy", "socks5h://a:1")]);
    assert_eq!(wrong, Err(("https_proxy", ProxyError::Scheme("socks5h".to_owned()))));
}

/// What comes of an answer that is sent in these pieces, and what is left to be read.
fn led(pieces: &[&[u8]]) -> (Result<(), Stuck>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 512];
            let length = stream.read(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"CONNECT db.example.com:5432 HTTP/1.1\r\n"));
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                let _ = stream.write_all(piece).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let proxies = Proxies::of_url("proxy", "").unwrap();
        let asks = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let led = proxies.of("db.example.com", 5432).unwrap().lead(&mut stream).await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            (led, rest)
        };
        let both = futures::future::join(answers, asks);
        tokio::time::timeout(Duration::from_secs(10), both)
            .await
            .expect("in time")
            .1
    })
}

#[test]
fn what_comes_after_the_head_is_the_guests() {
    let whole: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n220 mail\r\n";
    let (led_, rest) = led(&[whole]);
    led_.unwrap();
    assert_eq!(rest, b"220 mail\r\n");
    // Cut anywhere.
    for at in [1, 15, 16, 17, 36, 37, 38, 39, 40] {
        let (led, rest) = led(&[&whole[..at], &whole[at..]]);
        led.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(rest, b"220 mail\r\n", "{at}");
    }
    let long = [b"HTTP/1.1 200 OK\r\nVia: ".as_slice(), &[b'x'; 5000], b"\n\nhello"].concat();
    let (led, rest) = led(&[&long]);
    led.unwrap();
    assert_eq!(rest, b"hello");
}

#[test]
fn a_proxy_that_does_not_lead_on_says_why() {
    for (answer, wanted) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..],
            "answers 407 Proxy Authentication Required",
        ),
        (b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\nbody", "answers 403 Forbidden"),
        (b"HTTP/1.1 403\r\n\r\n", "answers 403"),
        (b"", "closes the connection"),
        (b"HTTP/1.1 200 OK\r\n", "closes the connection"),
        (b"SSH-2.0-x\r\n\r\n", "speaks no HTTP"),
        (b"\r\n\r\n", "speaks no HTTP"),
    ] {
        let said = led(&[answer]).0.unwrap_err().to_string();
        assert_eq!(said, wanted);
    }
    let endless = vec![b'x'; 2 * HEAD];
    assert_eq!(led(&[&endless]).0.unwrap_err().to_string(), "speaks no HTTP");
}

proptest! {
    #[test]
    fn any_text_is_a_proxy_or_an_error(text in "\\PC*|(http://)?[a-z.:@%0-9\\[\\]]{0,20}", no in "\\PC*", host in "\\PC*") {
        if let Ok(proxies) = Proxies::of_url(&text, &no) {
            let _ = proxies.of(&host, 443);
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_cut(fields in proptest::collection::vec("[a-z]{0,5}", 0..4), cut in 0_usize..40) {
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields.iter().map(|field| format!("{field}x: 1\r\n")).collect::<String>());
        let text = format!("{head}rest\r\n\r\n");
        let cut = cut.min(head.len() - 1);
        prop_assert_eq!(end_of_head(&text.as_bytes()[..cut], 0), None);
        prop_assert_eq!(end_of_head(text.as_bytes(), cut), Some(head.len()));
    }
}
