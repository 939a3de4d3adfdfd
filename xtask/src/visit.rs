//! A page in another Chromium that talks to a running server over WebTransport: the demo's end. What it exchanges is
//! interop/page.mjs's.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::process::{Show, run};
use crate::repo;
use crate::serve::Ready;
use crate::setup;

const LIMIT: Duration = Duration::from_secs(180);

/// What came back to the page, as interop/page.mjs reports it.
pub(crate) fn visit(server: &Ready) -> Result<Value> {
    let mut command = Command::new(setup::installed_node()?);
    command.arg(repo::path("interop/page.mjs")).args(["--json", "--connect", &server.socket_address()]);
    command.args(["--cert-sha256", &server.cert_sha256]).env("CHROMIUM", setup::installed_chromium()?);
    let what = "WebTransport from a page in another Chromium";
    let outcome = run(what, &mut command, LIMIT, Show::OnFailure)?;
    let report: Option<Value> = outcome.text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    match report {
        Some(report) if report["ok"] == true => Ok(report),
        Some(report) => Err(Error::failed(format!("{what}: not everything came back: {report}"))),
        None => Err(Error::failed(format!("{what}: {}", outcome.all()))),
    }
}

/// In one line.
pub(crate) fn shown(report: &Value) -> String {
    let bytes = report["stream_bytes"].as_u64().unwrap_or(0);
    let datagrams = report["datagrams"].as_u64().unwrap_or(0);
    let there_and_back =
        report["datagram_ms"].as_f64().map_or(String::new(), |ms| format!(", {ms:.1} ms there and back"));
    format!(
        "WebTransport, a page in another Chromium to the server in the app: {bytes} bytes on a stream came back unchanged, \
         {datagrams} datagrams{there_and_back}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_back_is_told_in_one_line() {
        let report =
            json!({"ok": true, "stream_bytes": 1048576, "stream_ok": true, "datagrams": 50, "datagram_ms": 2.14});
        assert!(
            shown(&report)
                .ends_with("1048576 bytes on a stream came back unchanged, 50 datagrams, 2.1 ms there and back")
        );
    }
}
