//! The firewall: from the settings to the rules that nftables loads.
//!
//! [`table::rows`] says what may come in and go out, row by row; [`rules::text`] writes the rows
//! in the language of nft(8), [`document::page`] as `docs/firewall.md`. What is not in a row is
//! dropped, IPv4 and IPv6, in, out and through. Nothing here loads anything: `snug firewall` does.
//!
//! Invariants: no clock, file or socket is touched; the same [`Asked`] gives the same text; every
//! word in the text is ours or was checked by [`config`], so that no setting can write a rule.

pub mod document;
pub mod rules;
pub mod table;

use config::{ChatFrom, Config};
use serde::{Deserialize, Serialize};

/// The table of nftables that is ours; all others are left alone.
pub const TABLE: &str = "inet snug";

/// Where snugd keeps the [`Choice`], below its data directory.
pub const CHOICE_FILE: &str = "firewall/choice";

/// From where chat clients may connect, as an administrator chooses in the panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The home's own network.
    #[default]
    Lan,
    /// The internet, too.
    Everywhere,
}

impl Choice {
    /// Longest word, in bytes.
    pub const BYTES_MAX: usize = 16;

    /// As it is kept in a file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Everywhere => "everywhere",
        }
    }

    /// The choice of this word; white space around it does not matter.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Lan, Self::Everywhere].into_iter().find(|c| c.as_str() == word.trim())
    }
}

/// What the rules depend on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The settings.
    pub config: &'a Config,
    /// What was chosen in the panel.
    pub choice: Choice,
    /// Which of [`table::USERS`] and [`table::OWN_USERS`] exist here: nftables refuses rules about a
    /// user that it does not know.
    pub users: &'a [String],
}

impl Asked<'_> {
    /// Has the choice of the panel a meaning, or do the settings say it all?
    #[must_use]
    pub fn panel_decides(&self) -> bool {
        self.config.firewall.chat_from == ChatFrom::Panel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_words() {
        for choice in [Choice::Lan, Choice::Everywhere] {
            assert_eq!(Choice::from_word(&format!("{}\n", choice.as_str())), Some(choice));
            assert!(choice.as_str().len() < Choice::BYTES_MAX);
        }
        assert_eq!(Choice::from_word("lan; accept"), None);
    }
}
