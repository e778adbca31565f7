//! The captured conversations, as read from their files.

use serde_json::Value;

/// Name and text of every captured conversation.
const FILES: [(&str, &str); 28] = [
    ("v2-libotr-libotr-full", include_str!("../../tests/vectors/v2-libotr-libotr-full.json")),
    ("v2-libotr-potr", include_str!("../../tests/vectors/v2-libotr-potr.json")),
    ("v2-potr-libotr-short", include_str!("../../tests/vectors/v2-potr-libotr-short.json")),
    ("v3-commit-race", include_str!("../../tests/vectors/v3-commit-race.json")),
    (
        "v3-corner-ake-secret-short",
        include_str!("../../tests/vectors/v3-corner-ake-secret-short.json"),
    ),
    (
        "v3-corner-data-next-y-short",
        include_str!("../../tests/vectors/v3-corner-data-next-y-short.json"),
    ),
    (
        "v3-corner-data-secret-short",
        include_str!("../../tests/vectors/v3-corner-data-secret-short.json"),
    ),
    ("v3-corner-gx-short", include_str!("../../tests/vectors/v3-corner-gx-short.json")),
    ("v3-corner-m-zero-byte", include_str!("../../tests/vectors/v3-corner-m-zero-byte.json")),
    (
        "v3-corner-revealed-key-zero-byte",
        include_str!("../../tests/vectors/v3-corner-revealed-key-zero-byte.json"),
    ),
    (
        "v3-corner-sig-r-zero-byte",
        include_str!("../../tests/vectors/v3-corner-sig-r-zero-byte.json"),
    ),
    ("v3-corner-ssid-zero-byte", include_str!("../../tests/vectors/v3-corner-ssid-zero-byte.json")),
    ("v3-errors", include_str!("../../tests/vectors/v3-errors.json")),
    (
        "v3-libotr-libotr-fragmented",
        include_str!("../../tests/vectors/v3-libotr-libotr-fragmented.json"),
    ),
    ("v3-libotr-libotr-full", include_str!("../../tests/vectors/v3-libotr-libotr-full.json")),
    ("v3-libotr-npm-otr", include_str!("../../tests/vectors/v3-libotr-npm-otr.json")),
    ("v3-replay", include_str!("../../tests/vectors/v3-replay.json")),
    ("v3-require-encryption", include_str!("../../tests/vectors/v3-require-encryption.json")),
    ("v3-two-instances", include_str!("../../tests/vectors/v3-two-instances.json")),
    ("v3-whitespace-start", include_str!("../../tests/vectors/v3-whitespace-start.json")),
    ("xmpp-v2-libotr-libotr", include_str!("../../tests/vectors/xmpp-v2-libotr-libotr.json")),
    ("xmpp-v2-libotr-potr", include_str!("../../tests/vectors/xmpp-v2-libotr-potr.json")),
    ("xmpp-v2-profanity-libotr", include_str!("../../tests/vectors/xmpp-v2-profanity-libotr.json")),
    ("xmpp-v3-libotr-go", include_str!("../../tests/vectors/xmpp-v3-libotr-go.json")),
    ("xmpp-v3-libotr-libotr", include_str!("../../tests/vectors/xmpp-v3-libotr-libotr.json")),
    ("xmpp-v3-libotr-node", include_str!("../../tests/vectors/xmpp-v3-libotr-node.json")),
    ("xmpp-v3-pidgin-libotr", include_str!("../../tests/vectors/xmpp-v3-pidgin-libotr.json")),
    (
        "xmpp-v3-pidgin-whitespace-then-query",
        include_str!("../../tests/vectors/xmpp-v3-pidgin-whitespace-then-query.json"),
    ),
];

/// One captured conversation.
pub(super) struct Capture {
    pub(super) name: &'static str,
    pub(super) json: Value,
}

impl Capture {
    pub(super) fn parties(&self) -> Vec<(&str, Option<u32>)> {
        let parties = self.json["parties"].as_array().unwrap();
        parties
            .iter()
            .map(|p| {
                let tag = p["instance"].as_str().map(|t| u32::from_str_radix(t, 16).unwrap());
                (p["name"].as_str().unwrap(), tag)
            })
            .collect()
    }

    /// Messages in order, without notes.
    pub(super) fn wire(&self) -> impl Iterator<Item = &Value> {
        self.json["wire"].as_array().unwrap().iter().filter(|w| w["msg"].is_string())
    }

    /// Secret exponents of one side, in the order in which it drew them.
    pub(super) fn exponents(&self, party: &str) -> Vec<Vec<u8>> {
        let secrets = self.json["dh_secrets"][party].as_array();
        let exponent = |s: &Value| {
            let text = s["x"].as_str().unwrap();
            hex(&Value::String(format!("{text:0>80}")))
        };
        secrets.map(|l| l.iter().map(exponent).collect()).unwrap_or_default()
    }
}

pub(super) fn all() -> impl Iterator<Item = Capture> {
    FILES.iter().map(|(name, text)| Capture { name, json: serde_json::from_str(text).unwrap() })
}

pub(super) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    assert!(text.len().is_multiple_of(2), "{text}");
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()
}
