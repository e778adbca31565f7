//! Finds where things end in a growing buffer: the first half of the parser.
//!
//! XML 1.0 §2 and §3 as far as needed to tell tags, text and CDATA sections
//! apart, and the restrictions of RFC 6120 §11.1 that show at the first bytes
//! of a markup. What is inside of the tags is the builder's business.
//!
//! Invariants: every byte is looked at once, however the input is cut; the
//! outcome depends on the bytes alone; the builder only ever gets input that
//! begins with `<` and holds whole tags and whole runs of text.

use crate::error::XmlError;

/// What the next unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The XML declaration or the first tag of a stream. The flag says
    /// whether the declaration is still allowed.
    Header { declaration: bool },
    /// One whole element, or the end tag of the stream.
    Element,
}

/// The state between two looks at the buffer.
#[derive(Debug)]
pub(crate) struct Boundary {
    unit: Unit,
    state: State,
    /// Elements open within the unit.
    depth: usize,
    /// Up to where the unit has been looked at.
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`.
    Markup,
    /// In a start tag, possibly inside of a quote.
    Start(Option<u8>),
    /// In an end tag.
    End,
    /// In `<![CDATA[`, so many bytes of it seen.
    CdataOpen(usize),
    Cdata,
    /// In the XML declaration.
    Declaration,
}

const CDATA_OPEN: &[u8] = b"<![CDATA[";

/// What one look has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// So many bytes are whole tags and text; the caller takes them away.
    pub(crate) whole: usize,
    /// The unit ends there.
    pub(crate) finished: bool,
    /// A rule broken after the whole part.
    pub(crate) error: Option<XmlError>,
}

impl Boundary {
    /// At the `<` a unit begins with.
    pub(crate) fn new(unit: Unit) -> Self {
        Boundary { unit, state: State::Text, depth: 0, at: 0 }
    }

    /// How much of `bytes`, which begin with `<`, is whole tags and text,
    /// wherever the unit may end.
    pub(crate) fn whole_tokens(bytes: &[u8]) -> usize {
        // So deep that no end tag ends the unit.
        let mut inside = Boundary { depth: usize::MAX / 2, ..Boundary::new(Unit::Element) };
        inside.look(bytes).whole
    }

    /// Looks at what is new in `bytes`, which begin where the last whole part
    /// ended. After an error or a finished unit this must not be called again.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Found {
        let mut whole = 0;
        while let Some(step) = self.next_interesting(&bytes[self.at..]) {
            let at = self.at + step;
            if self.state == State::Text {
                // Everything before this `<` is whole.
                whole = at;
            }
            match self.step(bytes, at) {
                Ok(false) => self.at = at + 1,
                Ok(true) => return Found { whole: at + 1, finished: true, error: None },
                Err(error) => return Found { whole, finished: false, error: Some(error) },
            }
        }
        self.at = bytes.len() - whole;
        Found { whole, finished: false, error: None }
    }

    /// Distance to the next byte that can change the state.
    fn next_interesting(&self, bytes: &[u8]) -> Option<usize> {
        let mut bytes = bytes.iter();
        match self.state {
            State::Text => bytes.position(|&b| b == b'<'),
            State::Start(Some(quote)) => bytes.position(|&b| b == quote || b == b'<'),
            State::Start(None) | State::End => {
                bytes.position(|&b| matches!(b, b'>' | b'<' | b'"' | b'\''))
            }
            State::Cdata | State::Declaration => bytes.position(|&b| b == b'>'),
            State::Markup | State::CdataOpen(_) => bytes.next().map(|_| 0),
        }
    }

    /// Takes an interesting byte; says whether the unit ends with it. Looking
    /// back is safe: `bytes` begin at the latest with this markup's `<`.
    fn step(&mut self, bytes: &[u8], at: usize) -> Result<bool, XmlError> {
        let b = bytes[at];
        self.state = match self.state {
            State::Text => State::Markup,
            State::Markup => self.markup(b)?,
            State::Start(Some(_)) if b == b'<' => return Err(XmlError::LtInAttribute),
            State::Start(Some(_)) => State::Start(None),
            State::Start(None) if b == b'>' => return Ok(self.start_ends(bytes[at - 1] == b'/')),
            State::Start(None) if b == b'<' => return Err(XmlError::BadTag),
            State::Start(None) => State::Start(Some(b)),
            State::End if b == b'>' => return Ok(self.end_ends()),
            State::End => return Err(XmlError::BadTag),
            State::CdataOpen(seen) => self.cdata_open(seen, b)?,
            State::Cdata if bytes[..at].ends_with(b"]]") => State::Text,
            State::Cdata => State::Cdata,
            State::Declaration if bytes[at - 1] == b'?' => return Ok(true),
            State::Declaration => State::Declaration,
        };
        Ok(false)
    }

    /// The byte after `<`.
    fn markup(&self, b: u8) -> Result<State, XmlError> {
        Ok(match b {
            b'/' => State::End,
            b'!' => State::CdataOpen(2),
            // RFC 6120 §11.1; XML 1.0 §2.8: only at the very start.
            b'?' if self.unit == (Unit::Header { declaration: true }) => State::Declaration,
            b'?' => return Err(XmlError::Instruction),
            b'>' | b'<' | b'"' | b'\'' => return Err(XmlError::BadTag),
            _ => State::Start(None),
        })
    }

    /// A byte after `<!`. RFC 6120 §11.1 forbids all but CDATA sections.
    fn cdata_open(&self, seen: usize, b: u8) -> Result<State, XmlError> {
        if b != CDATA_OPEN[seen] {
            return Err(match (seen, b) {
                (2, b'-') => XmlError::Comment,
                (2, b'D' | b'd') => XmlError::Doctype,
                _ => XmlError::BadMarkup,
            });
        }
        if self.depth == 0 {
            return Err(XmlError::StrayText);
        }
        let all = seen + 1 == CDATA_OPEN.len();
        Ok(if all { State::Cdata } else { State::CdataOpen(seen + 1) })
    }

    fn start_ends(&mut self, empty: bool) -> bool {
        self.state = State::Text;
        if self.unit != Unit::Element {
            return true;
        }
        self.depth += usize::from(!empty);
        self.depth == 0
    }

    fn end_ends(&mut self) -> bool {
        self.state = State::Text;
        self.depth = self.depth.saturating_sub(1);
        self.depth == 0
    }
}
