//! The figures' part of docs/benchmarks.md and its pictures, written from a record so that nobody copies numbers by hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::charts::CHARTS;
use super::record::Record;
use super::report::Report;
use super::{Error, Result, fail};

const PAGE: &str = "docs/benchmarks.md";
const PICTURES: &str = "docs/images/benchmarks";
/// What stands between is written here.
const BEGIN: &str = "<!-- Figures: written by `cargo xtask bench --document`, do not edit. -->";
const END: &str = "<!-- End of the figures. -->";
/// Tables, by what the names of their rows begin with, and their pictures.
const PARTS: [(&str, &[&str], &[&str]); 6] = [
    ("TCP", &["tcp-"], &["tcp"]),
    ("UDP", &["udp-"], &["udp-echo", "udp-round-trip"]),
    ("QUIC", &["quic-"], &["quic-bulk", "quic-handshake"]),
    ("HTTP/3", &["http3-"], &["http3"]),
    ("Floods", &["flood-"], &["floods"]),
    ("Ciphers, start and size", &["aead-", "launch", "wasm-size"], &[]),
];

/// Writes both into the repository.
pub fn write(record: &Record, repository: &Path) -> Result<()> {
    let page = repository.join(PAGE);
    let failed = |path: &Path, error: std::io::Error| Error(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(&page).map_err(|error| failed(&page, error))?;
    let pictures = repository.join(PICTURES);
    fs::create_dir_all(&pictures).map_err(|error| failed(&pictures, error))?;
    let mut drawn = Vec::new();
    for chart in &CHARTS {
        if let Some(svg) = chart.draw(&record.report)? {
            let file = pictures.join(chart.name).with_extension("svg");
            fs::write(&file, svg).map_err(|error| failed(&file, error))?;
            drawn.push(chart.name);
        }
    }
    let text = replaced(&text, &figures(record, &drawn))?;
    fs::write(&page, text).map_err(|error| failed(&page, error))
}

fn replaced(page: &str, figures: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return fail(format!("{PAGE}: the lines are gone between which figures stand"));
    };
    Ok(format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
}

fn figures(record: &Record, drawn: &[&str]) -> String {
    let report = &record.report;
    let counts = || report.rows.iter().flat_map(|row| row.figures.values().map(|one| one.values.len()));
    let rounds = match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
        (_, 1) => "One round".into(),
        (least, most) if least == most => format!("Medians of {most} rounds"),
        (least, most) => format!("Medians of {least} to {most} rounds"),
    };
    let mut text = format!("{}. {rounds}.\n", machine(&record.machine));
    for (title, prefixes, pictures) in PARTS {
        let rows = report.rows.iter().filter(|row| prefixes.iter().any(|prefix| row.name.starts_with(prefix)));
        let part = Report { rows: rows.cloned().collect(), failures: Vec::new(), rounds: report.rounds };
        if part.rows.iter().all(|row| row.figures.is_empty()) {
            continue;
        }
        text.push_str(&format!("\n### {title}\n\n"));
        for chart in CHARTS.iter().filter(|chart| pictures.contains(&chart.name) && drawn.contains(&chart.name)) {
            text.push_str(&format!("![{}](images/benchmarks/{}.svg)\n\n", chart.title, chart.name));
        }
        text.push_str(&table(&part));
    }
    text
}

fn table(report: &Report) -> String {
    let (head, rows) = report.cells(None);
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(2) + &"--:|".repeat(head.len() - 2));
    [line(&head), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

/// `Two cores of an AMD EPYC, 24 GiB, Linux 6.18, Chromium 156.0.8078.79, Node 26.10.0`.
fn machine(machine: &Value) -> String {
    let text = |key: &str| machine[key].as_str().map(str::to_string);
    let cores =
        machine["cores"].as_u64().map(|count| if count == 1 { "1 core".into() } else { format!("{count} cores") });
    let processor = match (cores, text("processor")) {
        (Some(cores), Some(processor)) => Some(format!("{cores} of {processor}")),
        (cores, processor) => cores.or(processor),
    };
    let kernel = text("kernel").map(|kernel| {
        // What follows is the machine's own naming.
        let version: Vec<_> = kernel.split(['.', '-']).take(2).collect();
        format!("Linux {}", version.join("."))
    });
    let parts = [
        processor,
        machine["memory_gib"].as_f64().map(|memory| format!("{memory:.0} GiB")),
        kernel,
        text("chromium").map(|version| version.replace('/', " ").replace("Chrome ", "Chromium ")),
        text("node").map(|version| format!("Node {version}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_between_the_lines_is_written_again() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&page, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert!(replaced("no lines", "new").is_err());
    }

    #[test]
    fn a_machine_is_described_by_what_is_known_of_it() {
        let known = json!({
            "cores": 2, "processor": "AMD EPYC", "memory_gib": 24.0, "kernel": "6.18.44-own", "chromium": "Chrome/156.0.1",
            "node": "26.10.0",
        });
        assert_eq!(machine(&known), "2 cores of AMD EPYC, 24 GiB, Linux 6.18, Chromium 156.0.1, Node 26.10.0");
        assert_eq!(machine(&json!({})), "");
    }
}
