//! The machine that figures are of: they mean nothing without it.

use std::fs;
use std::thread;

use serde_json::{Value, json};

/// Processor, cores, memory in GiB, kernel; what the system does not tell is missing.
pub fn describe() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    let memory = field(&read("/proc/meminfo"), "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    json!({
        "processor": field(&read("/proc/cpuinfo"), "model name"),
        "cores": thread::available_parallelism().map(usize::from).ok(),
        "memory_gib": memory.map(|kib| (kib / f64::from(1 << 20)).round()),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_at_start": read("/proc/loadavg").split(' ').next().and_then(|text| text.parse::<f64>().ok()),
    })
}
