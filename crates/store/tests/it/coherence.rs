//! Many threads: reads see what was committed before them, scans see batches whole, and
//! callers are told in the order of their calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use store::{Batch, Raw, Span, Store, StoreError, limits};

use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, COUNTERS, SCHEMA};

/// A counter that many threads raise under a lock, without waiting for the disk, never loses
/// an increment: each read sees the write before it.
#[test]
fn read_decide_commit_under_a_lock_loses_nothing() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 500;
    let dir = Scratch::new("counter");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let lock = Mutex::new(());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let held = lock.lock().unwrap();
                    let n = store.get(&COUNTERS, "n").unwrap().unwrap_or(0);
                    let mut batch = Batch::new();
                    batch.put(&COUNTERS, "n", &(n + 1));
                    store.commit(batch, |result| result.unwrap());
                    drop(held);
                }
            });
        }
    });
    assert_eq!(store.get(&COUNTERS, "n").unwrap(), Some(THREADS * ROUNDS));
    store.close().unwrap();
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    assert_eq!(store.get(&COUNTERS, "n").unwrap(), Some(THREADS * ROUNDS));
}

/// Batches move a sum between rows; every scan, count and newest sees the same total.
#[test]
fn scans_see_batches_whole() {
    const ROWS: u64 = 16;
    const STEPS: u64 = 3_000;
    let dir = Scratch::new("whole");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let mut first = Batch::new();
    for row in 0..ROWS {
        first.put(&ARCHIVE, &("sum", row), &Raw(100u64.to_be_bytes().to_vec()));
    }
    store.commit_blocking(first).unwrap();
    let done = AtomicBool::new(false);
    let seen = AtomicU64::new(0);
    let number = |Raw(bytes): &Raw| u64::from_be_bytes(bytes.as_slice().try_into().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut seed = 7u64;
            for step in 0..STEPS {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (from, to) = ((seed >> 33) % ROWS, (seed >> 41) % ROWS);
                let mut batch = Batch::new();
                if from != to {
                    let get = |row: u64| {
                        store.get(&ARCHIVE, &("sum", row)).unwrap().as_ref().map_or(0, number)
                    };
                    let (a, b) = (get(from), get(to));
                    let moved = a.min(seed % 7);
                    batch.put(&ARCHIVE, &("sum", from), &Raw((a - moved).to_be_bytes().to_vec()));
                    batch.put(&ARCHIVE, &("sum", to), &Raw((b + moved).to_be_bytes().to_vec()));
                }
                if step % 50 == 0 {
                    // The same rows once more, through a removed span.
                    let rows = store.scan(&ARCHIVE, &Span::under("sum"), 99);
                    batch = Batch::new();
                    batch.delete_span(&ARCHIVE, &Span::under("sum"));
                    for (key, value) in rows.unwrap() {
                        batch.put(&ARCHIVE, &key, &value);
                    }
                }
                store.commit(batch, |result| result.unwrap());
                if step % 8 == 0 {
                    thread::yield_now();
                }
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let span = Span::<(String, u64)>::under("sum");
                while !done.load(Ordering::Acquire) {
                    let rising = store.scan(&ARCHIVE, &span, 99).unwrap();
                    let falling = store.newest(&ARCHIVE, &span, 99).unwrap();
                    for rows in [&rising, &falling] {
                        let total: u64 = rows.iter().map(|(_, value)| number(value)).sum();
                        assert_eq!((rows.len() as u64, total), (ROWS, ROWS * 100));
                    }
                    assert_eq!(store.count(&ARCHIVE, &span).unwrap(), ROWS);
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(seen.load(Ordering::Relaxed) > 0);
}

/// Each thread's own writes are there for it at once, and callers are told in the order of
/// their calls, refusals included.
#[test]
fn callers_are_told_in_the_order_of_their_calls() {
    let dir = Scratch::new("order");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let order = Mutex::new(0u64);
    let told = Arc::new(Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let (store, order, told) = (&store, &order, &told);
            scope.spawn(move || {
                for round in 0..300u64 {
                    let mut number = order.lock().unwrap();
                    let n = *number;
                    *number += 1;
                    let mut batch = Batch::new();
                    batch.put(&ARCHIVE, &(format!("{thread}"), round), &Raw(vec![1]));
                    let refused = n % 10 == 3;
                    if refused {
                        batch.delete(&COUNTERS, &"k".repeat(limits::KEY_BYTES_MAX));
                    }
                    let told = Arc::clone(told);
                    store.commit(batch, move |result| {
                        assert_eq!(result.is_err(), refused);
                        told.lock().unwrap().push(n);
                    });
                    drop(number);
                    let here = store.get(&ARCHIVE, &(format!("{thread}"), round)).unwrap();
                    assert_eq!(here.is_none(), refused);
                }
            });
        }
    });
    store.flush().unwrap();
    let told = told.lock().unwrap();
    assert!(told.iter().copied().eq(0..1_200));
}

#[test]
fn a_store_is_used_by_one_at_a_time_and_closed_for_all_clones() {
    let dir = Scratch::new("clones");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let clone = store.clone();
    assert!(matches!(
        Store::open(dir.path(), &SCHEMA).unwrap_err(),
        store::OpenError::InUse { .. }
    ));
    let mut batch = Batch::new();
    batch.put(&COUNTERS, "n", &1);
    store.commit(batch, |result| result.unwrap());
    store.close().unwrap();
    assert_eq!(clone.get(&COUNTERS, "n"), Err(StoreError::Closed));
    assert_eq!(clone.commit_blocking(Batch::new()), Err(StoreError::Closed));
    assert_eq!(clone.compact(), Err(StoreError::Closed));
    assert_eq!(clone.check(), Err(StoreError::Closed));
    clone.close().unwrap();
    assert!(!dir.log().exists(), "after an orderly end everything is in one file");
    let again = Store::open(dir.path(), &SCHEMA).unwrap();
    assert_eq!(again.get(&COUNTERS, "n").unwrap(), Some(1));
}

#[test]
fn dropping_the_last_handle_writes_what_waits() {
    let dir = Scratch::new("drop");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    for n in 0..200u64 {
        let mut batch = Batch::new();
        batch.put(&ARCHIVE, &("a", n), &Raw(vec![0; 100]));
        store.commit(batch, |result| result.unwrap());
    }
    drop(store);
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), 200);
}

/// The last handle may go away inside a closure that the store itself calls, and such a
/// closure can read; it cannot wait for the store, and its panic is its own.
#[test]
fn closures_on_the_writer_thread() {
    let dir = Scratch::new("closures");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let (answer, heard) = std::sync::mpsc::sync_channel(8);
    let mut batch = Batch::new();
    batch.put(&COUNTERS, "n", &5);
    store.commit(batch, |_| std::panic::resume_unwind(Box::new("the caller's own fault")));
    let inside = store.clone();
    store.commit(Batch::new(), move |result| {
        result.unwrap();
        answer.send(inside.get(&COUNTERS, "n").map(Option::unwrap)).unwrap();
        for waits in [inside.flush(), inside.close(), inside.compact().map(|_| ())] {
            answer.send(waits.map(|()| 0)).unwrap();
        }
        // The test has let go of its handle by now: this was the last.
        thread::sleep(Duration::from_millis(50));
        drop(inside);
    });
    drop(store);
    assert_eq!(heard.recv().unwrap(), Ok(5));
    for _ in 0..3 {
        assert_eq!(heard.recv().unwrap(), Err(StoreError::OnWriterThread));
    }
    assert!(heard.recv().is_err());
    let reopened = (0..100).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        Store::open(dir.path(), &SCHEMA).ok()
    });
    assert_eq!(reopened.unwrap().get(&COUNTERS, "n").unwrap(), Some(5));
}

/// What waits is bounded: beyond the limit commits are refused, and nothing of them is seen.
#[test]
fn the_backlog_is_bounded() {
    let dir = Scratch::new("backlog");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let (go, gate) = std::sync::mpsc::sync_channel::<()>(1);
    // Holds the writer up.
    store.commit(Batch::new(), move |_| gate.recv().unwrap());
    let big = Raw(vec![7; limits::BACKLOG_BYTES_MAX / 4]);
    let results = Arc::new(Mutex::new(Vec::new()));
    for n in 0..6u64 {
        let mut batch = Batch::new();
        batch.put(&ARCHIVE, &("big", n), &big);
        let results = Arc::clone(&results);
        store.commit(batch, move |result| results.lock().unwrap().push(result));
    }
    assert!(store.backlog() > limits::BACKLOG_BYTES_MAX / 2);
    assert!(store.backlog() <= limits::BACKLOG_BYTES_MAX);
    assert!(store.get(&ARCHIVE, &("big", 5)).unwrap().is_none());
    go.send(()).unwrap();
    store.flush().unwrap();
    let results = results.lock().unwrap();
    let stored = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored, 3);
    assert!(results[3..].iter().all(|result| *result == Err(StoreError::Overloaded)));
    assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), 3);
    assert_eq!(store.backlog(), 0);
}

#[test]
fn an_unknown_table_is_said_so() {
    const ELSEWHERE: store::Table<String, u64> = store::Table::new("elsewhere");
    let dir = Scratch::new("unknown");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let unknown = StoreError::UnknownTable { table: "elsewhere" };
    assert_eq!(store.get(&ELSEWHERE, "a"), Err(unknown.clone()));
    let mut batch = Batch::new();
    batch.put(&COUNTERS, "n", &1);
    batch.put(&ELSEWHERE, "a", &1);
    assert_eq!(store.commit_blocking(batch), Err(unknown));
    assert_eq!(store.get(&COUNTERS, "n").unwrap(), None);
}

/// A walk sees what is on the disk and what is on its way there, in both directions, and ends when
/// it is told to.
#[test]
fn walks_see_what_scans_see_and_end_early() {
    let dir = Scratch::new("walk");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    for n in 0..20u64 {
        let mut batch = Batch::new();
        batch.put(&ARCHIVE, &("ann", n), &Raw(vec![1]));
        if n % 3 == 0 {
            batch.delete(&ARCHIVE, &("ann", n / 2));
        }
        if n == 10 {
            store.commit_blocking(batch).unwrap();
        } else {
            store.commit(batch, |result| result.unwrap());
        }
    }
    let span = Span::<(String, u64)>::under("ann").after(&("ann", 3u64));
    let walk = |order, most: usize| {
        let mut seen = Vec::new();
        let visit = |(_, n), _| {
            seen.push(n);
            seen.len() < most
        };
        store.walk(&ARCHIVE, &span, order, visit).unwrap();
        seen
    };
    let all: Vec<u64> = store.keys(&ARCHIVE, &span, 99).unwrap().into_iter().map(|k| k.1).collect();
    assert!(all.len() > 5);
    assert_eq!(walk(store::Order::Rising, 99), all);
    assert_eq!(walk(store::Order::Rising, 5), all[..5]);
    let mut back = walk(store::Order::Falling, 99);
    back.reverse();
    assert_eq!(back, all);
}
