//! Fingerprints of long-term OTR keys: 20 bytes, in every form people meet them in.
//!
//! Spec: OTR version 3, "Fingerprint": the SHA-1 of the public key; clients show it as five
//! groups of eight hexadecimal digits.
//!
//! Invariants: whatever [`Fingerprint::parse`] accepts has exactly 40 hexadecimal digits and
//! nothing else but separators, quotes and a label; an error never repeats more of the text
//! than one character.

use std::fmt;
use std::str::FromStr;

use crate::private_key;

/// Bytes in a fingerprint (SHA-1).
const BYTES: usize = 20;

/// Hexadecimal digits in a fingerprint.
const DIGITS: usize = 2 * BYTES;

/// Digits of a SHA-256, which people mistake for an OTR fingerprint (OMEMO, certificates).
const SHA256_DIGITS: usize = 64;

/// Digits in one shown group.
const GROUP_DIGITS: usize = 8;

/// Longest text that is looked at, in bytes. A label, 40 digits and generous separators need
/// a fraction of it; a pasted file does not fit.
pub const TEXT_BYTES_MAX: usize = 512;

/// The fingerprint of a long-term OTR key.
///
/// `Display` gives the form that clients show, five groups of eight upper-case digits;
/// [`Fingerprint::to_hex`] gives the form to store and compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; BYTES]);

/// Why a text is not a fingerprint. `Display` is a sentence for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintError {
    /// There are no digits at all.
    Empty,
    /// A character that is neither a hexadecimal digit nor a separator.
    NotHex(char),
    /// The text looks like a private key.
    PrivateKey,
    /// Fewer than 40 digits; holds how many.
    TooFew(usize),
    /// More than [`TEXT_BYTES_MAX`] bytes.
    TooLong,
    /// More than 40 digits; holds how many.
    TooMany(usize),
}

impl Fingerprint {
    /// A fingerprint from its 20 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// Its 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Reads any usual form: 40 hexadecimal digits in either case, run together or in groups
    /// separated by white space, colons or dashes, with or without quotes around them and a
    /// label such as `Fingerprint:` before them.
    ///
    /// # Errors
    /// [`FingerprintError`] says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        if private_key::looks_like(text) {
            return Err(FingerprintError::PrivateKey);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(FingerprintError::TooLong);
        }
        let digits = strip_label(text.trim_matches(is_wrapping)).trim_matches(is_wrapping);
        let mut bytes = [0; BYTES];
        let mut count = 0;
        for c in digits.chars() {
            let Some(value) = c.to_digit(16) else {
                if is_separator(c) {
                    continue;
                }
                return Err(FingerprintError::NotHex(c));
            };
            if let Some(byte) = bytes.get_mut(count / 2) {
                *byte = *byte << 4 | u8::try_from(value).unwrap_or(0);
            }
            count += 1;
        }
        match count {
            DIGITS => Ok(Self(bytes)),
            0 => Err(FingerprintError::Empty),
            n if n < DIGITS => Err(FingerprintError::TooFew(n)),
            n => Err(FingerprintError::TooMany(n)),
        }
    }

    /// 40 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let mut out = String::with_capacity(DIGITS);
        for nibble in self.nibbles() {
            out.push(char::from_digit(nibble, 16).unwrap_or('0'));
        }
        out
    }

    fn nibbles(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|b| [u32::from(b >> 4), u32::from(b & 15)])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::with_capacity(DIGITS + DIGITS / GROUP_DIGITS);
        for (i, nibble) in self.nibbles().enumerate() {
            if i > 0 && i % GROUP_DIGITS == 0 {
                shown.push(' ');
            }
            shown.push(char::from_digit(nibble, 16).unwrap_or('0').to_ascii_uppercase());
        }
        f.pad(&shown)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.to_hex())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<[u8; BYTES]> for Fingerprint {
    fn from(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                f.write_str("no fingerprint given; it is 40 digits from 0 to 9 and A to F")
            }
            Self::NotHex(c) => write!(
                f,
                "contains '{}'; a fingerprint has only the digits 0 to 9 and A to F",
                c.escape_debug()
            ),
            Self::PrivateKey => f.write_str(
                "this looks like a private key, not a fingerprint; a private key must never \
                 leave its device, so nothing was sent or kept",
            ),
            Self::TooFew(n) => {
                write!(f, "{n} of {DIGITS} digits; copy all five groups of eight digits")
            }
            Self::TooLong => {
                f.write_str("the text is too long; paste only the fingerprint, 40 digits")
            }
            Self::TooMany(SHA256_DIGITS) => write!(
                f,
                "{SHA256_DIGITS} digits instead of {DIGITS}; this is not an OTR fingerprint \
                 (OMEMO and certificate fingerprints have {SHA256_DIGITS})"
            ),
            Self::TooMany(n) => write!(f, "{n} digits instead of {DIGITS}"),
        }
    }
}

impl std::error::Error for FingerprintError {}

/// Removes a label in front of the digits: everything up to the first colon or equals sign if
/// it reads like words, then leading words without a colon. A mistyped group of digits must not
/// be taken for a label, or the error would name the wrong fault.
fn strip_label(text: &str) -> &str {
    let mut rest = text;
    if let Some(end) = rest.find([':', '='])
        && is_words(rest.get(..end).unwrap_or_default())
    {
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    loop {
        rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let group = word.len() == GROUP_DIGITS || word.len() == DIGITS;
        if word.is_empty() || group || !word.chars().all(char::is_alphabetic) || !is_words(word) {
            return rest;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// Two letters beyond `f` make words; one may be a slip of the finger.
fn is_words(text: &str) -> bool {
    let beyond = text.chars().filter(|c| c.is_alphabetic() && !c.is_ascii_hexdigit()).count();
    beyond >= 2 || text.trim().eq_ignore_ascii_case("fp")
}

/// What may stand between digits.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            ':' | '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}' | '\u{feff}'
        )
}

/// What may stand around the whole.
fn is_wrapping(c: char) -> bool {
    is_separator(c)
        || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '.' | ',' | ';')
        || matches!(c, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libotr 4.1.1, Pidgin and Profanity all show it for one key.
    const HEX: &str = "acefb4d64f3d0f4e258bd0b44d4d2587b09847eb";
    const SHOWN: &str = "ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB";

    #[test]
    fn reads_every_usual_form() {
        let dashed = SHOWN.replace(' ', "-");
        let bytes: Vec<String> =
            HEX.as_bytes().chunks(2).map(|b| String::from_utf8(b.to_vec()).unwrap()).collect();
        for text in [
            HEX.to_owned(),
            HEX.to_uppercase(),
            SHOWN.to_owned(),
            SHOWN.to_lowercase(),
            dashed.clone(),
            dashed.replace('-', "\u{2011}"),
            SHOWN.replace(' ', "\u{a0}"),
            SHOWN.replace(' ', "\u{202f}"),
            SHOWN.replace(' ', "\r\n"),
            SHOWN.replace(' ', "\n   "),
            bytes.join(":"),
            bytes.join(" "),
            format!("  \"{SHOWN}\"\n"),
            format!("\u{201c}{SHOWN}\u{201d}"),
            format!("'{HEX}'."),
            format!("({SHOWN})"),
            format!("Fingerprint: {SHOWN}"),
            format!("FINGERPRINT:{HEX}"),
            format!("fingerprint {SHOWN}"),
            format!("OTR fingerprint = {HEX}"),
            format!("fp: {}", bytes.join(":")),
            format!("Fingerprint for ann@home.example (XMPP):\n\n{SHOWN}"),
            format!("Fingerabdruck für Käthe: {SHOWN}"),
            format!("My fingerprint is {SHOWN}"),
            format!("\u{feff}{HEX}"),
        ] {
            let parsed = Fingerprint::parse(&text);
            assert_eq!(parsed.map(|f| f.to_hex()), Ok(HEX.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn shows_both_forms_and_reads_them_back() {
        let fp: Fingerprint = HEX.parse().unwrap();
        assert_eq!(fp.to_string(), SHOWN);
        assert_eq!(format!("{fp:?}"), format!("Fingerprint({HEX})"));
        for seed in 0..=255_u8 {
            let fp = Fingerprint::from_bytes(std::array::from_fn(|i| {
                seed.wrapping_mul(i as u8 + 1).wrapping_add(seed)
            }));
            assert_eq!(Fingerprint::parse(&fp.to_hex()), Ok(fp));
            assert_eq!(Fingerprint::parse(&fp.to_string()), Ok(fp));
            assert_eq!(fp.to_hex().len(), 40);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases: [(&str, FingerprintError, &str); 10] = [
            ("", FingerprintError::Empty, "no fingerprint"),
            (" \u{a0}\n", FingerprintError::Empty, "no fingerprint"),
            ("Fingerprint:", FingerprintError::Empty, "no fingerprint"),
            (&HEX[..38], FingerprintError::TooFew(38), "38 of 40 digits"),
            (&format!("{HEX}0"), FingerprintError::TooMany(41), "41 digits instead of 40"),
            (&"ab".repeat(32), FingerprintError::TooMany(64), "not an OTR fingerprint"),
            (&HEX.replacen('c', "g", 1), FingerprintError::NotHex('g'), "contains 'g'"),
            (&SHOWN.replacen("ACEF", "AXYF", 1), FingerprintError::NotHex('X'), "contains 'X'"),
            (&SHOWN.replacen('0', "O", 1), FingerprintError::NotHex('O'), "contains 'O'"),
            (&"ab ".repeat(400), FingerprintError::TooLong, "too long"),
        ];
        for (text, error, words) in cases {
            assert_eq!(Fingerprint::parse(text), Err(error), "{text:?}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_private_key_gets_its_own_answer() {
        let text = format!("(privkeys (account (name ann) (private-key (dsa (x #{HEX}#)))))");
        let error = Fingerprint::parse(&text).unwrap_err();
        assert_eq!(error, FingerprintError::PrivateKey);
        assert!(!error.to_string().contains("acef"));
    }

    #[test]
    fn no_text_panics() {
        for text in ["é:é", "=", ":", "::::", "\u{1F600}", "zz", "zz:", "ab:zz:", "\0", "（ab）"]
        {
            assert!(Fingerprint::parse(text).is_err(), "{text:?}");
        }
    }
}
