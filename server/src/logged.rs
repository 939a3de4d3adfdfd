//! What most events of the log have in common: what did not work, and why. A call of tracing's macros is a hundred bytes
//! more of what a browser loads, compressed (docs/performance.md), so that each level has one here for all of these.

use std::fmt::Display;

/// What concerns one client.
pub(crate) fn debug(what: &str, error: &dyn Display) {
    tracing::debug!("{what}: {error}");
}

/// What the operator has to know of.
pub(crate) fn error(what: &str, error: &dyn Display) {
    tracing::error!("{what}: {error}");
}
