//! An HTTPS GET with ureq, through rustls and ring.
//!     https_get URL CA.pem
//! trusts the certificates in CA.pem alone, and prints the status, the length of the body and its first line.

use std::error::Error;

use socket_iwa as _;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: https_get URL CA.pem".into());
    };
    let pem = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build();
    let agent: Agent = Agent::config_builder().tls_config(tls).build().into();

    let mut response = agent.get(&url).header("X-Greeting", "hello").call()?;
    let body = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
    let first = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    println!("{} {} bytes: {}", response.status(), body.len(), String::from_utf8_lossy(first));
    Ok(())
}
