//! The small rules of XML 1.0 (fifth edition): characters, names, references,
//! normalisation of line ends and attribute values.
//!
//! Invariant: everything here is about one token and knows no context.

use crate::error::XmlError;

/// White space. XML 1.0 §2.3
pub(crate) const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a character may appear in XML at all. XML 1.0 §2.2
pub(crate) const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether `name` is a name without colon. Namespaces in XML §3
pub(crate) fn is_ncname(name: &str) -> bool {
    let bytes = name.as_bytes();
    let Some(&first) = bytes.first() else { return false };
    if bytes.iter().all(|&b| NAME_BYTE[b as usize]) {
        return NAME_START_BYTE[first as usize];
    }
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// ASCII bytes of names, without the colon. XML 1.0 §2.3
const NAME_BYTE: [bool; 256] = {
    let mut table = NAME_START_BYTE;
    let mut b = b'0';
    while b <= b'9' {
        table[b as usize] = true;
        b += 1;
    }
    table[b'-' as usize] = true;
    table[b'.' as usize] = true;
    table
};

const NAME_START_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = b'a';
    while b <= b'z' {
        table[b as usize] = true;
        table[b.to_ascii_uppercase() as usize] = true;
        b += 1;
    }
    table[b'_' as usize] = true;
    table
};

/// XML 1.0 §2.3 NameStartChar, without the colon.
const fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// XML 1.0 §2.3 NameChar, without the colon.
const fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c,
            '-' | '.' | '0'..='9' | '\u{B7}'
            | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether every parser takes these letters in a name. The fifth edition of
/// XML 1.0 allows nearly all of Unicode, but expat and others, which many
/// clients use, still follow the fourth: one element with an odd name, sent
/// on, would end their streams. So these are the letters of the larger
/// alphabets which both editions allow (fourth edition, appendix B).
fn is_portable_in_names(c: char) -> bool {
    matches!(c,
        '\0'..='\x7F' | '\u{B7}'
        // Latin
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{131}'
        | '\u{134}'..='\u{13E}' | '\u{141}'..='\u{148}' | '\u{14A}'..='\u{17E}'
        // Greek, Cyrillic
        | '\u{388}'..='\u{38A}' | '\u{38E}'..='\u{3A1}' | '\u{3A3}'..='\u{3CE}'
        | '\u{401}'..='\u{40C}' | '\u{40E}'..='\u{44F}' | '\u{451}'..='\u{45C}'
        // Hebrew, Arabic
        | '\u{5D0}'..='\u{5EA}' | '\u{621}'..='\u{63A}' | '\u{641}'..='\u{64A}'
        // Kana, Han, Hangul
        | '\u{3041}'..='\u{3094}' | '\u{30A1}'..='\u{30FA}' | '\u{4E00}'..='\u{9FA5}'
        | '\u{AC00}'..='\u{D7A3}')
}

/// Whether every parser takes this namespace. Namespaces in XML §2.2 asks for
/// a URI reference without enforcing it; expat with namespaces does refuse
/// some of the characters RFC 3986 §2 has no place for, and would end the
/// stream of a client the element is sent on to. Other scripts are let pass.
pub(crate) fn is_portable_namespace(namespace: &str) -> bool {
    namespace.bytes().all(|b| {
        !b.is_ascii()
            || matches!(b, b'!'..=b'~')
                && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    })
}

/// Splits a qualified name into prefix and local name. Namespaces in XML §4
pub(crate) fn split_qname(name: &str) -> Result<(Option<&str>, &str), XmlError> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    };
    if !is_ncname(local) || !prefix.is_none_or(is_ncname) {
        return Err(XmlError::BadName);
    }
    if !name.is_ascii() && !name.chars().all(is_portable_in_names) {
        return Err(XmlError::UnportableName);
    }
    Ok((prefix, local))
}

/// The character a reference stands for; `name` is what is between `&` and
/// `;`. XML 1.0 §4.1, §4.6
pub(crate) fn resolve_reference(name: &str) -> Result<char, XmlError> {
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    let Some(number) = name.strip_prefix('#') else {
        // RFC 6120 §11.1: no other entity may be referred to.
        let known_form = is_ncname(name);
        return Err(if known_form { XmlError::UnknownEntity } else { XmlError::BadReference });
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` alone would let a sign through.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(XmlError::BadReference);
    }
    // Too large a number is no character either.
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| is_char(c))
        .ok_or(XmlError::ForbiddenChar)
}

/// Bytes which end the fast path of [`push_text`].
const TEXT_SUSPECT: [bool; 256] = suspects(b"\r]");
/// Bytes which end the fast path of [`attribute_value`].
const VALUE_SUSPECT: [bool; 256] = suspects(b"\t\n\r<&");

/// Control characters, the first byte of U+FFFE and U+FFFF, and `more`.
const fn suspects(more: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        table[b] = b as u8 != b'\t' && b as u8 != b'\n';
        b += 1;
    }
    table[0xEF] = true;
    let mut i = 0;
    while i < more.len() {
        table[more[i] as usize] = true;
        i += 1;
    }
    table
}

/// Adds literal text without references to `out`: characters checked, line
/// ends made line feeds. `cdata` says that the text is from a CDATA section,
/// where `]]>` cannot be.
pub(crate) fn push_text(out: &mut String, text: &str, cdata: bool) -> Result<(), XmlError> {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &b) in bytes.iter().enumerate() {
        if !TEXT_SUSPECT[b as usize] {
            continue;
        }
        match b {
            // XML 1.0 §2.11
            b'\r' => {
                out.push_str(&text[done..at]);
                done = at + 1;
                if bytes.get(done) != Some(&b'\n') {
                    out.push('\n');
                }
            }
            // XML 1.0 §2.4
            b']' if !cdata && bytes[at..].starts_with(b"]]>") => {
                return Err(XmlError::CdataEndInText);
            }
            b']' => {}
            0xEF if !is_noncharacter(&bytes[at..]) => {}
            _ => return Err(XmlError::ForbiddenChar),
        }
    }
    out.push_str(&text[done..]);
    Ok(())
}

/// The value of an attribute from what is between its quotes. XML 1.0 §3.3.3
pub(crate) fn attribute_value(raw: &str) -> Result<String, XmlError> {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let (mut done, mut at) = (0, 0);
    while let Some(step) = bytes[at..].iter().position(|&b| VALUE_SUSPECT[b as usize]) {
        at += step;
        let next = match bytes[at] {
            // A line end of two characters is one. XML 1.0 §2.11
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => at + 2,
            b'\t' | b'\n' | b'\r' => at + 1,
            b'&' => at + reference_len(&raw[at..])?,
            b'<' => return Err(XmlError::LtInAttribute),
            0xEF if !is_noncharacter(&bytes[at..]) => {
                at += 3;
                continue;
            }
            _ => return Err(XmlError::ForbiddenChar),
        };
        out.push_str(&raw[done..at]);
        out.push(match bytes[at] {
            b'&' => resolve_reference(&raw[at + 1..next - 1])?,
            _ => ' ',
        });
        (done, at) = (next, next);
    }
    out.push_str(&raw[done..]);
    Ok(out)
}

/// Length of the reference at the start of `raw`, from `&` to `;`.
fn reference_len(raw: &str) -> Result<usize, XmlError> {
    raw.find(';').map(|end| end + 1).ok_or(XmlError::BadReference)
}

/// U+FFFE or U+FFFF at the start of valid UTF-8. XML 1.0 §2.2
fn is_noncharacter(bytes: &[u8]) -> bool {
    matches!(bytes, [0xEF, 0xBF, 0xBE | 0xBF, ..])
}
