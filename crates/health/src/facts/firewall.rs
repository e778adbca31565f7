//! The firewall, as `snug firewall` left word of it (`/run/snug-firewall/status`).
//!
//! The file is a few lines of a word and a value, for everybody to read: only root may ask the
//! kernel what is in force.

use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::{below, read};

/// Name of the file in the directory of `snug firewall`.
pub const STATUS_FILE: &str = "status";

/// What `snug firewall` did last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// How it is.
    pub state: FirewallState,
    /// When that came about: [`boot_millis`], which also tells changes apart.
    pub at: u64,
    /// While waiting: when the change is taken back, seconds since 1970; `None` = never.
    pub until: Option<u64>,
    /// Why the settings are not in force.
    pub fault: Option<String>,
}

/// How the firewall is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirewallState {
    /// The rules of the settings could not be loaded; others are in force.
    Broken,
    /// The rules of the settings are in force.
    #[default]
    InForce,
    /// No rules could be loaded at all.
    None,
    /// A change was taken back, because nobody confirmed it.
    RolledBack,
    /// A change is in force and waits to be confirmed.
    Waiting,
}

/// Milliseconds since the machine started; jumps of the clock do not touch it.
#[must_use]
pub fn boot_millis() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

impl FirewallState {
    const ALL: [Self; 5] =
        [Self::Broken, Self::InForce, Self::None, Self::RolledBack, Self::Waiting];

    /// As in the file and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::InForce => "in-force",
            Self::None => "none",
            Self::RolledBack => "rolled-back",
            Self::Waiting => "waiting",
        }
    }
}

impl Firewall {
    /// As it is written into the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("state {}\nat {}\n", self.state.as_str(), self.at);
        if let Some(until) = self.until {
            out.push_str(&format!("until {until}\n"));
        }
        if let Some(fault) = &self.fault {
            let one_line: String =
                fault.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            out.push_str(&format!("fault {one_line}\n"));
        }
        out
    }

    /// From the text of the file; `None` if it is another one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let value = |word: &str| text.lines().find_map(|l| l.strip_prefix(word)?.strip_prefix(' '));
        let state = value("state")?;
        Some(Self {
            state: FirewallState::ALL.into_iter().find(|s| s.as_str() == state)?,
            at: value("at")?.parse().ok()?,
            until: value("until").and_then(|n| n.parse().ok()),
            fault: value("fault").map(str::to_owned),
        })
    }

    /// From the machine below `root`; `None` if Snug does not look after its firewall.
    #[must_use]
    pub fn gather(root: &Path) -> Option<Self> {
        Self::from_text(&read(&below(root, "/run/snug-firewall").join(STATUS_FILE))?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for state in FirewallState::ALL {
            let firewall = Firewall {
                state,
                at: 17,
                until: Some(1_800_000_000),
                fault: Some("nft: line 1\nstate none".to_owned()),
            };
            let text = firewall.to_text();
            let tree = Tree::new(&[("run/snug-firewall/status", &text)]);
            let read = Firewall::gather(tree.root());
            let fault = Some("nft: line 1 state none".to_owned());
            assert_eq!(read, Some(Firewall { fault, ..firewall }));
        }
        for text in ["", "state\n", "state open\nat 1\n", "at 1\n", "state none\nat x\n"] {
            assert_eq!(Firewall::from_text(text), None, "{text}");
        }
        assert_eq!(Firewall::gather(Tree::new(&[]).root()), None);
    }
}
