//! A Redis client: says something on a channel, and counts it, or listens to one.
//!
//! ```text
//! redis_messages redis://HOST:PORT/ say CHANNEL TEXT
//! redis_messages redis://HOST:PORT/ hear CHANNEL [COUNT]
//! ```
//!
//! The crate is as it is published, and blocks; while `hear` waits for a message the browser's event loop goes on.

use std::error::Error;

use redis::Commands;
use socket_iwa as _;

const USAGE: &str = "usage: redis_messages redis://HOST:PORT/ say CHANNEL TEXT | hear CHANNEL [COUNT]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (url, command) = arguments.split_first().ok_or(USAGE)?;
    let mut redis = redis::Client::open(*url)?.get_connection()?;
    match command {
        ["say", channel, text] => {
            let heard: usize = redis.publish(channel, text)?;
            let said: usize = redis.incr(format!("said:{channel}"), 1)?;
            println!("{heard} heard message {said}");
        }
        ["hear", channel] => hear(&mut redis, channel, usize::MAX)?,
        ["hear", channel, count] => hear(&mut redis, channel, count.parse()?)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn hear(redis: &mut redis::Connection, channel: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let mut messages = redis.as_pubsub();
    messages.subscribe(channel)?;
    println!("listening to {channel}");
    for _ in 0..count {
        let text: String = messages.get_message()?.get_payload()?;
        println!("{text}");
    }
    Ok(())
}
