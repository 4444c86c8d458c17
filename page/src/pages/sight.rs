//! What one browser is shown of the runs and the apps: what it may do decides which parts there are.

use crate::app::App;
use crate::label;
use crate::started::Started;
use crate::text;
use gateway::access::Access;
use gateway::runs::Run;
use gateway::scope::{Operation, is_name};
use gateway::secret::Digest;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tunnel::mux::Refusal;

/// A port of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) may_start: bool,
}

/// A port of the hub's machine that leads into a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Forward {
    /// `127.0.0.1:8080 → 80`
    pub(super) text: String,
    /// Where a browser finds it; none where it is no browser's, or the browser is elsewhere.
    pub(super) href: Option<String>,
}

/// A run.
pub(super) struct Seen {
    pub(super) name: String,
    /// Its page; none where its name cannot be in a path.
    pub(super) href: Option<String>,
    pub(super) project: Option<String>,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) generation: u64,
    pub(super) age: String,
    pub(super) kind: Option<String>,
    pub(super) is_watched: bool,
    pub(super) memory: String,
    pub(super) listening: Vec<u16>,
    pub(super) ports: Vec<Port>,
    pub(super) bound: String,
    pub(super) forwards: Vec<Forward>,
    pub(super) connections: String,
    pub(super) traffic: String,
    pub(super) apps: Vec<Open>,
    /// As people and commands write the name.
    pub(super) shown: String,
    pub(super) may_connect: bool,
    pub(super) may_read: bool,
    pub(super) may_restart: bool,
    pub(super) may_stop: bool,
}

/// An app that is started.
pub(super) struct Open {
    pub(super) number: u64,
    pub(super) run: String,
    pub(super) port: u16,
    /// Its origin, for the browser that has started it.
    pub(super) href: Option<String>,
    pub(super) age: String,
    pub(super) by: String,
    pub(super) connections: String,
    pub(super) traffic: String,
    pub(super) may_stop: bool,
}

/// Who looks, and from where.
pub(super) struct Looker<'a> {
    pub(super) access: &'a Access,
    pub(super) session: Digest,
    /// Whether the browser is on the hub's machine.
    pub(super) is_local: bool,
}

/// Whether a browser may stop an app: its own, or where it manages the run.
pub(super) fn may_stop(access: &Access, session: &Digest, app: &App) -> bool {
    app.by == *session || access.may(Operation::Stop, Some(&app.target().run), None).is_ok()
}

impl Looker<'_> {
    /// Every run that it may see, by project and name.
    ///
    /// # Errors
    ///
    /// It may see none, or they cannot be listed.
    pub(super) async fn runs(&self, started: &Started) -> Result<Vec<Seen>, Refusal> {
        let mut runs = self.access.list().await?;
        runs.sort_by(|one, other| (&one.project, &one.name).cmp(&(&other.project, &other.name)));
        let apps = started.live();
        Ok(runs.into_iter().map(|run| self.seen(run, &apps)).collect())
    }

    fn seen(&self, run: Run, apps: &[Arc<App>]) -> Seen {
        let is_name = is_name(&run.name);
        let may = |operation, port| is_name && self.access.may(operation, Some(&run.name), port).is_ok();
        let ports = run.listening.iter().map(|port| Port {
            number: *port,
            may_start: may(Operation::Connect, Some(*port)),
        });
        let ports = ports.collect();
        let apps: Vec<&Arc<App>> = apps.iter().filter(|app| app.target().run == run.name).collect();
        let live: usize = run.forwards.iter().map(|forward| forward.live).sum();
        let sum = |of_forward: fn(&gateway::runs::Forward) -> u64, of_app: fn(&App) -> u64| {
            let forwards: u64 = run.forwards.iter().map(of_forward).sum();
            let apps: u64 = apps.iter().map(|app| of_app(app)).sum();
            forwards.saturating_add(apps)
        };
        let to_guest = sum(|forward| forward.to_guest, |app| app.guest.traffic.to_guest());
        let to_client = sum(|forward| forward.to_client, |app| app.guest.traffic.to_client());
        let of_apps: usize = apps.iter().map(|app| app.guest.traffic.connections()).sum();
        Seen {
            href: is_name.then(|| format!("/runs/{}", run.name)),
            shown: text::run(&run.name),
            age: text::age(Duration::from_secs(run.generation_uptime)),
            memory: run.memory.map_or_else(String::new, text::size),
            bound: text::listed(&run.bound),
            forwards: run.forwards.iter().map(|forward| self.forward(forward)).collect(),
            connections: (live + of_apps).to_string(),
            traffic: traffic(to_guest, to_client),
            apps: apps.iter().map(|app| self.open(app)).collect(),
            may_connect: may(Operation::Connect, None),
            may_read: may(Operation::Logs, None),
            may_restart: may(Operation::Restart, None),
            may_stop: may(Operation::Stop, None),
            ports,
            state: text::plain(&run.state),
            reason: run
                .reason
                .as_deref()
                .map(text::plain)
                .filter(|reason| !reason.is_empty()),
            kind: run.kind.as_deref().map(text::plain),
            project: run.project,
            generation: run.generation,
            is_watched: run.watched,
            listening: run.listening,
            name: run.name,
        }
    }

    fn forward(&self, forward: &gateway::runs::Forward) -> Forward {
        let is_tcp = forward.protocol == "tcp";
        let end = if is_tcp { "" } else { "/udp" };
        let port = forward.host.port();
        let host = match forward.host.ip().is_unspecified() {
            true => format!("localhost:{port}"),
            false => forward.host.to_string(),
        };
        Forward {
            text: format!("{} → {}{end}", forward.host, forward.guest),
            href: (is_tcp && self.is_local).then(|| format!("http://{host}/")),
        }
    }

    fn open(&self, app: &App) -> Open {
        let is_own = app.by == self.session;
        let browser = app.by.to_hex();
        Open {
            number: app.number,
            run: text::run(&app.target().run),
            port: app.target().port,
            href: is_own.then(|| format!("{}/", app.origin)),
            age: text::age(app.began.elapsed()),
            by: match is_own {
                true => "this browser".to_owned(),
                false => format!("browser {}", browser.get(..6).unwrap_or_default()),
            },
            connections: app.guest.traffic.connections().to_string(),
            traffic: traffic(app.guest.traffic.to_guest(), app.guest.traffic.to_client()),
            may_stop: may_stop(self.access, &self.session, app),
        }
    }
}

fn traffic(to_guest: u64, to_client: u64) -> String {
    format!("{} / {}", text::size(to_guest), text::size(to_client))
}

/// Whether a browser that has come by this authority is on the hub's machine.
pub(super) fn is_local(authority: &str) -> bool {
    authority.parse().is_ok_and(|authority| label::is_local(&authority))
}

/// The texts that change while the page is open, by the names that its elements have.
pub(super) fn texts(runs: &[Seen]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for run in runs {
        let fields = [
            ("state", run.state.clone()),
            ("reason", run.reason.clone().unwrap_or_default()),
            ("generation", run.generation.to_string()),
            ("age", run.age.clone()),
            ("memory", run.memory.clone()),
            ("connections", run.connections.clone()),
            ("traffic", run.traffic.clone()),
        ];
        for (field, text) in fields {
            texts.insert(format!("{}/{field}", run.name), text);
        }
        for app in &run.apps {
            let fields = [
                ("age", &app.age),
                ("connections", &app.connections),
                ("traffic", &app.traffic),
            ];
            for (field, text) in fields {
                texts.insert(format!("app {}/{field}", app.number), text.clone());
            }
        }
    }
    texts
}

/// Which elements the page has: where this has changed, new texts are not enough.
pub(super) fn shape(runs: &[Seen]) -> String {
    let mut hasher = DefaultHasher::new();
    for run in runs {
        let may = (run.may_connect, run.may_read, run.may_restart, run.may_stop);
        let shown = (
            &run.project,
            &run.kind,
            &run.bound,
            run.reason.is_some(),
            run.is_watched,
        );
        (&run.name, &run.ports, &run.forwards, may, shown).hash(&mut hasher);
        for app in &run.apps {
            (app.number, app.may_stop).hash(&mut hasher);
        }
    }
    format!("{:016x}", hasher.finish())
}
