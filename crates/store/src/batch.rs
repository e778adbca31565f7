//! Batches: the changes of one decision, which happen together or not at all.

use std::sync::Arc;

use crate::error::StoreError;
use crate::key::{AsKey, Key, encoded};
use crate::limits::{BATCH_BYTES_MAX, KEY_BYTES_MAX, OP_OVERHEAD_BYTES};
use crate::span::{Bounds, Span};
use crate::table::Table;
use crate::value::Value;

/// Changes that are committed together. Later changes of a batch win over earlier ones.
///
/// A change that cannot be stored (a value without a stored form, a batch beyond
/// [`BATCH_BYTES_MAX`]) is remembered and reported when the batch is committed, of which
/// nothing is then stored.
#[derive(Default)]
pub struct Batch {
    ops: Vec<Op>,
    bytes: usize,
    refused: Option<StoreError>,
}

/// One change.
pub(crate) struct Op {
    pub(crate) table: &'static str,
    pub(crate) change: Change,
}

/// What a change does. Keys and values are shared between the queue and the overlay.
pub(crate) enum Change {
    /// Stores the value under the key.
    Put(Arc<[u8]>, Arc<[u8]>),
    /// Removes the key.
    Delete(Arc<[u8]>),
    /// Removes every key of the span.
    DeleteSpan(Arc<Bounds>),
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// Stores `value` under `key`, in place of what was there.
    pub fn put<K, V, Q>(&mut self, table: &Table<K, V>, key: &Q, value: &V)
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        let key = encoded::<K, Q>(key);
        let mut bytes = Vec::new();
        if !value.encode(&mut bytes) {
            self.refuse(StoreError::Encode { table: table.name() });
            return;
        }
        self.push_op(table.name(), key.len(), bytes.len(), || {
            Change::Put(key.into(), bytes.into())
        });
    }

    /// Removes `key`; nothing happens where it is not there.
    pub fn delete<K, V, Q>(&mut self, table: &Table<K, V>, key: &Q)
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        let key = encoded::<K, Q>(key);
        self.push_op(table.name(), key.len(), 0, || Change::Delete(key.into()));
    }

    /// Removes every key of `span`: far cheaper than one removal per key, as neighbours share
    /// their pages.
    pub fn delete_span<K: Key, V: Value>(&mut self, table: &Table<K, V>, span: &Span<K>) {
        let bounds = span.bounds();
        if bounds.is_empty() {
            return;
        }
        let len = bounds.lower.len().max(bounds.upper.as_ref().map_or(0, Vec::len));
        self.push_op(table.name(), len, len, || Change::DeleteSpan(Arc::new(bounds)));
    }

    /// The value that this batch stores under `key`, for whoever reads between deciding and
    /// committing. `None` if the last word about the key is another, or there is none.
    #[must_use]
    pub fn pending<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> Option<V>
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        let key = encoded::<K, Q>(key);
        let about = |op: &&Op| {
            op.table == table.name()
                && match &op.change {
                    Change::Put(one, _) | Change::Delete(one) => **one == *key,
                    Change::DeleteSpan(bounds) => bounds.contains(&key),
                }
        };
        match &self.ops.iter().rev().find(about)?.change {
            Change::Put(_, value) => V::decode(value),
            Change::Delete(_) | Change::DeleteSpan(_) => None,
        }
    }

    /// Whether there is nothing to commit (and nothing to report).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.refused.is_none()
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// What the batch weighs in the queue of the writer, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the changes of `other` after those of `self`.
    pub fn append(&mut self, other: Batch) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.ops.extend(other.ops);
        if let Some(error) = other.refused {
            self.refuse(error);
        }
        self.check_bytes();
    }

    /// The changes, their weight, or why they cannot be stored.
    pub(crate) fn into_parts(self) -> Result<(Vec<Op>, usize), StoreError> {
        match self.refused {
            Some(error) => Err(error),
            None => Ok((self.ops, self.bytes)),
        }
    }

    fn push_op(
        &mut self,
        table: &'static str,
        key_bytes: usize,
        value_bytes: usize,
        change: impl FnOnce() -> Change,
    ) {
        if key_bytes > KEY_BYTES_MAX {
            self.refuse(StoreError::KeyTooLarge { table, bytes: key_bytes });
            return;
        }
        self.bytes = self.bytes.saturating_add(key_bytes + value_bytes + OP_OVERHEAD_BYTES);
        if self.check_bytes() {
            self.ops.push(Op { table, change: change() });
        }
    }

    /// Refuses a batch that has grown too large, and lets go of what it holds.
    fn check_bytes(&mut self) -> bool {
        if self.bytes > BATCH_BYTES_MAX {
            self.refuse(StoreError::BatchTooLarge { bytes: self.bytes });
        }
        self.refused.is_none()
    }

    fn refuse(&mut self, error: StoreError) {
        self.ops = Vec::new();
        self.refused.get_or_insert(error);
    }
}

impl std::fmt::Debug for Batch {
    /// Shows counts only: keys and values are people's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("changes", &self.ops.len())
            .field("bytes", &self.bytes)
            .field("refused", &self.refused)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Batch;
    use crate::error::StoreError;
    use crate::limits::{BATCH_BYTES_MAX, KEY_BYTES_MAX};
    use crate::span::Span;
    use crate::table::Table;
    use crate::value::Raw;

    const NOTES: Table<String, Raw> = Table::new("notes");

    #[test]
    fn a_key_beyond_the_limit_refuses_the_batch() {
        let mut batch = Batch::new();
        batch.put(&NOTES, "fine", &Raw(vec![1]));
        batch.put(&NOTES, &"k".repeat(KEY_BYTES_MAX), &Raw(vec![1]));
        assert!(!batch.is_empty());
        let error = batch.into_parts().map(|_| ()).unwrap_err();
        assert_eq!(error, StoreError::KeyTooLarge { table: "notes", bytes: KEY_BYTES_MAX + 1 });
    }

    #[test]
    fn a_batch_beyond_the_limit_is_refused_and_lets_go() {
        let mut batch = Batch::new();
        let half = Raw(vec![0; BATCH_BYTES_MAX / 2]);
        batch.put(&NOTES, "a", &half);
        assert_eq!(batch.len(), 1);
        batch.put(&NOTES, "b", &half);
        assert_eq!(batch.len(), 0);
        batch.put(&NOTES, "c", &Raw(vec![]));
        assert!(matches!(batch.into_parts(), Err(StoreError::BatchTooLarge { .. })));
    }

    #[test]
    fn appending_keeps_the_refusal() {
        let mut bad = Batch::new();
        bad.delete(&NOTES, &"k".repeat(KEY_BYTES_MAX));
        let mut batch = Batch::new();
        batch.delete(&NOTES, "a");
        batch.append(bad);
        assert!(batch.into_parts().is_err());
    }

    #[test]
    fn the_last_word_about_a_key_counts() {
        let mut batch = Batch::new();
        let pending = |batch: &Batch, key: &str| batch.pending(&NOTES, key).map(|Raw(b)| b);
        assert_eq!(pending(&batch, "a"), None);
        batch.put(&NOTES, "a", &Raw(vec![1]));
        batch.put(&NOTES, "a", &Raw(vec![2]));
        batch.put(&NOTES, "b", &Raw(vec![3]));
        assert_eq!([pending(&batch, "a"), pending(&batch, "b")], [Some(vec![2]), Some(vec![3])]);
        let other: Table<String, Raw> = Table::new("other");
        assert_eq!(batch.pending(&other, "a"), None);
        batch.delete(&NOTES, "a");
        assert_eq!([pending(&batch, "a"), pending(&batch, "b")], [None, Some(vec![3])]);
        batch.put(&NOTES, "a", &Raw(vec![4]));
        batch.delete_span(&NOTES, &Span::starting_with("b"));
        assert_eq!([pending(&batch, "a"), pending(&batch, "b")], [Some(vec![4]), None]);
    }

    #[test]
    fn an_empty_span_is_no_change() {
        let mut batch = Batch::new();
        batch.delete_span(&NOTES, &Span::all().after("b").before("a"));
        assert!(batch.is_empty());
        batch.delete_span(&NOTES, &Span::all());
        assert_eq!(batch.len(), 1);
    }
}
