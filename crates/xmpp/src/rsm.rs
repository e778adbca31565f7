//! Pages of long lists: XEP-0059, Result Set Management.
//!
//! Reads what page a client asks for and writes which one it got. What the
//! names of items mean is the list's affair.
//!
//! Invariant: a request is read as what it says or refused; no number is too
//! large to be read.

use crate::element::Element;
use crate::ns;
use std::fmt;

/// Which page is asked for. The default is the first page, as long as the
/// list likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// At most so many items (§2.1); 0 asks how many there are (§2.7). What is
    /// beyond the type's range is its largest value.
    pub max: Option<u32>,
    /// Only items after this one (§2.2).
    pub after: Option<String>,
    /// Items before this one, the last of them first to be taken (§2.3); empty
    /// asks for the last page (§2.5).
    pub before: Option<String>,
    /// Only items from this position on (§2.6).
    pub index: Option<u32>,
}

/// A request that says nothing sensible: a `bad-request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page is asked for with one whole number at most, and each limit once")
    }
}

impl std::error::Error for Malformed {}

impl Request {
    /// Reads the `<set/>` in `query`; without one, it is the default.
    pub fn of(query: &Element) -> Result<Self, Malformed> {
        let mut sets = query.children().filter(|child| child.is("set", ns::RSM));
        let request = sets.next().map_or(Ok(Self::default()), Self::read)?;
        if sets.next().is_some() { Err(Malformed) } else { Ok(request) }
    }

    fn read(set: &Element) -> Result<Self, Malformed> {
        let one = |name: &str| {
            let mut found = set.children().filter(|child| child.is(name, ns::RSM));
            let first = found.next().map(|child| child.text().into_owned());
            if found.next().is_some() { Err(Malformed) } else { Ok(first) }
        };
        let whole = |name: &str| one(name)?.map(|text| number(&text).ok_or(Malformed)).transpose();
        Ok(Self {
            max: whole("max")?,
            // §2.2: as if it were not there.
            after: one("after")?.filter(|id| !id.is_empty()),
            before: one("before")?,
            index: whole("index")?,
        })
    }
}

/// Digits, as large as one likes.
fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

/// Which page it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Names of its first and its last item; `None` for an empty page.
    pub ends: Option<(String, String)>,
    /// Position of the first item in the whole list, if known.
    pub index: Option<u64>,
    /// Length of the whole list, if known.
    pub count: Option<u64>,
}

impl Page {
    /// The `<set/>` of an answer.
    pub fn to_element(&self) -> Element {
        let mut set = Element::new("set", ns::RSM);
        if let Some((first, last)) = &self.ends {
            let mut element = Element::new("first", ns::RSM).with_text(first.as_str());
            if let Some(index) = self.index {
                element.set_attr("index", index.to_string());
            }
            set.push(element);
            set.push(Element::new("last", ns::RSM).with_text(last.as_str()));
        }
        if let Some(count) = self.count {
            set.push(Element::new("count", ns::RSM).with_text(count.to_string()));
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &str) -> Result<Request, Malformed> {
        let set = format!("<set xmlns='{}'>{children}</set>", ns::RSM);
        Request::of(&Element::parse(&format!("<query xmlns='urn:any'>{set}</query>")).unwrap())
    }

    #[test]
    fn requests() {
        let none = Element::new("query", "urn:any");
        assert_eq!(Request::of(&none), Ok(Request::default()));
        assert_eq!(read(""), Ok(Request::default()));
        let after = Request { max: Some(10), after: Some("a b".into()), ..Request::default() };
        assert_eq!(read("<max> 10 </max><after>a b</after>"), Ok(after));
        let last = Request { max: Some(0), before: Some(String::new()), ..Request::default() };
        assert_eq!(read("<before/><max>0</max><x xmlns='urn:other'/>"), Ok(last));
        assert_eq!(read("<after/>"), Ok(Request::default()));
        assert_eq!(read("<index>371</index>").unwrap().index, Some(371));
        for huge in ["1000000000", "4294967296", "100000000000000000000000000000000"] {
            let max = read(&format!("<max>{huge}</max>")).unwrap().max;
            assert!(max >= Some(1_000_000_000), "{huge}: {max:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let max = |text: &str| read(&format!("<max>{text}</max>"));
        for text in ["", "-1", "+1", "1.5", "ten", "1 0", "٣"] {
            assert_eq!(max(text), Err(Malformed), "{text}");
        }
        assert_eq!(read("<max>1</max><max>1</max>"), Err(Malformed));
        assert_eq!(read("<before/><before/>"), Err(Malformed));
        let twice = format!("<query xmlns='urn:any'>{0}{0}</query>", "<set xmlns='urn:x'/>");
        let twice = twice.replace("urn:x", ns::RSM);
        assert_eq!(Request::of(&Element::parse(&twice).unwrap()), Err(Malformed));
    }

    #[test]
    fn answers() {
        let page = Page { ends: Some(("a".into(), "b".into())), index: Some(0), count: Some(9) };
        assert_eq!(
            page.to_element().to_xml(ns::RSM),
            "<set><first index='0'>a</first><last>b</last><count>9</count></set>"
        );
        let part = Page { index: None, count: None, ..page };
        assert_eq!(part.to_element().to_xml(ns::RSM), "<set><first>a</first><last>b</last></set>");
        let empty = Page { index: Some(0), count: Some(0), ends: None };
        assert_eq!(empty.to_element().to_xml(ns::RSM), "<set><count>0</count></set>");
    }
}
