//! The hub's face as a whole: rules, listeners, and whatever answers.

use super::access::Hall;
use super::audit::{Audit, Entry, Event};
use super::bind::Bound;
use super::browser::Browsers;
use super::crew::Crew;
use super::grants::Grants;
use super::guard::Hosts;
use super::hooks::Hooks;
use super::listen::{self, Places};
use super::native::Native;
use super::policy::Switch;
use super::router::Router;
use super::rules::Rules;
use super::runs::Runs;
use super::secret::Secret;
use super::site::{LOGIN, Sites};
use super::throttle::Throttle;
use super::tls::Tls;
use super::tunnels::Tunnels;
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tunnel::pipe::Settings;

/// What was open has so long when the hub ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// Where no browser's session ends; a look costs nothing.
const FAR: Duration = Duration::from_hours(1);

/// How a gateway is made.
pub struct Options {
    /// Further names of the hub, and further domains of apps.
    pub hosts: Hosts,
    /// Of sessions: how long one outlives its link.
    pub settings: Settings,
    /// What happened.
    pub audit: Arc<Audit>,
    /// The page, the apps, KohakuRiver's protocol.
    pub hooks: Hooks,
}

/// Answers at all listeners.
pub struct Gateway {
    rules: Arc<Rules>,
    hall: Hall,
    browsers: Arc<Browsers>,
    tunnels: Tunnels,
    crew: Arc<Crew>,
    router: Arc<Router>,
}

impl Gateway {
    /// For these runs, by these rules.
    pub fn new(rules: Arc<Rules>, runs: Arc<impl Runs>, options: Options) -> Gateway {
        let Options {
            hosts,
            settings,
            audit,
            hooks,
        } = options;
        let hall = Hall::new(rules.clone(), runs, audit);
        let browsers = Arc::new(Browsers::default());
        let tunnels = Tunnels::new(hall.clone(), settings);
        let crew = Arc::new(Crew::default());
        let native = Native {
            hall: hall.clone(),
            throttle: Throttle::default(),
            tunnels: tunnels.clone(),
            kohaku: hooks.kohaku,
            crew: crew.clone(),
        };
        let sites = Sites {
            hall: hall.clone(),
            browsers: browsers.clone(),
            hosts,
            pages: hooks.pages,
            apps: hooks.apps,
        };
        Gateway {
            rules,
            hall,
            browsers,
            tunnels,
            crew,
            router: Arc::new(Router { native, sites }),
        }
    }

    /// The path and query that let one browser in: `/login?code=...`. Whoever prints it puts an origin before it.
    pub fn invite(&self, grants: Grants) -> Secret {
        let code = self.browsers.invite(grants);
        Secret::from_text(format!("{LOGIN}?code={}", code.expose()))
    }

    /// Sessions of native clients, those whose link is down among them.
    pub fn sessions(&self) -> usize {
        self.tunnels.count()
    }

    /// Serves a byte stream that somebody of this machine has brought: the framed pipe, as over [`Bind::Pipe`](super::bind::Bind).
    /// `narrowed` is less than their user's rights.
    pub fn carry(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        uid: u32,
        narrowed: Option<Grants>,
    ) {
        if let Some(place) = self.tunnels.place() {
            self.crew
                .spawn(listen::pipe(stream, uid, narrowed, self.tunnels.clone(), place));
        }
    }

    /// Answers until `stop`; then what is open has a second. Dropping the future ends everything at once.
    pub async fn serve(&self, listeners: &[Bound], stop: impl Future<Output = ()>) {
        let places = Places::default();
        let accepts = listeners
            .iter()
            .map(|bound| listen::accept(bound, &self.router, &self.tunnels, &self.crew, &places));
        let certificates = listeners
            .iter()
            .filter_map(|bound| bound.tls.as_deref())
            .map(Tls::follow);
        tokio::select! {
            () = stop => {}
            _ = join_all(accepts) => {}
            _ = async { tokio::join!(self.rules.follow(), self.browse(), join_all(certificates)) } => {}
        }
        self.tunnels.end();
        self.browsers.end_all();
        self.crew.finish(FAREWELL).await;
    }

    /// Ends sessions of browsers when their time is over, or the page is switched off.
    async fn browse(&self) {
        let mut rulings = self.rules.subscribe();
        loop {
            let off = rulings.borrow_and_update().policy.switch(Switch::Browser).err();
            if let Some(off) = off {
                let ended = self.browsers.end_all();
                if ended > 0 {
                    let entry = Entry::new(Event::Stop).outcome(format!("{ended} sessions of browsers: {off}"));
                    self.hall.audit().say(entry);
                }
            }
            let next = self
                .browsers
                .expire()
                .map_or(FAR, |next| next.saturating_duration_since(Instant::now()));
            tokio::select! {
                changed = rulings.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(next.min(FAR)) => {}
            }
        }
    }
}
