//! Tests of addresses, by rule.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

fn refused(text: &str) -> JidError {
    match Jid::parse(text) {
        Err(e) => e,
        Ok(jid) => panic!("{text:?} was accepted as {jid:?}"),
    }
}

#[test]
fn parts() {
    let full = jid("juliet@example.com/balcony");
    assert_eq!(full.local(), Some("juliet"));
    assert_eq!(full.domain(), "example.com");
    assert_eq!(full.resource(), Some("balcony"));
    assert!(full.is_full());
    assert_eq!(full.as_str(), "juliet@example.com/balcony");
    assert_eq!(full.bare_str(), "juliet@example.com");

    let host = jid("example.com");
    assert_eq!((host.local(), host.domain(), host.resource()), (None, "example.com", None));
    assert!(!host.is_full());
    assert_eq!(jid("example.com/x").local(), None);
}

// RFC 7622 §3.1: the first slash counts, and only before it the first `@`.
#[test]
fn separators() {
    let j = jid("example.com/a@b/c");
    assert_eq!((j.local(), j.domain(), j.resource()), (None, "example.com", Some("a@b/c")));
    assert_eq!(refused("a@b@example.com"), JidError::Forbidden(Part::Domain));
}

#[test]
fn empty_parts() {
    assert_eq!(refused(""), JidError::Empty(Part::Domain));
    assert_eq!(refused("@example.com"), JidError::Empty(Part::Local));
    assert_eq!(refused("a@"), JidError::Empty(Part::Domain));
    assert_eq!(refused("a@/r"), JidError::Empty(Part::Domain));
    assert_eq!(refused("a@example.com/"), JidError::Empty(Part::Resource));
    assert_eq!(refused("."), JidError::Empty(Part::Domain));
    // U+00AD is mapped to nothing.
    assert_eq!(refused("\u{ad}@example.com"), JidError::Empty(Part::Local));
    assert_eq!(refused("example.com/\u{ad}"), JidError::Empty(Part::Resource));
}

#[test]
fn case_is_folded_outside_the_resource() {
    assert_eq!(jid("JULIET@Example.COM/Balcony").as_str(), "juliet@example.com/Balcony");
    assert_eq!(jid("ÉMILE@BÜCHER.example").as_str(), "émile@bücher.example");
    assert_eq!(jid("straße@example.com").as_str(), "strasse@example.com");
    assert_eq!(jid("Ⅳ@example.com").as_str(), "iv@example.com");
    assert_eq!(jid("example.com/Ⅳ").as_str(), "example.com/IV");
}

// RFC 7622 §3.3.1
#[test]
fn forbidden_in_local_parts() {
    for c in ['"', '&', '\'', ':', '<', '>', ' ', '\t', '\n', '\0', '\u{7f}', '\u{a0}', '\u{e000}']
    {
        assert_eq!(
            refused(&format!("a{c}b@example.com")),
            JidError::Forbidden(Part::Local),
            "{c:?}"
        );
    }
    // Full-width forms turn into the forbidden characters.
    for c in ['＠', '／', '＆', '：'] {
        assert_eq!(
            refused(&format!("a{c}b@example.com")),
            JidError::Forbidden(Part::Local),
            "{c:?}"
        );
    }
    assert_eq!(jid("a.b-c_d!#$%()*+,;=?[]^`{|}~\\@example.com").domain(), "example.com");
}

#[test]
fn forbidden_in_resources() {
    for c in ['\0', '\t', '\n', '\u{1f}', '\u{7f}', '\u{85}', '\u{202e}', '\u{fffd}', '\u{e0041}'] {
        assert_eq!(
            refused(&format!("example.com/a{c}")),
            JidError::Forbidden(Part::Resource),
            "{c:?}"
        );
    }
    assert_eq!(jid("example.com/ a <&> \"b\" ").resource(), Some(" a <&> \"b\" "));
}

// RFC 3454 §7: see the module documentation of `prepare`.
#[test]
fn unassigned_code_points() {
    assert_eq!(jid("a@example.com/my 📱").resource(), Some("my 📱"));
    assert_eq!(jid("example.com/Ａ📱ﬁ").resource(), Some("A📱fi"));
    // The joiner and the variation selector are mapped to nothing.
    assert_eq!(jid("example.com/👩\u{200d}💻❤\u{fe0f}").resource(), Some("👩💻❤"));
    assert_eq!(refused("📱@example.com"), JidError::Forbidden(Part::Local));
    assert_eq!(refused("📱.example.com"), JidError::Forbidden(Part::Domain));
    for c in ['\u{2066}', '\u{061c}', '\u{1ffff}', '\u{fdd0}'] {
        assert_eq!(
            refused(&format!("example.com/a{c}b")),
            JidError::Forbidden(Part::Resource),
            "{c:?}"
        );
    }
}

// RFC 3454 §6
#[test]
fn bidirectional_text() {
    assert_eq!(jid("example.com/טלפון").resource(), Some("טלפון"));
    assert_eq!(refused("example.com/aט"), JidError::Forbidden(Part::Resource));
    assert_eq!(refused("ט1@example.com"), JidError::Forbidden(Part::Local));
}

#[test]
fn domains() {
    assert_eq!(jid("Example.com.").domain(), "example.com");
    assert_eq!(jid("a@localhost").domain(), "localhost");
    assert_eq!(jid("192.168.0.1").domain(), "192.168.0.1");
    assert_eq!(jid("[2001:DB8::0:1]/x").domain(), "[2001:db8::1]");
    assert_eq!(jid("xn--bcher-kva.example").domain(), "xn--bcher-kva.example");
    assert_eq!(jid("例え。テスト").domain(), "例え.テスト");
    let label = "a".repeat(63);
    assert_eq!(jid(&label).domain(), label);
    for bad in [
        "a..b",
        ".a",
        "a..",
        "-a.b",
        "a-.b",
        "a b",
        "a_b",
        "a:5222",
        "a\u{0}",
        "1.2.3",
        "1.2.3.256",
        "[::1",
        "::1",
        "[127.0.0.1]",
        "[fe80::1%eth0]",
        "[]",
        "a%b",
        "a＠b",
        "a／b",
        "\u{200b}\u{7f}",
    ] {
        assert!(Jid::parse(bad).is_err(), "{bad:?} was accepted");
    }
    assert_eq!(refused(&"a".repeat(64)), JidError::Forbidden(Part::Domain));
}

#[test]
fn lengths() {
    let long = "a".repeat(PART_BYTES);
    let domain = ["abcdefg"; 127].join(".");
    let whole = format!("{long}@{domain}/{long}");
    let j = jid(&whole);
    assert_eq!((j.local(), j.domain(), j.resource()), (Some(&*long), &*domain, Some(&*long)));
    assert_eq!(refused(&format!("{long}a@b")), JidError::TooLong(Part::Local));
    assert_eq!(refused(&format!("b/{long}a")), JidError::TooLong(Part::Resource));
    assert_eq!(refused(&format!("{domain}.abcdefg.abcdefg")), JidError::TooLong(Part::Domain));
    // The limit counts bytes of the prepared form.
    assert!(Jid::parse(&format!("b/{}", "é".repeat(511))).is_ok());
    assert_eq!(refused(&format!("b/{}", "é".repeat(512))), JidError::TooLong(Part::Resource));
    assert!(Jid::parse(&format!("b/{}\u{ad}", "a".repeat(PART_BYTES))).is_ok());
}

#[test]
fn bare() {
    let bare = BareJid::from_parts("Ann", "Example.com").unwrap();
    assert_eq!(bare, BareJid::parse("ann@example.com").unwrap());
    assert_eq!((bare.local(), bare.domain()), (Some("ann"), "example.com"));
    assert_eq!(BareJid::parse("ann@example.com/x"), Err(JidError::UnexpectedResource));
    let host = BareJid::from_domain("example.com").unwrap();
    assert_eq!((host.local(), host.as_str()), (None, "example.com"));
    assert!(BareJid::from_domain("a@b").is_err() && BareJid::from_domain("a/b").is_err());
    assert!(BareJid::from_parts("a@b", "c").is_err() && BareJid::from_parts("", "c").is_err());
    let full = bare.with_resource("x/y@z").unwrap();
    assert_eq!(full.as_str(), "ann@example.com/x/y@z");
    assert_eq!(full.to_bare(), bare);
    assert_eq!(full.with_resource("q").unwrap().as_str(), "ann@example.com/q");
    assert_eq!(Jid::from(bare.clone()), bare);
    assert!(!Jid::from(bare).is_full());
}

#[test]
fn one_address_one_key() {
    let mut online: HashMap<BareJid, u8> = HashMap::new();
    online.insert(BareJid::parse("ANN@example.com.").unwrap(), 1);
    assert_eq!(online.get("ann@example.com"), Some(&1));
    let order: BTreeSet<Jid> = ["b@x", "a@x/r", "a@x"].into_iter().map(jid).collect();
    assert_eq!(format!("{order:?}"), r#"{"a@x", "a@x/r", "b@x"}"#);
    assert_eq!("a@x".parse::<Jid>().unwrap().to_string(), "a@x");
}

proptest! {
    #[test]
    fn preparing_again_changes_nothing(text in any::<String>()) {
        if let Ok(j) = Jid::parse(&text) {
            prop_assert_eq!(Jid::parse(j.as_str()), Ok(j));
        }
    }

    #[test]
    fn parts_make_the_whole(l in "\\PC{1,8}", d in "[a-zA-Zä.。-]{1,8}", r in "\\PC{1,8}") {
        if let (Ok(bare), true) = (BareJid::from_parts(&l, &d), !l.contains(['@', '/'])) {
            prop_assert_eq!(&Jid::parse(&format!("{l}@{d}")).unwrap(), &bare);
            if let Ok(full) = bare.with_resource(&r) {
                prop_assert_eq!(&Jid::parse(&format!("{l}@{d}/{r}")).unwrap(), &full);
                prop_assert_eq!(full.local(), bare.local());
                prop_assert_eq!(full.domain(), bare.domain());
                let resource = full.resource().unwrap();
                prop_assert_eq!(&Jid::parse(&format!("{bare}/{resource}")).unwrap(), &full);
            }
        }
    }

    #[test]
    fn ascii_agrees_with_the_profiles(text in "[ -~]{1,12}") {
        let node = stringprep::nodeprep(&text).ok();
        let ours = prepare::local(&text).ok();
        prop_assert_eq!(ours.as_deref(), node.as_deref());
        let resource = stringprep::resourceprep(&text).ok();
        let ours = prepare::resource(&text).ok();
        prop_assert_eq!(ours.as_deref(), resource.as_deref());
    }
}
