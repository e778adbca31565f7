//! Characters a local part may not hold, spelled with `\xx`: XEP-0106.
//!
//! Invariant: `unescape_local(&escape_local(s)) == s` for every `s` without
//! spaces at its edges.

/// The ten characters XEP-0106 §2 has a code for.
const CODES: [(char, &str); 10] = [
    (' ', "20"),
    ('"', "22"),
    ('&', "26"),
    ('\'', "27"),
    ('/', "2f"),
    (':', "3a"),
    ('<', "3c"),
    ('>', "3e"),
    ('@', "40"),
    ('\\', "5c"),
];

/// Spells a name of another system so that it can be a local part. Spaces at
/// the edges are dropped, as an escaped local part must not start or end with
/// one (XEP-0106 §2). The result still has to pass [`super::Jid::parse`].
pub fn escape_local(raw: &str) -> String {
    let raw = raw.trim_matches(' ');
    let mut out = String::with_capacity(raw.len());
    for (at, c) in raw.char_indices() {
        let code = match c {
            // A backslash needs its code only where it would be read as one.
            '\\' if decode(&raw[at..]).is_none() => None,
            _ => CODES.iter().find(|(plain, _)| *plain == c),
        };
        match code {
            Some((_, code)) => {
                out.push('\\');
                out.push_str(code);
            }
            None => out.push(c),
        }
    }
    out
}

/// Turns the codes back into characters. What is not one of the ten codes
/// stays as it is, and so does `\20` at either edge.
pub fn unescape_local(local: &str) -> String {
    let mut out = String::with_capacity(local.len());
    let mut rest = local;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match decode(rest) {
            Some(' ') if out.is_empty() || rest.len() == 3 => {
                out.push_str(&rest[..3]);
                rest = &rest[3..];
            }
            Some(c) => {
                out.push(c);
                rest = &rest[3..];
            }
            None => {
                out.push('\\');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character a code at the start of `s` stands for.
fn decode(s: &str) -> Option<char> {
    let code = s.strip_prefix('\\')?;
    CODES
        .iter()
        .find(|(_, hex)| {
            code.as_bytes().get(..2).is_some_and(|c| c.eq_ignore_ascii_case(hex.as_bytes()))
        })
        .map(|(plain, _)| *plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    // XEP-0106 §4.1 and §5
    #[test]
    fn the_examples_of_the_document() {
        for (raw, escaped) in [
            ("space cadet", r"space\20cadet"),
            (r#"call me "ishmael""#, r"call\20me\20\22ishmael\22"),
            ("at&t guy", r"at\26t\20guy"),
            ("d'artagnan", r"d\27artagnan"),
            ("/.fanboy", r"\2f.fanboy"),
            ("::foo::", r"\3a\3afoo\3a\3a"),
            ("<foo>", r"\3cfoo\3e"),
            ("user@host", r"user\40host"),
            (r"c:\net", r"c\3a\net"),
            (r"c:\\net", r"c\3a\\net"),
            (r"c:\cool stuff", r"c\3a\cool\20stuff"),
            (r"c:\5commas", r"c\3a\5c5commas"),
            (r"\3and\2is\5cool", r"\5c3and\2is\5c5cool"),
        ] {
            assert_eq!(escape_local(raw), escaped);
            assert_eq!(unescape_local(escaped), raw);
        }
    }

    #[test]
    fn spaces_at_the_edges_do_not_survive() {
        assert_eq!(escape_local("  a b "), r"a\20b");
        assert_eq!(unescape_local(r"\20a\20b\20"), r"\20a b\20");
    }

    proptest::proptest! {
        #[test]
        fn escaping_is_undone(raw in "[ -~é\\\\2350cf]{0,20}") {
            let raw = raw.trim_matches(' ');
            proptest::prop_assert_eq!(unescape_local(&escape_local(raw)), raw);
        }
    }
}
