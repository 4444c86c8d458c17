//! The page: what is shown, to whom, and that it is text.

use super::browser::{APP, Browser, PAGE, full, patiently, read};
use super::world::{Setting, World};
use gateway::grants::{Grants, Names, Ports};
use gateway::runs::Run;
use gateway::scope::{Scope, Scopes};
use http_body_util::BodyExt;
use proptest::prelude::*;

/// That a page has no script, style or handler of its own, which its policy would forbid.
fn is_plain(html: &str) {
    for part in html.split("<script").skip(1) {
        assert!(part.starts_with(" src=\"/script.js\" defer></script>"), "{part}");
    }
    let lower = html.to_ascii_lowercase();
    assert!(!lower.contains("<style") && !lower.contains(" style="), "{html}");
    for tag in lower
        .split('<')
        .filter_map(|rest| rest.split_once('>'))
        .map(|(tag, _)| tag)
    {
        assert!(
            !tag.contains(" onclick=") && !tag.contains(" onload=") && !tag.contains("javascript:"),
            "{tag}"
        );
    }
}

fn grants(scopes: &[Scope]) -> Grants {
    Grants {
        scopes: Scopes::of(scopes.iter().copied()),
        runs: Names::ALL,
        ports: Ports::ALL,
    }
}

#[tokio::test]
async fn forms_alone_lead_from_the_list_to_the_guests_own_page() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        let list = browser.get(PAGE, "/").await;
        is_plain(&list.text);
        for text in [
            "href=\"/runs/web\"",
            "serving",
            "12 min",
            "Node.js 24",
            "46.1 MiB",
            "127.0.0.1:8080 → 3000",
        ] {
            assert!(list.text.contains(text), "{text} in {}", list.text);
        }
        assert!(list.text.contains("name=\"port\" value=\"3000\""), "a port is a button");
        assert!(list.field("content-security-policy").contains("script-src 'self'"));
        let host = browser.start("web", 3000).await;
        assert_eq!(host, APP);
        assert!(browser.get(&host, "/").await.text.contains("A guest’s own page"));
        let run = browser.get(PAGE, "/runs/web").await;
        is_plain(&run.text);
        for text in [
            "href=\"http://web-3000.localhost/\"",
            "this browser",
            "wasmrun forward web",
            "rel=\"noopener\"",
        ] {
            assert!(run.text.contains(text), "{text} in {}", run.text);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_said_at_its_field() {
    patiently(async {
        let world = World::new().await;
        let browser = Browser::new(&world).await;
        for (fields, words) in [
            (
                "run=web&port=8080",
                "web listens on 3000 and 9229, not on 8080. Start again to try it all the same",
            ),
            (
                "run=web&port=8080&from=run&anyway=80",
                "web listens on 3000 and 9229, not on 8080",
            ),
            ("run=web&port=0", "a port is a number from 1 to 65535"),
            ("run=web&port=65536", "a port is a number from 1 to 65535"),
            ("run=web&port=%2B80", "a port is a number from 1 to 65535"),
            ("run=web&port=", "a port is a number from 1 to 65535"),
            ("run=gone&port=80", "gone is not running"),
            ("run=&port=80", "choose a run"),
        ] {
            let answer = browser.post("/start", fields).await;
            assert_eq!(answer.status, 422, "{fields}");
            assert!(answer.text.contains(words), "{fields}: {}", answer.text);
            assert!(
                answer.text.contains("aria-invalid=\"true\" aria-describedby=\"start-"),
                "{fields}"
            );
            is_plain(&answer.text);
        }
        let answer = browser.post("/start", "run=web&port=8080&anyway=8080").await;
        assert_eq!(answer.status, 303);
    })
    .await;
}

#[tokio::test]
async fn only_what_may_be_done_is_offered() {
    patiently(async {
        let setting = Setting {
            printed: vec!["a secret line".into()],
            ..Setting::default()
        };
        let world = World::with(setting).await;
        let parts = ["id=\"start\"", "a secret line", "/runs/web/restart", "/runs/web/stop"];
        for (scopes, shown) in [
            (&[Scope::View][..], [false, false, false, false]),
            (&[Scope::Connect], [true, false, false, false]),
            (&[Scope::View, Scope::Logs], [false, true, false, false]),
            (&[Scope::View, Scope::Manage], [false, false, true, true]),
            (&Scope::ALL, [true, true, true, true]),
        ] {
            let browser = Browser::with(&world, grants(scopes)).await;
            let page = browser.get(PAGE, "/runs/web").await.text;
            for (part, is_shown) in parts.iter().zip(shown) {
                assert_eq!(page.contains(part), is_shown, "{part} for {scopes:?}");
            }
        }
        let viewer = Browser::with(&world, grants(&[Scope::View])).await;
        assert_eq!(viewer.post("/start", "run=web&port=3000").await.status, 403);
        assert_eq!(viewer.post("/runs/web/stop", "").await.status, 403);
        assert_eq!(viewer.get(PAGE, "/runs/web/stop").await.status, 403);
        assert_eq!(viewer.get(PAGE, "/runs/web/logs").await.status, 403);
        assert!(world.fake.asked.lock().unwrap().is_empty());
        // Another browser's app is not theirs to stop, unless they manage the run.
        let mut owner = Browser::new(&world).await;
        owner.start("web", 3000).await;
        assert!(!viewer.get(PAGE, "/").await.text.contains("/apps/1/stop"));
        assert_eq!(viewer.post("/apps/1/stop", "").await.status, 403);
        assert_eq!(owner.get(APP, "/x").await.status, 200);
        let manager = Browser::new(&world).await;
        assert_eq!(manager.post("/apps/1/stop", "").await.status, 303);
        assert_eq!(owner.get(APP, "/x").await.status, 410);
    })
    .await;
}

#[tokio::test]
async fn restart_and_stop_are_asked_twice() {
    patiently(async {
        let world = World::new().await;
        let browser = Browser::new(&world).await;
        for (word, place) in [("restart", "/runs/web"), ("stop", "/")] {
            let path = format!("/runs/web/{word}");
            let question = browser.get(PAGE, &path).await;
            assert!(
                question.text.contains(&format!("action=\"{path}\"")),
                "{}",
                question.text
            );
            is_plain(&question.text);
            let answer = browser.post(&path, "").await;
            assert_eq!((answer.status, answer.field("location")), (303, place));
        }
        assert_eq!(*world.fake.asked.lock().unwrap(), ["restart web", "stop web"]);
        for path in ["/runs/gone", "/nothing", "/runs/web/else", "/runs/../web"] {
            assert_eq!(browser.get(PAGE, path).await.status, 404, "{path}");
        }
        let out = browser.post("/logout", "").await;
        assert_eq!((out.status, out.field("location")), (303, "/"));
        assert_eq!(browser.get(PAGE, "/").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn names_reasons_and_lines_are_text() {
    patiently(async {
        let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"x";
        let setting = Setting {
            others: vec![Run {
                name: evil.into(),
                state: evil.into(),
                reason: Some(format!("\u{1b}[31m{evil}")),
                kind: Some(evil.into()),
                project: Some(evil.into()),
                ..Run::default()
            }],
            printed: vec![format!("\u{1b}]0;title\u{7}{evil}"), "\u{1b}[1mbold\u{1b}[0m".into()],
            ..Setting::default()
        };
        let world = World::with(setting).await;
        let browser = Browser::new(&world).await;
        for path in ["/", "/runs/web"] {
            let page = browser.get(PAGE, path).await.text;
            assert!(
                !page.contains("<script>") && !page.contains("<img") && !page.contains('\u{1b}'),
                "{page}"
            );
            is_plain(&page.replace("onload=", ""));
        }
        let page = browser.get(PAGE, "/runs/web").await.text;
        assert!(page.contains("<li class=\"out\">bold</li>"), "{page}");
        assert!(!page.contains("title\u{7}"));
    })
    .await;
}

#[tokio::test]
async fn changes_and_lines_are_told_as_they_come() {
    patiently(async {
        let setting = Setting {
            printed: vec!["first".into()],
            ..Setting::default()
        };
        let world = World::with(setting).await;
        let mut browser = Browser::new(&world).await;
        let page = browser.get(PAGE, "/").await.text;
        let request = browser.request("GET", PAGE, "/events").body(full("")).unwrap();
        let response = browser.send(request).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        let mut next = async || {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            let text = String::from_utf8(frame.to_vec()).unwrap();
            serde_json::from_str::<serde_json::Value>(text.strip_prefix("data: ").unwrap()).unwrap()
        };
        let first = next().await;
        assert_eq!(first["texts"]["web/state"], "serving");
        let shape = first["shape"].as_str().unwrap().to_owned();
        assert!(
            page.contains(&format!("data-shape=\"{shape}\"")),
            "the page is up to date"
        );
        browser.start("web", 3000).await;
        let second = next().await;
        assert_ne!(second["shape"], shape.as_str(), "there is an app now");
        assert_eq!(
            second["texts"]["web/state"],
            serde_json::Value::Null,
            "only what is new"
        );
        let request = browser
            .request("GET", PAGE, "/runs/web/logs?since=1")
            .body(full(""))
            .unwrap();
        let mut lines = browser.send(request).await.into_body();
        let mut text = String::new();
        while !text.contains("\n\nid: ") || !text.ends_with("\n\n") {
            let frame = lines.frame().await.unwrap().unwrap().into_data().unwrap();
            text += std::str::from_utf8(&frame).unwrap();
        }
        assert!(
            text.contains("data: {\"stream\":\"out\",\"generation\":1,\"text\":\"GET /clock 200 #1\"}"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_style_and_the_script_are_files_of_their_own() {
    patiently(async {
        let world = World::new().await;
        let browser = Browser::new(&world).await;
        let style = browser.get(PAGE, "/style.css").await;
        assert_eq!(style.field("content-type"), "text/css; charset=utf-8");
        assert!(
            !style.text.contains("url(") && !style.text.contains("@import"),
            "nothing from elsewhere"
        );
        let script = browser.get(PAGE, "/script.js").await;
        assert_eq!(script.field("content-type"), "text/javascript; charset=utf-8");
        assert!(!script.text.contains("innerHTML") && !script.text.contains("eval("));
        let request = browser
            .request("PUT", PAGE, "/")
            .header("sec-fetch-site", "same-origin");
        let token = browser.get(PAGE, "/").await.hidden("token");
        let answer = read(
            browser
                .send(request.body(full(format!("token={token}"))).unwrap())
                .await,
        )
        .await;
        assert_eq!(answer.status, 405);
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_run_becomes_markup(text in "[<>&\"'a-z/= ]{1,60}", line in any::<String>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(patiently(async {
            let run = |text: &str| Run {
                name: text.into(),
                state: text.into(),
                reason: Some(text.into()),
                kind: Some(text.into()),
                project: Some(text.into()),
                ..Run::default()
            };
            let quiet = World::with(Setting { others: vec![run("plain")], printed: vec!["plain".into()], ..Setting::default() }).await;
            let loud = World::with(Setting { others: vec![run(&text)], printed: vec![line.clone()], ..Setting::default() }).await;
            for path in ["/", "/runs/web"] {
                let plain = Browser::new(&quiet).await.get(PAGE, path).await.text;
                let strange = Browser::new(&loud).await.get(PAGE, path).await.text;
                // As many tags as with harmless texts; a name that is none has no page, and so no link and no choice.
                let tags = |html: &str| html.matches('<').count();
                assert!(tags(&strange) <= tags(&plain), "{text:?} {line:?}\n{strange}");
            }
        }));
    }
}
