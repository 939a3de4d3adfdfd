//! What the program logs, a line on standard error for each event, as tracing-subscriber writes it without time and
//! target. That serves the other platforms: what it has beside counts in WebAssembly, by what a browser has to load.

use std::fmt::{self, Debug, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::json;

/// Logs what is of this level or graver. It knows no spans: all that there are have the level trace, which this build
/// leaves out.
pub(crate) struct Log(pub(crate) Level);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.0
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.into())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // Nobody is left to be told that it can't be written.
        _ = std::io::stderr().write_all(line(event).as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn line(event: &Event<'_>) -> String {
    let mut line = Line(format!("{:>5}", event.metadata().level().as_str()));
    event.record(&mut line);
    line.0.push('\n');
    line.0
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // As serde_json writes it: what writes JSON is there, and core's way would be more code.
        self.record_debug(field, &format_args!("{}", json::text(&value.into())));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(' ');
        if field.name() != "message" {
            self.0.push_str(field.name());
            self.0.push('=');
        }
        // Writing to a string does not fail, and a Debug that does has written what it could.
        _ = write!(Escaped(&mut self.0), "{value:?}");
    }
}

/// What a client sent may be part of it, and is not to speak to a terminal.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() && !matches!(character, '\n' | '\t') {
                write!(self.0, "\\u{{{:x}}}", u32::from(character))?;
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Collects lines, by this and by tracing-subscriber.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<String>>);

    struct Collector(Log, Lines);

    impl Subscriber for Collector {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.new_span(span)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.1.0.lock().unwrap().push_str(&line(event));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn events() {
        let (path, error) = ("/a b\n", "it \"is\" lost");
        tracing::error!("{error}");
        tracing::warn!(path, "read: {error}");
        tracing::info!(path = %std::path::Path::new("/x").display(), "no more");
        tracing::debug!(id = 7, remote = %"[::1]:4", early_data = true, rtt = 1.5, reason = ?Some(1.5), "connected");
        tracing::info!(count = 3);
        tracing::info!("plain");
        tracing::warn!("\x1b[2J\x07 \u{9b}31m {}", "\x7f\t.");
        tracing::info!(path = "\x1b]0;x\x07", "quoted");
    }

    #[test]
    fn lines_are_those_of_tracing_subscriber() {
        let (ours, theirs) = (Lines::default(), Lines::default());
        let writer = theirs.clone();
        tracing::subscriber::with_default(Collector(Log(Level::DEBUG), ours.clone()), events);
        let reference = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(reference, events);
        // Its escapes are of two kinds.
        let same = |lines: Lines| {
            let lines = lines.0.lock().unwrap();
            lines.replace("\\x1b", "\\u{1b}").replace("\\x07", "\\u{7}").replace("\\x7f", "\\u{7f}")
        };
        let theirs = same(theirs);
        assert!(theirs.contains("DEBUG connected id=7"), "{theirs}");
        assert_eq!(same(ours), theirs);
    }

    #[test]
    fn what_is_less_grave_is_left_out() {
        let lines = Lines::default();
        tracing::subscriber::with_default(Collector(Log(Level::WARN), lines.clone()), events);
        let lines = lines.0.lock().unwrap();
        assert!(lines.contains("ERROR it \"is\" lost\n") && !lines.contains(" INFO"), "{lines}");
    }
}
