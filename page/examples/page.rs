//! The page with runs that are made up, for a person to look at: `cargo run -p wasmrun-page --example page -- 127.0.0.1:7070`.

#[path = "../tests/it/guest.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod guest;
#[path = "../tests/it/world.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod world;

use gateway::grants::Grants;
use gateway::runs::{Forward, Run};
use std::io::Write;
use world::{Setting, World};

fn others() -> Vec<Run> {
    let forward = |host: u16, guest: u16, protocol: &str| Forward {
        host: ([0, 0, 0, 0], host).into(),
        guest,
        protocol: protocol.into(),
        live: 3,
        to_guest: 91_000,
        to_client: 12_400,
    };
    let run = |name: &str, state: &str| Run {
        name: name.into(),
        state: state.into(),
        generation: 1,
        generation_uptime: 94_000,
        memory: Some(9_400_000),
        ..Run::default()
    };
    vec![
        Run {
            project: Some("shop".into()),
            kind: Some("Python 3.14".into()),
            listening: vec![8000],
            generation_uptime: 31,
            generation: 14,
            watched: true,
            forwards: vec![forward(8000, 8000, "tcp"), forward(5300, 53, "udp")],
            bound: vec![53],
            ..run("shop-api", "serving")
        },
        Run {
            project: Some("shop".into()),
            kind: Some("wasm32-wasip2".into()),
            reason: Some("exited with 1: connects to db:5432, which refuses; starts again in 8 s".into()),
            ..run("shop-worker", "waiting")
        },
        Run {
            kind: Some("Go 1.25".into()),
            ..run("old", "stopping")
        },
    ]
}

fn printed() -> Vec<String> {
    let mut lines = vec![
        "> web@1.0.0 start".to_owned(),
        "\u{1b}[32mready\u{1b}[0m on http://localhost:3000".to_owned(),
        "warn: <script>alert(1)</script> is text here".to_owned(),
        "warn: a line that is longer than any window of a browser would like it to be, with /a/path/that/goes/on/and/on/and/on".to_owned(),
    ];
    lines.extend((0..30).map(|place| format!("GET /items/{place} 200 in {} ms", place % 7)));
    lines
}

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).and_then(|address| address.parse().ok());
    let setting = Setting {
        address,
        others: others(),
        printed: printed(),
        ..Setting::default()
    };
    let world = World::with(setting).await;
    let port = world.address.port();
    let mut out = std::io::stdout().lock();
    // Each link lets one browser in.
    for _ in 0..20 {
        let link = world.gateway.invite(Grants::ALL);
        let _ = writeln!(out, "http://wasmrun.localhost:{port}{}", link.expose());
    }
    drop(out);
    std::future::pending::<()>().await;
}
