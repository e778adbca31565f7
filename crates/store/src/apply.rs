//! Applying: the changes of a group as statements, in an order that is kind to the pages.
//!
//! What many accounts write in turn lies all over a table. Taken in the order of the keys,
//! neighbours meet on their page once, and no page leaves the cache half-done only to be read
//! again and written twice, however small the cache is.
//!
//! Invariant: the rows afterwards are those that the changes leave in the order of the calls.

use rusqlite::Connection;

use crate::batch::Change;
use crate::engine;
use crate::inner::{Catalog, Waiting};
use crate::overlay::Placed;

/// The changes of `group`, in the order to apply them.
pub(crate) fn by_key(group: &[Waiting]) -> Vec<&Placed> {
    let changes = group.iter().filter_map(|waiting| waiting.changes.as_ref().ok()).flatten();
    let mut changes: Vec<&Placed> = changes.collect();
    // What removes a span stays where it is, and nothing moves past it.
    for points in changes.split_mut(|placed| point(placed).is_none()) {
        // Stable: the last word about a key stays the last.
        points.sort_by_key(|placed| point(placed));
    }
    changes
}

/// Applies `changes`, which are of [`by_key`], within the transaction of `connection`.
pub(crate) fn apply(
    connection: &Connection,
    catalog: &Catalog,
    changes: &[&Placed],
) -> rusqlite::Result<()> {
    for alike in changes.chunk_by(|a, b| statement(a) == statement(b)) {
        let Some(first) = alike.first() else { continue };
        let table = catalog.name(first.table);
        let mut statement = connection.prepare_cached(&match &first.change {
            Change::Put(..) => engine::sql_put(table),
            Change::Delete(_) => engine::sql_delete(table),
            Change::DeleteSpan(bounds) => engine::sql_delete_span(table, bounds),
        })?;
        for placed in alike {
            match &placed.change {
                Change::Put(key, value) => statement.execute([key.as_ref(), value.as_ref()])?,
                Change::Delete(key) => statement.execute([key.as_ref()])?,
                Change::DeleteSpan(bounds) => statement.execute(engine::span_parameters(bounds))?,
            };
        }
    }
    Ok(())
}

/// Tells apart the changes that take different statements.
fn statement(placed: &Placed) -> (usize, u8) {
    let kind = match &placed.change {
        Change::Put(..) => 0,
        Change::Delete(_) => 1,
        Change::DeleteSpan(bounds) => 2 + u8::from(bounds.upper.is_some()),
    };
    (placed.table, kind)
}

/// The row that a change is about; `None` for a span of them.
fn point(placed: &Placed) -> Option<(usize, &[u8])> {
    match &placed.change {
        Change::Put(key, _) | Change::Delete(key) => Some((placed.table, key)),
        Change::DeleteSpan(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::by_key;
    use crate::batch::Change;
    use crate::inner::Waiting;
    use crate::overlay::Placed;
    use crate::span::Bounds;

    type Rows = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

    fn carry_out(rows: &mut Rows, placed: &Placed) {
        let table = placed.table;
        match &placed.change {
            Change::Put(key, value) => {
                rows.insert((table, key.to_vec()), value.to_vec());
            }
            Change::Delete(key) => {
                rows.remove(&(table, key.to_vec()));
            }
            Change::DeleteSpan(bounds) => {
                rows.retain(|(t, key), _| *t != table || !bounds.contains(key))
            }
        }
    }

    fn change() -> impl Strategy<Value = (usize, u8, u8, u8)> {
        (0..2_usize, 0..8_u8, 0..6_u8, any::<u8>())
    }

    fn placed((table, kind, key, value): (usize, u8, u8, u8)) -> Placed {
        let change = match kind {
            0 => Change::DeleteSpan(Arc::new(Bounds { lower: vec![key], upper: None })),
            1 => Change::DeleteSpan(Arc::new(Bounds {
                lower: vec![key],
                upper: Some(vec![key + 2]),
            })),
            2 | 3 => Change::Delete([key].into()),
            _ => Change::Put([key].into(), [value].into()),
        };
        Placed { table, change }
    }

    proptest! {
        #[test]
        fn order_leaves_the_same_rows(batches in proptest::collection::vec(
            proptest::collection::vec(change(), 0..6), 0..8,
        )) {
            let group: Vec<Waiting> = batches
                .into_iter()
                .map(|changes| Waiting {
                    ticket: 0,
                    knot: 0,
                    bytes: 0,
                    changes: Ok(changes.into_iter().map(placed).collect()),
                    done: Box::new(|_| {}),
                })
                .collect();
            let (mut said, mut applied) = (Rows::new(), Rows::new());
            let changes = group.iter().filter_map(|waiting| waiting.changes.as_ref().ok());
            changes.flatten().for_each(|placed| carry_out(&mut said, placed));
            by_key(&group).into_iter().for_each(|placed| carry_out(&mut applied, placed));
            prop_assert_eq!(said, applied);
        }
    }
}
