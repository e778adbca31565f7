//! Bringing older stores up to date, and refusing what cannot be.

use serde::{Deserialize, Serialize};
use store::{
    Batch, JsonValue, Migration, OpenError, Schema, Span, Store, StoreError, Table, Upgrade,
};

use crate::scratch::Scratch;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    given: String,
    family: String,
}
impl JsonValue for Person {}

const NAMES: Table<u64, String> = Table::new("names");
const PEOPLE: Table<String, Person> = Table::new("people");
const NUMBERS: Table<String, u64> = Table::new("numbers");
const TEXTS: Table<String, String> = Table::new("numbers");
const EXTRA: Table<u64, u64> = Table::new("extra");

const V1: Schema = Schema { version: 1, tables: &[NAMES.name(), NUMBERS.name()], migrations: &[] };

fn names_become_people(upgrade: &mut Upgrade<'_>) -> Result<(), StoreError> {
    upgrade.rewrite(&NAMES, &PEOPLE, |_, name| {
        Ok(name.split_once(' ').map(|(given, family)| {
            let person = Person { given: given.to_owned(), family: family.to_owned() };
            (name.to_lowercase(), person)
        }))
    })
}

fn numbers_become_texts(upgrade: &mut Upgrade<'_>) -> Result<(), StoreError> {
    upgrade.rewrite(&NUMBERS, &TEXTS, |key, n| Ok(Some((key, format!("{n}")))))?;
    upgrade.put(&TEXTS, "upgraded", &"yes".to_owned())?;
    upgrade.delete(&TEXTS, "five")?;
    assert_eq!(upgrade.get(&TEXTS, "six")?, Some("6".to_owned()));
    assert_eq!(upgrade.scan(&TEXTS, &Span::all(), 9)?.len(), 2);
    upgrade.remove_table("names")
}

fn fails_half_way(upgrade: &mut Upgrade<'_>) -> Result<(), StoreError> {
    upgrade.remove_table("numbers")?;
    upgrade.rewrite(&NAMES, &PEOPLE, |_, _| Err(StoreError::Encode { table: "people" }))
}

const TO_2: Migration = Migration { to: 2, what: "names become people", run: names_become_people };
const TO_3: Migration =
    Migration { to: 3, what: "numbers become texts", run: numbers_become_texts };

const V2: Schema = Schema {
    version: 2,
    tables: &[NUMBERS.name(), PEOPLE.name(), EXTRA.name()],
    migrations: &[TO_2],
};
const V3: Schema = Schema {
    version: 3,
    tables: &[PEOPLE.name(), TEXTS.name(), EXTRA.name()],
    migrations: &[TO_2, TO_3],
};

fn first_version(dir: &Scratch) {
    let store = Store::open(dir.path(), &V1).unwrap();
    let mut batch = Batch::new();
    for n in 0..1_000u64 {
        batch.put(&NAMES, &n, &format!("Ann{n} Smith"));
    }
    batch.put(&NAMES, &5_000, &"Plato".to_owned());
    batch.put(&NUMBERS, "five", &5);
    batch.put(&NUMBERS, "six", &6);
    store.commit_blocking(batch).unwrap();
}

#[test]
fn steps_are_taken_one_after_another() {
    for through_2 in [false, true] {
        let dir = Scratch::new("steps");
        first_version(&dir);
        if through_2 {
            let store = Store::open(dir.path(), &V2).unwrap();
            assert_eq!(store.count(&PEOPLE, &Span::all()).unwrap(), 1_000);
            assert_eq!(store.get(&NUMBERS, "five").unwrap(), Some(5));
        }
        for _again in 0..2 {
            let store = Store::open(dir.path(), &V3).unwrap();
            assert_eq!(store.count(&PEOPLE, &Span::all()).unwrap(), 1_000);
            let ann = store.get(&PEOPLE, "ann7 smith").unwrap().unwrap();
            assert_eq!((ann.given.as_str(), ann.family.as_str()), ("Ann7", "Smith"));
            let texts = store.scan(&TEXTS, &Span::all(), 9).unwrap();
            let expected = [("six", "6"), ("upgraded", "yes")];
            assert!(texts.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
            assert_eq!(store.get(&EXTRA, &1).unwrap(), None);
            assert_eq!(store.check().unwrap(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_step_that_fails_leaves_the_store_as_it_was() {
    const BAD: Schema = Schema {
        version: 2,
        tables: &[NUMBERS.name(), PEOPLE.name()],
        migrations: &[Migration { to: 2, what: "half a step", run: fails_half_way }],
    };
    let dir = Scratch::new("half");
    first_version(&dir);
    let error = Store::open(dir.path(), &BAD).unwrap_err();
    let OpenError::Migration { to: 2, what: "half a step", .. } = error else { panic!("{error}") };
    assert!(error.to_string().contains("it is as before"), "{error}");
    let store = Store::open(dir.path(), &V1).unwrap();
    assert_eq!(store.count(&NAMES, &Span::all()).unwrap(), 1_001);
    assert_eq!(store.get(&NUMBERS, "six").unwrap(), Some(6));
}

#[test]
fn newer_and_too_old_stores_are_refused() {
    let dir = Scratch::new("versions");
    first_version(&dir);
    Store::open(dir.path(), &V2).unwrap();
    let error = Store::open(dir.path(), &V1).unwrap_err();
    assert_eq!(error, OpenError::Newer { found: 2, known: 1 });
    assert!(error.to_string().contains("version 2"), "{error}");

    const LATER: Schema = Schema { version: 3, tables: &[], migrations: &[TO_3] };
    const MUCH_LATER: Schema = Schema { version: 3, tables: &[], migrations: &[] };
    let error = Store::open(dir.path(), &MUCH_LATER).unwrap_err();
    assert_eq!(error, OpenError::TooOld { found: 2, oldest: 3 });
    Store::open(dir.path(), &LATER).unwrap();
}

#[test]
fn a_new_table_needs_no_step() {
    const MORE: Schema =
        Schema { version: 1, tables: &["extra", "names", "numbers"], migrations: &[] };
    let dir = Scratch::new("more");
    first_version(&dir);
    let store = Store::open(dir.path(), &MORE).unwrap();
    let mut batch = Batch::new();
    batch.put(&EXTRA, &1, &2);
    store.commit_blocking(batch).unwrap();
    drop(store);
    // The older program still runs on it.
    let store = Store::open(dir.path(), &V1).unwrap();
    assert_eq!(store.count(&NAMES, &Span::all()).unwrap(), 1_001);
}

#[test]
fn wrong_schemas_are_refused_before_anything_is_touched() {
    const NONE: &[Migration] = &[];
    let gap = &[TO_3];
    let wrong = [
        Schema { version: 0, tables: &[], migrations: NONE },
        Schema { version: 1, tables: &["Bad Name"], migrations: NONE },
        Schema { version: 1, tables: &["a", "a"], migrations: NONE },
        Schema { version: 4, tables: &[], migrations: gap },
        Schema { version: 1, tables: &[], migrations: &[TO_2] },
        Schema { version: 3, tables: &[], migrations: &[TO_3, TO_2] },
    ];
    let dir = Scratch::new("schemas");
    for schema in wrong {
        let error = Store::open(&dir.path().join("new"), &schema).unwrap_err();
        assert!(matches!(error, OpenError::Schema { .. }), "{error}");
    }
    assert!(!dir.path().join("new").exists());
}
