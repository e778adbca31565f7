//! The tables of the store, listed from their owners, and the schema's version.
//!
//! Invariant: a table that is not listed here cannot be written; a change of what is stored that
//! old code could not read raises [`VERSION`] and adds a migration.

use store::Schema;

use crate::features::{
    archive, blocking, last, offline, pep, private_xml, push, roster, subscription, vcard_temp,
};
use crate::{accounts, admin, auth, concierge, devices, directory, protection, settings};

/// Version of what is stored.
const VERSION: u32 = 1;

/// Who owns tables.
const OWNERS: &[&[&str]] = &[
    accounts::TABLES,
    admin::panel::TABLES,
    auth::TABLES,
    devices::TABLES,
    concierge::TABLES,
    directory::TABLES,
    protection::TABLES,
    settings::TABLES,
    archive::TABLES,
    blocking::TABLES,
    last::TABLES,
    offline::TABLES,
    pep::TABLES,
    private_xml::TABLES,
    push::TABLES,
    roster::TABLES,
    subscription::TABLES,
    vcard_temp::TABLES,
];

const TABLES: [&str; count(OWNERS)] = join(OWNERS);

/// The schema of this release.
#[must_use]
pub const fn schema() -> Schema {
    Schema { version: VERSION, tables: &TABLES, migrations: &[] }
}

const fn count(owners: &[&[&str]]) -> usize {
    let (mut n, mut at) = (0, 0);
    while at < owners.len() {
        n += owners[at].len();
        at += 1;
    }
    n
}

const fn join<const N: usize>(owners: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut n, mut owner) = (0, 0);
    while owner < owners.len() {
        let mut at = 0;
        while at < owners[owner].len() {
            all[n] = owners[owner][at];
            n += 1;
            at += 1;
        }
        owner += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_has_two_owners() {
        let mut names = TABLES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLES.len());
    }
}
