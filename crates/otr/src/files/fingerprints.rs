//! `otr.fingerprints`: whose keys a client has seen, and which of them it trusts.
//!
//! One line each: peer TAB account TAB protocol TAB 40 hexadecimal digits TAB trust LF. Clients
//! read any non-empty trust as verified: libotr writes `verified` or `smp`, Profanity `trusted`.

use super::{FileError, fits};
use crate::Fingerprint;
use crate::limits::{FILE_BYTES_MAX, FILE_ENTRIES_MAX};

/// Longest line that libotr reads in one piece, line end included.
pub const LINE_BYTES_MAX: usize = 999;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The peer: a bare JID.
    pub peer: String,
    /// Our account, exactly as the client calls it.
    pub account: String,
    /// The client's name of the protocol.
    pub protocol: String,
    /// The peer's key.
    pub fingerprint: Fingerprint,
    /// Empty, or any word: verified.
    pub trust: String,
}

/// Reads a file. Lines that are no fingerprints are left out, as libotr does; the trust column
/// may be missing.
///
/// # Errors
/// [`FileError::TooLong`].
pub fn read(text: &str) -> Result<Vec<Known>, FileError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let known: Vec<Known> = text.lines().take(FILE_ENTRIES_MAX + 1).filter_map(line).collect();
    if known.len() > FILE_ENTRIES_MAX { Err(FileError::TooLong) } else { Ok(known) }
}

fn line(line: &str) -> Option<Known> {
    let mut columns = line.split('\t');
    let mut next = || columns.next().map(str::to_owned);
    let (peer, account, protocol, hex) = (next()?, next()?, next()?, next()?);
    let trust = next().unwrap_or_default();
    let plain = hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    let fingerprint = Fingerprint::parse(&hex).ok().filter(|_| plain)?;
    Some(Known { peer, account, protocol, fingerprint, trust })
}

/// Writes a file. Entries that the format cannot hold (a TAB, a line too long) are left out.
#[must_use]
pub fn write<'a>(known: impl IntoIterator<Item = &'a Known>) -> String {
    let mut out = String::new();
    for k in known {
        let hex = k.fingerprint.to_hex();
        let line =
            [&k.peer, &k.account, &k.protocol, &hex, &k.trust].map(String::as_str).join("\t");
        let columns = [&k.peer, &k.account, &k.protocol];
        let fit = columns.iter().all(|c| fits(c)) && (k.trust.is_empty() || fits(&k.trust));
        if fit && line.len() < LINE_BYTES_MAX {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "bob@home.test\tann@home.test/\tprpl-jabber\t8b89da462fa133cb2561180bc4a30672ea2d651b\tsmp\n\
        bob@home.test\tann@home.test\txmpp\t3171d8ed9adb4e57d05ebf4f896811a7896985d2\t\n";

    #[test]
    fn what_is_written_is_read_back() {
        let known = read(LINES).unwrap();
        assert_eq!(known.len(), 2);
        assert_eq!(known[0].account, "ann@home.test/");
        assert_eq!((known[0].trust.as_str(), known[1].trust.as_str()), ("smp", ""));
        assert_eq!(write(&known), LINES);
    }

    #[test]
    fn other_lines_are_left_out() {
        let upper = LINES.replace("8b89da46", "8B89DA46");
        let text =
            format!("# note\n\n{upper}a\tb\tc\t8b89\td\na\tb\nlast\ta\tx\t{}", "ab".repeat(20));
        let known = read(&text).unwrap();
        assert_eq!(known.len(), 3);
        assert_eq!(known[2].trust, "");
        assert_eq!(read(&"x".repeat(FILE_BYTES_MAX + 1)), Err(FileError::TooLong));
    }

    #[test]
    fn escaped_addresses_and_quotes_are_kept() {
        // XEP-0106 writes an apostrophe as `\27`; resources may hold nearly everything.
        let text = LINES
            .replace("bob@home.test", r"d\27artagnan@home.test")
            .replace("test/\tprpl", "test/\"Den\"\tprpl");
        assert_eq!(write(&read(&text).unwrap()), text);
    }

    #[test]
    fn what_the_format_cannot_hold_is_not_written() {
        let good = read(LINES).unwrap().remove(0);
        let tab = Known { peer: "a\tb".to_owned(), ..good.clone() };
        let long = Known { peer: "a".repeat(LINE_BYTES_MAX), ..good.clone() };
        let none = Known { account: String::new(), ..good.clone() };
        assert_eq!(read(&write([&tab, &long, &none, &good])), Ok(vec![good]));
    }
}
