//! How long the home keeps messages: a setting of the whole home.
//!
//! State: [`Keeping`], one per daemon, a copy of what the settings have. Invariant: what it says is
//! what was stored last.

use std::sync::atomic::{AtomicU32, Ordering};

/// How long messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// None is archived.
    Off,
    /// So many days.
    Days(u32),
    /// As long as there is space.
    ForEver,
}

impl Keep {
    /// What a new home does.
    pub const DEFAULT: Self = Self::Days(30);
    /// The longest time that can be set in days, about a century.
    pub const DAYS_MAX: u32 = 36_500;

    /// As it is stored.
    #[must_use]
    pub fn to_text(self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::Days(days) => days.to_string(),
            Self::ForEver => "for-ever".to_owned(),
        }
    }

    /// Reads what [`Keep::to_text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "for-ever" => Some(Self::ForEver),
            days => days.parse().ok().filter(|d| (1..=Self::DAYS_MAX).contains(d)).map(Self::Days),
        }
    }

    const fn code(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Days(days) => days,
            Self::ForEver => u32::MAX,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Keeping(AtomicU32);

impl Keeping {
    /// Begins with `keep`.
    #[must_use]
    pub const fn new(keep: Keep) -> Self {
        Self(AtomicU32::new(keep.code()))
    }

    /// How long?
    #[must_use]
    pub fn get(&self) -> Keep {
        match self.0.load(Ordering::Acquire) {
            0 => Keep::Off,
            u32::MAX => Keep::ForEver,
            days => Keep::Days(days),
        }
    }

    /// From now on.
    pub fn set(&self, keep: Keep) {
        self.0.store(keep.code(), Ordering::Release);
    }

    /// Is anything archived?
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.get() != Keep::Off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for keep in [Keep::Off, Keep::Days(1), Keep::Days(Keep::DAYS_MAX), Keep::ForEver] {
            assert_eq!(Keep::parse(&keep.to_text()), Some(keep));
            let keeping = Keeping::new(Keep::DEFAULT);
            keeping.set(keep);
            assert_eq!((keeping.get(), keeping.is_on()), (keep, keep != Keep::Off));
        }
        for text in ["", "0", "-1", "36501", "on", "4294967295"] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
    }
}
