//! `otr.private_key`: long-term keys as s-expressions.
//!
//! `(privkeys (account (name …) (protocol …) (private-key (dsa (p #00AB…#) …))) …)`. The name
//! may be quoted; numbers have a leading 00 when their top bit is set. The Go library indents
//! otherwise and writes no leading zeros.
//!
//! Invariant: copies of secret numbers are wiped; an error says where, never what.

use zeroize::Zeroizing;

use super::{FileError, fits_quoted};
use crate::PrivateKey;
use crate::limits::{FILE_BYTES_MAX, FILE_DEPTH_MAX, FILE_ENTRIES_MAX};

/// Names of the numbers in the order of the file.
const NUMBERS: [&str; 5] = ["p", "q", "g", "y", "x"];

/// The key of one account.
#[derive(Clone, Debug)]
pub struct AccountKey {
    /// Our account, exactly as the client calls it.
    pub account: String,
    /// The client's name of the protocol.
    pub protocol: String,
    /// The key.
    pub key: PrivateKey,
}

/// Reads a key file.
///
/// # Errors
/// [`FileError`] says what is wrong with it.
pub fn read(text: &str) -> Result<Vec<AccountKey>, FileError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let mut parser = Parser { text, at: 0 };
    let root = parser.list(0)?;
    parser.blanks();
    if parser.at < text.len() || root.name() != Some("privkeys") {
        return Err(parser.malformed());
    }
    let accounts: Vec<&Node> = root.lists("account").collect();
    if accounts.len() > FILE_ENTRIES_MAX {
        return Err(FileError::TooLong);
    }
    accounts.into_iter().map(|a| account(a).ok_or(FileError::BadKey)).collect()
}

fn account(list: &Node) -> Option<AccountKey> {
    let text = |name| list.lists(name).next()?.word(1).map(str::to_owned);
    let dsa = list.lists("private-key").next()?.lists("dsa").next()?;
    let number = |name| hex(dsa.lists(name).next()?.word(1)?);
    let (p, q, g, y) = (number("p")?, number("q")?, number("g")?, number("y")?);
    let x = number("x")?;
    let key = PrivateKey::from_numbers([&p, &q, &g, &y], &x)?;
    Some(AccountKey { account: text("name")?, protocol: text("protocol")?, key })
}

/// Writes a key file in libotr's layout. Accounts whose names the format cannot hold are left
/// out.
#[must_use]
pub fn write<'a>(keys: impl IntoIterator<Item = &'a AccountKey>) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::from("(privkeys\n"));
    for k in keys.into_iter().filter(|k| fits_quoted(&k.account) && fits_quoted(&k.protocol)) {
        let numbers = k.key.numbers();
        // Room for everything at once: growing would leave copies of the key behind.
        let room = 4 * numbers.iter().map(|n| n.len()).sum::<usize>() + 256;
        let mut entry = Zeroizing::new(String::with_capacity(room + 2 * k.account.len()));
        entry.push_str(&format!(
            " (account\n(name \"{}\")\n(protocol {})\n(private-key \n (dsa \n",
            k.account, k.protocol
        ));
        for (name, number) in NUMBERS.iter().zip(&numbers) {
            entry.push_str("  (");
            entry.push_str(name);
            entry.push_str(" #");
            if number.first().is_some_and(|b| b & 0x80 != 0) {
                entry.push_str("00");
            }
            for nibble in number.iter().flat_map(|b| [b >> 4, b & 15]) {
                let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
                entry.push(digit.to_ascii_uppercase());
            }
            entry.push_str("#)\n");
        }
        entry.push_str("  )\n )\n )\n");
        let mut longer = Zeroizing::new(String::with_capacity(out.len() + entry.len() + 4));
        longer.push_str(&out);
        longer.push_str(&entry);
        out = longer;
    }
    out.push_str(")\n");
    out
}

fn hex(word: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = word.strip_prefix('#')?.strip_suffix('#')?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len().div_ceil(2)));
    let mut nibbles = digits.chars().filter(|c| !c.is_whitespace());
    let odd = nibbles.clone().count() % 2 == 1;
    let mut high = if odd { Some(0) } else { None };
    for c in nibbles.by_ref() {
        let value = u8::try_from(c.to_digit(16)?).ok()?;
        match high.take() {
            None => high = Some(value),
            Some(h) => bytes.push(h << 4 | value),
        }
    }
    Some(bytes)
}

/// A word or a list.
enum Node<'a> {
    Word(&'a str),
    List(Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    fn items(&self) -> &[Node<'a>] {
        match self {
            Self::List(items) => items,
            Self::Word(_) => &[],
        }
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        match self.items().get(at)? {
            Self::Word(word) => Some(word),
            Self::List(_) => None,
        }
    }

    fn name(&self) -> Option<&'a str> {
        self.word(0)
    }

    fn lists<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Node<'a>> {
        self.items().iter().filter(move |n| n.name() == Some(name))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn malformed(&self) -> FileError {
        let before = self.text.get(..self.at).unwrap_or_default();
        FileError::Malformed(1 + before.matches('\n').count())
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn list(&mut self, depth: usize) -> Result<Node<'a>, FileError> {
        self.blanks();
        if !self.rest().starts_with('(') || depth >= FILE_DEPTH_MAX {
            return Err(self.malformed());
        }
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.rest().bytes().next() {
                None => return Err(self.malformed()),
                Some(b')') => {
                    self.at += 1;
                    return Ok(Node::List(items));
                }
                Some(b'(') => items.push(self.list(depth + 1)?),
                Some(b'"') => items.push(self.quoted('"', 1)?),
                Some(b'#') => items.push(self.quoted('#', 0)?),
                Some(_) => items.push(self.word()),
            }
        }
    }

    /// Text between two marks; `cut` of each mark are not part of the word.
    fn quoted(&mut self, mark: char, cut: usize) -> Result<Node<'a>, FileError> {
        let rest = self.rest();
        let end = rest.get(1..).and_then(|r| r.find(mark)).ok_or_else(|| self.malformed())? + 2;
        self.at += end;
        Ok(Node::Word(rest.get(cut..end - cut).unwrap_or_default()))
    }

    fn word(&mut self) -> Node<'a> {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        Node::Word(rest.get(..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_and_strange_files_are_refused() {
        for (text, error) in [
            ("", FileError::Malformed(1)),
            ("(privkeys", FileError::Malformed(1)),
            ("(privkeys\n(account", FileError::Malformed(2)),
            ("(other)", FileError::Malformed(1)),
            ("(privkeys) x", FileError::Malformed(1)),
            ("(privkeys (account (name \"a)))", FileError::Malformed(1)),
            ("((((((((((((", FileError::Malformed(1)),
            ("(privkeys (account (name a)))", FileError::BadKey),
            (
                "(privkeys (account (name a) (protocol b) (private-key (dsa (p #07#) (q #03#) \
                 (g #02#) (y #02#) (x #01#)))))",
                FileError::BadKey,
            ),
        ] {
            assert_eq!(read(text).err(), Some(error), "{text}");
        }
        assert!(read("(privkeys)").unwrap().is_empty());
    }

    #[test]
    fn numbers_are_read_with_either_padding() {
        assert_eq!(hex("#00AB#").unwrap().as_slice(), [0, 0xab]);
        assert_eq!(hex("#ABC#").unwrap().as_slice(), [0x0a, 0xbc]);
        assert!(hex("#xy#").is_none());
        assert!(hex("AB").is_none());
    }
}
