//! What is agreed with one contact about seeing each other's presence, and how it changes.
//!
//! Spec: RFC 6121 §3 and appendix A. The nine states of A.1 are two halves of three values each:
//! may we see the contact (`to`), and may the contact see us (`from`). Every rule of the tables
//! looks at one half and changes only that half.
//!
//! Invariants: pure; no combination of halves is invalid; each cell of tables 2 to 9 is a line
//! of the tests below.

use serde::{Deserialize, Serialize};

/// How far one direction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// Neither asked for nor granted.
    #[default]
    No,
    /// Asked for and not answered.
    Pending,
    /// Granted.
    Yes,
}

/// A state of RFC 6121 A.1, seen from the owner of the roster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubState {
    /// May the owner see the contact's presence? `Pending` is "Pending Out".
    pub to: Half,
    /// May the contact see the owner's presence? `Pending` is "Pending In".
    pub from: Half,
}

impl SubState {
    /// The state that a roster item's attributes and a waiting request mean; `None` if
    /// `subscription` is not `none`, `to`, `from` or `both`. What is granted already cannot be
    /// waiting too, so `ask` and `pending_in` count only beside what is not granted.
    #[must_use]
    pub fn from_parts(subscription: &str, ask: bool, pending_in: bool) -> Option<Self> {
        let (to, from) = match subscription {
            "none" => (false, false),
            "to" => (true, false),
            "from" => (false, true),
            "both" => (true, true),
            _ => return None,
        };
        Some(Self { to: half(to, ask), from: half(from, pending_in) })
    }

    /// RFC 6121 §2.1.2.5: the `subscription` attribute.
    #[must_use]
    pub const fn subscription(self) -> &'static str {
        match (self.to, self.from) {
            (Half::Yes, Half::Yes) => "both",
            (Half::Yes, _) => "to",
            (_, Half::Yes) => "from",
            _ => "none",
        }
    }

    /// RFC 6121 §2.1.2.2: is a request of the owner's waiting?
    #[must_use]
    pub const fn ask(self) -> bool {
        matches!(self.to, Half::Pending)
    }

    /// Is a request of the contact's waiting?
    #[must_use]
    pub const fn pending_in(self) -> bool {
        matches!(self.from, Half::Pending)
    }

    /// May the contact see the owner's presence?
    #[must_use]
    pub const fn is_seen(self) -> bool {
        matches!(self.from, Half::Yes)
    }

    /// May the owner see the contact's presence?
    #[must_use]
    pub const fn sees(self) -> bool {
        matches!(self.to, Half::Yes)
    }
}

const fn half(granted: bool, waiting: bool) -> Half {
    match (granted, waiting) {
        (true, _) => Half::Yes,
        (false, true) => Half::Pending,
        (false, false) => Half::No,
    }
}

/// What the owner's roster knows of a contact's subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: SubState,
    /// RFC 6121 §3.4: approved before the contact asked. Used up by the request that it
    /// answers, so never set where the contact may see the owner or has asked to.
    pub approved: bool,
}

/// The types of presence that manage subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Asks to see the addressee.
    Subscribe,
    /// Lets the addressee see the sender.
    Subscribed,
    /// Wants to see the addressee no longer.
    Unsubscribe,
    /// Lets the addressee see the sender no longer, or refuses to.
    Unsubscribed,
}

/// What to do with an [`Act`] of the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// What holds from now on.
    pub after: Standing,
    /// Does it go to the contact?
    pub route: bool,
}

/// What to do with an [`Act`] of the contact's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// What holds from now on.
    pub after: Standing,
    /// Is the owner told?
    pub deliver: bool,
    /// What the server answers on the owner's behalf.
    pub reply: Option<Act>,
}

/// RFC 6121 A.2: the owner does `act`.
#[must_use]
pub const fn outbound(before: Standing, act: Act) -> Outbound {
    let mut after = before;
    let route = match act {
        // A.2.1: always routed, so that a contact's server that lost its side can answer.
        Act::Subscribe => {
            after.state.to = half(before.state.sees(), true);
            true
        }
        // A.2.2
        Act::Unsubscribe => {
            after.state.to = Half::No;
            true
        }
        // A.2.3
        Act::Subscribed => match before.state.from {
            Half::Pending => {
                after.state.from = Half::Yes;
                true
            }
            // §3.4.2
            Half::No => {
                after.approved = true;
                false
            }
            Half::Yes => false,
        },
        // A.2.4; §3.2.2 takes an approval back without a word to the contact.
        Act::Unsubscribed => {
            after.state.from = Half::No;
            after.approved = false;
            !matches!(before.state.from, Half::No)
        }
    };
    Outbound { after, route }
}

/// RFC 6121 A.3: the contact does `act`.
#[must_use]
pub const fn inbound(before: Standing, act: Act) -> Inbound {
    let mut after = before;
    let (deliver, reply) = match act {
        // A.3.1
        Act::Subscribe => match before.state.from {
            Half::Yes => (false, Some(Act::Subscribed)),
            Half::Pending => (false, None),
            Half::No if before.approved => {
                after = Standing {
                    state: SubState { to: before.state.to, from: Half::Yes },
                    approved: false,
                };
                (false, Some(Act::Subscribed))
            }
            Half::No => {
                after.state.from = Half::Pending;
                (true, None)
            }
        },
        // A.3.2
        Act::Unsubscribe if matches!(before.state.from, Half::No) => (false, None),
        Act::Unsubscribe => {
            after.state.from = Half::No;
            (true, Some(Act::Unsubscribed))
        }
        // A.3.3
        Act::Subscribed => {
            let asked = before.state.ask();
            if asked {
                after.state.to = Half::Yes;
            }
            (asked, None)
        }
        // A.3.4
        Act::Unsubscribed => {
            after.state.to = Half::No;
            (!matches!(before.state.to, Half::No), None)
        }
    };
    Inbound { after, deliver, reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: SubState = SubState { to: Half::No, from: Half::No };
    const NONE_OUT: SubState = SubState { to: Half::Pending, from: Half::No };
    const NONE_IN: SubState = SubState { to: Half::No, from: Half::Pending };
    const NONE_OUT_IN: SubState = SubState { to: Half::Pending, from: Half::Pending };
    const TO: SubState = SubState { to: Half::Yes, from: Half::No };
    const TO_IN: SubState = SubState { to: Half::Yes, from: Half::Pending };
    const FROM: SubState = SubState { to: Half::No, from: Half::Yes };
    const FROM_OUT: SubState = SubState { to: Half::Pending, from: Half::Yes };
    const BOTH: SubState = SubState { to: Half::Yes, from: Half::Yes };

    /// The rows of every table, in the order of the appendix.
    const ROWS: [SubState; 9] =
        [NONE, NONE_OUT, NONE_IN, NONE_OUT_IN, TO, TO_IN, FROM, FROM_OUT, BOTH];

    const fn plain(state: SubState) -> Standing {
        Standing { state, approved: false }
    }

    /// Columns "route?" and "new state" of one table.
    fn check_outbound(act: Act, table: [(bool, SubState); 9]) {
        for (before, (route, after)) in ROWS.into_iter().zip(table) {
            let expected = Outbound { after: plain(after), route };
            assert_eq!(outbound(plain(before), act), expected, "{before:?}");
        }
    }

    /// Columns "deliver?" and "new state" of one table; `reply` where the footnote says so.
    fn check_inbound(act: Act, table: [(bool, SubState, Option<Act>); 9]) {
        for (before, (deliver, after, reply)) in ROWS.into_iter().zip(table) {
            let expected = Inbound { after: plain(after), deliver, reply };
            assert_eq!(inbound(plain(before), act), expected, "{before:?}");
        }
    }

    #[test]
    fn table_2_outbound_subscribe() {
        check_outbound(
            Act::Subscribe,
            [
                (true, NONE_OUT),
                (true, NONE_OUT),
                (true, NONE_OUT_IN),
                (true, NONE_OUT_IN),
                (true, TO),
                (true, TO_IN),
                (true, FROM_OUT),
                (true, FROM_OUT),
                (true, BOTH),
            ],
        );
    }

    #[test]
    fn table_3_outbound_unsubscribe() {
        check_outbound(
            Act::Unsubscribe,
            [
                (true, NONE),
                (true, NONE),
                (true, NONE_IN),
                (true, NONE_IN),
                (true, NONE),
                (true, NONE_IN),
                (true, FROM),
                (true, FROM),
                (true, FROM),
            ],
        );
    }

    #[test]
    fn table_4_outbound_subscribed() {
        // The three cells that say "pre-approval" are in the test below.
        let rows = [
            (NONE_IN, true, FROM),
            (NONE_OUT_IN, true, FROM_OUT),
            (TO_IN, true, BOTH),
            (FROM, false, FROM),
            (FROM_OUT, false, FROM_OUT),
            (BOTH, false, BOTH),
        ];
        for (before, route, after) in rows {
            let expected = Outbound { after: plain(after), route };
            assert_eq!(outbound(plain(before), Act::Subscribed), expected, "{before:?}");
        }
    }

    #[test]
    fn table_4_pre_approval() {
        for state in [NONE, NONE_OUT, TO] {
            let approved = Standing { state, approved: true };
            let expected = Outbound { after: approved, route: false };
            assert_eq!(outbound(plain(state), Act::Subscribed), expected);
            assert_eq!(outbound(approved, Act::Subscribed), expected);
        }
    }

    #[test]
    fn table_5_outbound_unsubscribed() {
        check_outbound(
            Act::Unsubscribed,
            [
                (false, NONE),
                (false, NONE_OUT),
                (true, NONE),
                (true, NONE_OUT),
                (false, TO),
                (true, TO),
                (true, NONE),
                (true, NONE_OUT),
                (true, TO),
            ],
        );
    }

    #[test]
    fn table_5_takes_an_approval_back_silently() {
        for state in [NONE, NONE_OUT, TO] {
            let approved = Standing { state, approved: true };
            let expected = Outbound { after: plain(state), route: false };
            assert_eq!(outbound(approved, Act::Unsubscribed), expected);
        }
    }

    #[test]
    fn table_6_inbound_subscribe() {
        let auto = Some(Act::Subscribed);
        check_inbound(
            Act::Subscribe,
            [
                (true, NONE_IN, None),
                (true, NONE_OUT_IN, None),
                (false, NONE_IN, None),
                (false, NONE_OUT_IN, None),
                (true, TO_IN, None),
                (false, TO_IN, None),
                (false, FROM, auto),
                (false, FROM_OUT, auto),
                (false, BOTH, auto),
            ],
        );
    }

    #[test]
    fn table_6_approved_before() {
        for (before, after) in [(NONE, FROM), (NONE_OUT, FROM_OUT), (TO, BOTH)] {
            let expected =
                Inbound { after: plain(after), deliver: false, reply: Some(Act::Subscribed) };
            let approved = Standing { state: before, approved: true };
            assert_eq!(inbound(approved, Act::Subscribe), expected);
        }
    }

    #[test]
    fn table_7_inbound_unsubscribe() {
        let auto = Some(Act::Unsubscribed);
        check_inbound(
            Act::Unsubscribe,
            [
                (false, NONE, None),
                (false, NONE_OUT, None),
                (true, NONE, auto),
                (true, NONE_OUT, auto),
                (false, TO, None),
                (true, TO, auto),
                (true, NONE, auto),
                (true, NONE_OUT, auto),
                (true, TO, auto),
            ],
        );
    }

    #[test]
    fn table_8_inbound_subscribed() {
        check_inbound(
            Act::Subscribed,
            [
                (false, NONE, None),
                (true, TO, None),
                (false, NONE_IN, None),
                (true, TO_IN, None),
                (false, TO, None),
                (false, TO_IN, None),
                (false, FROM, None),
                (true, BOTH, None),
                (false, BOTH, None),
            ],
        );
    }

    #[test]
    fn table_9_inbound_unsubscribed() {
        check_inbound(
            Act::Unsubscribed,
            [
                (false, NONE, None),
                (true, NONE, None),
                (false, NONE_IN, None),
                (true, NONE_IN, None),
                (true, NONE, None),
                (true, NONE_IN, None),
                (false, FROM, None),
                (true, FROM, None),
                (true, FROM, None),
            ],
        );
    }

    /// An approval outlives what concerns the other direction. RFC 6121 §3.4.2 and §4.3.2.
    #[test]
    fn the_other_direction_leaves_an_approval_alone() {
        for state in [NONE, NONE_OUT, TO] {
            let approved = Standing { state, approved: true };
            assert!(outbound(approved, Act::Subscribe).after.approved);
            assert!(outbound(approved, Act::Unsubscribe).after.approved);
            assert!(inbound(approved, Act::Subscribed).after.approved);
            assert!(inbound(approved, Act::Unsubscribed).after.approved);
            assert!(inbound(approved, Act::Unsubscribe).after.approved);
        }
    }

    /// The invariant of [`Standing::approved`], from every standing by every act.
    #[test]
    fn an_approval_is_used_up() {
        let acts = [Act::Subscribe, Act::Subscribed, Act::Unsubscribe, Act::Unsubscribed];
        let approved = [NONE, NONE_OUT, TO].map(|state| Standing { state, approved: true });
        for before in ROWS.map(plain).into_iter().chain(approved) {
            for act in acts {
                for after in [outbound(before, act).after, inbound(before, act).after] {
                    assert!(!after.approved || after.state.from == Half::No, "{before:?} {act:?}");
                }
            }
        }
    }

    /// RFC 6121 A.1: how each state shows in the roster.
    #[test]
    fn attributes_of_the_roster() {
        let shown = [
            ("none", false, false),
            ("none", true, false),
            ("none", false, true),
            ("none", true, true),
            ("to", false, false),
            ("to", false, true),
            ("from", false, false),
            ("from", true, false),
            ("both", false, false),
        ];
        for (state, (subscription, ask, pending_in)) in ROWS.into_iter().zip(shown) {
            assert_eq!(state.subscription(), subscription);
            assert_eq!(state.ask(), ask, "{state:?}");
            assert_eq!(state.pending_in(), pending_in, "{state:?}");
            assert_eq!(SubState::from_parts(subscription, ask, pending_in), Some(state));
        }
        assert_eq!(SubState::from_parts("both", true, true), Some(BOTH));
        assert_eq!(SubState::from_parts("remove", false, false), None);
    }
}
