//! SET, GET, a large value and a pipeline with the redis crate.
//!     redis_client redis://HOST:PORT/

use redis::{Commands, RedisResult};
use socket_iwa as _;

fn main() -> RedisResult<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1/".into());
    let mut redis = redis::Client::open(url)?.get_connection()?;

    let () = redis.set("port:greeting", "hello")?;
    let greeting: String = redis.get("port:greeting")?;
    println!("GET: {greeting}");
    let missing: Option<String> = redis.get("port:missing")?;
    println!("GET of nothing: {missing:?}");

    let large: Vec<u8> = (0..1 << 20).map(|i: u32| (i * 7 + i / 256) as u8).collect();
    let () = redis.set("port:large", &large)?;
    let back: Vec<u8> = redis.get("port:large")?;
    println!("a value of {} bytes: {}", back.len(), if back == large { "the same" } else { "another" });

    let mut pipeline = redis::pipe();
    pipeline.del("port:counter").ignore();
    for _ in 0..1000 {
        pipeline.incr("port:counter", 1);
    }
    let counts: Vec<i64> = pipeline.query(&mut redis)?;
    println!("pipeline: {} answers, the last {:?}", counts.len(), counts.last());

    let wrong: RedisResult<i64> = redis.incr("port:greeting", 1);
    println!("INCR of a word: {}", wrong.err().map_or("no error".into(), |error| error.to_string()));
    let (): () = redis.del(&["port:greeting", "port:large", "port:counter"])?;
    Ok(())
}
