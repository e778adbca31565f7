//! The message archive: how long the home keeps conversations, and deleting them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// How long messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Nothing is archived any more; what is there stays until it is deleted.
    Off,
    /// So many days, 1 to [`Keep::DAYS_MAX`].
    Days(u32),
    /// As long as there is space.
    ForEver,
}

impl Keep {
    /// What a new home does.
    pub const DEFAULT: Self = Self::Days(30);
    /// The longest time that can be set in days, about a century.
    pub const DAYS_MAX: u32 = 36_500;

    /// Reads `off`, `for-ever` or a number of days.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "for-ever" => Some(Self::ForEver),
            days => days.parse().ok().map(Self::Days).filter(|keep| keep.is_usable()),
        }
    }

    /// Is the number of days within its bounds?
    #[must_use]
    pub fn is_usable(self) -> bool {
        match self {
            Self::Days(days) => (1..=Self::DAYS_MAX).contains(&days),
            Self::Off | Self::ForEver => true,
        }
    }
}

/// As [`Keep::parse`] reads it.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Days(days) => days.fmt(f),
            Self::ForEver => f.write_str("for-ever"),
        }
    }
}

/// How long are messages kept, and how much is there?
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Show {}

/// Answer to [`Show`] and [`Set`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How long.
    pub keep: Keep,
    /// When the oldest message came.
    pub oldest: Option<UnixTime>,
    /// Bytes of everything the home stores, of which messages are by far the most.
    pub store_bytes: u64,
}

/// Keep messages so long from now on. What is older then goes within the hour.
#[derive(Debug, Serialize, Deserialize)]
pub struct Set {
    /// How long.
    pub keep: Keep,
}

/// Delete archived messages for good. The person's devices keep what they have.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delete {
    /// Localpart or bare JID; `None` = everybody's.
    pub name: Option<String>,
}

/// Answer to [`Delete`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Messages that are gone by now.
    pub messages: u64,
    /// `false`: they are many, and the rest is being deleted.
    pub finished: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for keep in [Keep::Off, Keep::Days(1), Keep::Days(Keep::DAYS_MAX), Keep::ForEver] {
            assert_eq!(Keep::parse(&keep.to_string()), Some(keep));
        }
        for text in ["", "0", "-1", "+", "36501", "on", "4294967296", "1.5"] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
    }
}
