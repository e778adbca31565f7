//! Where does a stanza for a local address go? RFC 6121 §8.5 as one pure function.
//!
//! Invariants: no state, no I/O; every cell of the RFC's table is a line of the test below.

use xmpp::error::StanzaCondition;
use xmpp::stanza::{IqType, MessageType, PresenceType};

/// What kind of stanza it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `<iq/>`
    Iq(IqType),
    /// `<message/>`
    Message(MessageType),
    /// `<presence/>`
    Presence(PresenceType),
}

/// What is known about the address it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Does the account exist (and is not deleted)?
    pub account: bool,
    /// Is the address a full JID?
    pub full: bool,
    /// For a full JID: is that resource connected?
    pub connected: bool,
    /// Is any resource available with a priority of zero or more?
    pub reachable: bool,
}

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the account itself: the server answers on its behalf.
    Account,
    /// To every available resource with a priority of zero or more.
    AllNonNegative,
    /// Nowhere, silently.
    Ignore,
    /// To the available resources with the highest priority.
    MostAvailable,
    /// To the store, until somebody is available.
    Offline,
    /// To the account's presence logic.
    Presence,
    /// Back, with this error.
    Refuse(StanzaCondition),
    /// To the resource that the address names.
    Resource,
}

/// Decides.
#[must_use]
pub fn decide(class: Class, s: Situation) -> Route {
    if !s.account {
        return no_such_account(class);
    }
    match class {
        // RFC 6121 §8.5.3.1: a connected resource gets what is addressed to it; presence goes
        // through the presence logic, which treats subscription types as if to the bare JID.
        Class::Presence(PresenceType::Error) if s.full && s.connected => Route::Resource,
        Class::Presence(PresenceType::Error) => Route::Ignore,
        Class::Presence(_) => Route::Presence,
        Class::Message(_) | Class::Iq(_) if s.full && s.connected => Route::Resource,
        Class::Message(ty) if s.full => to_missing_resource(ty, s),
        // RFC 6121 §8.5.3.2.3
        Class::Iq(IqType::Get | IqType::Set) if s.full => service_unavailable(),
        Class::Message(ty) => to_bare(ty, s),
        // RFC 6121 §8.5.2.1.3 and §8.5.2.2.3
        Class::Iq(IqType::Get | IqType::Set) => Route::Account,
        Class::Iq(IqType::Error | IqType::Result) => Route::Ignore,
    }
}

const fn service_unavailable() -> Route {
    Route::Refuse(StanzaCondition::ServiceUnavailable)
}

/// RFC 6121 §8.5.1
fn no_such_account(class: Class) -> Route {
    match class {
        Class::Message(MessageType::Error)
        | Class::Iq(IqType::Error | IqType::Result)
        | Class::Presence(_) => Route::Ignore,
        Class::Message(_) | Class::Iq(_) => service_unavailable(),
    }
}

/// RFC 6121 §8.5.2.1.1 (somebody is reachable) and §8.5.2.2.1 (nobody is).
fn to_bare(ty: MessageType, s: Situation) -> Route {
    match ty {
        MessageType::Normal | MessageType::Chat if s.reachable => Route::MostAvailable,
        MessageType::Normal | MessageType::Chat => Route::Offline,
        MessageType::Groupchat => service_unavailable(),
        MessageType::Headline if s.reachable => Route::AllNonNegative,
        MessageType::Headline | MessageType::Error => Route::Ignore,
    }
}

/// RFC 6121 §8.5.3.2.1
fn to_missing_resource(ty: MessageType, s: Situation) -> Route {
    match ty {
        // A chat goes on with the person, not with the device.
        MessageType::Chat => to_bare(MessageType::Chat, s),
        // The RFC lets us ignore or refuse; refusing tells the sender.
        MessageType::Normal | MessageType::Groupchat => service_unavailable(),
        MessageType::Headline | MessageType::Error => Route::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IqType as I;
    use MessageType as M;
    use PresenceType as P;

    const NO_ACCOUNT: Situation =
        Situation { account: false, full: false, connected: false, reachable: false };
    const BARE_NOBODY: Situation = Situation { account: true, ..NO_ACCOUNT };
    const BARE_REACHABLE: Situation = Situation { reachable: true, ..BARE_NOBODY };
    const FULL_CONNECTED: Situation =
        Situation { account: true, full: true, connected: true, reachable: false };
    const FULL_MISSING_REACHABLE: Situation =
        Situation { account: true, full: true, connected: false, reachable: true };
    const FULL_MISSING_NOBODY: Situation = Situation { reachable: false, ..FULL_MISSING_REACHABLE };
    const REFUSE: Route = service_unavailable();

    /// The rows of RFC 6121 §8.5.4, as this server chooses where the RFC leaves a choice.
    /// Columns: normal, chat, groupchat, headline, error.
    #[test]
    fn messages() {
        use Route::{AllNonNegative as All, Ignore, MostAvailable as Most, Offline, Resource};
        let rows = [
            (NO_ACCOUNT, [REFUSE, REFUSE, REFUSE, REFUSE, Ignore]),
            (BARE_NOBODY, [Offline, Offline, REFUSE, Ignore, Ignore]),
            (BARE_REACHABLE, [Most, Most, REFUSE, All, Ignore]),
            (FULL_CONNECTED, [Resource; 5]),
            (FULL_MISSING_REACHABLE, [REFUSE, Most, REFUSE, Ignore, Ignore]),
            (FULL_MISSING_NOBODY, [REFUSE, Offline, REFUSE, Ignore, Ignore]),
        ];
        let types = [M::Normal, M::Chat, M::Groupchat, M::Headline, M::Error];
        for (situation, expected) in rows {
            for (ty, route) in types.into_iter().zip(expected) {
                assert_eq!(decide(Class::Message(ty), situation), route, "{ty:?} {situation:?}");
            }
        }
    }

    /// Columns: get, set, result, error.
    #[test]
    fn iqs() {
        use Route::{Account, Ignore, Resource};
        let rows = [
            (NO_ACCOUNT, [REFUSE, REFUSE, Ignore, Ignore]),
            (BARE_NOBODY, [Account, Account, Ignore, Ignore]),
            (BARE_REACHABLE, [Account, Account, Ignore, Ignore]),
            (FULL_CONNECTED, [Resource; 4]),
            (FULL_MISSING_REACHABLE, [REFUSE, REFUSE, Ignore, Ignore]),
            (FULL_MISSING_NOBODY, [REFUSE, REFUSE, Ignore, Ignore]),
        ];
        for (situation, expected) in rows {
            for (ty, route) in [I::Get, I::Set, I::Result, I::Error].into_iter().zip(expected) {
                assert_eq!(decide(Class::Iq(ty), situation), route, "{ty:?} {situation:?}");
            }
        }
    }

    #[test]
    fn presence() {
        let all = [
            P::Available,
            P::Probe,
            P::Subscribe,
            P::Subscribed,
            P::Unavailable,
            P::Unsubscribe,
            P::Unsubscribed,
        ];
        for ty in all {
            assert_eq!(decide(Class::Presence(ty), NO_ACCOUNT), Route::Ignore);
            for s in [BARE_NOBODY, BARE_REACHABLE, FULL_CONNECTED, FULL_MISSING_NOBODY] {
                assert_eq!(decide(Class::Presence(ty), s), Route::Presence);
            }
        }
        assert_eq!(decide(Class::Presence(P::Error), FULL_CONNECTED), Route::Resource);
        assert_eq!(decide(Class::Presence(P::Error), FULL_MISSING_NOBODY), Route::Ignore);
        assert_eq!(decide(Class::Presence(P::Error), BARE_REACHABLE), Route::Ignore);
        assert_eq!(decide(Class::Presence(P::Error), NO_ACCOUNT), Route::Ignore);
    }
}
