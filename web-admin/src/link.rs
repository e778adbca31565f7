//! Addresses: of our own pages, and of people (`xmpp:`).
//!
//! Invariants: what goes into a path or query is percent-encoded (RFC 3986 §2.1); a return path
//! leads to this panel and nowhere else.

use std::fmt::Write;

use crate::limits::RETURN_PATH_BYTES_MAX;

/// Percent-encodes all but RFC 3986 §2.3 unreserved characters.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The part of a JID that names the account within the home; a whole JID without one.
#[must_use]
pub fn local(jid: &str) -> &str {
    jid.split_once('@').map_or(jid, |(local, _)| local)
}

/// The page of a person.
#[must_use]
pub fn person(jid: &str) -> String {
    format!("/person/{}", encode(local(jid)))
}

/// The devices of a person that are woken by push services.
#[must_use]
pub fn push(jid: &str) -> String {
    format!("/push/{}", encode(local(jid)))
}

/// The fingerprints of a person.
#[must_use]
pub fn fingerprints(jid: &str) -> String {
    format!("/fingerprints/{}", encode(local(jid)))
}

/// What a person's chat program should know of everybody else's keys.
#[must_use]
pub fn keyring(jid: &str) -> String {
    format!("/keyring/{}", encode(local(jid)))
}

/// The sign-in page, to come back to `back_to` afterwards.
#[must_use]
pub fn sign_in(back_to: &str) -> String {
    match return_path(back_to) {
        "/" => "/sign-in".to_owned(),
        path => format!("/sign-in?next={}", encode(path)),
    }
}

/// `path` if it is a path of this panel to which one may be led, else the start page.
#[must_use]
pub fn return_path(path: &str) -> &str {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let own = path.starts_with('/')
        // RFC 3986 §4.2: two slashes would name another host.
        && !path.starts_with("//")
        && path.len() <= RETURN_PATH_BYTES_MAX
        && path.bytes().all(plain)
        && !path.starts_with("/sign-");
    if own { path } else { "/" }
}

/// RFC 5122 §2.2 with the keys that chat programs look for in it: the address of a person with
/// their OTR fingerprints and OMEMO identity keys (device number and 64 hexadecimal digits), for a
/// link, or for a code to scan.
#[must_use]
pub fn xmpp(jid: &str, otr: &[&str], omemo: &[(u32, &str)]) -> String {
    let address = match jid.split_once('@') {
        Some((local, domain)) => format!("{}@{}", encode(local), encode(domain)),
        None => encode(jid),
    };
    let otr = otr.iter().map(|key| format!("otr-fingerprint={}", encode(key)));
    let omemo = omemo.iter().map(|(device, key)| format!("omemo-sid-{device}={}", encode(key)));
    let keys: Vec<String> = otr.chain(omemo).collect();
    match keys.is_empty() {
        true => format!("xmpp:{address}"),
        false => format!("xmpp:{address}?{}", keys.join(";")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        assert_eq!(person("ann@home.example"), "/person/ann");
        assert_eq!(person(r"d\27artagnan@home.example"), "/person/d%5C27artagnan");
        assert_eq!(fingerprints("käthe@home.example"), "/fingerprints/k%C3%A4the");
    }

    #[test]
    fn links_of_people_hold_their_keys() {
        let jid = "käthe@home.example";
        assert_eq!(xmpp(jid, &[], &[]), "xmpp:k%C3%A4the@home.example");
        let otr = "xmpp:k%C3%A4the@home.example?otr-fingerprint=ab12;otr-fingerprint=cd34";
        assert_eq!(xmpp(jid, &["ab12", "cd34"], &[]), otr);
        let both =
            otr.replace(";otr-fingerprint=cd34", ";omemo-sid-7=0102;omemo-sid-4294967295=ff");
        assert_eq!(xmpp(jid, &["ab12"], &[(7, "0102"), (u32::MAX, "ff")]), both);
    }

    #[test]
    fn nobody_is_led_away() {
        assert_eq!(return_path("/people?done=added"), "/people?done=added");
        for away in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "evil",
            "",
            "/a\r\nb",
            "/a b",
            "/sign-out",
            "/sign-in?next=/",
            "/\u{e4}",
        ] {
            assert_eq!(return_path(away), "/", "{away:?}");
        }
        assert_eq!(return_path(&format!("/{}", "a".repeat(RETURN_PATH_BYTES_MAX))), "/");
        assert_eq!(sign_in("/"), "/sign-in");
        assert_eq!(sign_in("/people?a=b"), "/sign-in?next=%2Fpeople%3Fa%3Db");
    }
}
