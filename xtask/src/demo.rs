//! `cargo xtask demo`: the server on each runtime in turn, checked by the native client, and one table of the results; at
//! the end a page in another browser talks to the one in Chromium.
//! A runtime that fails keeps its row, and the others theirs.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::build::{self, Artifact};
use crate::error::{Error, IoContext, Result};
use crate::process::{Show, interrupted, run};
use crate::repo;
use crate::report::{note, print, print_json, seconds, table};
use crate::runtime::{Options, Runtime};
use crate::serve::{Log, Server};
use crate::setup::{self, Need};
use crate::toolchain::Toolchain;
use crate::visit;

/// 16 MiB, 100 requests and an echo, even where it is a hundred times slower than it should be.
const CHECK_LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Request<'a> {
    pub(crate) runtimes: &'a [Runtime],
    pub(crate) toolchain: Toolchain,
    pub(crate) install: bool,
    pub(crate) json: bool,
    pub(crate) screenshot: Option<PathBuf>,
}

/// One runtime's row: what the client measured, or why there is nothing.
struct Row {
    runtime: Runtime,
    outcome: Result<Measured>,
}

/// What `socket-iwa-client check` reports.
#[derive(Debug)]
struct Measured {
    report: Value,
    /// What a page in another browser got back; from the server in Chromium.
    page: Option<Value>,
}

pub(crate) fn command(request: &Request<'_>) -> Result<()> {
    let start = Instant::now();
    let mut preparation = Preparation::new(request);
    preparation.install_everything()?;
    let screenshot = match &request.screenshot {
        Some(file) => std::path::absolute(file).during(file.display())?,
        None => repo::path("target/demo/app.png"),
    };
    let mut rows = Vec::new();
    for runtime in request.runtimes.iter().copied() {
        let outcome = preparation.prepare(runtime).and_then(|()| measure(runtime, &screenshot));
        if interrupted() {
            return Err(Error::interrupted("the demo"));
        }
        if let Err(error) = &outcome {
            note(&format!("{}: FAILED: {error}", runtime.name()));
        }
        rows.push(Row { runtime, outcome });
    }
    let pictured = rows.iter().any(|row| row.runtime == Runtime::Chromium && row.outcome.is_ok());
    note(&format!("the demo took {}", seconds(start.elapsed())));
    let shown = shown(&rows);
    if request.json {
        note(&shown);
        print_json(&json!({
            "ok": rows.iter().all(|row| row.outcome.is_ok()),
            "seconds": start.elapsed().as_secs_f64(),
            "runtimes": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "screenshot": pictured.then(|| screenshot.display().to_string()),
        }))?;
    } else {
        print(&shown)?;
        for report in rows.iter().filter_map(|row| row.outcome.as_ref().ok()?.page.as_ref()) {
            print(&visit::shown(report))?;
        }
        if pictured {
            print(&format!("picture of the app's page: {}", screenshot.display()))?;
        }
    }
    verdict(&rows)
}

/// Exit code 1 if anything ran and failed, else that of what could not be tried.
fn verdict(rows: &[Row]) -> Result<()> {
    let failed: Vec<&Row> = rows.iter().filter(|row| row.outcome.is_err()).collect();
    let codes = failed.iter().filter_map(|row| row.outcome.as_ref().err()).map(Error::code);
    match codes.min() {
        None => Ok(()),
        Some(code) => {
            let names: Vec<&str> = failed.iter().map(|row| row.runtime.name()).collect();
            Err(Error::with_code(format!("failed: {}", names.join(", ")), code))
        }
    }
}

// --- preparing -----------------------------------------------------------------------------------------------------------

/// Installs and builds, each thing once, and remembers what did not work.
struct Preparation<'a> {
    request: &'a Request<'a>,
    built: BTreeMap<Artifact, Result<()>>,
}

impl<'a> Preparation<'a> {
    fn new(request: &'a Request<'a>) -> Self {
        Self { request, built: BTreeMap::new() }
    }

    /// Everything at once, so that the user is told once. What can't be installed is the matter of its runtime's row.
    fn install_everything(&self) -> Result<()> {
        let mut needs = Vec::new();
        for runtime in self.request.runtimes {
            needs.extend(self.needs(*runtime)?);
        }
        match setup::ensure(&needs, self.request.install) {
            Err(error) if error.is_interrupt() => Err(error),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    fn needs(&self, runtime: Runtime) -> Result<Vec<Need>> {
        let mut needs = runtime.needs().to_vec();
        // The client is native, whatever the server is.
        let artifacts = [&[Artifact::Native], runtime.artifacts()].concat();
        needs.extend(build::needs(&artifacts, self.request.toolchain)?);
        Ok(needs)
    }

    fn prepare(&mut self, runtime: Runtime) -> Result<()> {
        setup::ensure(&self.needs(runtime)?, self.request.install)?;
        for artifact in [&[Artifact::Native], runtime.artifacts()].concat() {
            let toolchain = self.request.toolchain;
            let built = self.built.entry(artifact).or_insert_with(|| artifact.build(toolchain).map(drop));
            built.clone()?;
        }
        Ok(())
    }
}

// --- measuring -----------------------------------------------------------------------------------------------------------

fn measure(runtime: Runtime, screenshot: &Path) -> Result<Measured> {
    let options = Options {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        certificate: None,
        further: Vec::new(),
        screenshot: (runtime == Runtime::Chromium).then(|| screenshot.to_path_buf()),
        bundle: None,
    };
    if let Some(directory) = screenshot.parent().filter(|_| options.screenshot.is_some()) {
        fs::create_dir_all(directory).during(format!("making {}", directory.display()))?;
        // What is there afterwards is of this run.
        let _ = fs::remove_file(screenshot);
    }
    let name = runtime.name();
    note(&format!("{name}: starting the server ..."));
    let start = Instant::now();
    let Some(server) = Server::start(runtime, &options, Log::Gather, &interrupted)? else {
        return Err(Error::interrupted("the start of a server"));
    };
    let at = server.ready.socket_address();
    note(&format!("{name}: ready on {at} after {}; checking with the native client ...", seconds(start.elapsed())));
    let start = Instant::now();
    let checked = check(runtime, &server).and_then(|measured| match runtime {
        Runtime::Chromium => {
            note(&format!("{name}: connecting from a page in another Chromium ..."));
            Ok(Measured { page: Some(visit::visit(&server.ready)?), ..measured })
        }
        Runtime::Native | Runtime::Node => Ok(measured),
    });
    let last_words = server.last_words();
    note(&format!("{name}: checked in {}; stopping ...", seconds(start.elapsed())));
    let start = Instant::now();
    let stopped = server.stop(Log::Gather);
    let measured = checked.map_err(|error| Error::with_code(format!("{error}{last_words}"), error.code()))?;
    stopped?;
    note(&format!("{name}: stopped in {}", seconds(start.elapsed())));
    match &options.screenshot {
        Some(file) if !file.is_file() => Err(Error::failed(format!("no picture of the page at {}", file.display()))),
        _ => Ok(measured),
    }
}

fn check(runtime: Runtime, server: &Server) -> Result<Measured> {
    let mut client = Command::new(repo::native_client());
    client.args(["check", "--json", "--connect", &server.ready.socket_address()]);
    client.args(["--cert-sha256", &server.ready.cert_sha256]);
    let what = format!("checking the {} server", runtime.name());
    let outcome = run(&what, &mut client, CHECK_LIMIT, Show::OnFailure)?;
    let report = outcome.text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    let report =
        report.ok_or_else(|| Error::failed(format!("{what}: no report from the client: {}", outcome.all())))?;
    Measured { report, page: None }.verified()
}

impl Measured {
    /// The client's verdict, and the hash compared once more.
    fn verified(self) -> Result<Self> {
        let report = &self.report;
        let same = report["sha256"].is_string() && report["sha256"] == report["sha256_expected"];
        if report["ok"] == true && same {
            return Ok(self);
        }
        let why = match report["error"].as_str() {
            Some(error) => error.to_string(),
            None if !same => format!("SHA-256 {} where {} was expected", report["sha256"], report["sha256_expected"]),
            None => format!("not everything was answered: {report}"),
        };
        Err(Error::failed(why))
    }

    fn number(&self, name: &str, digits: usize) -> String {
        self.report[name].as_f64().map_or("-".into(), |number| format!("{number:.digits$}"))
    }

    fn cells(&self) -> Vec<String> {
        let count = |name: &str| self.report[name].as_u64().unwrap_or(0);
        let hash: String = self.report["sha256"].as_str().unwrap_or("").chars().take(12).collect();
        vec![
            self.number("handshake_ms", 1),
            self.number("request_ms", 1),
            self.number("download_mb_per_s", 1),
            format!("{}/{}", count("requests_ok"), count("requests")),
            if self.report["echo_ok"] == true { "ok".into() } else { "no".into() },
            format!("{hash} ok"),
        ]
    }
}

// --- showing -------------------------------------------------------------------------------------------------------------

impl Row {
    fn to_json(&self) -> Value {
        let mut object = serde_json::Map::new();
        object.insert("runtime".into(), self.runtime.name().into());
        match &self.outcome {
            Ok(measured) => {
                object.extend(measured.report.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
                object.extend(measured.page.iter().map(|page| ("page".to_string(), page.clone())));
            }
            Err(error) => object.extend([("ok".into(), false.into()), ("error".into(), error.to_string().into())]),
        }
        object.into()
    }
}

fn shown(rows: &[Row]) -> String {
    let head = ["runtime", "handshake ms", "request ms", "MB/s", "requests", "echo", "SHA-256 of 16 MiB"];
    let right = [false, true, true, true, true, false, false];
    let cells = |row: &Row| {
        let mut cells = vec![row.runtime.name().to_string()];
        match &row.outcome {
            Ok(measured) => cells.extend(measured.cells()),
            Err(_) => cells.extend(["-", "-", "-", "-", "-", "FAILED"].map(str::to_string)),
        }
        cells
    };
    table(&head, &right, &rows.iter().map(cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sha256: &str) -> Measured {
        let report = json!({
            "ok": true, "handshake_ms": 4.25, "request_ms": 1.0, "download_bytes": 16777216, "download_mb_per_s": 123.456,
            "sha256": sha256, "sha256_expected": "0123456789abcdef", "requests_ok": 100, "requests": 100, "echo_ok": true,
            "error": null,
        });
        Measured { report, page: None }
    }

    #[test]
    fn a_row_shows_what_was_measured_and_a_failure_keeps_its_row() {
        let rows = [
            Row { runtime: Runtime::Native, outcome: report("0123456789abcdef").verified() },
            Row { runtime: Runtime::Node, outcome: Err(Error::unusable("no Node")) },
        ];
        let shown = shown(&rows);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[2], "native            4.2         1.0  123.5   100/100  ok    0123456789ab ok");
        assert!(lines[3].starts_with("node") && lines[3].ends_with("FAILED"));
        let error = verdict(&rows).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (2, "failed: node"));
    }

    #[test]
    fn another_hash_fails_whatever_the_client_says() {
        let error = report("ffff").verified().unwrap_err();
        assert!(error.to_string().contains("was expected"), "{error}");
        let rows = [
            Row { runtime: Runtime::Native, outcome: Err(error) },
            Row { runtime: Runtime::Node, outcome: Err(Error::unusable("no Node")) },
        ];
        assert_eq!(verdict(&rows).unwrap_err().code(), 1);
    }
}
