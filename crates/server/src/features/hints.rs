//! XEP-0334: Message Processing Hints.
//!
//! What senders wish to be done with a message: the features that copy, keep or archive messages
//! ask here. Spec: §4 the hints, §5 not those of errors. State: none. Invariant: a hint only
//! decides about the message that bears it.

use xmpp::ns;
use xmpp::stanza::Stanza;

use super::{Feature, Spec};

/// See the module.
pub const FEATURE: Feature = Feature::new("hints", Spec::Xep { number: 334, version: "1.0.0" });

/// Does `message` bear the hint `name`?
#[must_use]
pub fn has(message: &Stanza, name: &str) -> bool {
    // §5
    !message.is_error() && message.child(name, ns::HINTS).is_some()
}

/// §4.1 and §4.2: may it stand in an archive?
#[must_use]
pub fn may_archive(message: &Stanza) -> bool {
    !has(message, "no-permanent-store") && !has(message, "no-store")
}

/// §4.2: may it wait on the disk for somebody who is away?
#[must_use]
pub fn may_keep(message: &Stanza) -> bool {
    !has(message, "no-store")
}

/// §4.4: is it worth keeping, whatever it holds?
#[must_use]
pub fn worth_keeping(message: &Stanza) -> bool {
    has(message, "store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    #[test]
    fn each_hint_says_what_it_says() {
        let judge = |ty: &str, hint: &str| {
            let xml = format!("<message type='{ty}'><{hint} xmlns='urn:xmpp:hints'/></message>");
            let message = stanza(&xml);
            (may_archive(&message), may_keep(&message), worth_keeping(&message))
        };
        assert_eq!(judge("chat", "no-copy"), (true, true, false));
        assert_eq!(judge("chat", "no-permanent-store"), (false, true, false));
        assert_eq!(judge("chat", "no-store"), (false, false, false));
        assert_eq!(judge("chat", "store"), (true, true, true));
        assert_eq!(judge("error", "no-store"), (true, true, false));
        assert_eq!(judge("error", "store"), (true, true, false));
        let other = stanza("<message><no-store xmlns='urn:other'/></message>");
        assert!(may_archive(&other));
    }
}
