//! The way out of a session's guests: one for all generations, so that names mean the same to each.

use super::notices;
use crate::control::{self, Outbound as Line};
use crate::settings::Network;
use anyhow::Context;
use netns::egress::{Egress, Event, Row};
use report::Result;
use std::sync::Arc;
use supervisor::GuestProcess;
use supervisor::logs::Ring;

use super::later::Later;

/// It begins with the first guest that has a rule.
pub struct Outbound {
    egress: Option<Egress>,
    /// A line a connection.
    log: Arc<Ring>,
}

impl Default for Outbound {
    fn default() -> Outbound {
        Outbound {
            egress: None,
            log: Ring::new(),
        }
    }
}

impl Outbound {
    /// Answers what a guest's process asks for, where it may ask.
    pub fn serve(&mut self, process: &mut GuestProcess, network: &Network) -> Result<()> {
        let Some((channel, inside)) = process.take_egress() else {
            return Ok(());
        };
        let egress = match &mut self.egress {
            Some(egress) => egress,
            None => {
                let log = self.log.clone();
                let on_event = move |event| {
                    notices::outbound(&event);
                    if let Some(line) = line(event).and_then(|line| serde_json::to_string(&line).ok()) {
                        log.keep(&line);
                    }
                };
                let egress = Egress::start(network.rules(), Arc::new(control::link_to), Arc::new(on_event));
                self.egress
                    .insert(egress.context("cannot start the thread of outbound connections")?)
            }
        };
        egress.serve(channel, inside);
        Ok(())
    }

    /// Has other rules hold, from the next connection on. What is open stays.
    pub fn allow(&self, network: &Network) {
        if let Some(egress) = &self.egress {
            egress.allow(network.rules());
        }
    }

    /// What has become of what guests asked for.
    pub fn rows(&self) -> Vec<Row> {
        self.egress.as_ref().map(Egress::rows).unwrap_or_default()
    }

    /// Has guests tell what went over their connections; none where nothing is open.
    pub fn count(&self) -> Option<Later<()>> {
        let counted = self.egress.as_ref()?.count()?;
        Some(Box::pin(counted))
    }

    /// What has become of each connection.
    pub fn log(&self) -> &Arc<Ring> {
        &self.log
    }
}

/// What is kept of an event; a connection is kept when it is over.
fn line(event: Event) -> Option<Line> {
    let none = Line {
        event: String::new(),
        to: String::new(),
        address: None,
        sent: 0,
        received: 0,
        milliseconds: 0,
        error: None,
    };
    Some(match event {
        Event::Connected { .. } => return None,
        Event::Closed {
            to,
            address,
            sent,
            received,
            lasted,
        } => Line {
            event: "closed".to_owned(),
            to,
            address: Some(address),
            sent,
            received,
            milliseconds: lasted.as_millis() as u64,
            ..none
        },
        Event::Failed { to, error } => Line {
            event: "failed".to_owned(),
            to,
            error: Some(error),
            ..none
        },
        Event::Refused(refusal) => Line {
            event: "refused".to_owned(),
            error: Some(refusal.to_string()),
            to: refusal.to,
            ..none
        },
    })
}
