//! The overlay: writes that have been decided and are not durable yet.
//!
//! Reads look here first, so that they see every write enqueued before them, whether the
//! writer has got to it or not. Each table has its changed rows and the spans that have been
//! removed as a whole; both carry the ticket of the commit they belong to.
//!
//! Invariants: a row that is here was changed after every removed span that covers it; a
//! change leaves when its own commit is done, never for an earlier one.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::batch::Change;
use crate::span::Bounds;

/// Numbers the commits in the order of the calls.
pub(crate) type Ticket = u64;

/// A change with the number of its table in the schema.
pub(crate) struct Placed {
    pub(crate) table: usize,
    pub(crate) change: Change,
}

/// Changes on their way to the disk, by table.
pub(crate) struct Overlay {
    tables: Vec<Pending>,
}

#[derive(Default)]
struct Pending {
    rows: BTreeMap<Arc<[u8]>, Row>,
    /// By ticket, rising.
    removed: VecDeque<Removed>,
}

struct Row {
    ticket: Ticket,
    /// `None`: deleted.
    value: Option<Arc<[u8]>>,
}

struct Removed {
    ticket: Ticket,
    bounds: Arc<Bounds>,
}

/// What the overlay knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It will have this value.
    Value(Arc<[u8]>),
    /// It will be gone.
    Gone,
    /// Nothing is under way: the file knows.
    Unchanged,
}

impl Overlay {
    pub(crate) fn new(tables: usize) -> Self {
        Overlay { tables: std::iter::repeat_with(Pending::default).take(tables).collect() }
    }

    /// Enters a change. Tickets rise from call to call.
    pub(crate) fn enter(&mut self, ticket: Ticket, placed: &Placed) {
        let Some(table) = self.tables.get_mut(placed.table) else { return };
        match &placed.change {
            Change::Put(key, value) => {
                let row = Row { ticket, value: Some(Arc::clone(value)) };
                table.rows.insert(Arc::clone(key), row);
            }
            Change::Delete(key) => {
                table.rows.insert(Arc::clone(key), Row { ticket, value: None });
            }
            Change::DeleteSpan(bounds) => {
                if let Some(range) = range_of(bounds) {
                    let covered: Vec<Arc<[u8]>> = table
                        .rows
                        .range::<[u8], _>(range)
                        .map(|(key, _)| Arc::clone(key))
                        .collect();
                    for key in covered {
                        table.rows.remove(&key);
                    }
                }
                table.removed.push_back(Removed { ticket, bounds: Arc::clone(bounds) });
            }
        }
    }

    /// Takes out a change of a commit that is done, unless a commit after `done` has changed
    /// the same key again.
    pub(crate) fn retire(&mut self, done: Ticket, placed: &Placed) {
        let Some(table) = self.tables.get_mut(placed.table) else { return };
        match &placed.change {
            Change::Put(key, _) | Change::Delete(key) => {
                if table.rows.get(key).is_some_and(|row| row.ticket <= done) {
                    table.rows.remove(key);
                }
            }
            Change::DeleteSpan(_) => {
                while table.removed.front().is_some_and(|removed| removed.ticket <= done) {
                    table.removed.pop_front();
                }
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        for table in &mut self.tables {
            *table = Pending::default();
        }
    }

    /// What is known of `key`.
    pub(crate) fn find(&self, table: usize, key: &[u8]) -> Found {
        let Some(table) = self.tables.get(table) else { return Found::Unchanged };
        match table.rows.get(key) {
            Some(Row { value: Some(value), .. }) => Found::Value(Arc::clone(value)),
            Some(Row { value: None, .. }) => Found::Gone,
            None if table.removed.iter().any(|r| r.bounds.contains(key)) => Found::Gone,
            None => Found::Unchanged,
        }
    }

    /// Everything that is known of a span.
    pub(crate) fn cut(&self, table: usize, bounds: &Bounds) -> Cut {
        let Some(table) = self.tables.get(table) else { return Cut::default() };
        let Some(range) = range_of(bounds) else { return Cut::default() };
        Cut {
            rows: table
                .rows
                .range::<[u8], _>(range)
                .map(|(key, row)| (Arc::clone(key), row.value.clone()))
                .collect(),
            removed: table
                .removed
                .iter()
                .filter(|removed| removed.bounds.overlaps(bounds))
                .map(|removed| Arc::clone(&removed.bounds))
                .collect(),
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.rows.is_empty() && table.removed.is_empty())
    }
}

/// A row as the overlay knows it: the key, and its value or `None` where it is deleted.
pub(crate) type Changed = (Arc<[u8]>, Option<Arc<[u8]>>);

/// What the overlay knew of a span at one moment.
#[derive(Default)]
pub(crate) struct Cut {
    /// By key, rising.
    pub(crate) rows: Vec<Changed>,
    removed: Vec<Arc<Bounds>>,
}

impl Cut {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.removed.is_empty()
    }

    /// Has the row that the file holds under `key` been removed with a span?
    pub(crate) fn has_removed(&self, key: &[u8]) -> bool {
        self.removed.iter().any(|bounds| bounds.contains(key))
    }
}

/// A stretch of the map.
type KeyRange<'b> = (Bound<&'b [u8]>, Bound<&'b [u8]>);

/// The span as a range of the map; `None` where it is empty.
fn range_of(bounds: &Bounds) -> Option<KeyRange<'_>> {
    let upper = match &bounds.upper {
        Some(upper) => Bound::Excluded(upper.as_slice()),
        None => Bound::Unbounded,
    };
    (!bounds.is_empty()).then_some((Bound::Included(bounds.lower.as_slice()), upper))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Found, Overlay, Placed};
    use crate::batch::Change;
    use crate::span::Bounds;

    fn put(key: &[u8], value: &[u8]) -> Placed {
        Placed { table: 0, change: Change::Put(key.into(), value.into()) }
    }

    fn delete(key: &[u8]) -> Placed {
        Placed { table: 0, change: Change::Delete(key.into()) }
    }

    fn remove(lower: &[u8], upper: &[u8]) -> Placed {
        let bounds = Bounds { lower: lower.to_vec(), upper: Some(upper.to_vec()) };
        Placed { table: 0, change: Change::DeleteSpan(Arc::new(bounds)) }
    }

    #[test]
    fn a_later_change_outlives_the_earlier_commit() {
        let mut overlay = Overlay::new(1);
        let (first, second) = (put(b"a", b"1"), put(b"a", b"2"));
        overlay.enter(1, &first);
        overlay.enter(2, &second);
        overlay.retire(1, &first);
        assert_eq!(overlay.find(0, b"a"), Found::Value(b"2".as_slice().into()));
        overlay.retire(2, &second);
        assert_eq!(overlay.find(0, b"a"), Found::Unchanged);
        assert!(overlay.is_empty());
    }

    #[test]
    fn a_removed_span_hides_what_came_before_and_not_what_comes_after() {
        let mut overlay = Overlay::new(1);
        let ops = [put(b"b", b"1"), remove(b"a", b"c"), put(b"bb", b"2"), delete(b"c")];
        for (ticket, op) in (1..).zip(&ops) {
            overlay.enter(ticket, op);
        }
        assert_eq!(overlay.find(0, b"b"), Found::Gone);
        assert_eq!(overlay.find(0, b"a"), Found::Gone);
        assert_eq!(overlay.find(0, b"bb"), Found::Value(b"2".as_slice().into()));
        assert_eq!(overlay.find(0, b"c"), Found::Gone);
        assert_eq!(overlay.find(0, b"d"), Found::Unchanged);
        let all = Bounds { lower: Vec::new(), upper: None };
        let cut = overlay.cut(0, &all);
        assert_eq!(cut.rows.len(), 2);
        assert!(cut.has_removed(b"b") && !cut.has_removed(b"c"));
        overlay.retire(1, &ops[0]);
        assert_eq!(overlay.find(0, b"b"), Found::Gone);
        overlay.retire(2, &ops[1]);
        assert_eq!(overlay.find(0, b"b"), Found::Unchanged);
        overlay.retire(3, &ops[2]);
        overlay.retire(4, &ops[3]);
        assert!(overlay.is_empty());
    }

    #[test]
    fn a_cut_leaves_out_what_lies_elsewhere() {
        let mut overlay = Overlay::new(2);
        overlay.enter(1, &put(b"a", b"1"));
        overlay.enter(1, &remove(b"a", b"b"));
        let elsewhere = Bounds { lower: b"b".to_vec(), upper: None };
        assert!(overlay.cut(0, &elsewhere).is_empty());
        assert!(overlay.cut(1, &Bounds { lower: Vec::new(), upper: None }).is_empty());
        overlay.clear();
        assert!(overlay.is_empty());
    }
}
