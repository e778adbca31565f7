//! Directed presence: whom a session told of itself beside its subscribers.
//!
//! Spec: RFC 6121 §4.6. State: [`Directed`], one per session. Invariant: at most
//! [`DIRECTED_PRESENCE_MAX`] addresses; beyond it directed presence is refused, since the
//! server could not keep the promise to tell of the end.

use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;

use crate::effect::Handled;
use crate::limits::DIRECTED_PRESENCE_MAX;
use crate::registry::{Bound, Slots};

/// Whom the session told that it is available.
#[derive(Debug, Default)]
struct Directed(Vec<Jid>);

/// Notes that the session with `slots` told `to` that it is available.
///
/// # Errors
/// `resource-constraint` past the limit.
pub(super) fn note(slots: &mut Slots, to: &Jid) -> Handled {
    if slots.get::<Directed>().is_none() {
        slots.put(Directed::default());
    }
    let Some(Directed(told)) = slots.get_mut::<Directed>() else { return Ok(()) };
    if told.contains(to) {
        return Ok(());
    }
    if told.len() >= DIRECTED_PRESENCE_MAX {
        return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
            .with_text("This device shares its presence with too many others."));
    }
    told.push(to.clone());
    Ok(())
}

/// §4.6.1: `jid` was told of the end, or told of its own.
pub(super) fn forget(slots: &mut Slots, jid: &Jid) {
    if let Some(Directed(told)) = slots.get_mut::<Directed>() {
        told.retain(|one| one != jid);
    }
}

/// Whom to tell of the end of the session with `slots`; nobody is told twice.
pub(super) fn take(slots: &mut Slots) -> Vec<Jid> {
    slots.take::<Directed>().map_or_else(Vec::new, |Directed(told)| told)
}

/// Those among whom to tell that `which` names; the others stay.
pub(super) fn take_some(slots: &mut Slots, which: impl Fn(&Jid) -> bool) -> Vec<Jid> {
    let Some(Directed(told)) = slots.get_mut::<Directed>() else { return Vec::new() };
    let (taken, rest) = std::mem::take(told).into_iter().partition(|jid| which(jid));
    *told = rest;
    taken
}

/// §4.6.6: did `session` tell `asker`, or the account that `asker` is of?
pub(super) fn was_told(session: &Bound, asker: &Jid) -> bool {
    let told = session.slots.get::<Directed>().map_or(&[][..], |Directed(told)| told);
    told.iter().any(|one| one == asker || *one == asker.to_bare())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    #[test]
    fn noted_once_and_forgotten() {
        let mut slots = Slots::default();
        for _ in 0..2 {
            note(&mut slots, &jid("room@chat.example/ann")).unwrap();
        }
        note(&mut slots, &jid("bob@home.example")).unwrap();
        forget(&mut slots, &jid("bob@home.example/pc"));
        forget(&mut slots, &jid("cid@home.example"));
        assert_eq!(take(&mut slots), [jid("room@chat.example/ann"), jid("bob@home.example")]);
        assert!(take(&mut slots).is_empty());
        note(&mut slots, &jid("bob@home.example")).unwrap();
        forget(&mut slots, &jid("bob@home.example"));
        assert!(take(&mut slots).is_empty());
    }

    #[test]
    fn too_many_are_refused() {
        let mut slots = Slots::default();
        for n in 0..DIRECTED_PRESENCE_MAX {
            note(&mut slots, &jid(&format!("c{n}@home.example"))).unwrap();
        }
        let refused = note(&mut slots, &jid("one@more.example")).unwrap_err();
        assert_eq!(refused.condition, StanzaCondition::ResourceConstraint);
        note(&mut slots, &jid("c0@home.example")).unwrap();
        assert_eq!(take(&mut slots).len(), DIRECTED_PRESENCE_MAX);
    }
}
