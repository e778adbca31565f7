//! Any tree survives being written and read again, by us and by rxml, and any
//! spelling of a tree is read as that tree.

use crate::{cases, oracle, spelling};
use proptest::prelude::*;
use xmpp::parser::{ParserLimits, StreamEvent};
use xmpp::{Element, stream_header};

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn written_trees_are_read_back(tree in spelling::tree()) {
        oracle::check_writer(&tree);
    }

    #[test]
    fn every_spelling_means_the_same(
        tree in spelling::tree(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
        sizes in prop::collection::vec(1_usize..40, 0..8),
    ) {
        let mut stream = stream_header::open_xml(&spelling::open());
        let head = stream.len();
        spelling::spell(&mut stream, &tree, &choices);
        let alone = Element::parse(&stream[head..]);
        prop_assert_eq!(alone.as_ref(), Ok(&tree), "{}", &stream[head..]);
        let run = oracle::check(stream.as_bytes(), &sizes);
        prop_assert_eq!(&run.events[1..], [StreamEvent::Stanza(tree)], "{}", stream);
        prop_assert_eq!(run.error, None);
    }

    #[test]
    fn any_text_can_be_written(text in any::<String>(), value in any::<String>()) {
        // What XML cannot express becomes U+FFFD; all else survives.
        let tame = |s: &str| {
            s.replace(|c| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}'
                | '\u{fffe}' | '\u{ffff}'), "\u{fffd}")
        };
        let wild = Element::new("a", "").with_attr("b", value.clone()).with_text(text.clone());
        let tree = Element::new("a", "").with_attr("b", tame(&value)).with_text(tame(&text));
        let read = Element::parse(&wild.to_xml(""));
        prop_assert_eq!(read.as_ref(), Ok(&tree));
        oracle::check_writer(&tree);
    }

    #[test]
    fn limits_do_not_depend_on_the_cuts(
        tree in spelling::tree(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
        sizes in prop::collection::vec(1_usize..40, 1..8),
        limits in (20_usize..300, 500_usize..3000, 1_usize..4, 1_usize..4, 1_usize..4, 3_usize..40),
    ) {
        let mut stream = String::from("<s:stream xmlns:s='http://etherx.jabber.org/streams'>");
        spelling::spell(&mut stream, &tree, &choices);
        spelling::spell(&mut stream, &tree, &choices);
        let limits = ParserLimits {
            stanza_bytes: limits.0,
            tree_bytes: limits.1,
            depth: limits.2,
            attributes: limits.3,
            children: limits.4,
            name_bytes: limits.5.max(4),
        };
        let whole = oracle::ours(stream.as_bytes(), &[], limits);
        prop_assert_eq!(&oracle::ours(stream.as_bytes(), &sizes, limits), &whole, "{}", stream);
        prop_assert_eq!(&oracle::ours(stream.as_bytes(), &[1], limits), &whole, "{}", stream);
    }
}
