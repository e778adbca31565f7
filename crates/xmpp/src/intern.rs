//! Well-known names, so that a parsed tree borrows them out of the program
//! instead of copying them.
//!
//! Invariant: whether a name is in the table changes no result, only cost.

use crate::element::Name;
use crate::ns;
use std::borrow::Cow;

/// Names of elements and attributes that are seen all day.
const NAMES: &[&str] = &[
    "a",
    "abort",
    "action",
    "active",
    "actor",
    "after",
    "affiliation",
    "afterLeave",
    "ask",
    "auth",
    "authzid",
    "autojoin",
    "before",
    "bind",
    "block",
    "blocklist",
    "body",
    "by",
    "c",
    "cancel",
    "category",
    "challenge",
    "composing",
    "conference",
    "configure",
    "continue",
    "count",
    "create",
    "data",
    "default",
    "delay",
    "description",
    "destroy",
    "device",
    "disable",
    "displayed",
    "email",
    "enable",
    "enabled",
    "encrypted",
    "encryption",
    "error",
    "failed",
    "failure",
    "feature",
    "features",
    "field",
    "fin",
    "first",
    "forwarded",
    "from",
    "gone",
    "group",
    "h",
    "handled-so-far",
    "hash",
    "header",
    "id",
    "identity",
    "inactive",
    "index",
    "initial-response",
    "instructions",
    "invite",
    "iq",
    "item",
    "items",
    "iv",
    "jid",
    "key",
    "keys",
    "lang",
    "last",
    "list",
    "location",
    "markable",
    "max",
    "maxchars",
    "maxstanzas",
    "mechanism",
    "mechanisms",
    "message",
    "name",
    "nick",
    "no-copy",
    "no-permanent-store",
    "no-store",
    "node",
    "notify",
    "occupant-id",
    "option",
    "origin-id",
    "password",
    "paused",
    "payload",
    "photo",
    "ping",
    "preid",
    "prekey",
    "presence",
    "previd",
    "priority",
    "private",
    "proceed",
    "proposal",
    "pubsub",
    "publish",
    "publish-options",
    "purge",
    "put",
    "query",
    "r",
    "reaction",
    "reactions",
    "reason",
    "received",
    "refused",
    "register",
    "remove",
    "replace",
    "reply",
    "request",
    "resource",
    "response",
    "result",
    "resume",
    "resumed",
    "retract",
    "retry",
    "rid",
    "role",
    "sent",
    "seconds",
    "session",
    "set",
    "show",
    "sid",
    "since",
    "size",
    "slot",
    "stamp",
    "stanza-id",
    "starttls",
    "status",
    "store",
    "stream",
    "subject",
    "subscribe",
    "subscribed",
    "subscription",
    "success",
    "text",
    "thread",
    "time",
    "title",
    "to",
    "type",
    "unblock",
    "unsubscribe",
    "url",
    "urn",
    "username",
    "utc",
    "tzo",
    "value",
    "var",
    "vCard",
    "ver",
    "version",
    "width",
    "height",
    "bytes",
    "info",
    "metadata",
    "with",
    "start",
    "end",
    "x",
    "xml",
    "content",
    "transport",
    "candidate",
    "propose",
    "accept",
    "reject",
    "finish",
    "fallback",
    "markup",
    "html",
    "acknowledged",
    "parent",
    "code",
    "optional",
    "required",
    "hint",
    "signedPreKeyPublic",
    "signedPreKeyId",
    "signedPreKeySignature",
    "identityKey",
    "prekeys",
    "preKeyPublic",
    "preKeyId",
    "bundle",
    "inline",
    "authentication",
    "user-agent",
    "software",
    "authenticate",
    "authorization-identifier",
    "success-data",
    "additional-data",
    "bound",
    "tag",
    "os",
    "get",
    "stream:stream",
    "base64-data",
    "mime-type",
    "file",
    "span",
    "p",
    "br",
    "img",
    "src",
    "style",
];

/// Slots of the table: several per name, so that searches are short.
const SLOTS: usize = 2048;
const _: () = assert!(NAMES.len() + ns::ALL.len() < SLOTS / 4);

static TABLE: [&str; SLOTS] = {
    let mut table = [""; SLOTS];
    let mut i = 0;
    while i < NAMES.len() {
        insert(&mut table, NAMES[i]);
        i += 1;
    }
    i = 0;
    while i < ns::ALL.len() {
        insert(&mut table, ns::ALL[i]);
        i += 1;
    }
    table
};

const fn insert(table: &mut [&str; SLOTS], name: &'static str) {
    let mut at = slot(name.as_bytes());
    while !table[at].is_empty() {
        at = (at + 1) % SLOTS;
    }
    table[at] = name;
}

/// Mixes the length and a few bytes. Not meant to withstand an attacker: the
/// table never grows, so a bad name costs one walk over a few neighbours.
const fn slot(name: &[u8]) -> usize {
    if name.is_empty() {
        return 0;
    }
    let last = name.len() - 1;
    let sample =
        [name[0], name[last / 2], name[last * 3 / 4], name[last.saturating_sub(2)], name[last]];
    let mut hash = name.len();
    let mut i = 0;
    while i < sample.len() {
        hash = hash.wrapping_mul(0x9E37_79B1) ^ sample[i] as usize;
        i += 1;
    }
    (hash ^ (hash >> 11) ^ (hash >> 22)) % SLOTS
}

/// The name, borrowed if it is a well-known one.
pub(crate) fn intern(name: &str) -> Name {
    let mut at = slot(name.as_bytes());
    while !TABLE[at].is_empty() {
        if TABLE[at] == name {
            return Cow::Borrowed(TABLE[at]);
        }
        at = (at + 1) % SLOTS;
    }
    if name.is_empty() { Cow::Borrowed("") } else { Cow::Owned(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_borrowed() {
        for name in NAMES.iter().chain(ns::ALL) {
            assert!(matches!(intern(name), Cow::Borrowed(found) if found == *name), "{name}");
        }
        assert!(matches!(intern(""), Cow::Borrowed("")));
        assert!(matches!(intern("no such name"), Cow::Owned(name) if name == "no such name"));
    }

    #[test]
    fn searches_are_short() {
        let mut run = 0;
        for at in 0..2 * SLOTS {
            run = if TABLE[at % SLOTS].is_empty() { 0 } else { run + 1 };
            assert!(run <= 12, "a run of {run} slots ends at {at}");
        }
    }
}
