//! Settings that live in the store: what people choose while the daemon runs.
//!
//! Invariants: the domain is written once, at the end of set-up, since every address contains it;
//! no setting is both here and in `snug.toml`.

use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Store, StoreError, Table};
use xmpp::jid::BareJid;

use admin_api::tls::is_host_name;

use admin_api::archive::Keep;

const SETTINGS: Table<String, String> = Table::new("settings");

/// The tables of this module.
pub const TABLES: &[&str] = &[SETTINGS.name(), SETUP.name()];

const SETUP: Table<String, SetupCode> = Table::new("setup");

const ARCHIVE: &str = "archive";
const DOMAIN: &str = "domain";
const EXPORT: &str = "last-export";
const PROBE: &str = "write-probe";
const SETUP_CODE: &str = "code";

/// Settings as they are in the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The home's domain; `None` until set-up is finished.
    pub domain: Option<String>,
    /// How long messages are archived.
    pub keep: Keep,
}

/// Reads the settings.
///
/// # Errors
/// [`StoreError`].
pub fn load(store: &Store) -> Result<Settings, StoreError> {
    let keep = store.get(&SETTINGS, ARCHIVE)?;
    let keep = keep.and_then(|text| Keep::parse(&text)).unwrap_or(Keep::DEFAULT);
    Ok(Settings { domain: store.get(&SETTINGS, DOMAIN)?, keep })
}

/// The set-up code that may still be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetupCode {
    /// SHA-256 of the code, hexadecimal.
    pub(crate) hash: String,
    /// When it stops working, seconds since 1970.
    pub(crate) until: u64,
}

impl JsonValue for SetupCode {}

/// Reads the set-up code.
pub(crate) fn setup_code(store: &Store) -> Result<Option<SetupCode>, StoreError> {
    store.get(&SETUP, SETUP_CODE)
}

/// Writes a set-up code in place of the one before, or takes it away.
pub(crate) fn put_setup_code(batch: &mut Batch, code: Option<&SetupCode>) {
    match code {
        Some(code) => batch.put(&SETUP, SETUP_CODE, code),
        None => batch.delete(&SETUP, SETUP_CODE),
    };
}

/// Writes the domain, at the end of set-up.
pub(crate) fn put_domain(batch: &mut Batch, domain: &str) {
    batch.put(&SETTINGS, DOMAIN, &domain.to_owned());
}

/// Writes how long messages are archived.
pub(crate) fn put_keep(batch: &mut Batch, keep: Keep) {
    batch.put(&SETTINGS, ARCHIVE, &keep.to_string());
}

/// Notes that a whole export was served at `unix`.
pub(crate) fn put_export(batch: &mut Batch, unix: u64) {
    batch.put(&SETTINGS, EXPORT, &unix.to_string());
}

/// When the last whole export was served, seconds since 1970: the only backup there is yet.
pub(crate) fn last_export(store: &Store) -> Result<Option<u64>, StoreError> {
    Ok(store.get(&SETTINGS, EXPORT)?.and_then(|unix| unix.parse().ok()))
}

/// A write that changes nothing anybody reads, to see how long the disk takes.
pub(crate) fn probe_write() -> Batch {
    let mut batch = Batch::new();
    batch.put(&SETTINGS, PROBE, &String::new());
    batch
}

/// A domain that a home cannot have. `Display` is a sentence for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDomain;

impl std::fmt::Display for BadDomain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "The domain must be a host name such as home.example or snug.local: \
             letters a to z, digits, hyphens and dots.",
        )
    }
}

impl std::error::Error for BadDomain {}

/// Checks a domain as typed, and gives it as it stands in addresses.
///
/// Plain host names only: it also has to stand in a certificate.
///
/// # Errors
/// [`BadDomain`].
pub fn check_domain(typed: &str) -> Result<String, BadDomain> {
    let typed = typed.trim().trim_end_matches('.');
    if !is_host_name(typed) {
        return Err(BadDomain);
    }
    let jid = BareJid::from_domain(typed).map_err(|_| BadDomain)?;
    Ok(jid.domain().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_host_names_in_lower_case() {
        assert_eq!(check_domain(" Home.Example. ").as_deref(), Ok("home.example"));
        assert_eq!(check_domain("snug.local").as_deref(), Ok("snug.local"));
        for bad in
            ["", "ann@home.example", "192.168.1.1", "[::1]", "a..b", "-a.b", "bücher.example"]
        {
            assert_eq!(check_domain(bad), Err(BadDomain), "{bad}");
        }
    }

    #[test]
    fn the_domain_and_the_code_are_kept() {
        let (_dir, store) = crate::testing::store(TABLES);
        assert_eq!(load(&store).unwrap().domain, None);
        let code = SetupCode { hash: "00".to_owned(), until: 7 };
        let mut batch = Batch::new();
        put_domain(&mut batch, "home.example");
        put_setup_code(&mut batch, Some(&code));
        store.commit_blocking(batch).unwrap();
        assert_eq!(load(&store).unwrap().domain.as_deref(), Some("home.example"));
        assert_eq!(setup_code(&store).unwrap(), Some(code));
        let mut batch = Batch::new();
        put_setup_code(&mut batch, None);
        store.commit_blocking(batch).unwrap();
        assert_eq!(setup_code(&store).unwrap(), None);
    }
}
