//! Forwards host ports into an existing network namespace, with this crate alone:
//!
//! ```sh
//! ip netns add demo && ip -n demo link set lo up
//! forward /run/netns/demo 6100:3000 [RULE…]
//! ```
//!
//! Prints one `ready:` line for each address and runs until it is killed. Entering a namespace needs root.

use netns::{Forwarder, Limits, Rule, Target};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let namespace = arguments.next().ok_or("usage: forward NAMESPACE RULE…")?;
    let rules: Vec<Rule> = arguments.map(|rule| rule.parse()).collect::<Result<_, _>>()?;

    let mut limits = Limits::of_this_process();
    if let Ok(workers) = std::env::var("FORWARD_WORKERS") {
        limits.workers = workers.parse()?;
    }
    let target = Target::new(netns::factory::in_namespace(Path::new(&namespace))?);
    let forwarder = Forwarder::start(limits, Arc::new(|notice| eprintln!("{notice:?}")))?;
    for mapping in rules.iter().flat_map(Rule::mappings) {
        let forward = forwarder.add(netns::listen(&mapping)?);
        forwarder.retarget(&forward, target.clone());
        for address in forward.addresses() {
            println!("ready: {address} -> {namespace}:{}/{}", mapping.guest, mapping.protocol);
        }
    }
    loop {
        std::thread::park();
    }
}
