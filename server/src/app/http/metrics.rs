//! The counters in Prometheus' text format, version 0.0.4.

use std::fmt::Write;

use socket_iwa::platform;

use crate::app::Context;
use crate::json;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters that go down too.
const GAUGES: [&str; 2] = ["connections", "handshakes"];

pub(super) fn text(context: &Context) -> String {
    let mut text = String::new();
    let stats = context.stats.to_json();
    for (name, value) in stats.as_object().into_iter().flatten() {
        let (name, kind) = if GAUGES.contains(&name.as_str()) {
            (name.clone(), "gauge")
        } else {
            // A counter's name ends so (OpenMetrics, section 5.1).
            (format!("{}_total", name.trim_end_matches("_total")), "counter")
        };
        let value = json::text(value);
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE socket_iwa_{name} {kind}\nsocket_iwa_{name} {value}");
    }
    if let Some(bytes) = platform::wasm_memory() {
        let _ = writeln!(text, "# TYPE socket_iwa_wasm_memory_bytes gauge\nsocket_iwa_wasm_memory_bytes {bytes}");
    }
    let certificates = context.certificates.borrow();
    let known = [("current", Some(&certificates.sha256)), ("next", certificates.next_sha256.as_ref())];
    let _ = writeln!(text, "# TYPE socket_iwa_certificate_info gauge");
    for (state, sha256) in known {
        if let Some(sha256) = sha256 {
            let _ = writeln!(text, "socket_iwa_certificate_info{{state=\"{state}\",sha256=\"{sha256}\"}} 1");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_there_once_with_its_type() {
        let context = Context::for_tests();
        context.stats.bytes_sent.set(42);
        let text = text(&context);
        assert!(text.contains("# TYPE socket_iwa_connections gauge\nsocket_iwa_connections 0\n"), "{text}");
        assert!(text.contains("# TYPE socket_iwa_connections_total counter\n"), "{text}");
        assert!(text.contains("socket_iwa_bytes_sent_total 42\n"), "{text}");
        assert!(!text.contains("_total_total"), "{text}");
        assert!(text.contains("socket_iwa_certificate_info{state=\"next\",sha256=\"b\"} 1\n"), "{text}");
    }
}
