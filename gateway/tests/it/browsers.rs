//! The page and its apps, as far as they are the gateway's.

use super::support::{Place, Setting, UPGRADE, patiently};
use gateway::grants::Grants;

const PAGE: &str = "wasmrun.localhost";
const APP: &str = "web-3000.localhost";

#[tokio::test]
async fn a_link_logs_one_browser_in_once() {
    patiently(async {
        let place = Place::new().await;
        assert_eq!(place.at(PAGE, "GET /", &[], "").await.status, 401);
        let link = place.gateway.invite(Grants::ALL);
        let line = format!("GET {}", link.expose());
        let answer = place.at(PAGE, &line, &[], "").await;
        assert_eq!((answer.status, answer.field("location").as_deref()), (303, Some("/")));
        let cookie = answer.field("set-cookie").expect("a cookie");
        for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
            assert!(cookie.contains(word), "{cookie}");
        }
        assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
        assert_eq!(answer.field("referrer-policy").as_deref(), Some("no-referrer"));
        assert_eq!(place.at(PAGE, &line, &[], "").await.status, 401, "once");
        let cookie = answer.cookie();
        let answer = place.at(PAGE, "GET /runs", &[("Cookie", &cookie)], "").await;
        assert_eq!(answer.text(), "page GET /runs ");
        let policy = answer.field("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(policy.contains("form-action 'self' http://*.localhost;"), "{policy}");
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
        for wrong in ["GET /login", "GET /login?code=", "GET /login?code=a&code=b"] {
            assert!(
                [400, 401].contains(&place.at(PAGE, wrong, &[], "").await.status),
                "{wrong}"
            );
        }
        let code = link.expose().rsplit('=').next().expect("a code");
        let secret = cookie.rsplit('=').next().expect("a secret");
        assert!(!place.audit.text().contains(code) && !place.audit.text().contains(secret));
        assert!(place.audit.has(&["login", "browser"]));
    })
    .await;
}

#[tokio::test]
async fn a_form_needs_its_origin_and_its_token() {
    patiently(async {
        let place = Place::new().await;
        let cookie = place.browser().await;
        let other = place.browser().await;
        let form = place.at(PAGE, "GET /form", &[("Cookie", &cookie)], "").await.text();
        let right = format!("token={form}&run=web");
        let post = async |cookie: &str, field: Option<(&str, &str)>, body: &str| {
            let mut fields = vec![("Cookie", cookie)];
            fields.extend(field);
            place.at(PAGE, "POST /start", &fields, body).await.status
        };
        let same = Some(("Sec-Fetch-Site", "same-origin"));
        assert_eq!(post(&cookie, same, &right).await, 200);
        assert_eq!(
            post(&cookie, Some(("Origin", "http://wasmrun.localhost")), &right).await,
            200
        );
        for field in [
            None,
            Some(("Sec-Fetch-Site", "same-site")),
            Some(("Sec-Fetch-Site", "cross-site")),
            Some(("Sec-Fetch-Site", "none")),
            Some(("Origin", "http://web-3000.localhost")),
            Some(("Origin", "http://evil.com")),
            Some(("Origin", "null")),
        ] {
            assert_eq!(post(&cookie, field, &right).await, 403, "{field:?}");
        }
        for body in ["run=web", "token=", "token=x", &format!("token={form}&token={form}")] {
            assert_eq!(post(&cookie, same, body).await, 403, "{body}");
        }
        assert_eq!(post(&other, same, &right).await, 403, "the form of another session");
        assert_eq!(post("", same, &right).await, 401);
        // The page sees the form as it came.
        let fields = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
        let answer = place.at(PAGE, "POST /start", &fields, &right).await;
        assert_eq!(answer.text(), format!("page POST /start {right}"));
    })
    .await;
}

#[tokio::test]
async fn an_app_is_entered_from_the_page_and_never_sees_our_cookies() {
    patiently(async {
        let place = Place::new().await;
        let cookie = place.browser().await;
        assert_eq!(place.at(APP, "GET /", &[], "").await.status, 401);
        assert_eq!(
            place.at(APP, "GET /", &[("Cookie", &cookie)], "").await.status,
            401,
            "the page's cookie is another"
        );
        let code = place.at(PAGE, "GET /entry", &[("Cookie", &cookie)], "").await.text();
        let enter = format!("GET /.wasmrun/enter?code={code}");
        assert_eq!(
            place.at("db-3000.localhost", &enter, &[], "").await.status,
            401,
            "a code is for one app"
        );
        assert_eq!(
            place.at(APP, &enter, &[], "").await.status,
            401,
            "and used up by another"
        );
        let entered = place.entered(&cookie).await;
        assert!(place.audit.has(&["\"grant\"", "browser", "web-3000"]));
        let cookies = format!("a=1; {entered}; b=2");
        assert_eq!(
            place.at(APP, "GET /", &[("Cookie", &cookies)], "").await.text(),
            "app web-3000 a=1; b=2"
        );
        assert_eq!(
            place.at(APP, "GET /", &[("Cookie", &entered)], "").await.text(),
            "app web-3000 none"
        );
        assert_eq!(
            place
                .at("db-3000.localhost", "GET /", &[("Cookie", &entered)], "")
                .await
                .status,
            401
        );
        assert_eq!(place.at(PAGE, "GET /", &[("Cookie", &entered)], "").await.status, 401);
        let fields = [("Cookie", entered.as_str()), ("Origin", "http://db-5432.localhost")];
        let fields = [&UPGRADE[..], &fields].concat();
        assert_eq!(
            place.at(APP, "GET /", &fields, "").await.status,
            403,
            "from another app's origin"
        );
        let fields = [("Cookie", entered.as_str()), ("Sec-Fetch-Site", "same-site")];
        assert_eq!(place.at(APP, "POST /", &fields, "x").await.status, 403);
        // Paths of native clients are the app's own at its origin.
        let answer = place.at(APP, "GET /v1/runs", &[("Cookie", &entered)], "").await;
        assert_eq!(answer.text(), "app web-3000 none");
        place.at(PAGE, "GET /logout", &[("Cookie", &cookie)], "").await;
        assert_eq!(place.at(APP, "GET /", &[("Cookie", &entered)], "").await.status, 401);
        assert_eq!(place.at(PAGE, "GET /", &[("Cookie", &cookie)], "").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn without_authentication_a_browser_gets_a_session_of_its_own() {
    patiently(async {
        let place = Place::with(Setting {
            is_open: true,
            ..Setting::default()
        })
        .await;
        let answer = place.at(PAGE, "GET /", &[], "").await;
        assert_eq!(answer.status, 303);
        let cookie = answer.cookie();
        assert_eq!(place.at(PAGE, "GET /", &[("Cookie", &cookie)], "").await.status, 200);
        let same = [("Sec-Fetch-Site", "same-origin")];
        assert_eq!(place.at(PAGE, "POST /", &same, "token=x").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn kohakuriver_is_let_in_as_a_connect_is() {
    patiently(async {
        let place = Place::new().await;
        let grants = Grants {
            runs: gateway::grants::Names::new(vec!["web".into()]).expect("names"),
            ..Grants::ALL
        };
        let token = place.tokens.add("kr", grants, None).expect("a token");
        let basic = data_encoding::BASE64.encode(format!("any:{}", token.expose()).as_bytes());
        let basic = format!("Basic {basic}");
        let fields = [&UPGRADE[..], &[("Authorization", basic.as_str())]].concat();
        let answer = place.upgraded("GET /ws/forward/web/3000?proto=tcp", &fields).await;
        assert_eq!(answer.status, 101);
        assert_eq!(
            answer.field("sec-websocket-accept").as_deref(),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        let said = answer.text();
        assert!(
            said.contains("Forward { run: \"web\", port: 3000, is_udp: false }"),
            "{said}"
        );
        assert!(
            said.contains("Some(403)"),
            "another run is not reached from inside: {said}"
        );
        let answer = place.upgraded("GET /api/tunnel/web", &fields).await;
        assert!(answer.text().contains("Tunnel { run: \"web\" }"));
        for (line, status) in [
            ("GET /ws/forward/db/3000", 403),
            ("GET /api/tunnel/db", 403),
            ("GET /ws/forward/web/0", 404),
            ("GET /ws/forward/web/x", 404),
            ("GET /ws/forward/web", 404),
            ("GET /ws/forward/web/80?proto=sctp", 400),
            ("POST /ws/forward/web/80", 404),
            ("GET /api/status/db", 403),
        ] {
            assert_eq!(place.ask(line, &fields).await.status, status, "{line}");
        }
        let answer = place.ask("GET /api/status/web", &[("Authorization", &basic)]).await;
        assert_eq!(
            answer.text(),
            "{\"task_id\":\"web\",\"task_type\":\"command\",\"status\":\"running\"}"
        );
        let bare = Place::with(Setting {
            no_hooks: true,
            ..Setting::default()
        })
        .await;
        let token = bare.tokens.add("kr", Grants::ALL, None).expect("a token");
        let bearer = format!("Bearer {}", token.expose());
        let fields = [&UPGRADE[..], &[("Authorization", bearer.as_str())]].concat();
        assert_eq!(bare.ask("GET /api/tunnel/web", &fields).await.status, 501);
        let cookie = bare.browser().await;
        assert_eq!(bare.at(PAGE, "GET /", &[("Cookie", &cookie)], "").await.status, 501);
    })
    .await;
}
