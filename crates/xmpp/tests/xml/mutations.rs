//! Streams with damage of all kinds: whatever we accept, rxml accepts as the
//! same tree, and how the bytes are cut never matters.

use crate::{cases, oracle, spelling};
use proptest::prelude::*;
use xmpp::stream_header;

/// Pieces that go wrong in the interesting places.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "&",
    ";",
    "'",
    "\"",
    "=",
    ":",
    " ",
    "\r",
    "\n",
    "\t",
    "]]>",
    "]",
    "<![CDATA[",
    "<!--",
    "-->",
    "<!",
    "<?",
    "?>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE a>",
    "&#",
    "&#x",
    "&#0;",
    "&#13;",
    "&#xFFFE;",
    "&lt;",
    "&nbsp;",
    "&amp;",
    "</",
    "/>",
    "<a>",
    "</a>",
    "<a/>",
    "<a b='c'/>",
    " xmlns=''",
    " xmlns='urn:x'",
    " xmlns:p='urn:x'",
    " xmlns:p=''",
    " xmlns:xml='urn:x'",
    "p:",
    "xml:",
    "xmlns:",
    "stream:",
    "</stream:stream>",
    "<stream:stream>",
    "\0",
    "\u{1}",
    "\u{fffe}",
    "\u{feff}",
    "é",
    "\u{10ffff}",
    "\u{b7}",
    "1",
    "-",
    " standalone='no'",
    " encoding='utf-8'",
];

#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Insert(usize),
    Remove(usize),
    Repeat(usize),
    Byte(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0_u8..8).prop_map(|bit| Damage::Flip(1 << bit)),
        (0..PIECES.len()).prop_map(Damage::Insert),
        (1_usize..12).prop_map(Damage::Remove),
        (1_usize..30).prop_map(Damage::Repeat),
        any::<u8>().prop_map(Damage::Byte),
    ]
}

fn apply(bytes: &mut Vec<u8>, at: usize, damage: &Damage) {
    let at = at % (bytes.len() + 1);
    let end = |len: usize| (at + len).min(bytes.len());
    match damage {
        Damage::Flip(bits) => {
            if let Some(b) = bytes.get_mut(at) {
                *b ^= bits;
            }
        }
        Damage::Insert(piece) => drop(bytes.splice(at..at, PIECES[*piece].bytes())),
        Damage::Remove(len) => drop(bytes.drain(at..end(*len))),
        Damage::Repeat(len) => {
            let again = bytes[at..end(*len)].to_vec();
            bytes.splice(at..at, again);
        }
        Damage::Byte(b) => bytes.insert(at, *b),
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn damaged_streams(
        trees in prop::collection::vec(spelling::tree(), 1..3),
        choices in prop::collection::vec(any::<u8>(), 1..40),
        damages in prop::collection::vec((any::<usize>(), damage()), 1..4),
        sizes in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let mut stream = stream_header::open_xml(&spelling::open());
        let head = stream.len();
        for tree in &trees {
            spelling::spell(&mut stream, tree, &choices);
        }
        stream.push_str(stream_header::CLOSE);
        let mut bytes = stream.into_bytes();
        for (at, damage) in &damages {
            // Mostly after the header, or few would get beyond it.
            let at = if at % 8 == 0 { *at } else { head + at % (bytes.len() + 1 - head.min(bytes.len())) };
            apply(&mut bytes, at, damage);
        }
        oracle::check(&bytes, &sizes);
    }

    #[test]
    fn pieces_in_any_order(
        pieces in prop::collection::vec(0..PIECES.len(), 0..12),
        sizes in prop::collection::vec(1_usize..9, 1..4),
        head in any::<bool>(),
    ) {
        let mut stream = String::new();
        if head {
            stream_header::write_open(&mut stream, &spelling::open());
            stream.push_str("<a>");
        }
        stream.extend(pieces.iter().map(|&piece| PIECES[piece]));
        oracle::check(stream.as_bytes(), &sizes);
    }
}
