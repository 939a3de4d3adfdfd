//! What came out: figures with their spread, the table for people, and the comparison with an earlier run.

use std::collections::BTreeMap;

use super::runtime::Runtime;
use super::workload::{Unit, Workload};

/// A change below this share says nothing on a shared machine.
const NOTABLE: f64 = 0.1;

/// One figure on one runtime, of all rounds.
#[derive(Clone)]
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

#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub about: String,
    pub unit: Unit,
    pub figures: BTreeMap<Runtime, Figures>,
}

impl Row {
    /// How a runtime does against its limit; above 1 it does better.
    pub(super) fn ratio(&self, of: Runtime) -> Option<f64> {
        let (of, against) = (self.figures.get(&of)?.median, self.figures.get(&of.limit()?)?.median);
        self.unit.ratio(of, against)
    }
}

impl Unit {
    /// Above 1 the first is better. None where neither is.
    fn ratio(self, of: f64, against: f64) -> Option<f64> {
        if self == Self::Count || of == 0.0 || against == 0.0 {
            return None;
        }
        Some(if self.less_is_better() { against / of } else { of / against })
    }
}

pub struct Report {
    pub rows: Vec<Row>,
    pub failures: Vec<String>,
    pub rounds: usize,
}

impl Report {
    /// The table's head and its rows. A ratio above 1 is in favour of the program; `earlier` adds a column of what changed.
    pub(super) fn cells(&self, earlier: Option<&Self>) -> (Vec<String>, Vec<Vec<String>>) {
        let mut head = vec!["workload".to_string(), "unit".to_string()];
        let shown: Vec<_> =
            Runtime::ALL.into_iter().filter(|one| self.rows.iter().any(|row| row.figures.contains_key(one))).collect();
        head.extend(shown.iter().map(|runtime| runtime.name().to_string()));
        let compared: Vec<_> = shown
            .iter()
            .filter_map(|one| Some((*one, one.limit()?)))
            .filter(|(_, limit)| shown.contains(limit))
            .collect();
        let against = |limit: Runtime| if limit == Runtime::Quinn { "quinn" } else { "bare" };
        head.extend(compared.iter().map(|(one, limit)| format!("{}/{}", one.name(), against(*limit))));
        if earlier.is_some() {
            head.push("against the earlier run".into());
        }
        let rows = self.rows.iter().filter(|row| !row.figures.is_empty()).map(|row| {
            let mut cells = vec![row.name.clone(), row.unit.name().to_string()];
            cells.extend(shown.iter().map(|runtime| {
                row.figures
                    .get(runtime)
                    .map_or("-".into(), |one| format!("{} ±{:.0}%", number(one.median), 100.0 * one.spread))
            }));
            let ratio = |one: Runtime| row.ratio(one).map_or("-".into(), |ratio| format!("{ratio:.2}"));
            cells.extend(compared.iter().map(|(one, _)| ratio(*one)));
            cells.extend(earlier.map(|earlier| changes(row, earlier)));
            cells
        });
        (head, rows.collect())
    }

    #[must_use]
    pub fn table(&self, earlier: Option<&Self>) -> String {
        let (head, rows) = self.cells(earlier);
        layout(&head, &rows)
    }
}

/// The figures of one measurement, for whoever watches.
pub(super) fn line(workload: &Workload, values: &[f64]) -> String {
    let each = workload.figures.iter().zip(values).map(|(figure, value)| {
        format!("{} {} {}", figure.name, number(*value), figure.unit.name()).trim_start().to_string()
    });
    each.collect::<Vec<_>>().join(", ")
}

/// `chromium 1.34, node 0.80`: where the median changed by more than noise; above 1 it is better than it was.
fn changes(row: &Row, earlier: &Report) -> String {
    let Some(before) = earlier.rows.iter().find(|one| one.name == row.name) else { return "new".into() };
    let changed = row.figures.iter().filter_map(|(runtime, now)| {
        let ratio = row.unit.ratio(now.median, before.figures.get(runtime)?.median)?;
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

/// The value below which this share of them is; they are sorted.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Three digits and no more say something: `12,345`, `1,234`, `123`, `12.3`, `0.12`, `0`.
pub(super) fn number(value: f64) -> String {
    if value > 0.0 && value < 1.0 {
        return format!("{value:.2}");
    }
    if value > 0.0 && value < 100.0 {
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
    use super::*;

    fn report(name: &str, unit: Unit, program: f64, bare: f64) -> Report {
        let figures = [(Runtime::Chromium, program), (Runtime::ChromiumBare, bare)];
        let figures = figures.map(|(runtime, value)| (runtime, Figures::new(&[value])));
        let row = Row { name: name.into(), about: String::new(), unit, figures: figures.into() };
        Report { rows: vec![row], failures: vec![], rounds: 1 }
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
    fn quantiles_are_values_that_came() {
        let hundred: Vec<_> = (1..=100).map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| quantile(&hundred, share)), [1.0, 51.0, 100.0, 100.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_ratio_above_one_is_better_in_either_unit() {
        let ratio = |unit, program, bare| report("a", unit, program, bare).rows[0].ratio(Runtime::Chromium);
        assert_eq!(ratio(Unit::MegabytesPerSecond, 300.0, 200.0), Some(1.5));
        assert_eq!(ratio(Unit::Microseconds, 100.0, 200.0), Some(2.0));
        assert_eq!(ratio(Unit::Count, 100.0, 200.0), None);
    }

    #[test]
    fn the_table_shows_what_there_is_and_the_change_against_an_earlier_run() {
        let earlier = report("udp-send", Unit::Datagrams, 10_000.0, 20_000.0);
        let table = report("udp-send", Unit::Datagrams, 15_000.0, 20_100.0).table(Some(&earlier));
        let last = table.lines().last().unwrap();
        assert_eq!(
            last.split_whitespace().collect::<Vec<_>>().join(" "),
            "udp-send datagrams/s 15,000 ±0% 20,100 ±0% 0.75 chromium 1.50"
        );
        assert!(report("tcp-accept", Unit::Connections, 1.0, 1.0).table(Some(&earlier)).contains("new"));
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        let shown = [12_345.6, 1_234_567.0, 123.4, 12.34, 0.123, 0.0].map(number);
        assert_eq!(shown, ["12,346", "1,234,567", "123", "12.3", "0.12", "0"]);
    }
}
