//! `wasmrun stop`: ends runs in order.

use crate::control::{self, Client};
use crate::settings::units;
use clap::Args;
use report::Result;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Names or ids, as `wasmrun ps` shows them
    #[arg(required_unless_present = "all")]
    pub names: Vec<String>,
    /// Stop all of your runs
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Grace for open connections, for example 10s; 0s ends them at once
    #[arg(long, value_name = "TIME")]
    pub grace: Option<String>,
}

/// `wasmrun stop`
pub async fn run(stop: &Arguments) -> Result<u8> {
    let grace = match &stop.grace {
        None => None,
        Some(text) => {
            let time = units::time(text, "--grace", "`10s`")?;
            Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        }
    };
    let mut clients = Vec::new();
    if stop.all {
        for (name, path) in control::running()? {
            clients.push((name, Client::at(&path)));
        }
    }
    for name in &stop.names {
        clients.push((name.clone(), Client::find(name).await?));
    }
    for (_, client) in &clients {
        client.post::<()>("stop", &control::Stop { grace }).await?;
    }
    for (name, client) in clients {
        client.ended().await;
        tracing::info!("stopped: {name}");
    }
    Ok(0)
}
