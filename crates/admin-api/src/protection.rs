//! How much the home asks for encryption from end to end (OTR or OMEMO), and how much there is.

use serde::{Deserialize, Serialize};

/// How much encryption is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    #[default]
    Off,
    /// With a hint once a month to who writes without.
    Encourage,
    /// Words to another person go out encrypted or come back.
    Require,
}

/// The rules and what they did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Show {}

/// Changes what is given; the rest stays.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Set {
    /// Localpart or bare JID; `None` = the household.
    pub name: Option<String>,
    /// The rule.
    #[serde(default)]
    pub mode: Option<Choice>,
    /// Of the household: does it hold in rooms as well?
    #[serde(default)]
    pub rooms: Option<bool>,
    /// Of a person: is it counted how much is encrypted? Turned off, what was counted goes.
    #[serde(default)]
    pub count: Option<bool>,
}

/// A rule as it can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// A person's: whatever holds for the household.
    Household,
    /// This.
    Own(Mode),
}

/// The rules of the home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// For everybody without a rule of their own.
    pub mode: Mode,
    /// Does it hold in rooms as well?
    pub rooms: bool,
    /// Days that the counts go back.
    pub days: u64,
    /// Everybody, by JID.
    pub people: Vec<Person>,
}

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Bare JID.
    pub jid: String,
    /// Their own rule, if there is one.
    pub own: Option<Mode>,
    /// The rule that holds.
    pub mode: Mode,
    /// Messages to others; `None` = not counted.
    pub count: Option<Count>,
}

/// What holds for one person.
#[derive(Debug, Serialize, Deserialize)]
pub struct One {
    /// Localpart or bare JID.
    pub name: String,
}

/// Count how much of a person's messages is encrypted, or do not; then what was counted goes.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetCount {
    /// Localpart or bare JID.
    pub name: String,
    /// Count?
    pub count: bool,
}

/// The answer to [`One`] and [`SetCount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Days that the counts go back.
    pub days: u64,
    /// Does the rule hold in rooms as well?
    pub rooms: bool,
    /// The person.
    pub person: Person,
}

/// Messages to others within [`Rules::days`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Encrypted from end to end.
    pub protected: u64,
    /// Not.
    pub plain: u64,
}
