//! What most events of the log have in common: what did not work for one client, and why. A call of tracing's macros is a
//! hundred bytes of what a browser loads, compressed (docs/size.md), so that all of these have one.

use std::fmt::Display;

/// Logs it.
pub(crate) fn debug(what: &str, error: &dyn Display) {
    tracing::debug!("{what}: {error}");
}
