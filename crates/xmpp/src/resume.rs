//! XEP-0198: Stream Management: what was sent and not acknowledged, and what was handled.
//!
//! Pure bookkeeping for both directions of one session. Spec: XEP-0198 §4 (acks), §5
//! (resumption). Counts are of stanzas, begin at zero and wrap at 2^32.
//!
//! Invariants of [`Sent`]: `acked` + the length of the queue = all that was sent, modulo 2^32;
//! items leave it in the order they came, each once; an acknowledgement of more than was sent
//! changes nothing. The length is the caller's to bound, far below 2^32.

use std::collections::VecDeque;

use crate::element::Element;
use crate::error::{StanzaCondition, StreamCondition, StreamError};
use crate::ns;

/// Queue memory that is kept when all is acknowledged, in items.
const ITEMS_KEPT: usize = 8;

/// Items sent to the other side that it has not acknowledged.
#[derive(Clone, Debug)]
pub struct Sent<T> {
    queue: VecDeque<T>,
    /// Acknowledged so far.
    acked: u32,
    /// How many of the queue, from the oldest, an acknowledgement was requested for.
    asked: usize,
}

impl<T> Default for Sent<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), acked: 0, asked: 0 }
    }
}

/// The other side says it has handled more than was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooHigh {
    /// What it says.
    pub handled: u32,
    /// What was sent.
    pub sent: u32,
}

impl<T> Sent<T> {
    /// `item` is being sent.
    pub fn push(&mut self, item: T) {
        self.queue.push_back(item);
    }

    /// The other side has handled `handled` of all that was sent. Gives what that newly
    /// acknowledges, oldest first.
    ///
    /// # Errors
    /// If that is more than was sent. XEP-0198 §4
    pub fn acknowledge(&mut self, handled: u32) -> Result<Vec<T>, TooHigh> {
        // Counts wrap (XEP-0198 §4), so only the distance means something. One that goes
        // backwards is a distance of almost 2^32, which no queue has.
        let fresh = usize::try_from(handled.wrapping_sub(self.acked)).unwrap_or(usize::MAX);
        if fresh > self.queue.len() {
            return Err(TooHigh { handled, sent: self.sent() });
        }
        let taken = self.queue.drain(..fresh).collect();
        self.acked = handled;
        self.asked = self.asked.saturating_sub(fresh);
        if self.queue.is_empty() && self.queue.capacity() > ITEMS_KEPT {
            self.queue = VecDeque::new();
        }
        Ok(taken)
    }

    /// How many were sent in all.
    #[must_use]
    pub fn sent(&self) -> u32 {
        // The caller bounds the length far below 2^32.
        self.acked.wrapping_add(u32::try_from(self.queue.len()).unwrap_or(u32::MAX))
    }

    /// What is not acknowledged, oldest first.
    pub fn rest(&self) -> impl Iterator<Item = &T> {
        self.queue.iter()
    }

    /// The same, taken out for good.
    pub fn into_rest(self) -> impl Iterator<Item = T> {
        self.queue.into_iter()
    }

    /// How many are not acknowledged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Is everything acknowledged?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many were sent since an acknowledgement was last requested.
    #[must_use]
    pub fn unasked(&self) -> usize {
        self.queue.len() - self.asked
    }

    /// An acknowledgement of everything so far is being requested.
    pub fn ask(&mut self) {
        self.asked = self.queue.len();
    }

    /// The connection was lost, and with it any request that was under way.
    pub fn forget_asking(&mut self) {
        self.asked = 0;
    }
}

impl TooHigh {
    /// How the stream ends. XEP-0198 §4
    #[must_use]
    pub fn to_error(self) -> StreamError {
        let app = Element::new("handled-count-too-high", ns::SM)
            .with_attr("h", self.handled.to_string())
            .with_attr("send-count", self.sent.to_string());
        StreamError::new(StreamCondition::UndefinedCondition)
            .with_text("more stanzas are acknowledged than were sent")
            .with_app(app)
    }
}

/// The value of an attribute `h`: decimal digits, below 2^32 (`xs:unsignedInt`).
#[must_use]
pub fn parse_count(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// `<r/>`: asks how much was handled.
#[must_use]
pub fn request() -> Element {
    Element::new("r", ns::SM)
}

/// `<a/>`: says how much was handled.
#[must_use]
pub fn answer(handled: u32) -> Element {
    Element::new("a", ns::SM).with_attr("h", handled.to_string())
}

/// `<resumed/>`: the session goes on here.
#[must_use]
pub fn resumed(previd: &str, handled: u32) -> Element {
    Element::new("resumed", ns::SM)
        .with_attr("previd", previd.to_owned())
        .with_attr("h", handled.to_string())
}

/// `<failed/>`, with how much was handled in the session asked for, where that is known.
#[must_use]
pub fn failed(condition: StanzaCondition, handled: Option<u32>) -> Element {
    let mut failed = Element::new("failed", ns::SM);
    if let Some(handled) = handled {
        failed.set_attr("h", handled.to_string());
    }
    failed.with_child(Element::new(condition.as_str(), ns::STANZA_ERRORS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As if `acked` stanzas had come and gone.
    fn after(acked: u32) -> Sent<u32> {
        Sent { acked, ..Sent::default() }
    }

    #[test]
    fn what_is_acknowledged_leaves_in_order() {
        let mut sent = Sent::default();
        for item in ["a", "b", "c"] {
            sent.push(item);
        }
        assert_eq!(sent.acknowledge(0), Ok(vec![]));
        assert_eq!(sent.acknowledge(2), Ok(vec!["a", "b"]));
        assert_eq!(sent.acknowledge(2), Ok(vec![]), "the same again changes nothing");
        assert_eq!((sent.len(), sent.sent()), (1, 3));
        assert_eq!(sent.into_rest().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn impossible_counts_change_nothing() {
        let mut sent = after(5);
        sent.push(6);
        for handled in [7, 4, 0, u32::MAX] {
            assert_eq!(sent.acknowledge(handled), Err(TooHigh { handled, sent: 6 }));
            assert_eq!((sent.len(), sent.sent()), (1, 6));
        }
        assert_eq!(
            TooHigh { handled: 7, sent: 6 }.to_error().to_xml(),
            "<stream:error>\
             <undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>\
             more stanzas are acknowledged than were sent</text>\
             <handled-count-too-high xmlns='urn:xmpp:sm:3' h='7' send-count='6'/>\
             </stream:error>"
        );
    }

    #[test]
    fn counts_wrap() {
        let mut sent = after(u32::MAX - 1);
        for item in 0..4 {
            sent.push(item);
        }
        assert_eq!(sent.sent(), 2);
        assert_eq!(sent.acknowledge(u32::MAX), Ok(vec![0]));
        assert_eq!(sent.acknowledge(0), Ok(vec![1]));
        assert_eq!(sent.acknowledge(3), Err(TooHigh { handled: 3, sent: 2 }));
        assert_eq!(sent.acknowledge(2), Ok(vec![2, 3]));
        assert!(sent.is_empty());
    }

    #[test]
    fn requests_cover_what_was_sent_before_them() {
        let mut sent = after(0);
        sent.push(1);
        sent.push(2);
        assert_eq!(sent.unasked(), 2);
        sent.ask();
        sent.push(3);
        assert_eq!(sent.unasked(), 1);
        sent.acknowledge(1).unwrap();
        assert_eq!(sent.unasked(), 1, "the request still covers the second");
        sent.acknowledge(3).unwrap();
        assert_eq!(sent.unasked(), 0);
        sent.push(4);
        sent.ask();
        sent.forget_asking();
        assert_eq!(sent.unasked(), 1);
    }

    #[test]
    fn counts_on_the_wire() {
        for (text, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            ("0x1", None),
            ("", None),
        ] {
            assert_eq!(parse_count(text), expected, "{text:?}");
        }
    }

    proptest! {
        /// Against a model that counts without wrapping and forgets nothing.
        #[test]
        fn every_item_is_acknowledged_once_and_in_order(
            start in prop_oneof![Just(0), Just(u32::MAX), any::<u32>(), u32::MAX - 60..u32::MAX],
            moves in proptest::collection::vec((0_u8..8, any::<u32>()), 1..120),
        ) {
            let mut sent = after(start);
            let (mut pushed, mut acked) = (0_u64, 0_u64);
            let mut taken = Vec::new();
            for (kind, random) in moves {
                let waiting = pushed - acked;
                match kind {
                    0..=3 => {
                        sent.push(u32::try_from(pushed).unwrap());
                        pushed += 1;
                    }
                    4 | 5 => {
                        let fresh = u64::from(random) % (waiting + 1);
                        let h = u64::from(start) + acked + fresh;
                        taken.extend(sent.acknowledge(h as u32).unwrap());
                        acked += fresh;
                    }
                    6 => sent.ask(),
                    _ => {
                        // Any count at all: fine if it is within reach, refused otherwise.
                        let fresh = u64::from(random.wrapping_sub((u64::from(start) + acked) as u32));
                        match sent.acknowledge(random) {
                            Ok(items) => {
                                prop_assert!(fresh <= waiting);
                                taken.extend(items);
                                acked += fresh;
                            }
                            Err(e) => {
                                prop_assert!(fresh > waiting);
                                prop_assert_eq!(e.sent, (u64::from(start) + pushed) as u32);
                            }
                        }
                    }
                }
                prop_assert_eq!(sent.len() as u64, pushed - acked);
                prop_assert_eq!(sent.sent(), (u64::from(start) + pushed) as u32);
                prop_assert!(sent.unasked() <= sent.len());
            }
            taken.extend(sent.into_rest());
            prop_assert_eq!(taken, (0..u32::try_from(pushed).unwrap()).collect::<Vec<_>>());
        }
    }
}
