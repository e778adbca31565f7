//! Keys: typed values turned into bytes whose byte order is the order of the values.
//!
//! Every part of a key ends itself (numbers have a fixed width, text and bytes end with
//! [`END`]), so a tuple is its parts one after another, and all keys that share their first
//! parts lie side by side in the table.
//!
//! Invariants: `a < b` exactly when `encode(a) < encode(b)`; decoding what was encoded gives
//! the same value; no encoding is a prefix of another value's encoding of the same type.

/// Ends text and bytes. Smaller than any byte an encoding may hold before it, so that "ab"
/// sorts before "abc".
const END: u8 = 0x00;
/// Stands before [`END`] and itself where they occur inside text or bytes.
const ESCAPE: u8 = 0x01;
/// What follows [`ESCAPE`] for a literal 0x00.
const ESCAPED_END: u8 = 0x01;
/// What follows [`ESCAPE`] for a literal 0x01.
const ESCAPED_ESCAPE: u8 = 0x02;

/// Something that is written exactly as a key of type `K`: `K` itself or what it is borrowed
/// as. A `Table<(String, u64), V>` is read with `&("ann", 7)` just as with the owned pair.
pub trait AsKey<K> {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut Vec<u8>);
}

/// The type of a table's keys.
///
/// A crate that wants a key type of its own implements this and `AsKey<Self>`, by calling the
/// implementations here for its parts, which keeps the order.
pub trait Key: AsKey<Self> + Sized {
    /// Takes one key from the front of `input`; `None` where the bytes are not one.
    fn decode(input: &mut &[u8]) -> Option<Self>;
}

/// The whole encoding of one key.
pub(crate) fn encoded<K, Q: AsKey<K> + ?Sized>(key: &Q) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    key.encode(&mut out);
    out
}

/// The key that `bytes` are, all of them.
pub(crate) fn decoded<K: Key>(mut bytes: &[u8]) -> Option<K> {
    let key = K::decode(&mut bytes)?;
    bytes.is_empty().then_some(key)
}

/// Appends `bytes` escaped, without the end mark.
pub(crate) fn encode_open(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 1);
    for &byte in bytes {
        match byte {
            END => out.extend_from_slice(&[ESCAPE, ESCAPED_END]),
            ESCAPE => out.extend_from_slice(&[ESCAPE, ESCAPED_ESCAPE]),
            other => out.push(other),
        }
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_open(bytes, out);
    out.push(END);
}

fn decode_bytes(input: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input.iter();
    loop {
        match *rest.next()? {
            END => break,
            ESCAPE => out.push(match *rest.next()? {
                ESCAPED_END => END,
                ESCAPED_ESCAPE => ESCAPE,
                _ => return None,
            }),
            other => out.push(other),
        }
    }
    *input = rest.as_slice();
    Some(out)
}

impl<K, Q: AsKey<K> + ?Sized> AsKey<K> for &Q {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl AsKey<String> for str {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl AsKey<String> for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl Key for String {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        String::from_utf8(decode_bytes(input)?).ok()
    }
}

impl AsKey<Vec<u8>> for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl<const N: usize> AsKey<Vec<u8>> for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl AsKey<Vec<u8>> for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl Key for Vec<u8> {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        decode_bytes(input)
    }
}

impl AsKey<u64> for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Key for u64 {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (number, rest) = input.split_first_chunk::<8>()?;
        *input = rest;
        Some(u64::from_be_bytes(*number))
    }
}

impl<A, B, X: AsKey<A>, Y: AsKey<B>> AsKey<(A, B)> for (X, Y) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        Some((A::decode(input)?, B::decode(input)?))
    }
}

impl<A, B, C, X: AsKey<A>, Y: AsKey<B>, Z: AsKey<C>> AsKey<(A, B, C)> for (X, Y, Z) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
        self.2.encode(out);
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        Some((A::decode(input)?, B::decode(input)?, C::decode(input)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AsKey, Key, decoded, encode_open, encoded};

    type Triple = (Vec<u8>, u64, String);

    /// Text with many of the bytes that are escaped.
    fn awkward() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('\u{2}'), Just('a'), any::<char>()],
            0..6,
        )
        .prop_map(|chars| chars.into_iter().collect())
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![0u8..4, Just(0xfe), Just(0xff)], 0..6)
    }

    fn same_order<K: Key + Ord>(a: &K, b: &K) -> bool {
        encoded::<K, K>(a).cmp(&encoded::<K, K>(b)) == a.cmp(b)
    }

    proptest! {
        #[test]
        fn order_is_kept(a in (bytes(), any::<u64>(), awkward()), b in (bytes(), any::<u64>(), awkward())) {
            prop_assert!(same_order::<Triple>(&a, &b));
            prop_assert!(same_order::<String>(&a.2, &b.2));
            prop_assert!(same_order::<(String, u64)>(&(a.2, a.1), &(b.2, b.1)));
        }

        #[test]
        fn decoding_gives_back_what_was_encoded(key in (bytes(), any::<u64>(), awkward())) {
            prop_assert_eq!(decoded::<Triple>(&encoded::<Triple, Triple>(&key)), Some(key));
        }

        #[test]
        fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..40)) {
            let key = decoded::<Triple>(&noise);
            // What decodes was a proper encoding: it encodes to the same bytes.
            if let Some(key) = key {
                prop_assert_eq!(encoded::<Triple, Triple>(&key), noise);
            }
        }

        #[test]
        fn open_encoding_is_a_prefix(text in awkward(), tail in awkward()) {
            let mut open = Vec::new();
            encode_open(text.as_bytes(), &mut open);
            let whole = encoded::<String, str>(&format!("{text}{tail}"));
            prop_assert!(whole.starts_with(&open));
        }
    }

    #[test]
    fn borrowed_and_owned_agree() {
        let owned: (String, u64) = ("ann".to_owned(), 7);
        assert_eq!(
            encoded::<(String, u64), (String, u64)>(&owned),
            encoded::<(String, u64), (&str, u64)>(&("ann", 7)),
        );
        let mut out = Vec::new();
        AsKey::<Vec<u8>>::encode(&[1u8, 2], &mut out);
        assert_eq!(out, [1, 2, 2, 0]);
    }

    #[test]
    fn rest_after_a_key_is_refused() {
        let mut bytes = encoded::<u64, u64>(&5);
        bytes.push(0);
        assert_eq!(decoded::<u64>(&bytes), None);
        assert_eq!(decoded::<u64>(&bytes[..7]), None);
        assert_eq!(decoded::<String>(b"no end"), None);
        assert_eq!(decoded::<String>(&[0x01, 0x07, 0x00]), None, "unknown escape");
        assert_eq!(decoded::<String>(&[0xff, 0x00]), None, "not UTF-8");
    }
}
