//! What the daemon's features keep of a person, cut and put together again.
//!
//! In a file there is one element of each kind (XEP-0227 §4); on the way to the daemon and back
//! there are pieces of it that fit frames. Invariant: cutting and joining lose nothing but what
//! is too large for a frame, and that is counted.

use std::io::{self, Write};

use admin_api::transfer::Kind;
use xmpp::Element;

use super::PIE;

/// The kind of `element`, if the daemon keeps it.
pub(crate) fn kind<'a>(kinds: &'a [Kind], element: &Element) -> Option<&'a Kind> {
    kinds.iter().find(|kind| element.is(&kind.name, &kind.ns))
}

/// Cuts `element` into pieces of at most `max` bytes of JSON, in at most `cuts` levels. Returns
/// how many parts were too large.
pub(crate) fn cut(element: &Element, cuts: u8, max: usize, pieces: &mut Vec<Element>) -> u32 {
    if bytes(element) <= max {
        pieces.push(element.clone());
        return 0;
    }
    let Some(cuts) = cuts.checked_sub(1) else { return 1 };
    let shell = shell(element);
    let room = max.saturating_sub(bytes(&shell));
    let (mut open, mut size, mut lost) = (shell.clone(), 0, 0);
    for child in element.children() {
        let mut parts = Vec::new();
        lost += cut(child, cuts, room, &mut parts);
        for part in parts {
            let part_size = bytes(&part);
            if size > 0 && size + part_size > room {
                pieces.push(std::mem::replace(&mut open, shell.clone()));
                size = 0;
            }
            size += part_size;
            open.push(part);
        }
    }
    if size > 0 {
        pieces.push(open);
    }
    lost
}

/// Batches of pieces, in XML, of at most `max` bytes of JSON each.
pub(crate) fn batches(pieces: &[Element], max: usize) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut size = max;
    for piece in pieces {
        let xml = piece.to_xml("");
        let piece_size = json_bytes(&xml) + 1;
        if size + piece_size > max {
            batches.push(Vec::new());
            size = 0;
        }
        size += piece_size;
        if let Some(batch) = batches.last_mut() {
            batch.push(xml);
        }
    }
    batches
}

fn bytes(element: &Element) -> usize {
    json_bytes(&element.to_xml(""))
}

/// The length of `text` in JSON.
fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

/// The element without what is in it.
fn shell(element: &Element) -> Element {
    let mut shell = element.clone();
    shell.retain(|_| false);
    shell
}

/// Joins pieces of one kind that follow each other, while they are written.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    /// The element that is not closed yet.
    open: Option<Element>,
}

impl Joiner {
    /// Writes `piece`.
    pub(super) fn add(&mut self, out: &mut impl Write, piece: &Element) -> io::Result<()> {
        let shell = shell(piece);
        if self.open.as_ref() != Some(&shell) {
            self.close(out)?;
            let tag = shell.to_xml(PIE);
            out.write_all(tag.strip_suffix("/>").unwrap_or(&tag).as_bytes())?;
            out.write_all(b">")?;
            self.open = Some(shell);
        }
        for node in piece.nodes() {
            let mut inner = Element::new("x", piece.ns().to_owned());
            match node {
                xmpp::Node::Element(child) => {
                    out.write_all(child.to_xml(piece.ns()).as_bytes())?;
                    continue;
                }
                xmpp::Node::Text(text) => inner.push_text(text.as_str()),
            }
            let xml = inner.to_xml(piece.ns());
            let text = xml.strip_prefix("<x>").and_then(|t| t.strip_suffix("</x>"));
            out.write_all(text.unwrap_or_default().as_bytes())?;
        }
        Ok(())
    }

    /// Ends the last element.
    pub(super) fn close(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self.open.take() {
            Some(open) => writeln!(out, "</{}>", open.name()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<pubsub xmlns='u:p'><items node='a'><item id='1'>x &amp; y</item>\
                       <item id='2'><b xmlns='u:b'>\"&lt;\"</b></item></items>\
                       <items node='b'><item id='3'/></items></pubsub>";

    fn joined(pieces: &[Element]) -> Element {
        let (mut out, mut joiner) = (Vec::new(), Joiner::default());
        pieces.iter().for_each(|piece| joiner.add(&mut out, piece).unwrap());
        joiner.close(&mut out).unwrap();
        let xml = format!("<user xmlns='{PIE}'>{}</user>", String::from_utf8(out).unwrap());
        Element::parse(&xml).unwrap()
    }

    fn texts(element: &Element) -> String {
        element.text().into_owned() + &element.children().map(texts).collect::<String>()
    }

    #[test]
    fn pieces_fit_and_hold_everything() {
        let whole = Element::parse(XML).unwrap();
        for (max, cuts, count) in [(1_000, 0, 1), (155, 1, 2), (130, 2, 3)] {
            let mut pieces = Vec::new();
            assert_eq!(cut(&whole, cuts, max, &mut pieces), 0, "{max}");
            assert_eq!(pieces.len(), count, "{max}: {pieces:?}");
            assert!(pieces.iter().all(|p| bytes(p) <= max), "{max}");
            let joined = joined(&pieces);
            assert_eq!(joined.children().filter(|c| c.is("pubsub", "u:p")).count(), 1);
            assert_eq!(texts(joined.children().next().unwrap()), texts(&whole));
            if cuts < 2 {
                assert_eq!(joined.children().next().unwrap(), &whole);
            }
        }
        // What cannot be cut any more is counted, the rest stays.
        let mut pieces = Vec::new();
        assert_eq!(cut(&whole, 0, 100, &mut pieces), 1);
        assert!(pieces.is_empty());
        assert_eq!(cut(&whole, 2, 110, &mut pieces), 1);
        assert_eq!(pieces.len(), 2, "{pieces:?}");
    }

    #[test]
    fn batches_hold_pieces_in_order() {
        let pieces: Vec<Element> =
            (0..5).map(|n| Element::new("a", "u").with_text(n.to_string())).collect();
        let one = json_bytes(&pieces[0].to_xml("")) + 1;
        let batches = batches(&pieces, 2 * one);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(batches.concat()[4], "<a xmlns='u'>4</a>");
        assert!(super::batches(&[], 10).is_empty());
    }

    #[test]
    fn different_elements_stay_apart() {
        let kinds = ["<a xmlns='u'>1</a>", "<a xmlns='v'>2</a>", "<a xmlns='v' b='1'>3</a>"];
        let elements: Vec<Element> = kinds.iter().map(|x| Element::parse(x).unwrap()).collect();
        let joined = joined(&elements);
        assert_eq!(joined.children().cloned().collect::<Vec<_>>(), elements);
    }
}
