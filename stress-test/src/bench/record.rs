//! A report as JSON, and back: what programs read, what a later run is compared with, and what a run in pieces adds to.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::report::{Figures, Report, Row};
use super::runtime::Runtime;
use super::workload::Unit;
use super::{Error, Result};

/// A report and the machine that it is of.
pub struct Record {
    pub machine: Value,
    pub report: Report,
}

impl Record {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows = self.report.rows.iter().map(|row| {
            let figures = row.figures.iter().map(|(runtime, one)| {
                let of = json!({"median": one.median, "spread": one.spread, "values": one.values});
                (runtime.name().to_string(), of)
            });
            let ratios =
                Runtime::ALL.into_iter().filter_map(|one| Some((one.name().to_string(), row.ratio(one)?.into())));
            json!({
                "name": row.name, "about": row.about, "unit": row.unit.name(),
                "less_is_better": row.unit.less_is_better(), "figures": figures.collect::<Map<_, _>>(),
                "to_limit": ratios.collect::<Map<_, Value>>(),
            })
        });
        json!({
            "machine": self.machine, "rounds": self.report.rounds, "workloads": rows.collect::<Vec<_>>(),
            "failures": self.report.failures,
        })
    }

    /// # Errors
    ///
    /// When the file can't be read, or is no report of this benchmark.
    pub fn read(file: &Path) -> Result<Self> {
        let failed = |reason: &dyn std::fmt::Display| Error(format!("{}: {reason}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        Self::from_json(&value).ok_or_else(|| failed(&"it is no report of this benchmark"))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let row = |row: &Value| {
            let unit = row["unit"].as_str()?;
            let figures = row["figures"].as_object()?.iter().filter_map(|(name, figures)| {
                let runtime = Runtime::ALL.into_iter().find(|one| one.name() == name)?;
                let values: Vec<_> = figures["values"].as_array()?.iter().filter_map(Value::as_f64).collect();
                Some((runtime, Figures::new(&values)))
            });
            Some(Row {
                name: row["name"].as_str()?.into(),
                about: row["about"].as_str()?.into(),
                unit: Unit::ALL.into_iter().find(|one| one.name() == unit)?,
                figures: figures.collect(),
            })
        };
        let text = |failure: &Value| failure.as_str().map(str::to_string);
        Some(Self {
            machine: value["machine"].clone(),
            report: Report {
                rows: value["workloads"].as_array()?.iter().filter_map(row).collect(),
                failures: value["failures"].as_array()?.iter().filter_map(text).collect(),
                rounds: value["rounds"].as_u64()? as usize,
            },
        })
    }

    /// Adds what this record does not have, in the place of what it has measured again since.
    pub fn add(&mut self, later: Self, order: &[String]) {
        for row in later.report.rows {
            match self.report.rows.iter_mut().find(|one| one.name == row.name) {
                Some(earlier) => earlier.figures.extend(row.figures),
                None => self.report.rows.push(row),
            }
        }
        let place = |row: &Row| order.iter().position(|name| *name == row.name).unwrap_or(usize::MAX);
        self.report.rows.sort_by_key(place);
        self.report.failures = later.report.failures;
        self.report.rounds = self.report.rounds.max(later.report.rounds);
        if let (Some(machine), Some(later)) = (self.machine.as_object_mut(), later.machine.as_object()) {
            machine.extend(later.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, runtime: Runtime, values: &[f64]) -> Record {
        let row = Row {
            name: name.into(),
            about: String::new(),
            unit: Unit::Milliseconds,
            figures: [(runtime, Figures::new(values))].into(),
        };
        let report = Report { rows: vec![row], failures: vec![], rounds: values.len() };
        Record { machine: json!({ "cores": 2 }), report }
    }

    #[test]
    fn a_record_survives_its_file() {
        let there = record("a", Runtime::ChromiumBare, &[1.0, 2.0, 4.0]).to_json();
        assert_eq!(Record::from_json(&there).unwrap().to_json(), there);
        assert!(Record::from_json(&json!({ "workloads": 1 })).is_none());
    }

    #[test]
    fn a_piece_adds_to_what_was_measured_before() {
        let mut all = record("b", Runtime::Node, &[1.0]);
        let order = ["a".to_string(), "b".to_string()];
        all.add(record("b", Runtime::Chromium, &[2.0, 3.0]), &order);
        all.add(record("a", Runtime::Node, &[5.0]), &order);
        all.add(record("b", Runtime::Node, &[7.0]), &order);
        let names: Vec<_> = all.report.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let median = |runtime| all.report.rows[1].figures[&runtime].median;
        assert_eq!((median(Runtime::Node), median(Runtime::Chromium)), (7.0, 2.5));
        assert_eq!(all.report.rounds, 2);
    }
}
