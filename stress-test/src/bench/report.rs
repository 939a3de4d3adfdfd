//! What came out: one table for people, one JSON for programs, and the comparison with an earlier JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::subject::Runtime;
use super::workload::Workload;

/// A change below this share says nothing on a shared machine.
const NOTABLE: f64 = 0.1;

/// The figures of one workload on one runtime.
pub struct Figures {
    pub median: f64,
    /// Half of what is between the worst and the best, as a share of the median.
    pub spread: f64,
    pub values: Vec<f64>,
}

impl Figures {
    pub(super) fn new(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        let median = median(&mut sorted);
        let width = sorted.last().unwrap_or(&0.0) - sorted.first().unwrap_or(&0.0);
        Self { median, spread: if median > 0.0 { width / 2.0 / median } else { 0.0 }, values: values.to_vec() }
    }
}

pub struct Row {
    pub workload: Workload,
    pub figures: BTreeMap<Runtime, Figures>,
}

impl Row {
    /// How a runtime does against another; above 1 it does better.
    fn ratio(&self, of: Runtime, against: Runtime) -> Option<f64> {
        let (of, against) = (self.figures.get(&of)?.median, self.figures.get(&against)?.median);
        Some(if self.workload.unit.less_is_better() { against / of } else { of / against })
    }
}

pub struct Report {
    pub rows: Vec<Row>,
    pub failures: Vec<String>,
    pub rounds: usize,
}

impl Report {
    /// The table; a ratio above 1 is in favour of the program. `earlier` adds a column per runtime that changed.
    pub fn table(&self, earlier: Option<&Value>) -> String {
        let mut head = vec!["workload".to_string(), "unit".to_string()];
        let shown: Vec<_> =
            Runtime::ALL.into_iter().filter(|one| self.rows.iter().any(|row| row.figures.contains_key(one))).collect();
        for runtime in &shown {
            head.push(runtime.name().into());
        }
        let compared: Vec<_> =
            shown.iter().filter_map(|one| Some((*one, one.bare()?))).filter(|(_, bare)| shown.contains(bare)).collect();
        head.extend(compared.iter().map(|(one, _)| format!("{}/bare", one.name())));
        if earlier.is_some() {
            head.push("against the earlier run".into());
        }
        let rows = self.rows.iter().map(|row| {
            let mut cells = vec![row.workload.name.to_string(), row.workload.unit.name().to_string()];
            cells.extend(shown.iter().map(|runtime| {
                row.figures
                    .get(runtime)
                    .map_or("-".into(), |one| format!("{} ±{:.0}%", number(one.median), 100.0 * one.spread))
            }));
            cells.extend(
                compared
                    .iter()
                    .map(|(one, bare)| row.ratio(*one, *bare).map_or("-".into(), |ratio| format!("{ratio:.2}"))),
            );
            cells.extend(earlier.map(|earlier| changes(row, earlier)));
            cells
        });
        layout(&head, &rows.collect::<Vec<_>>())
    }

    pub fn to_json(&self, machine: &Value) -> Value {
        let rows = self.rows.iter().map(|row| {
            let figures = row.figures.iter().map(|(runtime, one)| {
                let of = json!({"median": one.median, "spread": one.spread, "values": one.values});
                (runtime.name().to_string(), of)
            });
            json!({
                "name": row.workload.name, "about": row.workload.about, "unit": row.workload.unit.name(),
                "less_is_better": row.workload.unit.less_is_better(), "figures": figures.collect::<Map<_, _>>(),
                "node_to_bare": row.ratio(Runtime::Node, Runtime::NodeBare),
                "chromium_to_bare": row.ratio(Runtime::Chromium, Runtime::ChromiumBare),
            })
        });
        json!({
            "machine": machine, "rounds": self.rounds, "workloads": rows.collect::<Vec<_>>(), "failures": self.failures,
        })
    }
}

/// `chromium 1.34, node 0.80`: where the median changed by more than noise; above 1 it is better than it was.
fn changes(row: &Row, earlier: &Value) -> String {
    let rows = earlier["workloads"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(before) = rows.iter().find(|one| one["name"] == row.workload.name) else { return "new".into() };
    let changed = row.figures.iter().filter_map(|(runtime, now)| {
        let then = before["figures"][runtime.name()]["median"].as_f64()?;
        let ratio = if row.workload.unit.less_is_better() { then / now.median } else { now.median / then };
        ((ratio - 1.0).abs() > NOTABLE).then(|| format!("{} {ratio:.2}", runtime.name()))
    });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() { "same".into() } else { changed.join(", ") }
}

/// Columns of one width: the first two to the left, numbers to the right.
fn layout(head: &[String], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().chain([&head.to_vec()]).filter_map(|row| Some(row.get(column)?.chars().count())).max();
        cells.unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ");
    [line(head), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect::<Vec<_>>().join("\n")
}

/// The median; sorts.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

/// Three digits and no more say something: `12,345`, `1,234`, `123`, `12.3`.
pub(super) fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::super::workload;
    use super::*;

    fn report(name: &str, program: f64, bare: f64) -> Report {
        let workload = workload::all().into_iter().find(|one| one.name == name).unwrap();
        let figures = [(Runtime::Chromium, program), (Runtime::ChromiumBare, bare)];
        let figures = figures.map(|(runtime, value)| (runtime, Figures::new(&[value])));
        Report { rows: vec![Row { workload, figures: figures.into() }], failures: vec![], rounds: 1 }
    }

    #[test]
    fn medians_are_of_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median(&mut [4.0, 1.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
        let figures = Figures::new(&[10.0, 8.0, 12.0]);
        assert_eq!((figures.median, figures.spread), (10.0, 0.2));
    }

    #[test]
    fn a_ratio_above_one_is_better_in_either_unit() {
        assert_eq!(
            report("tcp-upload-64k", 300.0, 200.0).rows[0].ratio(Runtime::Chromium, Runtime::ChromiumBare),
            Some(1.5)
        );
        assert_eq!(
            report("udp-round-trip", 100.0, 200.0).rows[0].ratio(Runtime::Chromium, Runtime::ChromiumBare),
            Some(2.0)
        );
    }

    #[test]
    fn the_table_shows_what_there_is_and_the_change_against_an_earlier_run() {
        let earlier = report("udp-send", 10_000.0, 20_000.0).to_json(&Value::Null);
        let table = report("udp-send", 15_000.0, 20_100.0).table(Some(&earlier));
        let last = table.lines().last().unwrap();
        assert_eq!(
            last.split_whitespace().collect::<Vec<_>>().join(" "),
            "udp-send datagrams/s 15,000 ±0% 20,100 ±0% 0.75 chromium 1.50"
        );
        assert!(report("tcp-accept", 1.0, 1.0).table(Some(&earlier)).contains("new"));
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([12_345.6, 1_234_567.0, 123.4, 12.34].map(number), ["12,346", "1,234,567", "123", "12.3"]);
    }
}
