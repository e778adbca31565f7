//! XEP-0441: Message Archive Management Preferences.
//!
//! Whose messages a person wants archived. Spec: §2.1 asking and setting, §2.3 matching. An address
//! on both lists is never archived: whoever wants something not to be kept is obeyed.
//!
//! State: [`Prefs`], one per account, a copy of what the store has. Invariants: only the account's
//! own sessions read or change it; at most [`ARCHIVE_PREFS_MAX`] addresses are on a list.

use serde::{Deserialize, Serialize};
use store::{JsonValue, Table};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::unreadable;
use crate::effect::Handled;
use crate::features::{Cx, roster};
use crate::limits::ARCHIVE_PREFS_MAX;

pub(super) const PREFS: Table<String, Prefs> = Table::new("archive_prefs");

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prefs {
    /// For whoever is on no list.
    default: Otherwise,
    /// Any JIDs, as [`Jid::as_str`] gives them.
    always: Vec<String>,
    /// Any JIDs, as [`Jid::as_str`] gives them.
    never: Vec<String>,
}

impl JsonValue for Prefs {}

/// §2.1.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Otherwise {
    #[default]
    Always,
    Never,
    Roster,
}

impl Otherwise {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Roster => "roster",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Always, Self::Never, Self::Roster].into_iter().find(|d| d.as_str() == text)
    }
}

impl Prefs {
    /// Those of `cx`'s account.
    fn of<'a>(cx: &'a mut Cx<'_>) -> Result<&'a Self, StanzaError> {
        if cx.account.slots.get::<Self>().is_none() {
            let row = cx.daemon.store.get(&PREFS, cx.account.jid.as_str()).map_err(unreadable)?;
            cx.account.slots.put(row.unwrap_or_default());
        }
        let kept = cx.account.slots.get::<Self>();
        kept.ok_or_else(|| StanzaError::new(StanzaCondition::InternalServerError))
    }

    /// What the lists say of `other`; `None` = they do not know.
    fn listed(&self, other: &Jid) -> Option<bool> {
        // §2.3.1
        let on = |list: &[String]| {
            list.iter().any(|item| item == other.as_str() || item == other.bare_str())
        };
        match (on(&self.never), on(&self.always)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }

    pub(super) fn to_element(&self) -> Element {
        let list = |name: &'static str, jids: &[String]| {
            let jid = |jid: &String| Element::new("jid", ns::MAM).with_text(jid.as_str());
            jids.iter().map(jid).fold(Element::new(name, ns::MAM), Element::with_child)
        };
        Element::new("prefs", ns::MAM)
            .with_attr("default", self.default.as_str())
            .with_child(list("always", &self.always))
            .with_child(list("never", &self.never))
    }

    pub(super) fn read(prefs: &Element) -> Result<Self, StanzaError> {
        let bad = |why: &'static str| StanzaError::new(StanzaCondition::BadRequest).with_text(why);
        let default = prefs.attr("default").and_then(Otherwise::parse);
        let default = default.ok_or_else(|| bad("The default is always, never or roster."))?;
        let list = |name: &str| {
            let mut jids = Vec::new();
            let listed = prefs.child(name, ns::MAM).into_iter().flat_map(Element::children);
            for child in listed.filter(|child| child.is("jid", ns::MAM)) {
                let jid = Jid::parse(child.text().trim());
                let jid = jid.map_err(|_| bad("One of the addresses is not an address."))?;
                if !jids.iter().any(|known: &String| known == jid.as_str()) {
                    jids.push(jid.as_str().to_owned());
                }
            }
            if jids.len() > ARCHIVE_PREFS_MAX {
                return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                    .with_text("These are more addresses than the server keeps on a list."));
            }
            Ok(jids)
        };
        Ok(Self { default, always: list("always")?, never: list("never")? })
    }
}

/// Does the account want to archive what is said to or heard from `other`?
pub(super) fn wants(cx: &mut Cx<'_>, other: &Jid) -> Result<bool, StanzaError> {
    let prefs = Prefs::of(cx)?;
    match (prefs.listed(other), prefs.default) {
        (Some(listed), _) => Ok(listed),
        (None, Otherwise::Always) => Ok(true),
        (None, Otherwise::Never) => Ok(false),
        (None, Otherwise::Roster) => roster::is_contact(cx, &other.to_bare()),
    }
}

/// §2.1: what are they?
pub(super) fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let prefs = Prefs::of(cx)?.to_element();
    cx.reply(iq, Some(prefs));
    Ok(())
}

/// §2.1: these they are from now on.
pub(super) fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let Some(payload) = iq.payload() else { return Ok(()) };
    let prefs = Prefs::read(payload)?;
    cx.effects.writes.put(&PREFS, cx.account.jid.as_str(), &prefs);
    cx.reply(iq, Some(prefs.to_element()));
    cx.account.slots.put(prefs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &str) -> Result<Prefs, StanzaError> {
        let xml = format!("<prefs xmlns='urn:xmpp:mam:2' default='never'>{children}</prefs>");
        Prefs::read(&Element::parse(&xml).unwrap())
    }

    #[test]
    fn lists_match_as_the_specification_says() {
        let prefs = read(
            "<always><jid>a@x</jid><jid>B@X/pc</jid><jid>c@x</jid></always>\
             <never><jid>c@x/1</jid><jid>a@x</jid><jid>a@x</jid></never>",
        );
        let prefs = prefs.unwrap();
        let listed = |jid: &str| prefs.listed(&Jid::parse(jid).unwrap());
        assert_eq!([listed("a@x"), listed("a@x/1")], [Some(false), Some(false)], "on both lists");
        assert_eq!([listed("b@x/pc"), listed("b@x"), listed("b@x/1")], [Some(true), None, None]);
        assert_eq!(
            [listed("c@x"), listed("c@x/1"), listed("c@x/2")].map(Option::unwrap),
            [true, false, true]
        );
        assert_eq!(Prefs::read(&prefs.to_element()), Ok(prefs));
    }

    #[test]
    fn limits_and_nonsense() {
        let list = |n: usize| -> String { (0..n).map(|n| format!("<jid>a{n}@x</jid>")).collect() };
        assert!(read(&format!("<never>{}</never>", list(ARCHIVE_PREFS_MAX))).is_ok());
        let more = read(&format!("<never>{}</never>", list(ARCHIVE_PREFS_MAX + 1))).unwrap_err();
        assert_eq!(more.condition, StanzaCondition::ResourceConstraint);
        let bad = read("<always><jid>@</jid></always>").unwrap_err();
        assert_eq!(bad.condition, StanzaCondition::BadRequest);
        let odd = Element::new("prefs", ns::MAM).with_attr("default", "sometimes");
        assert!(Prefs::read(&odd).is_err());
    }
}
