//! What a connection has handled of what its client sent.
//!
//! Spec: XEP-0198 §4. Invariants: a stanza is counted before it is handled, and only by the
//! connection that has the session, and not after its end, since by then the count may have been
//! told; the count wraps at 2^32; with the count goes the ticket that makes it durable.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use xmpp::error::{StreamCondition, StreamError};

use crate::durability::Ticket;

/// See the module.
#[derive(Debug, Default)]
pub struct Line {
    /// Stanzas handled, modulo 2^32.
    handled: AtomicU32,
    /// Last ticket of what they caused.
    unsettled: AtomicU64,
    /// The session has ended, or another connection has taken it over.
    over: AtomicBool,
}

impl Line {
    /// How many stanzas were handled.
    #[must_use]
    pub fn handled(&self) -> u32 {
        self.handled.load(Ordering::Acquire)
    }

    /// The last ticket of what they caused.
    #[must_use]
    pub fn unsettled(&self) -> Ticket {
        self.unsettled.load(Ordering::Acquire)
    }

    /// Does this connection have the session?
    ///
    /// # Errors
    /// `conflict` if another one has taken it over, or the session has ended.
    pub fn check(&self) -> Result<(), StreamError> {
        let over = self.over.load(Ordering::Acquire);
        if over { Err(StreamError::new(StreamCondition::Conflict)) } else { Ok(()) }
    }

    /// A stanza is going to be handled.
    ///
    /// # Errors
    /// As [`Line::check`]; the stanza is not counted then: the client sends it again on the
    /// connection that has the session.
    pub fn begin(&self) -> Result<(), StreamError> {
        self.check()?;
        // Wraps (XEP-0198 §4).
        self.handled.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// All that was handled so far is durable with `ticket`.
    pub fn caused(&self, ticket: Ticket) {
        self.unsettled.store(ticket, Ordering::Release);
    }

    /// Counting begins anew: stream management is enabled.
    pub fn start(&self) {
        self.handled.store(0, Ordering::Release);
    }

    /// The session has ended: nothing is handled any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// The same for the connection that takes the session over.
    #[must_use]
    pub fn take_over(&self) -> Self {
        self.end();
        Self {
            handled: AtomicU32::new(self.handled()),
            unsettled: AtomicU64::new(self.unsettled()),
            over: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0198 §4: after 2^32 - 1 comes 0, also for the connection that goes on.
    #[test]
    fn the_count_wraps() {
        let line = Line { handled: AtomicU32::new(u32::MAX - 1), ..Line::default() };
        line.begin().unwrap();
        assert_eq!(line.handled(), u32::MAX);
        let next = line.take_over();
        next.begin().unwrap();
        assert_eq!(next.handled(), 0);
        next.begin().unwrap();
        assert_eq!(next.handled(), 1);
        assert_eq!(line.begin().unwrap_err().condition, StreamCondition::Conflict);
        assert_eq!(line.handled(), u32::MAX);
    }
}
