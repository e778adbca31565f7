//! Tasks by which a client helps the server to keys that it lacks.
//!
//! Spec: XEP-0480 §2, §3; XEP-0388 §2.6.3 (tasks). Invariants: only whoever proved that it has the
//! password is asked; the password itself is never sent; one task at a time.

use zeroize::Zeroizing;

use super::context::{Context, SALT_BYTES};
use crate::element::Element;
use crate::ns;
use crate::sasl::{self, Condition};
use crate::scram::ScramHash;

/// What names of tasks begin with.
const PREFIX: &str = "UPGR-";

/// The hash that the task `name` makes keys for.
pub(super) fn hash_of(name: &str) -> Option<ScramHash> {
    name.strip_prefix(PREFIX).and_then(ScramHash::from_mechanism)
}

fn name_of(hash: ScramHash) -> String {
    format!("{PREFIX}{}", hash.mechanism())
}

/// XEP-0480 §2.1: what is offered.
pub(super) fn offer(hashes: &[ScramHash]) -> impl Iterator<Item = Element> {
    hashes.iter().map(|hash| Element::new("upgrade", ns::SASL_UPGRADE).with_text(name_of(*hash)))
}

/// `<continue/>` with this task, and the data of the mechanism if it was not sent yet.
pub(super) fn propose(hash: ScramHash, data: Option<String>) -> Element {
    let mut element = Element::new("continue", ns::SASL2);
    if let Some(data) = data {
        element.push(Element::new("additional-data", ns::SASL2).with_text(data));
    }
    let task = Element::new("task", ns::SASL2).with_text(name_of(hash));
    element.with_child(Element::new("tasks", ns::SASL2).with_child(task))
}

/// A task that the client has begun.
pub(super) struct Task {
    pub(super) hash: ScramHash,
    pub(super) salt: [u8; SALT_BYTES],
}

impl Task {
    /// `<next/>`: the client agrees; it is sent the salt.
    pub(super) fn begin(cx: &mut Context, hash: ScramHash, next: &Element) -> Option<Self> {
        let agreed =
            next.is("next", ns::SASL2) && next.attr("task").and_then(hash_of) == Some(hash);
        if !agreed {
            return None;
        }
        let salt = cx.salt();
        // XEP-0480 §3
        let element = Element::new("salt", ns::SCRAM_UPGRADE)
            .with_attr("iterations", cx.config.iterations.to_string())
            .with_text(sasl::encode_payload(&salt));
        cx.send(&Element::new("task-data", ns::SASL2).with_child(element));
        Some(Self { hash, salt })
    }

    /// What the client made of its password.
    pub(super) fn salted(&self, data: &Element) -> Result<Salted, Condition> {
        let text = data
            .child("hash", ns::SCRAM_UPGRADE)
            .filter(|_| data.is("task-data", ns::SASL2))
            .map(|hash| hash.text().trim().to_owned())
            .ok_or(Condition::MalformedRequest)?;
        let bytes = sasl::decode_payload(&text)?.unwrap_or_default();
        if bytes.len() == self.hash.bytes() {
            Ok(Salted(bytes))
        } else {
            Err(Condition::MalformedRequest)
        }
    }
}

/// `SaltedPassword` of RFC 5802 §3; wiped when dropped. As good as the password for this home.
#[derive(Clone, PartialEq, Eq)]
pub struct Salted(Zeroizing<Vec<u8>>);

impl Salted {
    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Salted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salted(…)")
    }
}
