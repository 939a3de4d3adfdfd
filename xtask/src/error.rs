//! The one error of these tools: a line for the user and the exit code that goes with it.

use std::fmt;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in words that name what was tried, on what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    message: String,
    code: u8,
}

/// Something ran and failed: a build, a test, a comparison.
const FAILED: u8 = 1;
/// Nothing could be tried: bad arguments, a missing tool, a port or file that can't be used.
const UNUSABLE: u8 = 2;
/// As shells report an end by SIGINT.
const INTERRUPTED: u8 = 130;

impl Error {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: UNUSABLE }
    }

    pub(crate) fn interrupted(during: &str) -> Self {
        Self { message: format!("interrupted during: {during}"), code: INTERRUPTED }
    }

    /// A program ended with an exit code that is passed on as it is.
    pub(crate) fn with_code(message: impl Into<String>, code: u8) -> Self {
        Self { message: message.into(), code }
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn is_interrupt(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// The same failure, its message begun with what was being done.
    pub(crate) fn context(self, what: impl fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Adds to an I/O error what was tried and on what.
pub(crate) trait IoContext<T> {
    fn during(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::failed(format!("{what}: {error}")))
    }
}
