//! What changes while somebody looks. Runs are asked once a second for as long as the browser stays.

use super::answer;
use super::render;
use super::shared::Shared;
use super::sight::{self, Looker};
use futures::stream;
use gateway::access::Access;
use gateway::hooks::Visit;
use gateway::scope::Operation;
use http::Response;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tunnel::mux::Body;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// So often something is sent, or nobody would see that the browser has gone.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Default, Serialize)]
struct Change {
    /// Which elements there are.
    shape: String,
    /// Texts that are new, by the names of their elements.
    texts: BTreeMap<String, String>,
}

struct Watch {
    shared: Arc<Shared>,
    access: Access,
    visit: Visit,
    run: Option<String>,
    ticks: tokio::time::Interval,
    said: Instant,
    shape: String,
    texts: BTreeMap<String, String>,
}

/// Events of all runs, or of one.
pub(super) fn answer(shared: &Arc<Shared>, visit: &Visit, run: Option<String>) -> Response<Body> {
    if let Err(denied) = visit.access.may(Operation::List, None, None) {
        // A browser does not ask again for what is no stream of events.
        return render::refused(visit, &denied.refusal());
    }
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch {
        shared: shared.clone(),
        access: visit.access.clone(),
        visit: visit.clone(),
        run,
        ticks,
        said: Instant::now(),
        shape: String::new(),
        texts: BTreeMap::new(),
    };
    answer::events(stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        watch.said = Instant::now();
        Some((event, watch))
    }))
}

impl Watch {
    /// None: nothing can be listed any more.
    async fn next(&mut self) -> Option<String> {
        loop {
            self.ticks.tick().await;
            let looker = Looker {
                access: &self.access,
                session: self.visit.session.digest,
                is_local: sight::is_local(&self.visit.authority),
            };
            let mut runs = looker.runs(&self.shared.started).await.ok()?;
            if let Some(run) = &self.run {
                runs.retain(|seen| seen.name == *run);
            }
            let (shape, mut texts) = (sight::shape(&runs), sight::texts(&runs));
            let old = std::mem::replace(&mut self.texts, texts.clone());
            texts.retain(|name, text| old.get(name) != Some(text));
            if shape != self.shape || !texts.is_empty() {
                self.shape.clone_from(&shape);
                let change = Change { shape, texts };
                let data = serde_json::to_string(&change).ok()?;
                return Some(format!("data: {data}\n\n"));
            }
            if self.said.elapsed() >= ALIVE {
                return Some(":\n\n".to_owned());
            }
        }
    }
}
