//! qlog (draft-ietf-quic-qlog-main-schema-07, the "0.3" of qvis): one file a connection, in the JSON text sequences that
//! quinn-proto writes. It decides where, and mends what qvis could not show; what is logged is quinn-proto's.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use quinn_proto::{ConnectionId, QlogConfig, QlogStream};
use serde_json::{Value, json};

use crate::json;

/// Makes sure that there can be logs in `directory`.
///
/// # Errors
///
/// When it can't be made.
pub(crate) fn prepare(directory: &Path) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| format!("make the qlog directory {}: {error}", directory.display()))
}

/// The log of the connection whose first packet has the ID `original`: a file of that name, as the QUIC interop runner
/// wants it. None if it can't be written, which is logged: the connection matters more.
pub(crate) fn stream(directory: &Path, original: ConnectionId) -> Option<QlogStream> {
    let path = directory.join(format!("{original}_server.sqlog"));
    match File::create(&path) {
        Ok(file) => {
            let mut config = QlogConfig::default();
            let records = Records { record: Vec::new(), file: BufWriter::new(file) };
            config.writer(Box::new(records)).title(Some(format!("Socket.IWA server {original}")));
            config.into_stream()
        }
        Err(error) => {
            tracing::warn!("qlog {}: {error}", path.display());
            None
        }
    }
}

/// A log's records on their way to the file, amended: quinn-proto 0.11 tells round trips in seconds and not in milliseconds,
/// packet sizes where qvis does not look for them, and nothing of which side it is on.
struct Records<W: Write> {
    /// What has come of the current one, without its record separator.
    record: Vec<u8>,
    file: W,
}

/// Begins a record of a JSON text sequence (RFC 7464); a line feed ends it.
const SEPARATOR: u8 = 0x1e;

impl<W: Write> Write for Records<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        for &byte in data {
            match byte {
                SEPARATOR => self.record.clear(),
                b'\n' => {
                    self.file.write_all(&[SEPARATOR])?;
                    self.file.write_all(&amended(&self.record))?;
                    self.file.write_all(b"\n")?;
                }
                byte => self.record.push(byte),
            }
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn amended(record: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(record) else { return record.to_vec() };
    if let Some(vantage_point) = value.pointer_mut("/trace/vantage_point") {
        *vantage_point = json!({ "type": "server" });
    }
    if let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) {
        for name in ["min_rtt", "smoothed_rtt", "latest_rtt", "rtt_variance"] {
            if let Some(time) = data.get_mut(name)
                && let Some(seconds) = time.as_f64()
            {
                *time = json!(seconds * 1e3);
            }
        }
        // Before it is known there is none, which is said by leaving it out.
        if data.get("ssthresh").is_some_and(|bytes| bytes.as_u64() == Some(u64::MAX)) {
            data.remove("ssthresh");
        }
        if let Some(length) = data.get_mut("header").and_then(|header| header.as_object_mut()?.remove("length")) {
            data.insert("raw".into(), json!({ "length": length }));
        }
    }
    json::text(&value).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_amended_however_they_are_written() {
        let input = [
            r#"{"qlog_version":"0.3","trace":{"vantage_point":{"type":"unknown"}}}"#,
            r#"{"time":1.5,"data":{"min_rtt":0.25,"ssthresh":18446744073709551615}}"#,
            r#"{"time":2,"data":{"header":{"packet_number":7,"length":1200},"ssthresh":9}}"#,
        ];
        let expected = [
            json!({"qlog_version": "0.3", "trace": {"vantage_point": {"type": "server"}}}),
            json!({"time": 1.5, "data": {"min_rtt": 250.0}}),
            json!({"time": 2, "data": {"header": {"packet_number": 7}, "raw": {"length": 1200}, "ssthresh": 9}}),
        ];
        let input = input.map(|record| format!("\u{1e}{record}\n")).concat();
        for size in [1, 7, input.len()] {
            let mut records = Records { record: Vec::new(), file: Vec::new() };
            input.as_bytes().chunks(size).for_each(|chunk| records.write_all(chunk).unwrap());
            let text = String::from_utf8(records.file).unwrap();
            let found: Vec<Value> =
                text.split('\u{1e}').skip(1).map(|record| serde_json::from_str(record).unwrap()).collect();
            assert_eq!(found, expected, "{size}");
        }
    }
}
