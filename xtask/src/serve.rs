//! A server in one of the runtimes: started, ready, stopped; and `cargo xtask serve`, which holds one until told to stop.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt;
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::process::{Gathered, Group, code_of, describe, interrupted, next_line};
use crate::report::{note, print, print_json, seconds};
use crate::runtime::{Options, Runtime};

/// From the end of standard input to the process's own end: connections close, the browser ends, its profile goes.
const STOP_LIMIT: Duration = Duration::from_secs(45);
const TICK: Duration = Duration::from_millis(50);

/// What a server says when it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// SHA-256 of the certificate (DER), hexadecimal.
    pub(crate) cert_sha256: String,
    cert_pem: String,
}

impl Ready {
    /// None where the line is something else (statistics, a log line).
    fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_string);
        (value["ready"] == true).then_some(())?;
        Some(Self {
            address: text("address")?.parse().ok()?,
            port: value["port"].as_u64()?.try_into().ok()?,
            cert_sha256: text("cert_sha256")?,
            cert_pem: text("cert_pem")?,
        })
    }

    fn to_json(&self, runtime: Runtime) -> Value {
        json!({
            "ready": true,
            "runtime": runtime.name(),
            "address": self.address.to_string(),
            "port": self.port,
            "cert_sha256": self.cert_sha256,
            "cert_pem": self.cert_pem,
        })
    }

    pub(crate) fn socket_address(&self) -> String {
        std::net::SocketAddr::new(self.address, self.port).to_string()
    }
}

/// What becomes of a server's log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Show,
    /// Kept for the case of a failure.
    Gather,
}

/// A server that is ready. Dropping it ends the process; [`Server::stop`] does it in order.
pub(crate) struct Server {
    runtime: Runtime,
    group: Group,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    log: Gathered,
    pub(crate) ready: Ready,
}

impl Server {
    /// Starts a server and waits until it is ready. None when `stop` became true before that, and it stopped.
    pub(crate) fn start(
        runtime: Runtime,
        options: &Options,
        log: Log,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Self>> {
        let mut command = runtime.command(options)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(if log == Log::Show { Stdio::inherit() } else { Stdio::piped() });
        let mut group = Group::spawn(&mut command)?;
        // Should this process be killed, the pipe's end is what tells the server to stop.
        let stdin = group.take_stdin();
        let lines = group.stdout_lines();
        let gathered = group.gather_stderr();
        let start = Instant::now();
        loop {
            match next_line(&lines, TICK) {
                Ok(Some(line)) => match Ready::parse(&line) {
                    Some(ready) => {
                        return Ok(Some(Self { runtime, group, stdin, lines, log: gathered, ready }));
                    }
                    None => note(&line),
                },
                Ok(None) => {
                    let status = group.wait("the end of a server that closed its output", STOP_LIMIT)?;
                    return Err(died_early(runtime, status, log, &gathered.text()));
                }
                Err(()) if stop() => {
                    drop(stdin);
                    return match group.wait_for_stop(STOP_LIMIT)? {
                        Some(_) => Ok(None),
                        None => Err(not_stopped(runtime)),
                    };
                }
                Err(()) if start.elapsed() >= runtime.start_limit() => {
                    drop(group);
                    let limit = seconds(runtime.start_limit());
                    let said = last_lines(&gathered.text());
                    return Err(Error::failed(format!("{}: no ready line after {limit}{said}", runtime.name())));
                }
                Err(()) => {}
            }
        }
    }

    /// Passes on what the server says (statistics) to standard error, for a moment. Its exit status once it has ended.
    fn follow(&mut self) -> Result<Option<ExitStatus>> {
        match next_line(&self.lines, TICK) {
            Ok(Some(line)) => note(&line),
            Ok(None) => {
                return self.group.wait("the end of a server that closed its output", STOP_LIMIT).map(Some);
            }
            Err(()) => {}
        }
        Ok(None)
    }

    /// Closes the server's standard input and waits for its own clean end.
    pub(crate) fn stop(mut self, log: Log) -> Result<()> {
        drop(self.stdin.take());
        let Some(status) = self.group.wait_for_stop(STOP_LIMIT)? else {
            return Err(not_stopped(self.runtime));
        };
        if log == Log::Show {
            self.lines.try_iter().for_each(|line| note(&line));
        }
        if status.success() {
            return Ok(());
        }
        let message = format!("{}: the server stopped with {}", self.runtime.name(), describe(status));
        Err(Error::with_code(message + &last_lines(&self.log.text()), code_of(status)))
    }

    /// The end of the gathered log, to be added to an error.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&self.log.text())
    }
}

fn died_early(runtime: Runtime, status: ExitStatus, log: Log, gathered: &str) -> Error {
    let code = code_of(status).max(1);
    if log == Log::Show && code == 2 {
        // The server has said in one line what it could not use.
        return Error::with_code("", code);
    }
    let message = format!("{}: the server ended before it was ready ({})", runtime.name(), describe(status));
    Error::with_code(message + &last_lines(gathered), code)
}

fn not_stopped(runtime: Runtime) -> Error {
    let limit = seconds(STOP_LIMIT);
    Error::failed(format!(
        "{}: the server did not stop within {limit} of its standard input's end: killed",
        runtime.name()
    ))
}

fn last_lines(log: &str) -> String {
    const SHOWN: usize = 5;
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN)..].iter().map(|line| format!("\n    {line}")).collect()
}

/// `cargo xtask serve`, once everything is built.
pub(crate) fn command(runtime: Runtime, options: &Options, json: bool) -> Result<()> {
    if options.screenshot.is_some() && runtime != Runtime::Chromium {
        return Err(Error::unusable("--screenshot is for --runtime chromium: there is no page elsewhere"));
    }
    if options.bundle.is_some() && runtime != Runtime::Chromium {
        return Err(Error::unusable("--bundle is for --runtime chromium: only a browser installs one"));
    }
    let input_ended = watch_stdin();
    let stop = || interrupted() || input_ended.load(Ordering::SeqCst);
    let Some(mut server) = Server::start(runtime, options, Log::Show, &stop)? else {
        return Ok(());
    };
    if json {
        print_json(&server.ready.to_json(runtime))?;
    } else {
        let (at, hash) = (server.ready.socket_address(), &server.ready.cert_sha256);
        print(&format!("ready: {} server on {at} (UDP), certificate SHA-256 {hash}", runtime.name()))?;
    }
    while !stop() {
        if let Some(status) = server.follow()? {
            let message = format!("{}: the server ended by itself: {}", runtime.name(), describe(status));
            return if status.success() { Ok(()) } else { Err(Error::with_code(message, code_of(status))) };
        }
    }
    server.stop(Log::Show)
}

/// A flag that is set when standard input ends. A terminal and /dev/null (which stands for an input that was never
/// open) tell nothing: the server then runs until a signal.
fn watch_stdin() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let is_device = fs::metadata("/dev/stdin").is_ok_and(|metadata| metadata.file_type().is_char_device());
    if !is_device && !io::stdin().is_terminal() {
        let flag = Arc::clone(&ended);
        thread::spawn(move || {
            let mut ignored = [0; 4096];
            while io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
            flag.store(true, Ordering::SeqCst);
        });
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_is_told_from_others() {
        let line = r#"{"ready":true,"address":"127.0.0.1","port":4433,"cert_sha256":"ab","cert_pem":"PEM"}"#;
        let ready = Ready::parse(line).unwrap();
        assert_eq!(ready.socket_address(), "127.0.0.1:4433");
        let shown = ready.to_json(Runtime::Node).to_string();
        let begin = r#"{"ready":true,"runtime":"node","address":"127.0.0.1","port":4433,"#;
        assert!(shown.starts_with(begin), "{shown}");
        for other in [r#"{"stats":{}}"#, r#"{"stopped":true}"#, r#"{"ready":true}"#, "INFO ready", ""] {
            assert_eq!(Ready::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        let line = r#"{"ready":true,"address":"::1","port":1,"cert_sha256":"","cert_pem":""}"#;
        assert_eq!(Ready::parse(line).unwrap().socket_address(), "[::1]:1");
    }

    #[test]
    fn a_bad_certificate_is_reported_by_the_server_alone() {
        use std::os::unix::process::ExitStatusExt;
        let status = ExitStatus::from_raw(2 << 8);
        assert_eq!(died_early(Runtime::Native, status, Log::Show, "").to_string(), "");
        let error = died_early(Runtime::Native, status, Log::Gather, "ERROR no certificate in x.pem\n");
        assert_eq!(error.code(), 2);
        assert!(error.to_string().ends_with("\n    ERROR no certificate in x.pem"), "{error}");
    }
}
