//! What is wrong with the file, in words that name the remedy.
//!
//! Invariant: one line per error, and no more of a wrong value than [`SHOWN_CHARS_MAX`].

use std::fmt;

/// Longest piece of a wrong value that is repeated.
const SHOWN_CHARS_MAX: usize = 60;

/// Why the file is not usable.
#[derive(Debug)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; `None` where no line is at fault.
    pub line: Option<usize>,
    /// The fault.
    pub fault: Fault,
}

/// The fault itself. Keys are written `section.key`.
#[derive(Debug)]
pub enum Fault {
    /// Two listeners want the same port.
    PortTwice {
        /// Key of the second listener.
        key: &'static str,
        /// Its address.
        address: String,
        /// Key of the first listener.
        other_key: &'static str,
        /// Its address.
        other: String,
    },
    /// Not TOML.
    Syntax(String),
    /// No such key.
    UnknownKey {
        /// As written.
        key: String,
        /// What was probably meant, or where the setting is.
        hint: Option<String>,
    },
    /// The file could not be read.
    Unreadable(std::io::Error),
    /// A key does not go with another one.
    Unfit {
        /// The key.
        key: &'static str,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A value is not of the right form.
    Value {
        /// The key.
        key: &'static str,
        /// The wrong value, shortened.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortTwice { key, address, other_key, other } => write!(
                f,
                "`{key}` wants {address}, but `{other_key}` has {other} already; give one of \
                 them another port (an address of [::] covers all others, IPv4 too)"
            ),
            Self::Syntax(message) => write!(f, "not understood: {message}"),
            Self::UnknownKey { key, hint: Some(hint) } => write!(f, "unknown key `{key}`: {hint}"),
            Self::UnknownKey { key, hint: None } => {
                write!(f, "unknown key `{key}`: remove it, or see snug.example.toml for all keys")
            }
            Self::Unreadable(e) => write!(f, "cannot be read: {e}"),
            Self::Unfit { key, why } => write!(f, "`{key}` {why}"),
            Self::Value { key, value, must } => write!(f, "`{key}` is {value}; it must be {must}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Unreadable(e) => Some(e),
            _ => None,
        }
    }
}

/// The line of the byte at `at`, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count() + 1
}

/// A value as it is written in the file, on one line and not too long.
pub(crate) fn shown(value: &str) -> String {
    let one_line: String = value
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN_CHARS_MAX)
        .collect();
    if value.trim().chars().count() > SHOWN_CHARS_MAX { one_line + "…" } else { one_line }
}
