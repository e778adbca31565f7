//! `otr.instance_tags`: one lasting number per account and client, so that a peer with several
//! devices can be told apart.
//!
//! Spec: OTR version 3, "Instance Tags". One line each: account TAB protocol TAB 8 hexadecimal
//! digits.

use rand_core::CryptoRng;

use super::{FileError, fits};
use crate::limits::{FILE_BYTES_MAX, FILE_ENTRIES_MAX, INSTANCE_TAG_MIN};

/// Comment that libotr writes in front.
const HEAD: &str = "# WARNING! You shouldn't copy this file to another computer. \
                    It is unnecessary and can cause problems.\n";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Our account, exactly as the client calls it.
    pub account: String,
    /// The client's name of the protocol.
    pub protocol: String,
    /// At least 256.
    pub tag: u32,
}

/// A new tag.
#[must_use]
pub fn random(rng: &mut dyn CryptoRng) -> u32 {
    let mut bytes = [0; 4];
    rng.fill_bytes(&mut bytes);
    // Lifting the few small values costs them nothing: a tag is no secret.
    let tag = u32::from_be_bytes(bytes);
    if tag < INSTANCE_TAG_MIN { tag + INSTANCE_TAG_MIN } else { tag }
}

/// Reads a file; comments and lines without a valid tag are left out.
///
/// # Errors
/// [`FileError::TooLong`].
pub fn read(text: &str) -> Result<Vec<Tag>, FileError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let tags: Vec<Tag> = text.lines().take(FILE_ENTRIES_MAX + 2).filter_map(line).collect();
    if tags.len() > FILE_ENTRIES_MAX { Err(FileError::TooLong) } else { Ok(tags) }
}

fn line(line: &str) -> Option<Tag> {
    let mut columns = line.split('\t');
    let (account, protocol, hex) = (columns.next()?, columns.next()?, columns.next()?);
    let plain = hex.len() <= 8 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    let tag = u32::from_str_radix(hex, 16).ok().filter(|_| plain)?;
    let valid = tag >= INSTANCE_TAG_MIN && !line.starts_with('#');
    valid.then(|| Tag { account: account.to_owned(), protocol: protocol.to_owned(), tag })
}

/// Writes a file.
#[must_use]
pub fn write<'a>(tags: impl IntoIterator<Item = &'a Tag>) -> String {
    let lines = tags.into_iter().filter(|t| fits(&t.account) && fits(&t.protocol));
    let lines = lines.map(|t| format!("{}\t{}\t{:08x}\n", t.account, t.protocol, t.tag));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::seeded::Seeded;

    #[test]
    fn what_is_written_is_read_back() {
        let text = format!(
            "{HEAD}ann@home.test/\tprpl-jabber\t65d86b94\nann@home.test\tjabber\t00000100\n"
        );
        let tags = read(&text).unwrap();
        assert_eq!(tags.len(), 2);
        assert_eq!(write(&tags), text);
        for bad in ["a\tb\tff", "a\tb\t00000000", "a\tb\t123456789", "a\tb\t+1234567", "a\tb", ""] {
            assert_eq!(read(bad), Ok(vec![]), "{bad}");
        }
    }

    #[test]
    fn new_tags_are_valid() {
        for seed in 0..100 {
            assert!(random(&mut Seeded::new(seed)) >= INSTANCE_TAG_MIN);
        }
        assert_eq!(random(&mut Seeded::scripted([vec![0, 0, 0, 7]])), 0x107);
    }
}
