//! Browsers: how one is let in, and by what it is known afterwards.
//!
//! ```text
//!   wasmrun hub url --> one-time code --> GET /login?code=...     --> cookie of the session, of the page's origin alone
//!   page: Start     --> one-time code --> GET /.wasmrun/enter?... --> cookie of one app, of that app's origin alone
//! ```
//!
//! Codes and cookies are known by their digests. Nothing that lasts is ever in a URL.

use super::cookies::{self, APP, PAGE, SESSION};
use super::grants::Grants;
use super::secret::{Digest, Sealer, Secret};
use http::HeaderMap;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a code is good for.
pub const CODE: Duration = Duration::from_mins(5);
/// Most codes that nobody has used.
const CODES: usize = 256;
/// Most sessions.
const SESSIONS: usize = 256;
/// Most apps that browsers are let into.
const APPS: usize = 4096;

/// A browser that was let in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which it is.
    pub digest: Digest,
    /// What it may, before the policy.
    pub grants: Arc<Grants>,
    /// Cancelled when it is over.
    pub ended: CancellationToken,
}

/// All browsers.
#[derive(Default)]
pub struct Browsers {
    inner: Mutex<Inner>,
    sealer: Sealer,
}

#[derive(Default)]
struct Inner {
    codes: Bounded<Digest, Purpose>,
    sessions: Bounded<Digest, Session>,
    apps: Bounded<Digest, (String, Digest)>,
}

/// What a code is for.
enum Purpose {
    Login(Arc<Grants>),
    /// An app, for a session.
    Enter(String, Digest),
}

/// A table whose entries end, and that has a bound: the one that ends first gives way.
struct Bounded<K, V>(HashMap<K, (Instant, V)>);

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Bounded<K, V> {
        Bounded(HashMap::new())
    }
}

impl<K: Hash + Eq + Copy, V> Bounded<K, V> {
    /// Returns what had to give way.
    fn insert(&mut self, most: usize, key: K, ends: Instant, value: V) -> Option<V> {
        let mut gone = None;
        if self.0.len() >= most {
            let first = self.0.iter().min_by_key(|(_, (ends, _))| *ends).map(|(key, _)| *key);
            gone = first.and_then(|first| self.0.remove(&first)).map(|(_, value)| value);
        }
        self.0.insert(key, (ends, value));
        gone
    }

    fn get(&self, key: &K, now: Instant) -> Option<&V> {
        self.0.get(key).filter(|(ends, _)| *ends > now).map(|(_, value)| value)
    }

    fn take(&mut self, key: &K, now: Instant) -> Option<V> {
        self.0
            .remove(key)
            .filter(|(ends, _)| *ends > now)
            .map(|(_, value)| value)
    }
}

impl Browsers {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code that lets one browser in, for [`CODE`].
    pub fn invite(&self, grants: Grants) -> Secret {
        let code = Secret::new("");
        let ends = Instant::now() + CODE;
        let purpose = Purpose::Login(Arc::new(grants));
        self.lock().codes.insert(CODES, code.digest(), ends, purpose);
        code
    }

    /// Uses a code up. None: it is no code, was used, or is too old.
    pub fn login(&self, code: &str) -> Option<(Secret, Session)> {
        let now = Instant::now();
        let mut inner = self.lock();
        let Purpose::Login(grants) = inner.codes.take(&Digest::of(code), now)? else {
            return None;
        };
        let secret = Secret::new("");
        let session = Session {
            digest: secret.digest(),
            grants,
            ended: CancellationToken::new(),
        };
        let gone = inner
            .sessions
            .insert(SESSIONS, session.digest, now + SESSION, session.clone());
        if let Some(gone) = gone {
            inner.end(&gone);
        }
        Some((secret, session))
    }

    /// The session of a request, by its cookie. Two cookies of that name are none: one of them is somebody else's doing.
    pub fn session(&self, headers: &HeaderMap, is_secure: bool) -> Option<Session> {
        let cookie = cookies::read(headers, PAGE, is_secure)?;
        let inner = self.lock();
        let session = inner.sessions.get(&Digest::of(&cookie), Instant::now())?;
        (!session.ended.is_cancelled()).then(|| session.clone())
    }

    /// Ends a session, with all that it has opened.
    pub fn logout(&self, session: &Session) {
        let mut inner = self.lock();
        inner.sessions.0.remove(&session.digest);
        inner.end(session);
    }

    /// Ends every session and every code.
    pub fn end_all(&self) -> usize {
        let mut inner = self.lock();
        let ended = std::mem::take(&mut *inner);
        ended
            .sessions
            .0
            .values()
            .for_each(|(_, session)| session.ended.cancel());
        ended.sessions.0.len()
    }

    /// Ends the sessions that are too old, and gives the time of the next one.
    pub fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut inner = self.lock();
        let over = |(_, (ends, session)): (&Digest, &(Instant, Session))| (*ends <= now).then(|| session.clone());
        let over: Vec<Session> = inner.sessions.0.iter().filter_map(over).collect();
        for session in over {
            inner.sessions.0.remove(&session.digest);
            inner.end(&session);
        }
        inner.codes.0.retain(|_, (ends, _)| *ends > now);
        inner.sessions.0.values().map(|(ends, _)| *ends).min()
    }

    /// A code that lets the browser of a session into one app, by the first label of its host.
    pub fn entry(&self, session: &Session, app: &str) -> Secret {
        let code = Secret::new("");
        let ends = Instant::now() + CODE;
        let purpose = Purpose::Enter(app.to_owned(), session.digest);
        self.lock().codes.insert(CODES, code.digest(), ends, purpose);
        code
    }

    /// Uses such a code up, on the app's origin. None: it is none of that app's.
    pub fn enter(&self, code: &str, app: &str) -> Option<(Secret, Session)> {
        let now = Instant::now();
        let mut inner = self.lock();
        let Purpose::Enter(of, session) = inner.codes.take(&Digest::of(code), now)? else {
            return None;
        };
        if of != app {
            return None;
        }
        let (ends, session) = inner.sessions.0.get(&session).cloned()?;
        let secret = Secret::new("");
        inner.apps.insert(APPS, secret.digest(), ends, (of, session.digest));
        Some((secret, session))
    }

    /// The session that a request to an app belongs to, by the app's own cookie.
    pub fn session_of_app(&self, headers: &HeaderMap, app: &str, is_secure: bool) -> Option<Session> {
        let cookie = cookies::read(headers, APP, is_secure)?;
        let (inner, now) = (self.lock(), Instant::now());
        let (of, session) = inner.apps.get(&Digest::of(&cookie), now)?;
        let session = inner.sessions.get(session, now)?;
        (of == app && !session.ended.is_cancelled()).then(|| session.clone())
    }

    /// What the forms of a session have in them: another site cannot know it.
    pub fn form_token(&self, session: &Digest) -> Secret {
        self.sealer.seal(session, "form")
    }

    /// Whether it is that.
    pub fn is_form_token(&self, session: &Digest, token: &str) -> bool {
        self.sealer.is(session, "form", token)
    }
}

impl Inner {
    fn end(&mut self, session: &Session) {
        session.ended.cancel();
        self.apps.0.retain(|_, (_, (_, of))| *of != session.digest);
        self.codes
            .0
            .retain(|_, (_, purpose)| !matches!(purpose, Purpose::Enter(_, of) if *of == session.digest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn a_code_lets_one_browser_in_once() {
        let browsers = Browsers::default();
        let code = browsers.invite(Grants::ALL);
        let (secret, session) = browsers.login(code.expose()).unwrap();
        assert!(browsers.login(code.expose()).is_none());
        assert!(browsers.login("").is_none());
        let request = with(&format!("a=b; wasmrun={}", secret.expose()));
        assert_eq!(browsers.session(&request, false).unwrap().digest, session.digest);
        assert!(
            browsers.session(&request, true).is_none(),
            "over https it has another name"
        );
        let twice = with(&format!("wasmrun=x; wasmrun={}", secret.expose()));
        assert!(browsers.session(&twice, false).is_none());
        assert!(browsers.is_form_token(&session.digest, browsers.form_token(&session.digest).expose()));
        browsers.logout(&session);
        assert!(session.ended.is_cancelled());
        assert!(browsers.session(&request, false).is_none());
    }

    #[test]
    fn an_app_is_entered_by_its_own_code_and_cookie() {
        let browsers = Browsers::default();
        let (_, session) = browsers.login(browsers.invite(Grants::ALL).expose()).unwrap();
        let code = browsers.entry(&session, "web-3000");
        assert!(browsers.enter(code.expose(), "db-5432").is_none());
        assert!(
            browsers.enter(code.expose(), "web-3000").is_none(),
            "a wrong app uses it up, too"
        );
        let code = browsers.entry(&session, "web-3000");
        assert!(browsers.login(code.expose()).is_none(), "an entry is no login");
        let code_of_page = browsers.invite(Grants::ALL);
        assert!(browsers.enter(code_of_page.expose(), "web-3000").is_none());
        let code = browsers.entry(&session, "web-3000");
        let (secret, _) = browsers.enter(code.expose(), "web-3000").unwrap();
        let request = with(&format!("wasmrun-app={}", secret.expose()));
        assert!(browsers.session_of_app(&request, "web-3000", false).is_some());
        assert!(browsers.session_of_app(&request, "db-5432", false).is_none());
        assert!(
            browsers
                .session(&with(&format!("wasmrun={}", secret.expose())), false)
                .is_none()
        );
        let unused = browsers.entry(&session, "web-3000");
        browsers.logout(&session);
        assert!(browsers.session_of_app(&request, "web-3000", false).is_none());
        assert!(browsers.enter(unused.expose(), "web-3000").is_none());
    }

    #[test]
    fn what_is_too_old_is_over_and_tables_have_a_bound() {
        let browsers = Browsers::default();
        for _ in 0..CODES + 10 {
            browsers.invite(Grants::ALL);
        }
        assert_eq!(browsers.lock().codes.0.len(), CODES);
        let code = browsers.invite(Grants::ALL);
        browsers
            .lock()
            .codes
            .0
            .values_mut()
            .for_each(|(ends, _)| *ends = Instant::now());
        assert!(browsers.login(code.expose()).is_none());
        let (secret, session) = browsers.login(browsers.invite(Grants::ALL).expose()).unwrap();
        browsers
            .lock()
            .sessions
            .0
            .values_mut()
            .for_each(|(ends, _)| *ends = Instant::now());
        assert!(
            browsers
                .session(&with(&format!("wasmrun={}", secret.expose())), false)
                .is_none()
        );
        assert_eq!(browsers.expire(), None);
        assert!(session.ended.is_cancelled());
        let first = browsers.login(browsers.invite(Grants::ALL).expose()).unwrap().1;
        for _ in 0..SESSIONS {
            browsers.login(browsers.invite(Grants::ALL).expose()).unwrap();
        }
        assert!(first.ended.is_cancelled(), "the oldest gives way");
        assert_eq!(browsers.end_all(), SESSIONS);
    }
}
