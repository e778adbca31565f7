//! A session that begins within log-in, and which device it is of.
//!
//! Spec: XEP-0386 §3.2 (binding, features, earlier sessions of the same client), §3.3 (the
//! resource). Invariants: a device that says which one it is gets the same resource each time, if
//! it gives the same tag; its id cannot be told from the resource; it has one session.

use std::collections::VecDeque;
use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::negotiate::InlineBind;

use super::{Session, make_up, replace};
use crate::daemon::{Daemon, Now};
use crate::devices::DeviceName;
use crate::features::{self, otr_delivery};
use crate::registry::{self, About};
use crate::{deliver, random};

impl Session {
    /// Binds a resource for `user` and lets the session begin with what `bind` asks for. Returns
    /// the answers of the features as well.
    ///
    /// # Errors
    /// As [`Session::bind`].
    pub fn bind_inline(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        device: Option<&DeviceName>,
        bind: &InlineBind,
        about: About,
    ) -> Result<(Self, Vec<Element>), StanzaError> {
        let tag = bind.tag.as_deref();
        // Who says nothing of itself is as whoever asks for no resource.
        let made_up = device.is_none() && tag.is_none();
        let name = match device {
            Some(device) => device.as_str().to_owned(),
            None if made_up => make_up(daemon, user, &about),
            None => random::text(12),
        };
        let jid = address(user, tag, &name)?;
        Self::enter(daemon, user, jid, about, |cx, id| {
            if let Some(bound) = cx.account.session_mut(id).filter(|_| made_up) {
                bound.slots.put(otr_delivery::MadeUp);
            }
            let asked: Vec<_> =
                bind.features.iter().filter_map(|wish| features::on_inline(cx, id, wish)).collect();
            features::on_bound(cx, id).into_iter().chain(asked).collect()
        })
    }

    /// This session is `device`'s; earlier ones of it end.
    pub fn belongs_to(&self, device: &DeviceName) {
        let now = Now::read();
        let mut list = VecDeque::new();
        {
            let mut account = registry::lock(&self.entry);
            let earlier: Vec<_> = account
                .sessions
                .iter()
                .filter(|s| s.id != self.id && s.slots.get::<DeviceName>() == Some(device))
                .map(|s| s.id)
                .collect();
            for old in earlier {
                replace(&self.daemon, now, &mut account, old, &mut list);
            }
            if let Some(bound) = account.session_mut(self.id) {
                bound.slots.put(device.clone());
            }
        }
        if !list.is_empty() {
            deliver::route_all(&self.daemon, now, list.into());
        }
    }
}

/// `tag/name`. A tag that cannot be in a resource is left out.
fn address(user: &BareJid, tag: Option<&str>, name: &str) -> Result<Jid, StanzaError> {
    let tagged = tag.and_then(|tag| user.with_resource(&format!("{tag}/{name}")).ok());
    let bad = |_| StanzaError::new(StanzaCondition::InternalServerError);
    tagged.map_or_else(|| user.with_resource(name).map_err(bad), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_cannot_be_in_a_resource_is_left_out() {
        let ann = BareJid::parse("ann@home.example").unwrap();
        let bound = |tag: Option<&str>| address(&ann, tag, "abcd").unwrap().to_string();
        assert_eq!(bound(Some("Talker")), "ann@home.example/Talker/abcd");
        assert_eq!(bound(None), "ann@home.example/abcd");
        assert_eq!(bound(Some("a\u{7f}b")), "ann@home.example/abcd");
    }
}
