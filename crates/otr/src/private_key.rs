//! Telling a private key from everything else, to refuse it before it is sent anywhere.
//!
//! Not a parser: pastes are often torn, so any trace of a key file is enough. The forms are the
//! s-expressions that libotr writes (`otr.private_key` of Pidgin, `keys.txt` of Profanity, the
//! `.key` files of mcabber), the base64 form of JavaScript clients, PEM, OpenSSH and a few more.
//!
//! Invariants: linear in the length of the text; keeps and repeats nothing of it. A lone secret
//! number of 40 digits cannot be told from a fingerprint and is not recognised.

/// Names that open a list in libotr's key file. A list of accounts without its keys is refused
/// as well: whoever pastes it has the file open.
const LISTS: [&str; 4] = ["account", "dsa", "private-key", "privkeys"];

/// Numbers of a DSA key in libotr's key file.
const NUMBERS: [&str; 5] = ["p", "q", "g", "y", "x"];

/// Starts and headings of other key files, in lower case.
const HEADINGS: [&str; 4] =
    ["age-secret-key-", "private-lines:", "putty-user-key-file", "privatekeyblob"];

/// Starts of base64 key material: OpenSSH's magic, and a DSA key of OTR (type 0, then a number
/// of 128 or 129 bytes) as JavaScript clients store it.
const BASE64_STARTS: [&str; 3] = ["b3BlbnNzaC1rZXktdjE", "AAAAAACA", "AAAAAACB"];

/// A start counts only with this much behind it.
const BASE64_START_CHARS_MIN: usize = 24;

/// A block of base64 this long is key material: 120 bytes, less than the smallest DSA key, and
/// more than any fingerprint or key identifier.
const BASE64_BLOCK_CHARS_MIN: usize = 160;

/// PEM wraps at 64, MIME at 76; lines of words are shorter.
const BASE64_LINE_CHARS_MIN: usize = 40;

/// So many hexadecimal digits in a row are a number of a key: the longest fingerprint in use
/// (OMEMO's, with its type) has 66.
const HEX_RUN_MIN: usize = 80;

/// So many digits next to `#` are a number in libotr's notation.
const HASHED_RUN_MIN: usize = 16;

/// Does `text` hold a private key, or a piece of one?
#[must_use]
pub fn looks_like(text: &str) -> bool {
    has_s_expression(text)
        || has_hashed_number(text)
        || has_heading(text)
        || longest_hex_run(text) >= HEX_RUN_MIN
        || has_base64(text)
}

/// Does a file of any kind hold a private key? Besides what [`looks_like`] knows, the binary forms
/// of OpenPGP, PKCS #1, #8 and #12.
#[must_use]
pub fn looks_like_bytes(bytes: &[u8]) -> bool {
    // RFC 9580 §4.2: packets of type 5 and 7 are secret keys. The old form has the type in bits 2
    // to 5; both forms are followed by a length and version 3 to 6, which no text is.
    let is_openpgp = matches!(bytes, [0x94 | 0x95 | 0x9c | 0x9d | 0xc5 | 0xc7, ..])
        && bytes.get(1..7).is_some_and(|head| head.iter().any(|b| (3..=6).contains(b)))
        && std::str::from_utf8(bytes).is_err();
    // X.690 §8: a sequence that begins with a small number, the version of the format. A
    // certificate begins with another sequence.
    let is_der = match bytes {
        [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] | [0x30, _, rest @ ..] => {
            matches!(rest, [0x02, 0x01, 0x00 | 0x01 | 0x03, ..])
        }
        _ => false,
    };
    is_openpgp || is_der || looks_like(&String::from_utf8_lossy(bytes))
}

/// `(privkeys`, `(dsa`, `( x #00…`: a list of libotr's key file.
fn has_s_expression(text: &str) -> bool {
    text.match_indices('(').any(|(at, bracket)| {
        let list = text.get(at + bracket.len()..).unwrap_or_default().trim_start();
        let name_end =
            list.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(list.len());
        let (name, rest) = list.split_at(name_end);
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // "(account" in a label is a word; in a key file another list follows at once.
        let next = rest.trim_start();
        (LISTS.iter().any(|l| is(l)) && (!is("account") || next.starts_with('(')))
            || (NUMBERS.iter().any(|n| is(n)) && next.starts_with('#'))
    })
}

/// `#00AB…`: a number in libotr's notation, also without its list.
fn has_hashed_number(text: &str) -> bool {
    let hex_at = |s: &str, from_end: bool| {
        // Mail and terminals wrap lines; a space ends the number, as in "phone #2 ABCD…".
        let digit = |c: &char| c.is_ascii_hexdigit() || matches!(c, '\r' | '\n');
        let run: usize = if from_end {
            s.chars().rev().take_while(digit).take(2 * HASHED_RUN_MIN).filter(is_hex).count()
        } else {
            s.chars().take_while(digit).take(2 * HASHED_RUN_MIN).filter(is_hex).count()
        };
        run >= HASHED_RUN_MIN
    };
    text.match_indices('#').any(|(at, mark)| {
        hex_at(text.get(..at).unwrap_or_default(), true)
            || hex_at(text.get(at + mark.len()..).unwrap_or_default(), false)
    })
}

fn is_hex(c: &char) -> bool {
    c.is_ascii_hexdigit()
}

/// PEM and the headings of other files. "private key" in a sentence is no key; in capitals, or
/// after "begin", it is.
fn has_heading(text: &str) -> bool {
    if text.contains("PRIVATE KEY") {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    let after_begin = lower.find("begin").and_then(|at| lower.get(at..));
    after_begin.is_some_and(|rest| rest.contains("private key"))
        || HEADINGS.iter().any(|h| lower.contains(h))
}

fn longest_hex_run(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0)
}

/// A block of base64, in one line or wrapped.
fn has_base64(text: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    text.split(|c: char| !is_base64(c) && c != '\r' && c != '\n').any(|block| {
        let length = block.chars().filter(|&c| is_base64(c)).count();
        let start = block.trim_start();
        if length >= BASE64_START_CHARS_MIN && BASE64_STARTS.iter().any(|s| start.starts_with(s)) {
            return true;
        }
        // Several fingerprints under each other are all hexadecimal, and words are short.
        let dense = |line: &str| {
            line.len() >= BASE64_LINE_CHARS_MIN
                && line.contains(|c: char| c.is_ascii_uppercase())
                && line.contains(|c: char| c.is_ascii_lowercase())
                && line.contains(|c: char| !c.is_ascii_hexdigit())
        };
        length >= BASE64_BLOCK_CHARS_MIN && block.lines().any(dense)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key-shaped text, made up: counting digits, not a key of anybody.
    fn number(digits: usize) -> String {
        "0123456789ABCDEF".chars().cycle().take(digits).collect()
    }

    #[test]
    fn knows_the_files_of_libotr_clients() {
        // The layout is libotr's, mcabber's and Profanity's; the Go library indents more.
        for (name, protocol) in
            [("\"ann@home.example\"", "prpl-jabber"), ("ann@home.example", "xmpp")]
        {
            for indent in ["", "\n ", "\n        ", " "] {
                let text = format!(
                    "(privkeys{indent}(account{indent}(name {name}){indent}(protocol {protocol})\
                     {indent}(private-key{indent}(dsa{indent}(p #00{}#){indent}(x #{}#)))))",
                    number(20),
                    number(40)
                );
                assert!(looks_like(&text), "{text}");
            }
        }
    }

    #[test]
    fn knows_torn_pieces() {
        let long = number(160);
        for text in [
            "(privkeys",
            "( privkeys\n",
            "(PRIVKEYS",
            "(private-key",
            "(private-key \n (dsa",
            "(dsa",
            "(account (name \"ann\")",
            "(account\n(name \"ann\")",
            "(p #00",
            "(q #00C1",
            "(g #12",
            "(y #AB",
            "(x #",
            "( x   #0A",
            "x #0123456789ABCDEF0123",
            "#0123456789ABCDEF0123456789ABCDEF01234567#",
            "#0123456789\nABCDEF0123",
            "0123456789ABCDEF0123456789ABCDEF01234567#)",
            long.as_str(),
        ] {
            assert!(looks_like(text), "{text:?}");
        }
    }

    #[test]
    fn knows_pem_and_base64() {
        let body: String = "Qq9zXb+/".chars().cycle().take(200).collect();
        let wrapped: String = body
            .as_bytes()
            .chunks(64)
            .map(|l| String::from_utf8(l.to_vec()).unwrap() + "\n")
            .collect();
        for text in [
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN DSA PRIVATE KEY-----\nMIIB",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "----- begin rsa private key -----",
            "-----END PRIVATE KEY-----",
            "PuTTY-User-Key-File-2: ssh-dss",
            "Private-Lines: 14",
            "AGE-SECRET-KEY-1ABCDEF",
            "AAAAAACAQq9zXb+/Qq9zXb+/Qq9zXb",
            "AAAAAACBAQq9zXb+/Qq9zXb+/Qq9zXb",
            "b3BlbnNzaC1rZXktdjEQq9zXb",
            body.as_str(),
            wrapped.as_str(),
        ] {
            assert!(looks_like(text), "{text:?}");
        }
    }

    #[test]
    fn knows_binary_files() {
        for file in [
            &b"\x95\x03\xbe\x04\x4a\xff\xfe\xfd"[..],
            b"\x94\x58\x04\x4a\xff\xfe\xfd\x16",
            b"\xc5\x58\x04\x4a\xff\xfe\xfd\x16",
            b"\x30\x82\x01\xbb\x02\x01\x00\x02\x81\x81\x00",
            b"\x30\x81\xbb\x02\x01\x00\x30",
            b"\x30\x2e\x02\x01\x00\x30\x05",
            b"\x30\x82\x09\xbb\x02\x01\x03\x30",
            b"\xff\xfe(privkeys\n (account",
        ] {
            assert!(looks_like_bytes(file), "{file:?}");
        }
        for file in [
            &b""[..],
            b"0",
            b"bob@home.test\tann@home.test\txmpp\tacefb4d64f3d0f4e258bd0b44d4d2587b09847eb\tsmp\n",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
            b"\x30\x82\x03\x01\x30\x82\x02\x01\xa0\x03\x02\x01\x02",
            b"\xff\xd8\xff\xe0\x00\x10JFIF",
            "\u{153}uvre".as_bytes(),
        ] {
            assert!(!looks_like_bytes(file), "{file:?}");
        }
    }

    #[test]
    fn lets_fingerprints_and_words_pass() {
        let fp = "acefb4d64f3d0f4e258bd0b44d4d2587b09847eb";
        let many = format!("{0}\n{0}\n{0}\n{1}\n{1}\n{1}\n", fp, fp.to_uppercase());
        let omemo = format!("05{}", "ab".repeat(32));
        for text in [
            "",
            fp,
            "ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB",
            many.as_str(),
            omemo.as_str(),
            "bob@home.test\tann@home.test\tprpl-jabber\tacefb4d64f3d0f4e258bd0b44d4d2587b09847eb\tsmp\n",
            "Fingerprint for ann (XMPP): ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB",
            "Pidgin on the laptop (account of mum)",
            "Pidgin (private account #2)",
            "the phone #12",
            "phone #2 ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB",
            "not the private key, only the fingerprint",
            "Let us begin: keep your keys private",
            "(x)",
            "(p)",
            "AAAAAACA",
            "Ann's old tablet, the one with the crack (do not use, battery is swollen and it \
             forgets everything twice a day since the update of 2024)",
            "an-address-like-this-one.example/with/a/long/path/that/goes/on/and/on/for/a/while",
        ] {
            assert!(!looks_like(text), "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cheap() {
        let text = "( #a".repeat(200_000);
        assert!(!looks_like(&text));
    }
}
