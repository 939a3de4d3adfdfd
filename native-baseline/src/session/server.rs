//! Servers that a test starts by a command: any that prints the server's ready line as JSON and stops when its standard
//! input ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{Error, Pin};

/// The command of a server, to which further arguments are appended.
#[derive(Clone, Debug)]
pub struct ServerCommand(pub Vec<String>);

/// A running server, which is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) pin: Pin,
}

impl ServerCommand {
    /// Starts it with `arguments` more, and waits until it is ready.
    pub(super) fn start(&self, arguments: &[&str]) -> Result<Server, Error> {
        let failed = |reason: &dyn std::fmt::Display| {
            Error::new(format!("start {} {}", self.0.join(" "), arguments.join(" ")), reason)
        };
        let (program, own) = self.0.split_first().ok_or_else(|| failed(&"the command is empty"))?;
        let mut child = Command::new(program)
            .args(own)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let lines = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| ready(&line));
        let Some((address, pin)) = ready else {
            // It has said why on standard error, which is this program's too.
            let status = child.wait().map_err(|error| failed(&error))?;
            return Err(failed(&format_args!("it ended without a ready line, {status}")));
        };
        Ok(Server { child, address, pin })
    }
}

impl Server {
    /// Ends its standard input and waits until it is gone.
    pub(super) fn stop(mut self) -> Result<(), Error> {
        self.end().map_err(|error| Error::new("stop the server", error))
    }

    fn end(&mut self) -> std::io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that can't be waited for is gone.
        let _ = self.end();
    }
}

/// Address and certificate of a ready line.
fn ready(line: &str) -> Option<(SocketAddr, Pin)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let ip = value["address"].as_str()?.parse().ok()?;
    let port = value["port"].as_u64()?.try_into().ok()?;
    let pin = value["cert_sha256"].as_str()?.parse().ok()?;
    (value["ready"] == true).then_some((SocketAddr::new(ip, port), pin))
}
