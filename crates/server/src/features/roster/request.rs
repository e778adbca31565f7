//! What a roster set asks for, read and checked.
//!
//! Spec: RFC 6121 §2.1.5, §2.3.3 and §2.5. Invariant: pure; what comes out breaks no rule that
//! can be checked without the roster.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;

use crate::limits::{ROSTER_GROUPS_MAX, ROSTER_NAME_BYTES_MAX};

/// What a roster set asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Add or update a contact.
    Put {
        /// The contact.
        jid: BareJid,
        /// Its name; empty = none.
        name: String,
        /// Its groups.
        groups: Vec<String>,
    },
    /// Remove a contact.
    Remove(BareJid),
}

/// Reads the `query` of a roster set of `owner`.
///
/// # Errors
/// As RFC 6121 §2.3.3 says; `jid-malformed` for an address that is none.
pub(super) fn read(query: &Element, owner: &BareJid) -> Result<Request, StanzaError> {
    // §2.1.5 rule 1, §2.3.3: one item and not more.
    let mut items = query.children();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(StanzaError::new(StanzaCondition::BadRequest).with_text("One item is needed."));
    };
    if !item.is("item", ns::ROSTER) {
        return Err(StanzaError::new(StanzaCondition::BadRequest));
    }
    let jid = address(item)?;
    // §2.3.3, interoperability note: nobody is their own contact.
    if jid == *owner {
        return Err(
            StanzaError::new(StanzaCondition::NotAllowed).with_text("This is your own address.")
        );
    }
    // §2.1.2.5: any other value is ignored, as are `ask` and `approved`.
    if item.attr("subscription") == Some("remove") {
        return Ok(Request::Remove(jid));
    }
    let name = item.attr("name").unwrap_or_default();
    if name.len() > ROSTER_NAME_BYTES_MAX {
        return Err(not_acceptable("The name is too long."));
    }
    Ok(Request::Put { jid, name: name.to_owned(), groups: groups(item)? })
}

/// §2.1.2.3. Subscriptions are between bare addresses, so a contact has no resource.
fn address(item: &Element) -> Result<BareJid, StanzaError> {
    let text = item.attr("jid").ok_or_else(|| StanzaError::new(StanzaCondition::BadRequest))?;
    match Jid::parse(text) {
        Ok(jid) if !jid.is_full() => Ok(jid.to_bare()),
        _ => Err(StanzaError::new(StanzaCondition::JidMalformed)),
    }
}

fn groups(item: &Element) -> Result<Vec<String>, StanzaError> {
    let mut groups: Vec<String> = Vec::new();
    for group in item.children().filter(|child| child.is("group", ns::ROSTER)) {
        let group = group.text();
        if group.is_empty() {
            return Err(not_acceptable("A group has no name."));
        }
        if group.len() > ROSTER_NAME_BYTES_MAX {
            return Err(not_acceptable("The name of a group is too long."));
        }
        if groups.iter().any(|g| *g == group) {
            return Err(
                StanzaError::new(StanzaCondition::BadRequest).with_text("A group is named twice.")
            );
        }
        if groups.len() >= ROSTER_GROUPS_MAX {
            return Err(not_acceptable("There are too many groups."));
        }
        groups.push(group.into_owned());
    }
    Ok(groups)
}

fn not_acceptable(text: &'static str) -> StanzaError {
    StanzaError::new(StanzaCondition::NotAcceptable).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(items: &str) -> Result<Request, StanzaCondition> {
        let query = format!("<query xmlns='jabber:iq:roster'>{items}</query>");
        let owner = BareJid::parse("ann@home.example").unwrap();
        read(&Element::parse(&query).unwrap(), &owner).map_err(|e| e.condition)
    }

    fn bob() -> BareJid {
        BareJid::parse("bob@home.example").unwrap()
    }

    #[test]
    fn add_or_update() {
        let request =
            ask("<item jid='Bob@Home.Example' name='Bob' subscription='both' ask='subscribe' \
             approved='true'><group>Family</group><group>family</group></item>");
        let groups = vec!["Family".into(), "family".into()];
        assert_eq!(request, Ok(Request::Put { jid: bob(), name: "Bob".into(), groups }));
        let nothing = Request::Put { jid: bob(), name: String::new(), groups: Vec::new() };
        assert_eq!(ask("<item jid='bob@home.example'/>"), Ok(nothing.clone()));
        assert_eq!(ask("<item jid='bob@home.example' name=''/>"), Ok(nothing));
    }

    #[test]
    fn remove() {
        let item = "<item jid='bob@home.example' subscription='remove'/>";
        assert_eq!(ask(item), Ok(Request::Remove(bob())));
    }

    #[test]
    fn bad_request() {
        let one = "<item jid='bob@home.example'/>";
        let twice = "<item jid='bob@home.example'><group>A</group><group>A</group></item>";
        for items in ["", &format!("{one}{one}"), "<item/>", "<x xmlns='y'/>", twice] {
            assert_eq!(ask(items), Err(StanzaCondition::BadRequest), "{items}");
        }
    }

    #[test]
    fn not_acceptable() {
        let long = "x".repeat(ROSTER_NAME_BYTES_MAX + 1);
        let many: String = (0..=ROSTER_GROUPS_MAX).map(|n| format!("<group>{n}</group>")).collect();
        for item in [
            format!("<item jid='bob@home.example' name='{long}'/>"),
            "<item jid='bob@home.example'><group/></item>".to_owned(),
            format!("<item jid='bob@home.example'><group>{long}</group></item>"),
            format!("<item jid='bob@home.example'>{many}</item>"),
        ] {
            assert_eq!(ask(&item), Err(StanzaCondition::NotAcceptable));
        }
        let just = "x".repeat(ROSTER_NAME_BYTES_MAX);
        assert!(ask(&format!("<item jid='bob@home.example' name='{just}'/>")).is_ok());
    }

    #[test]
    fn addresses() {
        assert_eq!(ask("<item jid='@'/>"), Err(StanzaCondition::JidMalformed));
        assert_eq!(ask("<item jid='bob@home.example/pc'/>"), Err(StanzaCondition::JidMalformed));
        assert_eq!(ask("<item jid='ann@home.example'/>"), Err(StanzaCondition::NotAllowed));
        assert!(ask("<item jid='gateway.example'/>").is_ok());
    }
}
