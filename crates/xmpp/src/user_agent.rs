//! What a client says about itself when it logs in with SASL2.
//!
//! Spec: XEP-0388 §2.4 (`<user-agent/>`). Invariants: nothing of it is proven; texts are short and
//! without control characters; an id that is no UUID counts as none.

use crate::element::Element;
use crate::ns;

/// Longest name of a program or device, in characters. Longer ones are cut.
pub const NAME_CHARS_MAX: usize = 64;

/// Names one installation of a client, for as long as it is installed. A secret of the client's as
/// far as others are concerned: it is not to be shown to anybody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// A UUID (RFC 9562 §4), of any version and in any case: what a client sends is its own
    /// business, as long as it is always the same.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        let fits = |(at, byte): (usize, u8)| match HYPHENS.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        };
        let is_uuid = text.len() == 36 && text.bytes().enumerate().all(fits);
        is_uuid.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The UUID in small letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AgentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AgentId(…)")
    }
}

/// A client's words about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// Which installation it is.
    pub id: Option<AgentId>,
    /// The program.
    pub software: Option<String>,
    /// The device it runs on.
    pub device: Option<String>,
}

impl UserAgent {
    /// Reads `<user-agent/>`.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let text = |name| element.child(name, ns::SASL2).and_then(|e| name_of(&e.text()));
        Self {
            id: element.attr("id").and_then(AgentId::parse),
            software: text("software"),
            device: text("device"),
        }
    }
}

/// `text` as a name to be shown; `None` if there is nothing in it.
fn name_of(text: &str) -> Option<String> {
    let visible = text.trim().chars().filter(|c| !c.is_control());
    let name: String = visible.take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_ids() {
        let id = AgentId::parse("D4565FA7-4d72-4749-b3d3-740edbf87770").unwrap();
        assert_eq!(id.as_str(), "d4565fa7-4d72-4749-b3d3-740edbf87770");
        assert_eq!(format!("{id:?}"), "AgentId(…)");
        let bad = [
            "",
            "d4565fa7-4d72-4749-b3d3-740edbf8777",
            "d4565fa7-4d72-4749-b3d3-740edbf877700",
            "d4565fa74d724749b3d3740edbf87770",
            "{4565fa7-4d72-4749-b3d3-740edbf8777}",
            "d4565fa7-4d72-4749-b3d3-740edbf8777g",
            "d4565fa704d72-4749-b3d3-740edbf87770",
            "d4565fa7-4d72-4749-b3d3-740edbf877é",
        ];
        for text in bad {
            assert_eq!(AgentId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_short_and_printable() {
        let read = |inside: &str| {
            let xml = format!("<user-agent xmlns='urn:xmpp:sasl:2' id='x'>{inside}</user-agent>");
            UserAgent::read(&Element::parse(&xml).unwrap())
        };
        assert_eq!(read(""), UserAgent::default());
        let agent = read("<software> Talker\n1 </software><device>Kiva&apos;s Phone</device>");
        assert_eq!(agent.software.as_deref(), Some("Talker1"));
        assert_eq!(agent.device.as_deref(), Some("Kiva's Phone"));
        let long = "é".repeat(NAME_CHARS_MAX + 1);
        let agent = read(&format!("<software> </software><device>{long}</device>"));
        assert_eq!(agent.software, None);
        assert_eq!(agent.device.map(|name| name.chars().count()), Some(NAME_CHARS_MAX));
    }
}
