//! What a handler wants done: effects, carried out after it returned.
//!
//! A handler changes its own account's state in memory, and leaves everything else as an
//! effect: writes to the store, words to the account's own sessions, stanzas for others.
//! Invariants: writes are handed to the store under the account's lock, in the order decided;
//! what must not be said before they are durable is held with their ticket.

use store::Batch;
use xmpp::error::{StanzaCondition, StanzaError, StreamError};
use xmpp::stanza::{Refusable, Stanza};

use crate::durability::Ticket;
use crate::registry::SessionId;
use crate::wire::Wire;

/// The effects of one handler.
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes, as one atomic batch.
    pub writes: Batch,
    /// `told` and `own` wait for this as well: they tell what was read, and a client takes it for
    /// safe.
    pub floor: Ticket,
    /// Words for sessions of this account that are of no use to any other, said before `own` and
    /// whether or not the writes succeed.
    pub told: Vec<(SessionId, Wire)>,
    /// Stanzas for sessions of this account, said once the writes are durable.
    pub own: Vec<(SessionId, Stanza)>,
    /// Stanzas for anybody (their `to` decides), routed once the writes are durable.
    pub routed: Vec<Stanza>,
    /// Stanzas for anybody that report nothing of the writes, such as presence: routed now,
    /// whether or not the writes succeed. Held back they would be overtaken by what the account
    /// says next.
    pub at_once: Vec<Stanza>,
    /// What is refused instead of all of `own` and `routed` if the writes fail.
    pub refused_on_failure: Vec<OnFailure>,
    /// Sessions of this account to end.
    pub ended: Vec<(SessionId, StreamError)>,
}

/// A stanza to refuse if writes fail. The refusal is put into words only then.
#[derive(Debug)]
pub struct OnFailure {
    /// What is refused.
    pub what: Refusable,
    /// What its sender is told.
    pub text: &'static str,
}

impl OnFailure {
    /// The refusal.
    #[must_use]
    pub fn into_stanza(self) -> Stanza {
        let error = StanzaError::new(StanzaCondition::InternalServerError).with_text(self.text);
        self.what.error(&error)
    }
}

impl Effects {
    /// If the writes fail `stanza` is refused with `text`.
    pub fn refuse_on_failure(&mut self, stanza: &Stanza, text: &'static str) {
        self.refused_on_failure.extend(stanza.refusable().map(|what| OnFailure { what, text }));
    }
}

/// What a handler of a stanza returns: the error to answer with, if any.
pub type Handled = Result<(), StanzaError>;
