//! All apps that were started. A browser reaches those that it has started itself, and no others.

use super::app::{App, Beginning};
use super::crew::Crew;
use super::proxy::guest::{Guest, Target};
use gateway::browser::Session;
use gateway::secret::Digest;
use http::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tunnel::mux::Refusal;

/// Most apps, ended ones included: the oldest of those give way.
const MOST: usize = 512;

/// The apps.
pub(crate) struct Started {
    inner: Mutex<Inner>,
    crew: Arc<Crew>,
    idle: Duration,
}

#[derive(Default)]
struct Inner {
    last: u64,
    apps: Vec<Arc<App>>,
}

impl Started {
    pub(crate) fn new(idle: Duration) -> Started {
        Started {
            inner: Mutex::default(),
            crew: Arc::default(),
            idle,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.apps.retain(|app| !app.is_orphaned());
        act(&mut inner)
    }

    /// Starts an app for a browser; one that it has started already goes on.
    ///
    /// # Errors
    ///
    /// There are too many, or its host is that of another run's.
    pub(crate) fn start(&self, session: &Session, beginning: Beginning, target: Target) -> Result<Arc<App>, Refusal> {
        self.with(|inner| {
            let is_it = |app: &Arc<App>| app.by == beginning.by && app.label == beginning.label;
            if let Some(place) = inner.apps.iter().position(is_it) {
                let app = &inner.apps[place];
                if app.ending().is_some() {
                    inner.apps.remove(place);
                } else if *app.target() == target && app.page == beginning.page {
                    app.touch();
                    return Ok(app.clone());
                } else if *app.target() == target {
                    // The page is at another of its names now, and so is the app.
                    app.stop();
                    inner.apps.remove(place);
                } else {
                    let error = format!(
                        "its host is that of `{}`, which is started: stop that first",
                        app.target().run
                    );
                    return Err(Refusal::new(StatusCode::CONFLICT, error));
                }
            }
            if inner.apps.len() >= MOST {
                let over = inner.apps.iter().position(|app| app.ending().is_some());
                let Some(over) = over else {
                    let error = format!("{MOST} apps are started, which is the limit");
                    return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).hint("stop some of them"));
                };
                inner.apps.remove(over);
            }
            inner.last += 1;
            let guest = Guest::new(target, self.crew.clone(), session.ended.child_token());
            let app = Arc::new(App::new(inner.last, beginning, guest, self.idle));
            inner.apps.push(app.clone());
            Ok(app)
        })
    }

    /// The app of a browser at a host, ended or not.
    pub(crate) fn find(&self, by: &Digest, label: &str) -> Option<Arc<App>> {
        self.with(|inner| {
            let found = inner.apps.iter().find(|app| app.by == *by && app.label == label);
            found.cloned()
        })
    }

    /// One that has not ended, by its number.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<App>> {
        self.live().into_iter().find(|app| app.number == number)
    }

    /// All that have not ended, the oldest first.
    pub(crate) fn live(&self) -> Vec<Arc<App>> {
        self.with(|inner| {
            inner
                .apps
                .iter()
                .filter(|app| app.ending().is_none())
                .cloned()
                .collect()
        })
    }
}
