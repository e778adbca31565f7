//! Spans: an unbroken stretch of a table's keys.
//!
//! A span starts as everything, as all keys under a first part, or as all text keys with a
//! beginning, and is then narrowed: `Span::under("ann").before(&("ann", 900))`.
//!
//! Invariant: narrowing never widens; a span whose ends have crossed is empty.

use std::marker::PhantomData;

use crate::key::{AsKey, Key, encode_open, encoded};

/// A stretch of keys of type `K`, from the lower end (in) to the upper end (out).
#[derive(Clone, PartialEq, Eq)]
pub struct Span<K> {
    lower: Vec<u8>,
    upper: Option<Vec<u8>>,
    key: PhantomData<fn() -> K>,
}

impl<K> std::fmt::Debug for Span<K> {
    /// Shows no key: keys hold addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Span").finish_non_exhaustive()
    }
}

impl<K: Key> Span<K> {
    /// The whole table.
    #[must_use]
    pub const fn all() -> Self {
        Span { lower: Vec::new(), upper: None, key: PhantomData }
    }

    /// Only keys after `key`.
    #[must_use]
    pub fn after<Q: AsKey<K> + ?Sized>(self, key: &Q) -> Self {
        // No other key lies between an encoding and the same with a zero byte after it, as no
        // encoding is a prefix of another.
        let mut lower = encoded::<K, Q>(key);
        lower.push(0);
        self.raise(lower)
    }

    /// Only `key` and keys after it.
    #[must_use]
    pub fn from<Q: AsKey<K> + ?Sized>(self, key: &Q) -> Self {
        self.raise(encoded::<K, Q>(key))
    }

    /// Only keys before `key`.
    #[must_use]
    pub fn before<Q: AsKey<K> + ?Sized>(self, key: &Q) -> Self {
        self.cut(encoded::<K, Q>(key))
    }

    /// Only `key` and keys before it.
    #[must_use]
    pub fn through<Q: AsKey<K> + ?Sized>(self, key: &Q) -> Self {
        let mut upper = encoded::<K, Q>(key);
        upper.push(0);
        self.cut(upper)
    }

    fn raise(mut self, lower: Vec<u8>) -> Self {
        self.lower = self.lower.max(lower);
        self
    }

    fn cut(mut self, upper: Vec<u8>) -> Self {
        self.upper = Some(match self.upper.take() {
            Some(old) => old.min(upper),
            None => upper,
        });
        self
    }

    /// All keys whose encoding begins with `prefix`.
    fn with_prefix(prefix: Vec<u8>) -> Self {
        let upper = successor(&prefix);
        Span { lower: prefix, upper, key: PhantomData }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { lower: self.lower.clone(), upper: self.upper.clone() }
    }
}

/// Keys that are made of parts.
pub trait Parts {
    /// The type of the first part.
    type First: Key;
}

impl<A: Key, B> Parts for (A, B) {
    type First = A;
}

impl<A: Key, B, C> Parts for (A, B, C) {
    type First = A;
}

impl<K: Key + Parts> Span<K> {
    /// All keys whose first part is `first`.
    #[must_use]
    pub fn under<Q: AsKey<K::First> + ?Sized>(first: &Q) -> Self {
        Self::with_prefix(encoded::<K::First, Q>(first))
    }
}

impl<A: Key, B: Key, C: Key> Span<(A, B, C)> {
    /// All keys whose first two parts are `first` and `second`.
    #[must_use]
    pub fn under_both<P, Q>(first: &P, second: &Q) -> Self
    where
        P: AsKey<A> + ?Sized,
        Q: AsKey<B> + ?Sized,
    {
        let mut prefix = encoded::<A, P>(first);
        second.encode(&mut prefix);
        Self::with_prefix(prefix)
    }
}

impl Span<String> {
    /// All keys that begin with `text`.
    #[must_use]
    pub fn starting_with(text: &str) -> Self {
        let mut prefix = Vec::with_capacity(text.len());
        encode_open(text.as_bytes(), &mut prefix);
        Self::with_prefix(prefix)
    }
}

/// A span without its type, as the writer, the overlay and the engine use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first key that may be in the span.
    pub(crate) lower: Vec<u8>,
    /// The first key that is past it; `None` where the span runs to the end of the table.
    pub(crate) upper: Option<Vec<u8>>,
}

impl Bounds {
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        key >= self.lower.as_slice() && self.upper.as_deref().is_none_or(|upper| key < upper)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.upper.as_ref().is_some_and(|upper| *upper <= self.lower)
    }

    pub(crate) fn overlaps(&self, other: &Bounds) -> bool {
        let below = |a: &Bounds, b: &Bounds| a.upper.as_ref().is_none_or(|up| *up > b.lower);
        below(self, other) && below(other, self) && !self.is_empty() && !other.is_empty()
    }
}

/// The smallest byte string that is greater than all that begin with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounds, Span, successor};
    use crate::key::{Key, encoded};

    fn holds<K: Key>(span: &Span<K>, key: &K) -> bool {
        span.bounds().contains(&encoded::<K, K>(key))
    }

    #[test]
    fn successor_of_all_ones_is_none() {
        assert_eq!(successor(&[0xff, 0xff]), None);
        assert_eq!(successor(&[]), None);
        assert_eq!(successor(&[1, 0xff]), Some(vec![2]));
    }

    #[test]
    fn narrowing_keeps_the_tighter_end() {
        let span = Span::<u64>::all().after(&5).from(&3).through(&9).before(&20);
        let inside: Vec<u64> = (0..30).filter(|n| holds(&span, n)).collect();
        assert_eq!(inside, [6, 7, 8, 9]);
        assert!(Span::<u64>::all().after(&5).before(&5).bounds().is_empty());
    }

    #[test]
    fn under_takes_whole_parts_only() {
        let span = Span::<(String, u64)>::under("ann");
        assert!(holds(&span, &("ann".to_owned(), 0)));
        assert!(holds(&span, &("ann".to_owned(), u64::MAX)));
        assert!(!holds(&span, &("anna".to_owned(), 0)));
        assert!(!holds(&span, &("an".to_owned(), 0)));
        let both = Span::<(String, String, u64)>::under_both("ann", "bob");
        assert!(holds(&both, &("ann".to_owned(), "bob".to_owned(), 3)));
        assert!(!holds(&both, &("ann".to_owned(), "bobby".to_owned(), 3)));
        let three = Span::<(String, String, u64)>::under("ann");
        assert!(holds(&three, &("ann".to_owned(), "zoe".to_owned(), 3)));
    }

    #[test]
    fn overlaps_sees_touching_ends_as_apart() {
        let span = |a: u8, b: u8| Bounds { lower: vec![a], upper: Some(vec![b]) };
        assert!(!span(1, 3).overlaps(&span(3, 5)));
        assert!(span(1, 4).overlaps(&span(3, 5)));
        assert!(span(1, 4).overlaps(&Bounds { lower: vec![], upper: None }));
        assert!(!span(4, 4).overlaps(&Bounds { lower: vec![], upper: None }));
    }

    proptest! {
        #[test]
        fn text_beginnings(text in "[\u{0}\u{1}ab]{0,3}", key in "[\u{0}\u{1}ab]{0,5}") {
            let span = Span::<String>::starting_with(&text);
            prop_assert_eq!(holds(&span, &key), key.starts_with(&text));
        }

        #[test]
        fn ends(low in "[\u{0}\u{1}a]{0,3}", high in "[\u{0}\u{1}a]{0,3}", key in "[\u{0}\u{1}a]{0,3}") {
            let open = Span::<String>::all().after(&low).before(&high);
            prop_assert_eq!(holds(&open, &key), key > low && key < high);
            let closed = Span::<String>::all().from(&low).through(&high);
            prop_assert_eq!(holds(&closed, &key), key >= low && key <= high);
        }
    }
}
