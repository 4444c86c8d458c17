//! Changes of files and settings, and what follows from them.

use super::driver::Session;
use super::forwards;
use super::project::{Building, Read, Sorted, rules};
use super::state::Event;
use crate::control::Source;
use crate::settings::{Network, Settings};
use crate::watch::Changes;
use report::Result;

impl Session {
    pub(super) async fn changed(&mut self, changes: Changes) {
        if changes.moved
            && let Err(failure) = self.project.watch().await
        {
            report::failure(&failure);
        }
        let building = Building {
            is_under_way: self.state.is_building(),
            ended: self.state.build_ended(),
        };
        let sorted = self.project.sort(changes, building);
        if sorted.has_config {
            let read = Box::pin(self.project.read());
            self.work.reread = Some((sorted, read));
        } else {
            self.changed_to(sorted, false);
        }
    }

    fn changed_to(&mut self, sorted: Sorted, is_ruled_anew: bool) {
        if sorted.has_sources || is_ruled_anew {
            self.work.events.push_back(Event::Changed {
                since: sorted.since,
                cause: sorted.cause,
            });
        }
    }

    /// The settings were read again.
    pub(super) async fn reread(&mut self, read: Result<Option<Read>>) {
        let Some((sorted, _)) = self.work.reread.take() else {
            return;
        };
        let anew = match read {
            Ok(Some(read)) => self.apply(read).await,
            Ok(None) => false,
            Err(failure) => {
                report::failure(&failure);
                tracing::warn!("keeping the previous settings");
                false
            }
        };
        self.changed_to(sorted, anew);
    }

    /// Has other settings hold. True when a new generation is needed.
    async fn apply(&mut self, read: Read) -> bool {
        let old = self.project.replace(read);
        let new = &self.project.settings;
        if old == *new {
            return false;
        }
        tracing::info!("the settings have changed");
        let limits = |network: &Network| (network.connect_timeout, network.udp_idle, network.max_connections);
        if limits(&old.network) != limits(&new.network) {
            let limits = forwards::limits(new, new.network.mappings.len());
            self.connections = limits.connections;
            self.forwarder.limit(limits);
        }
        self.outbound.allow(&new.network);
        let old_ports = self.forwards.guest_ports_in_order();
        let unwanted = self.forwards.unwanted(&new.network.mappings);
        // Gone before what is new is bound: it may be the same port of this machine.
        self.forwards.remove(&unwanted);
        let forwards = self.forwards.add_wanted(&new.network.mappings);
        let exposed = self.forwards.expose(&new.network.expose);
        let source = Source::Settings;
        self.work.events.extend([
            Event::Removed(unwanted),
            Event::Ruled(rules(new)),
            Event::Added { forwards, source },
            Event::Added {
                forwards: exposed,
                source: Source::Exposed,
            },
        ]);
        let another_guest = old.source != new.source;
        // A guest that adopts is started with the limit.
        let adopts = |settings: &Settings| settings.adopts().then_some(settings.network.max_connections);
        // One without a way out gets it with its next start, and which of its localhost's ports are this machine's.
        let way_out = |settings: &Settings| {
            let network = &settings.network;
            (network.reaches_out(), network.outbound_path, network.localhost())
        };
        let is_given_anew = old.guest != new.guest
            || adopts(&old) != adopts(new)
            || way_out(&old) != way_out(new)
            || old.network.authorities != new.network.authorities;
        let other_ports = old_ports != self.forwards.guest_ports_in_order();
        if (another_guest || old.watch != new.watch)
            && let Err(failure) = self.project.watch().await
        {
            report::failure(&failure);
        }
        another_guest || is_given_anew || (other_ports && self.state.is_given_listeners())
    }
}
