//! The forwards: where each leads, and who accepts from its listeners.
//!
//! A listener has one owner: us, or one generation. It becomes ours again when the generation has said that it accepts no more,
//! has ended, or has not answered in time; so nobody meets an old generation after a new one.

use super::effect::{Effect, Upstream};
use super::event::{ForwardId, Number, Port};
use crate::control::Source;
use netns::Protocol;
use std::collections::BTreeSet;

/// One forward.
#[derive(Clone, Debug)]
struct Forward {
    id: ForwardId,
    port: Port,
    source: Source,
    /// The generation that accepts from its listeners; none is us.
    lent: Option<Number>,
    /// It was said where it leads.
    is_announced: bool,
}

/// All of them, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Forwards {
    all: Vec<Forward>,
    upstream: Upstream,
}

impl Forwards {
    /// Forwards whose connections wait.
    pub fn new(forwards: Vec<(ForwardId, Port)>) -> Forwards {
        let mut new = Forwards {
            all: Vec::new(),
            upstream: Upstream::Awaited,
        };
        new.all = forwards
            .into_iter()
            .map(|known| forward(known, Source::Settings))
            .collect();
        new
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn upstream(&self) -> Upstream {
        self.upstream
    }

    /// The guest's ports. What another run has asked for is none of them.
    pub fn ports(&self) -> BTreeSet<Port> {
        let own = self.all.iter().filter(|forward| forward.source != Source::Link);
        own.map(|forward| forward.port).collect()
    }

    /// The same with what another run has asked for.
    pub fn all_ports(&self) -> BTreeSet<Port> {
        self.all.iter().map(|forward| forward.port).collect()
    }

    /// So many came by themselves.
    pub fn detected(&self) -> usize {
        self.all
            .iter()
            .filter(|forward| forward.source == Source::Detected)
            .count()
    }

    /// Whether a generation has listeners.
    pub fn are_lent_to(&self, number: Number) -> bool {
        self.all.iter().any(|forward| forward.lent == Some(number))
    }

    /// Sends all that is new elsewhere. Whoever accepted it has stopped to, or is gone.
    pub fn retarget(&mut self, upstream: Upstream, effects: &mut Vec<Effect>) {
        self.upstream = upstream;
        for forward in &mut self.all {
            effects.push(Effect::Retarget(forward.id, upstream));
            if forward.lent.take().is_some() {
                effects.push(Effect::Reclaim(forward.id));
            }
        }
    }

    /// Takes new ones in.
    pub fn add(&mut self, new: &[(ForwardId, Port)], source: Source, effects: &mut Vec<Effect>) {
        for known in new {
            self.all.push(forward(*known, source));
            effects.push(Effect::Retarget(known.0, self.upstream));
        }
    }

    pub fn remove(&mut self, ids: &[ForwardId], effects: &mut Vec<Effect>) {
        self.keep(|forward| !ids.contains(&forward.id), effects);
    }

    /// Closes those that came by themselves and on whose ports the guest does not listen any more.
    pub fn undetect(&mut self, listening: &BTreeSet<Port>, effects: &mut Vec<Effect>) {
        let wanted = |forward: &Forward| forward.source != Source::Detected || listening.contains(&forward.port);
        self.keep(wanted, effects);
    }

    fn keep(&mut self, wanted: impl Fn(&Forward) -> bool, effects: &mut Vec<Effect>) {
        let (kept, gone) = std::mem::take(&mut self.all).into_iter().partition::<Vec<_>, _>(wanted);
        self.all = kept;
        if !gone.is_empty() {
            effects.push(Effect::Unforward(gone.iter().map(|forward| forward.id).collect()));
        }
    }

    /// The serving generation listens on a port: who waits goes on, and it is lent the listeners where it `adopts` them. False
    /// when no forward leads there.
    pub fn heard(&mut self, port: Port, number: Number, adopts: bool, effects: &mut Vec<Effect>) -> bool {
        let mut found = false;
        for forward in self.all.iter_mut().filter(|forward| forward.port == port) {
            found = true;
            effects.push(Effect::Wake(forward.id));
            // A link has no listener.
            let has_listeners = !matches!(forward.source, Source::Exposed | Source::Link) && port.0 == Protocol::Tcp;
            if adopts && has_listeners && forward.lent.is_none() {
                forward.lent = Some(number);
                effects.push(Effect::Lend {
                    forward: forward.id,
                    port: port.1,
                    to: number,
                });
            }
            if !std::mem::replace(&mut forward.is_announced, true) {
                effects.push(Effect::Announce(forward.id));
            }
        }
        found
    }

    /// A generation accepts no more on a port: connections wait here.
    pub fn closed(&mut self, port: u16, number: Number, effects: &mut Vec<Effect>) {
        let on_port = |forward: &&mut Forward| forward.port == (Protocol::Tcp, port) && forward.lent == Some(number);
        for forward in self.all.iter_mut().filter(on_port) {
            forward.lent = None;
            effects.push(Effect::Reclaim(forward.id));
        }
    }

    /// A generation did not take a forward's listeners.
    pub fn not_lent(&mut self, id: ForwardId, number: Number) {
        let refused = |forward: &&mut Forward| forward.id == id && forward.lent == Some(number);
        if let Some(forward) = self.all.iter_mut().find(refused) {
            forward.lent = None;
        }
    }
}

fn forward((id, port): (ForwardId, Port), source: Source) -> Forward {
    Forward {
        id,
        port,
        source,
        lent: None,
        is_announced: false,
    }
}
