//! The three parts of an address in their prepared form: RFC 7622 §3 with the
//! stringprep profiles of RFC 6122, which is what deployed servers compare by.
//!
//! Invariants: the result of a preparation is 1 to [`PART_BYTES`] bytes long
//! and preparing it again changes nothing.
//!
//! Code points which Unicode 3.2 had not assigned (RFC 3454 §7):
//! * refused in local parts and domains, which name accounts and hosts and are
//!   "stored strings": two spellings must never be told apart by one release
//!   of the tables and joined by the next;
//! * accepted in resources, which name devices and nicknames and are "query
//!   strings" for us: people do put emoji there. They stand for themselves,
//!   and a run between two of them is prepared on its own. That is exactly
//!   what the tables of Unicode 3.2 ask for, where such a code point is a
//!   starter without decomposition; only the bidirectional rule becomes a
//!   little milder, as it is then applied to each run.

use super::JidError;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use stringprep::tables;

/// Longest part of an address in bytes of UTF-8, after preparation.
/// RFC 7622 §3.2, §3.3, §3.4.
pub const PART_BYTES: usize = 1023;

/// Longest raw part we look at. Preparation can shorten a string (it drops
/// invisible characters), so the raw form may be longer than the limit, but
/// an unbounded one would buy unbounded work.
const RAW_PART_BYTES: usize = 4 * PART_BYTES;

/// Longest label of a domain. RFC 1035 §2.3.4.
const LABEL_BYTES: usize = 63;

/// Preparations until a string must be stable. Two are enough for every
/// string found so far; the third is head room.
const ROUNDS: usize = 3;

/// Which part of an address is meant, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is before the `@`.
    Local,
    /// What is between `@` and `/`.
    Domain,
    /// What is after the first `/`.
    Resource,
}

/// Prepares a local part (nodeprep).
pub(super) fn local(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_raw(raw, Part::Local)?;
    if raw.is_ascii() {
        if !raw.bytes().all(allowed_in_local) {
            return Err(JidError::Forbidden(Part::Local));
        }
        let out = if raw.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(raw.to_ascii_lowercase())
        } else {
            Cow::Borrowed(raw)
        };
        return checked(out, Part::Local);
    }
    let out = stable(raw, Part::Local, |s| stringprep::nodeprep(s).ok().map(Cow::into_owned))?;
    checked(Cow::Owned(out), Part::Local)
}

/// Prepares a resource (resourceprep).
pub(super) fn resource(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_raw(raw, Part::Resource)?;
    if raw.is_ascii() {
        if !raw.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(JidError::Forbidden(Part::Resource));
        }
        return checked(Cow::Borrowed(raw), Part::Resource);
    }
    let out = stable(raw, Part::Resource, resourceprep)?;
    checked(Cow::Owned(out), Part::Resource)
}

/// Prepares a domain: a host name, an IPv4 address or an IPv6 address in
/// brackets. One trailing dot is dropped (RFC 7622 §3.2). Labels in the
/// `xn--` form stay as they are: they are compared as spelled.
pub(super) fn domain(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_raw(raw, Part::Domain)?;
    if let Some(literal) = raw.strip_prefix('[') {
        // RFC 6122 §2.2: the IP-literal rule of RFC 3986.
        let inner = literal.strip_suffix(']').ok_or(JidError::Forbidden(Part::Domain))?;
        let address: Ipv6Addr = inner.parse().map_err(|_| JidError::Forbidden(Part::Domain))?;
        return Ok(Cow::Owned(format!("[{address}]")));
    }
    let prepared = if raw.is_ascii() {
        if raw.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(raw.to_ascii_lowercase())
        } else {
            Cow::Borrowed(raw)
        }
    } else {
        // The ideographic full stop separates labels too. RFC 3490 §3.1
        Cow::Owned(stable(raw, Part::Domain, |s| {
            stringprep::nameprep(s).ok().map(|s| s.replace('\u{3002}', "."))
        })?)
    };
    let prepared = without_trailing_dot(prepared);
    if looks_like_ipv4(&prepared) && prepared.parse::<Ipv4Addr>().is_err() {
        return Err(JidError::Forbidden(Part::Domain));
    }
    if prepared.is_empty() {
        return Err(JidError::Empty(Part::Domain));
    }
    if !prepared.split('.').all(is_label) {
        return Err(JidError::Forbidden(Part::Domain));
    }
    checked(prepared, Part::Domain)
}

fn check_raw(raw: &str, part: Part) -> Result<(), JidError> {
    match raw.len() {
        0 => Err(JidError::Empty(part)),
        1..=RAW_PART_BYTES => Ok(()),
        _ => Err(JidError::TooLong(part)),
    }
}

fn checked(out: Cow<'_, str>, part: Part) -> Result<Cow<'_, str>, JidError> {
    match out.len() {
        0 => Err(JidError::Empty(part)),
        1..=PART_BYTES => Ok(out),
        _ => Err(JidError::TooLong(part)),
    }
}

/// Repeats a preparation until it changes nothing more, so that an address
/// read back from the store is the address that was written.
fn stable(
    raw: &str,
    part: Part,
    prepare: impl Fn(&str) -> Option<String>,
) -> Result<String, JidError> {
    let mut current = prepare(raw).ok_or(JidError::Forbidden(part))?;
    for _ in 0..ROUNDS {
        let next = prepare(&current).ok_or(JidError::Forbidden(part))?;
        if next == current {
            return Ok(current);
        }
        current = next;
    }
    Err(JidError::Forbidden(part))
}

/// RFC 7622 §3.3.1 for ASCII: no space, no control, none of `"&'/:<>@`.
fn allowed_in_local(b: u8) -> bool {
    matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'&' | b'\'' | b'/' | b':' | b'<' | b'>' | b'@')
}

/// Resourceprep with unassigned code points let through; `None` if the string
/// holds something forbidden.
fn resourceprep(s: &str) -> Option<String> {
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| tables::unassigned_code_point(c)) {
        if tables::non_character_code_point(c) || is_newer_invisible_control(c) {
            return None;
        }
        out.push_str(&stringprep::resourceprep(&rest[..at]).ok()?);
        out.push(c);
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(&stringprep::resourceprep(rest).ok()?);
    Some(out)
}

/// Direction controls added after Unicode 3.2. They are of the kind which
/// RFC 3454 §C.8 forbids and would let one resource look like another.
fn is_newer_invisible_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{2066}'..='\u{2069}')
}

fn without_trailing_dot(s: Cow<'_, str>) -> Cow<'_, str> {
    match s {
        Cow::Borrowed(s) => Cow::Borrowed(s.strip_suffix('.').unwrap_or(s)),
        Cow::Owned(mut s) => {
            if s.ends_with('.') {
                s.pop();
            }
            Cow::Owned(s)
        }
    }
}

/// A name whose last label is a number can only be meant as an address.
fn looks_like_ipv4(domain: &str) -> bool {
    domain
        .rsplit('.')
        .next()
        .is_some_and(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit()))
}

/// Letters, digits and hyphens (not at the edges), or anything nameprep let
/// through outside ASCII. RFC 7622 §3.2, RFC 5890 §2.3.1
fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| !b.is_ascii() || b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
