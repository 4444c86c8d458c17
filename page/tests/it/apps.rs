//! Requests to an app, and what its guest gets of them.

use super::browser::{APP, Browser, Connection, PAGE, full, patiently, read, until};
use super::world::{Setting, World};
use http::header;
use http_body_util::BodyExt;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn a_guest_is_told_who_asks_and_never_sees_our_cookies() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let request = browser
            .request("GET", APP, "/head?a=%20b")
            .header("origin", format!("http://{APP}"))
            .header("forwarded", "for=evil")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-prefix", "/evil")
            .header("connection", "keep-alive, x-hop")
            .header("x-hop", "1")
            .header("te", "trailers");
        let seen = read(browser.send(request.body(full("")).unwrap()).await).await.text;
        for line in [
            "GET /head?a=%20b",
            "host: web-3000.localhost",
            "origin: http://web-3000.localhost",
            "cookie: mine=1",
            "forwarded: for=127.0.0.1;host=\"web-3000.localhost\";proto=http",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: web-3000.localhost",
            "x-forwarded-proto: http",
            "te: trailers",
        ] {
            assert!(seen.lines().any(|found| found == line), "{line} in\n{seen}");
        }
        for word in ["wasmrun-app", "evil", "6.6.6.6", "x-hop", "keep-alive"] {
            assert!(!seen.contains(word), "{word} in\n{seen}");
        }
    })
    .await;
}

#[tokio::test]
async fn answers_come_as_the_guest_has_made_them() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let cookies = browser.get(APP, "/cookies").await;
        let set: Vec<&str> = cookies
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|set| set.to_str().unwrap())
            .collect();
        assert_eq!(set, ["a=1; Path=/", "b=2; Path=/"]);
        let away = browser.get(APP, "/away").await;
        assert_eq!(
            (away.status, away.field("location")),
            (302, "http://web-3000.localhost/next?a=b")
        );
        let request = browser.request("GET", APP, "/range").header("range", "bytes=2-5");
        let part = read(browser.send(request.body(full("")).unwrap()).await).await;
        assert_eq!(
            (part.status, part.field("content-range"), part.text.as_str()),
            (206, "bytes=2-5", "part")
        );
        let request = browser.request("HEAD", APP, "/range");
        let head = read(browser.send(request.body(full("")).unwrap()).await).await;
        assert_eq!((head.field("content-length"), head.text.as_str()), ("4", ""));
        let request = browser.request("GET", APP, "/trailers").header("te", "trailers");
        let whole = browser
            .send(request.body(full("")).unwrap())
            .await
            .into_body()
            .collect()
            .await
            .unwrap();
        assert_eq!(
            whole.trailers().map(|trailers| trailers["x-sum"].to_str().unwrap()),
            Some("42")
        );
        let slow = browser.get(APP, "/slow").await;
        assert_eq!(slow.text, "late");
        let absolute = browser.request("GET", APP, "http://web-3000.localhost/head");
        let seen = read(browser.send(absolute.body(full("")).unwrap()).await).await;
        assert!(seen.text.starts_with("GET /head\n"), "{}", seen.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_share_connections_and_a_hundred_go_side_by_side() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let mut connection = Connection::new(&world).await;
        for number in 0..1000 {
            let path = format!("/number/{number}");
            let request = browser.request("GET", APP, &path).body(full("")).unwrap();
            let answer = read(connection.send(request).await).await;
            assert_eq!((answer.status, answer.text), (200, path));
        }
        let opened = world.fake.opened.load(Ordering::SeqCst);
        assert!(opened < 20, "{opened} connections for 1,000 requests");
        let all = (0..100).map(|number| {
            let (browser, path) = (&browser, format!("/side/{number}"));
            async move { assert_eq!(browser.get(APP, &path).await.text, path) }
        });
        futures::future::join_all(all).await;
        world.fake.generation.fetch_add(1, Ordering::SeqCst);
    })
    .await;
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_is_tried_again_where_it_does_no_harm() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        let host = browser.start("web", 3001).await;
        assert_eq!(browser.get(&host, "/first").await.text, "/first");
        // The guest ends the connection when the next request has come.
        assert_eq!(browser.get(&host, "/second").await.text, "/second");
        assert_eq!(world.fake.opened.load(Ordering::SeqCst), 2);
        assert_eq!(browser.get(&host, "/first").await.text, "/first");
        let request = browser
            .request("POST", &host, "/second")
            .header(header::ORIGIN, format!("http://{host}"));
        let answer = read(browser.send(request.body(full("once")).unwrap()).await).await;
        assert_eq!(answer.status, 502, "what may have been done is not done twice");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        let host = browser.start("web", 3002).await;
        let request = browser.request("GET", &host, "/").body(full("")).unwrap();
        let response = browser.send(request).await;
        assert_eq!(response.status(), 200);
        assert!(response.into_body().collect().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn guests_that_do_not_answer_are_said_in_the_askers_own_words() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        for (port, words) in [
            (3004, "ended the connection without an answer on port 3004"),
            (3005, "sent no HTTP on port 3005"),
        ] {
            let host = browser.start("web", port).await;
            let answer = browser.get(&host, "/").await;
            assert_eq!(answer.status, 502);
            assert!(
                answer.text.contains(words) && answer.text.contains("<h1>"),
                "{}",
                answer.text
            );
        }
        let host = browser.start("web", 8080).await;
        let answer = browser.get(&host, "/").await;
        assert_eq!(answer.status, 504);
        assert!(answer.text.contains("but on 3000 and 9229"), "{}", answer.text);
        assert!(
            answer.text.contains("href=\"http://wasmrun.localhost/\""),
            "{}",
            answer.text
        );
        assert!(
            answer
                .field("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert_eq!(
            browser.get(&host, "/.wasmrun/style.css").await.field("content-type"),
            "text/css; charset=utf-8"
        );
        let request = browser.request("GET", &host, "/").body(full("")).unwrap();
        let answer = read(browser.send(request).await).await;
        assert_eq!(answer.field("content-type"), "application/json");
        let complaint: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert!(complaint["error"].as_str().unwrap().contains("8080"));
    })
    .await;
}

#[tokio::test]
async fn whoever_leaves_takes_the_connection_to_a_silent_guest_with_them() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        let host = browser.start("web", 3003).await;
        let mut connection = Connection::new(&world).await;
        let request = browser.request("GET", &host, "/").body(full("")).unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(200), connection.send(request)).await;
        assert!(answer.is_err(), "the guest says nothing");
        assert_eq!(world.fake.open.load(Ordering::SeqCst), 1);
        connection.close();
        until(|| world.fake.open.load(Ordering::SeqCst) == 0).await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_uses_ends() {
    patiently(async {
        let setting = Setting {
            idle: Some(Duration::from_millis(300)),
            ..Setting::default()
        };
        let world = World::with(setting).await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        assert_eq!(
            browser.get(APP, "/slow").await.status,
            200,
            "it is in use for longer than that"
        );
        assert_eq!(browser.get(APP, "/x").await.status, 200);
        tokio::time::sleep(Duration::from_millis(400)).await;
        let answer = browser.get(APP, "/x").await;
        assert_eq!(answer.status, 410);
        assert!(answer.text.contains("nobody used it for 0 minutes."), "{}", answer.text);
        until(|| world.fake.open.load(Ordering::SeqCst) == 0).await;
        browser.start("web", 3000).await;
        assert_eq!(browser.get(APP, "/x").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn an_app_is_of_the_browser_that_has_started_it() {
    patiently(async {
        let world = World::new().await;
        let mut one = Browser::new(&world).await;
        let mut other = Browser::new(&world).await;
        one.start("web", 3000).await;
        assert_eq!(other.get(APP, "/x").await.status, 401);
        other.start("web", 3000).await;
        let page = one.get(PAGE, "/runs/web").await.text;
        assert!(
            page.contains("this browser") && page.contains("<td role=\"cell\" data-label=\"By\">browser "),
            "{page}"
        );
        one.post("/logout", "").await;
        assert_eq!(one.get(APP, "/x").await.status, 401);
        assert_eq!(other.get(APP, "/x").await.status, 200);
    })
    .await;
}
