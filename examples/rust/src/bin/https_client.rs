//! An HTTPS client: fetches a URL with ureq, through rustls and ring, and writes the body to standard output.
//!
//! ```text
//! https_client URL [CA.pem]
//! ```
//!
//! Trusts Mozilla's root certificates, which the program carries, or those in CA.pem alone. Exit code 1 when there is no
//! answer, or one with a status of 400 or above. It asks the server itself, by TCP: no CORS, no browser cache, no cookies.

use std::error::Error;
use std::io::{self, Read};

use socket_iwa as _;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: https_client URL [CA.pem]")?;
    let roots = match arguments.next() {
        Some(file) => read_roots(&file)?,
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder().root_certs(roots).build();
    let agent: Agent = Agent::config_builder().tls_config(tls).https_only(true).build().into();

    let mut response = agent.get(&url).call()?;
    eprintln!("{} {:?}", response.status(), response.version());
    // As it comes: a long body needs no memory.
    let mut body: Box<dyn Read> = Box::new(response.body_mut().as_reader());
    io::copy(&mut body, &mut io::stdout().lock())?;
    Ok(())
}

fn read_roots(file: &str) -> Result<RootCerts, Box<dyn Error>> {
    let pem = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{file}: no certificate is in it").into());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
