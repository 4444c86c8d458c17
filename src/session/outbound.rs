//! The way out of a session's guests: one for all generations, so that names mean the same to each.

use super::notices;
use crate::settings::Network;
use anyhow::Context;
use netns::egress::{Egress, Row};
use report::Result;
use std::sync::Arc;
use supervisor::GuestProcess;

/// It begins with the first guest that has a rule.
#[derive(Default)]
pub struct Outbound(Option<Egress>);

impl Outbound {
    /// Answers what a guest's process asks for, where it may ask.
    pub fn serve(&mut self, process: &mut GuestProcess, network: &Network) -> Result<()> {
        let Some(channel) = process.take_egress() else {
            return Ok(());
        };
        let egress = match &mut self.0 {
            Some(egress) => egress,
            None => {
                let egress = Egress::start(
                    network.policy(),
                    network.connect_timeout,
                    Arc::new(|event| notices::outbound(&event)),
                );
                self.0
                    .insert(egress.context("cannot start the thread of outbound connections")?)
            }
        };
        egress.serve(channel);
        Ok(())
    }

    /// Has other rules hold, from the next connection on. What is open stays.
    pub fn allow(&self, network: &Network) {
        if let Some(egress) = &self.0 {
            egress.allow(network.policy(), network.connect_timeout);
        }
    }

    /// What has become of what guests asked for.
    pub fn rows(&self) -> Vec<Row> {
        self.0.as_ref().map(Egress::rows).unwrap_or_default()
    }
}
