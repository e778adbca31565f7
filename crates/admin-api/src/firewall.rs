//! The firewall: what may pass, and from where chat clients may connect.

use serde::{Deserialize, Serialize};

/// From where chat clients may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatFrom {
    /// The home's own network.
    #[default]
    Lan,
    /// The internet, too.
    Everywhere,
}

/// What may pass, by the settings and the choice? Reply: [`Table`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Show {}

/// Chooses from where chat clients may connect. It is durable when this is answered; the rules
/// follow within seconds, where Snug looks after the firewall. Reply: [`Table`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Choose {
    /// From where.
    pub chat_from: ChatFrom,
}

/// What may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What was chosen.
    pub chat_from: ChatFrom,
    /// `firewall.chat_from` in the settings says it, so that the choice has no meaning.
    pub by_settings: bool,
    /// To this machine.
    pub incoming: Vec<Row>,
    /// From this machine.
    pub outgoing: Vec<Row>,
}

/// One row, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub title: String,
    /// Protocols and ports.
    pub traffic: String,
    /// To or from whom.
    pub peer: String,
    /// Why.
    pub why: String,
}
