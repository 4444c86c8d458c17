//! Uses redis, as any program does that knows nothing of wasmrun.

use redis::{Commands, RedisResult};

fn main() -> RedisResult<()> {
    let url = std::env::var("REDIS_URL").expect("REDIS_URL is set");
    let client = redis::Client::open(url)?;
    let mut connection = client.get_connection()?;
    let mut pipeline = redis::pipe();
    for _ in 0..1000 {
        pipeline.incr("count", 1);
    }
    let counts: Vec<u32> = pipeline.query(&mut connection)?;
    println!("{}", counts[999]);
    let () = connection.set("large", "y".repeat(3_000_000))?;
    let large: String = connection.get("large")?;
    println!("{}", large.len());

    let mut listener = client.get_connection()?;
    let mut news = listener.as_pubsub();
    news.subscribe("news")?;
    let () = connection.publish("news", "published")?;
    println!("{}", news.get_message()?.get_payload::<String>()?);
    Ok(())
}
