//! What a build costs that differs from the last one in a constant of one function: `rebuild FILE.wasm...`

use runtime::{Compiler, Tier};
use std::time::{Duration, Instant};
use wasmparser::{Operator, Parser, Payload};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("| file | bytes | compiled alone | first of many builds | next build | baseline |");
    println!("|---|---|---|---|---|---|");
    for path in std::env::args().skip(1) {
        let mut bytes = std::fs::read(&path)?;
        let (mut alone, mut first, mut next, mut baseline) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            alone.push(time(&mut Compiler::default(), &bytes, Tier::Optimized)?);
            let mut compiler = Compiler::for_many_builds();
            first.push(time(&mut compiler, &bytes, Tier::Optimized)?);
            for round in 0..3 {
                change(&mut bytes, round)?;
                next.push(time(&mut compiler, &bytes, Tier::Optimized)?);
                baseline.push(time(&mut compiler, &bytes, Tier::Baseline)?);
            }
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            bytes.len(),
            median(alone),
            median(first),
            median(next),
            median(baseline)
        );
    }
    Ok(())
}

fn time(compiler: &mut Compiler, bytes: &[u8], tier: Tier) -> Result<Duration, Box<dyn std::error::Error>> {
    let started = Instant::now();
    compiler.compile(bytes, tier)?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> String {
    times.sort();
    format!("{} ms", times[times.len() / 2].as_millis())
}

/// Changes a small constant in the middle function.
fn change(bytes: &mut [u8], round: u8) -> Result<(), Box<dyn std::error::Error>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body);
        }
    }
    let constant = bodies.iter().skip(bodies.len() / 2).find_map(|body| {
        let mut operators = body.get_operators_reader().ok()?;
        while !operators.eof() {
            // One byte for the operation, one for a constant below 64.
            if let (Operator::I32Const { value: 0..64 }, offset) = operators.read_with_offset().ok()? {
                return Some(offset + 1);
            }
        }
        None
    });
    bytes[constant.ok_or("no function has a constant")?] = round + 1;
    Ok(())
}
