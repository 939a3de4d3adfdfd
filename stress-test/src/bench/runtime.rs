//! Where things are measured.

/// A column of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    Native,
    /// quinn's own server on tokio, natively.
    Quinn,
    Node,
    NodeBare,
    Chromium,
    ChromiumBare,
}

impl Runtime {
    pub const ALL: [Self; 6] =
        [Self::Native, Self::Quinn, Self::Node, Self::NodeBare, Self::Chromium, Self::ChromiumBare];

    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Quinn => "quinn",
            Self::Node => "node",
            Self::NodeBare => "node bare",
            Self::Chromium => "chromium",
            Self::ChromiumBare => "chromium bare",
        }
    }

    /// What its figures are held against: the hand-written JavaScript loop, or quinn.
    pub fn limit(self) -> Option<Self> {
        match self {
            Self::Native => Some(Self::Quinn),
            Self::Node => Some(Self::NodeBare),
            Self::Chromium => Some(Self::ChromiumBare),
            _ => None,
        }
    }

    /// Whether this project's server runs there.
    pub(super) fn runs_the_server(self) -> bool {
        matches!(self, Self::Native | Self::Node | Self::Chromium)
    }

    pub(super) fn is_chromium(self) -> bool {
        matches!(self, Self::Chromium | Self::ChromiumBare)
    }
}
