//! Random batches against a map: every read, before and after a batch is durable and after
//! reopening, gives what the map gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use store::{Batch, Raw, Span, Store};

use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, SCHEMA};

type Key = (String, u64);
type Model = BTreeMap<Key, Vec<u8>>;

#[derive(Clone, Debug)]
enum Change {
    Put(Key, Vec<u8>),
    Delete(Key),
    DeleteSpan(Ends),
}

#[derive(Clone, Debug)]
struct Ends {
    owner: Option<String>,
    after: Option<Key>,
    before: Option<Key>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Commit without waiting.
    Commit(Vec<Change>),
    /// Commit and wait.
    Durable(Vec<Change>),
    Get(Key),
    Scan(Ends, usize),
    Newest(Ends, usize),
    Count(Ends),
    Reopen,
    Compact,
}

fn owner() -> impl Strategy<Value = String> {
    prop_oneof![Just("ann"), Just("anna"), Just("bob"), Just("a\u{0}"), Just("")]
        .prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = Key> {
    (owner(), prop_oneof![0u64..12, Just(u64::MAX)])
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..20),
        // Spills over into further pages.
        1 => (1usize..20_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn ends() -> impl Strategy<Value = Ends> {
    (
        proptest::option::of(owner()),
        proptest::option::weighted(0.3, key()),
        proptest::option::weighted(0.3, key()),
    )
        .prop_map(|(owner, after, before)| Ends { owner, after, before })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (key(), bytes()).prop_map(|(k, v)| Change::Put(k, v)),
        3 => key().prop_map(Change::Delete),
        1 => ends().prop_map(Change::DeleteSpan),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let changes = || proptest::collection::vec(change(), 0..8);
    prop_oneof![
        6 => changes().prop_map(Step::Commit),
        1 => changes().prop_map(Step::Durable),
        3 => key().prop_map(Step::Get),
        3 => (ends(), 0usize..12).prop_map(|(e, n)| Step::Scan(e, n)),
        3 => (ends(), 0usize..12).prop_map(|(e, n)| Step::Newest(e, n)),
        2 => ends().prop_map(Step::Count),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ]
}

impl Ends {
    fn span(&self) -> Span<Key> {
        let mut span = match &self.owner {
            Some(owner) => Span::<Key>::under(owner),
            None => Span::all(),
        };
        if let Some(after) = &self.after {
            span = span.after(after);
        }
        if let Some(before) = &self.before {
            span = span.before(before);
        }
        span
    }

    fn holds(&self, key: &Key) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == key.0)
            && self.after.as_ref().is_none_or(|after| key > after)
            && self.before.as_ref().is_none_or(|before| key < before)
    }
}

fn apply(changes: Vec<Change>, model: &mut Model) -> Batch {
    let mut batch = Batch::new();
    for change in changes {
        match change {
            Change::Put(key, value) => {
                batch.put(&ARCHIVE, &key, &Raw(value.clone()));
                model.insert(key, value);
            }
            Change::Delete(key) => {
                batch.delete(&ARCHIVE, &key);
                model.remove(&key);
            }
            Change::DeleteSpan(ends) => {
                batch.delete_span(&ARCHIVE, &ends.span());
                model.retain(|key, _| !ends.holds(key));
            }
        }
    }
    batch
}

fn rows(found: Vec<(Key, Raw)>) -> Vec<(Key, Vec<u8>)> {
    found.into_iter().map(|(key, Raw(value))| (key, value)).collect()
}

fn take(step: Step, mut store: Store, dir: &Scratch, model: &mut Model) -> Store {
    let within = |model: &Model, ends: &Ends| -> Vec<(Key, Vec<u8>)> {
        let holds = |(key, _): &(&Key, &Vec<u8>)| ends.holds(key);
        model.iter().filter(holds).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    match step {
        Step::Commit(changes) => store.commit(apply(changes, model), |result| result.unwrap()),
        Step::Durable(changes) => store.commit_blocking(apply(changes, model)).unwrap(),
        Step::Get(key) => {
            let found = store.get(&ARCHIVE, &key).unwrap();
            assert_eq!(found.map(|Raw(value)| value), model.get(&key).cloned());
        }
        Step::Scan(ends, limit) => {
            let mut expected = within(model, &ends);
            expected.truncate(limit);
            let found = rows(store.scan(&ARCHIVE, &ends.span(), limit).unwrap());
            assert_eq!(found, expected);
            let keys = store.keys(&ARCHIVE, &ends.span(), limit).unwrap();
            assert!(keys.iter().eq(expected.iter().map(|(key, _)| key)));
        }
        Step::Newest(ends, n) => {
            let mut expected = within(model, &ends);
            expected.reverse();
            expected.truncate(n);
            assert_eq!(rows(store.newest(&ARCHIVE, &ends.span(), n).unwrap()), expected);
        }
        Step::Count(ends) => {
            let expected = within(model, &ends).len() as u64;
            assert_eq!(store.count(&ARCHIVE, &ends.span()).unwrap(), expected);
        }
        Step::Reopen => {
            drop(store);
            store = Store::open(dir.path(), &SCHEMA).unwrap();
        }
        Step::Compact => {
            store.compact().unwrap();
        }
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_give_what_the_map_gives(steps in proptest::collection::vec(step(), 1..60)) {
        let dir = Scratch::new("model");
        let mut store = Store::open(dir.path(), &SCHEMA).unwrap();
        let mut model = Model::new();
        for step in steps {
            store = take(step, store, &dir, &mut model);
        }
        prop_assert_eq!(store.backlog() == 0 || store.flush().is_ok(), true);
        prop_assert_eq!(store.check().unwrap(), Vec::<String>::new());
        drop(store);
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        let found = rows(store.scan(&ARCHIVE, &Span::all(), usize::MAX).unwrap());
        prop_assert_eq!(found, model.into_iter().collect::<Vec<_>>());
    }
}
