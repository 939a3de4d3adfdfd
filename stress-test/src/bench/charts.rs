//! Pictures of a report: for each figure a dot at the median and a line from the worst round to the best, on a scale that
//! gives a factor the same width everywhere. What is drawn is chosen here, how the words around it go is document.rs's.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoLogRange, PathElement, RGBColor, Rectangle,
    Text, WHITE,
};
use plotters::style::IntoFont;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::report::{Figures, Report, Row};
use super::runtime::Runtime;
use super::{Error, Result};

const WIDTH: u32 = 860;
/// Of a row, of the axis below and of the title and legend above.
const ROW: u32 = 44;
const AXIS: u32 = 40;
const HEAD: u32 = 64;
const LABELS: u32 = 190;

/// One picture: rows of a report, of one unit.
pub(super) struct Chart {
    /// Without its ending.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    rows: &'static [(&'static str, &'static str)],
}

pub(super) const CHARTS: [Chart; 7] = [
    Chart {
        name: "tcp",
        title: "TCP, MB/s",
        rows: &[
            ("upload, 1 KiB pieces", "tcp-upload-1k"),
            ("upload, 64 KiB pieces", "tcp-upload-64k"),
            ("download, 1 KiB pieces", "tcp-download-1k"),
            ("download, 64 KiB pieces", "tcp-download-64k"),
        ],
    },
    Chart {
        name: "udp-echo",
        title: "UDP echoes a second, 256 under way",
        rows: &[
            ("64 bytes", "udp-echo-64-w256"),
            ("1200 bytes", "udp-echo-1200-w256"),
            ("1200 bytes, four stripes", "udp-echo-1200-w256-x4"),
            ("1452 bytes", "udp-echo-1452-w256"),
            ("9000 bytes", "udp-echo-9000-w256"),
        ],
    },
    Chart {
        name: "udp-round-trip",
        title: "UDP round trip, median, microseconds",
        rows: &[
            ("64 bytes", "udp-echo-64-w1 p50"),
            ("1200 bytes", "udp-echo-1200-w1 p50"),
            ("9000 bytes", "udp-echo-9000-w1 p50"),
        ],
    },
    Chart {
        name: "quic-bulk",
        title: "QUIC transfers, MB/s",
        rows: &[
            ("download", "quic-download"),
            ("download, 1452 bytes", "quic-download-1452"),
            ("upload", "quic-upload"),
            ("upload, 1452 bytes", "quic-upload-1452"),
            ("256 streams of 64 KiB", "quic-streams"),
            ("10 connections", "quic-connections-10"),
            ("100 connections", "quic-connections-100"),
            ("1 % loss, 40 ms", "quic-loss-1"),
            ("5 % loss, 40 ms", "quic-loss-5"),
        ],
    },
    Chart {
        name: "quic-handshake",
        title: "QUIC handshakes, median, milliseconds",
        rows: &[
            ("full", "quic-handshake-full p50"),
            ("resumed", "quic-handshake-resumed p50"),
            ("0-RTT, with the answer", "quic-handshake-0rtt p50"),
        ],
    },
    Chart {
        name: "http3",
        title: "HTTP/3 requests a second",
        rows: &[("1 in flight", "http3-requests-1"), ("10", "http3-requests-10"), ("100", "http3-requests-100")],
    },
    Chart {
        name: "floods",
        title: "A new client's wait for its handshake after a flood, milliseconds",
        rows: &[
            ("burst of 50,000", "flood-burst wait"),
            ("2,000 a second", "flood-constant wait"),
            ("500 to 10,000 a second", "flood-ramp wait"),
            ("chaos", "flood-chaos wait"),
            ("garbage", "flood-garbage wait"),
        ],
    },
];

/// Each runtime in its colour: those of a pair in one, the limit lighter.
fn colour(runtime: Runtime) -> RGBColor {
    match runtime {
        Runtime::Native => RGBColor(60, 60, 60),
        Runtime::Quinn => RGBColor(160, 160, 160),
        Runtime::Node => RGBColor(46, 125, 50),
        Runtime::NodeBare => RGBColor(155, 205, 155),
        Runtime::Chromium => RGBColor(21, 101, 192),
        Runtime::ChromiumBare => RGBColor(140, 185, 235),
    }
}

impl Chart {
    /// The picture as SVG. None where the report has nothing of it.
    pub(super) fn draw(&self, report: &Report) -> Result<Option<String>> {
        let find = |name: &str| report.rows.iter().find(|row| row.name == name && !row.figures.is_empty());
        let rows: Vec<_> = self.rows.iter().filter_map(|(label, name)| Some((*label, find(name)?))).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let mut svg = String::new();
        let height = HEAD + AXIS + ROW * rows.len() as u32;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        self.draw_on(&area, &rows).map_err(|error| Error(format!("the chart {}: {error}", self.name)))?;
        drop(area);
        Ok(Some(svg))
    }

    fn draw_on(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        rows: &[(&str, &Row)],
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let (head, body) = area.split_vertically(HEAD);
        let shown: Vec<_> =
            Runtime::ALL.into_iter().filter(|one| rows.iter().any(|(_, row)| row.figures.contains_key(one))).collect();
        head.draw(&Text::new(self.title, (10, 8), ("sans-serif", 18).into_font().color(&BLACK)))?;
        for (index, runtime) in shown.iter().enumerate() {
            let x = 10 + 135 * index as i32;
            head.draw(&Circle::new((x + 5, 46), 5, colour(*runtime).filled()))?;
            head.draw(&Text::new(runtime.name(), (x + 15, 39), ("sans-serif", 14).into_font().color(&BLACK)))?;
        }
        let figures = || rows.iter().flat_map(|(_, row)| row.figures.values());
        let (least, most) = figures()
            .map(range)
            .fold((f64::MAX, f64::MIN), |(least, most), (low, high)| (least.min(low), most.max(high)));
        let count = rows.len() as f64;
        // From the top downwards.
        let place = |index: usize, within: f64| count - index as f64 - within;
        let mut chart = ChartBuilder::on(&body)
            .margin_right(30)
            .x_label_area_size(AXIS)
            .margin_left(LABELS)
            .build_cartesian_2d((least / 1.3..most * 1.3).log_scale(), 0.0..count)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_labels(8)
            .x_label_formatter(&|value| super::report::number(*value))
            .y_labels(0)
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .axis_style(BLACK.mix(0.3))
            .draw()?;
        for (index, (label, row)) in rows.iter().enumerate() {
            if index % 2 == 0 {
                let band = [(least / 1.3, place(index, 0.0)), (most * 1.3, place(index, 1.0))];
                chart.draw_series([Rectangle::new(band, BLACK.mix(0.04).filled())])?;
            }
            let lines = row.figures.iter().enumerate().flat_map(|(line, (runtime, figures))| {
                let y = place(index, (line as f64 + 1.0) / (row.figures.len() as f64 + 1.0));
                let (low, high) = range(figures);
                [(colour(*runtime), y, low, high, figures.median)]
            });
            for (colour, y, low, high, median) in lines {
                chart.draw_series([PathElement::new(vec![(low, y), (high, y)], colour.stroke_width(2))])?;
                chart.draw_series([Circle::new((median, y), 4, colour.filled())])?;
            }
            let right = Pos::new(HPos::Right, VPos::Center);
            let style = ("sans-serif", 14).into_font().color(&BLACK).pos(right);
            let y = ROW as i32 * index as i32 + ROW as i32 / 2;
            body.draw(&Text::new(label.to_string(), (LABELS as i32 - 10, y), style))?;
        }
        area.present()?;
        Ok(())
    }
}

/// The worst round and the best; above zero, which such a scale does not have.
fn range(figures: &Figures) -> (f64, f64) {
    let values = figures.values.iter().copied().map(|value| value.max(1e-3));
    (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::workload;

    #[test]
    fn every_row_of_every_chart_is_a_figure_of_the_benchmark() {
        let known: Vec<_> = workload::all().iter().flat_map(|one| one.rows().collect::<Vec<_>>()).collect();
        for (_, name) in CHARTS.iter().flat_map(|chart| chart.rows) {
            assert!(known.iter().any(|row| row == name), "{name}");
        }
    }

    #[test]
    fn a_chart_shows_its_rows_and_runtimes_and_nothing_comes_of_nothing() {
        let row = Row {
            name: "http3-requests-10".into(),
            about: String::new(),
            unit: workload::Unit::Requests,
            figures: [(Runtime::Node, Figures::new(&[100.0, 200.0])), (Runtime::Chromium, Figures::new(&[50.0]))]
                .into(),
        };
        let report = Report { rows: vec![row], failures: vec![], rounds: 2 };
        let drawn: Vec<_> = CHARTS.iter().filter_map(|chart| chart.draw(&report).unwrap()).collect();
        assert_eq!(drawn.len(), 1);
        for text in ["HTTP/3 requests a second", "chromium", "node", ">\n10\n<"] {
            assert!(drawn[0].contains(text), "{text}: {}", drawn[0]);
        }
    }
}
