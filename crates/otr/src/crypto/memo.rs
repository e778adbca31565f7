//! Results of slow arithmetic that were had before: for tests and fuzzing, never in the product.
//!
//! One key exchange is some ten milliseconds of powers and signatures. A hundred thousand
//! conversations whose exponents come from a small pool ask for the same powers again and again;
//! here each is computed once, by the same code as ever, and then looked up. Nothing of the
//! protocol changes.
//!
//! State: one table a thread. Fuzzing always uses it; a test asks for it with [`keep`].
//! Invariant: at most [`ENTRIES_MAX`] entries; a full table begins anew.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Some 500 bytes each: 256 MB at most.
const ENTRIES_MAX: usize = 1 << 19;

type Table = HashMap<Vec<u8>, Option<Vec<u8>>>;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(cfg!(fuzzing)) };
    static TABLE: RefCell<Table> = RefCell::new(Table::new());
}

/// From now on, or no more, results are kept on this thread.
#[cfg(test)]
pub(crate) fn keep(on: bool) {
    ON.set(on);
}

/// What `compute` gave for the same `parts` before, or gives now. `parts` say what is computed
/// and from which numbers; each but the last has a length of its own kind.
pub(crate) fn remembered(
    parts: &[&[u8]],
    compute: impl FnOnce() -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    if !ON.get() {
        return compute();
    }
    let key = parts.concat();
    if let Some(known) = TABLE.with_borrow(|table| table.get(&key).cloned()) {
        return known;
    }
    let computed = compute();
    TABLE.with_borrow_mut(|table| {
        if table.len() >= ENTRIES_MAX {
            table.clear();
        }
        table.insert(key, computed.clone());
    });
    computed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_computed_once_and_only_where_it_is_wanted() {
        let count = Cell::new(0_u8);
        let ask = |what: &[u8]| {
            remembered(&[b"count", what], || {
                count.set(count.get() + 1);
                Some(vec![count.get()])
            })
        };
        assert_eq!((ask(b"a"), ask(b"a")), (Some(vec![1]), Some(vec![2])));
        keep(true);
        assert_eq!(
            (ask(b"a"), ask(b"a"), ask(b"b")),
            (Some(vec![3]), Some(vec![3]), Some(vec![4]))
        );
        keep(false);
        assert_eq!(ask(b"a"), Some(vec![5]));
    }
}
