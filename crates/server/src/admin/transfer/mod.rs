//! Import and export of accounts, one page at a time.
//!
//! Invariants: a page is imported as a whole or not at all, and a refusal names the account;
//! passwords are hashed on all cores before the turn to change accounts is taken; an account that
//! is replaced keeps its role, its state and its age, and its clients are disconnected.

use std::collections::HashSet;
use std::sync::Arc;

use admin_api::frame::FRAME_BYTES_MAX;
use admin_api::transfer::{
    Credentials, Existing, Export, ExportPage, Import, Imported, PAGE_ACCOUNTS_MAX,
    Record as Moved, RosterItem,
};
use admin_api::{Problem, ProblemKind};
use store::Batch;
use xmpp::jid::BareJid;
use zeroize::Zeroizing;

use super::{panel, store_problem};
use crate::accounts::change::{disconnect, display_name, not_reserved};
use crate::accounts::{Accounts, Record, Role, State, StoredKeys, derive_all, password};
use crate::concierge;
use crate::daemon::{Daemon, Now};
use crate::features::roster::{self, Item};
use crate::features::subscription::state::{Half, SubState};
use crate::features::{self, Cx};
use crate::features::{offline, vcard_temp};
use crate::registry::{self, Slots};
use crate::settings;

pub(super) mod data;

/// Bytes of a page's records; the frame around them needs a little.
const PAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 16 * 1024;

/// A record that was checked.
struct Checked<'a> {
    jid: BareJid,
    display_name: &'a str,
    credentials: &'a Credentials,
    /// Keys that came with the record; empty where a password did.
    keys: Vec<StoredKeys>,
    roster: Vec<Item>,
    offline: &'a [String],
}

/// Imports a page.
pub(super) async fn import(daemon: &Arc<Daemon>, call: &Import) -> Result<Imported, Problem> {
    if call.records.len() > PAGE_ACCOUNTS_MAX {
        return Err(invalid(format!("A page holds at most {PAGE_ACCOUNTS_MAX} accounts.")));
    }
    let mut names = HashSet::new();
    let mut checked = Vec::with_capacity(call.records.len());
    for record in &call.records {
        let record = check(daemon, record)?;
        if !names.insert(record.jid.clone()) {
            return Err(invalid(format!("{} is in the page twice.", record.jid)));
        }
        checked.push(record);
    }
    // Skipped ones need no hashing; who appears meanwhile is noticed below.
    let mut wanted = Vec::with_capacity(checked.len());
    for record in checked {
        if call.existing != Existing::Skip || find(daemon, &record.jid)?.is_none() {
            wanted.push(record);
        }
    }
    derive_missing(&mut wanted).await?;
    let _turn = daemon.accounts.turn().await;
    let mut import = Importing { daemon, batch: Batch::new(), replaced: Vec::new(), written: 0 };
    for record in &wanted {
        import.one(record, call.existing)?;
    }
    let Importing { batch, replaced, written, .. } = import;
    let locals: Vec<&str> = wanted.iter().filter_map(|r| r.jid.local()).collect();
    let durable = daemon.accounts.write(daemon, batch, &locals);
    replaced.iter().for_each(|jid| forget(daemon, jid));
    durable.await?;
    daemon.accounts.count_hashes().map_err(store_problem)?;
    tracing::info!(written, "accounts were imported");
    let all = u32::try_from(call.records.len()).unwrap_or(u32::MAX);
    Ok(Imported { written, skipped: all.saturating_sub(written) })
}

fn check<'a>(daemon: &Daemon, record: &'a Moved) -> Result<Checked<'a>, Problem> {
    let jid = daemon.accounts.address(&record.name).map_err(|e| about(&record.name, e))?;
    not_reserved(&jid).map_err(|e| about(&jid, e))?;
    let keys = match &record.credentials {
        Credentials::Plain(given) => {
            password::check_imported(given.expose()).map_err(|e| about(&jid, e))?;
            Vec::new()
        }
        Credentials::Scram(keys) if keys.is_empty() => {
            return Err(about(&jid, "it has neither password nor keys"));
        }
        Credentials::Scram(keys) => keys
            .iter()
            .map(StoredKeys::try_from)
            .collect::<Result<_, _>>()
            .map_err(|e| about(&jid, e))?,
    };
    let roster = record.roster.iter().map(item).collect::<Result<Vec<_>, _>>();
    let roster = roster
        .map_err(|contact| about(&jid, format!("“{contact}” in its contacts is not usable")))?;
    if !roster::fits(&roster) {
        return Err(about(&jid, "it has too many contacts, or too long names for them"));
    }
    Ok(Checked {
        display_name: display_name(&record.display_name).map_err(|e| about(&jid, e))?,
        credentials: &record.credentials,
        offline: &record.offline,
        jid,
        keys,
        roster,
    })
}

/// The contact, or the text that is none.
fn item(contact: &RosterItem) -> Result<Item, String> {
    let bad = || contact.jid.chars().take(100).collect::<String>();
    let jid = BareJid::parse(&contact.jid).map_err(|_| bad())?;
    let state = SubState::from_parts(&contact.subscription, contact.ask, contact.pending_in);
    let mut groups = contact.groups.clone();
    groups.sort();
    groups.dedup();
    let name = contact.name.clone();
    Ok(Item { jid, name, groups, state: state.ok_or_else(bad)?, approved: contact.approved })
}

/// Hashes the passwords of the records that came with one.
async fn derive_missing(records: &mut [Checked<'_>]) -> Result<(), Problem> {
    let given = |r: &Checked<'_>| match r.credentials {
        Credentials::Plain(password) => Some(Zeroizing::new(password.expose().to_owned())),
        Credentials::Scram(_) => None,
    };
    let passwords: Vec<_> = records.iter().filter_map(given).collect();
    let derived = derive_all(passwords).await.map_err(|e| invalid(e.to_string()))?;
    let missing = records.iter_mut().filter(|r| matches!(r.credentials, Credentials::Plain(_)));
    for (record, keys) in missing.zip(derived) {
        record.keys = keys;
    }
    Ok(())
}

/// A page on its way into one batch.
struct Importing<'a> {
    daemon: &'a Arc<Daemon>,
    batch: Batch,
    replaced: Vec<BareJid>,
    written: u32,
}

impl Importing<'_> {
    fn one(&mut self, record: &Checked<'_>, existing: Existing) -> Result<(), Problem> {
        let before = find(self.daemon, &record.jid)?;
        match (&before, existing) {
            (None, _) => {}
            (Some(_), Existing::Skip) => return Ok(()),
            (Some(_), Existing::Refuse) => {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    format!("{} exists already; nothing was imported.", record.jid),
                ));
            }
            (Some(before), Existing::Replace) if matches!(before.state, State::Deleted { .. }) => {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    format!("{} is deleted; restore it first, or remove it at once.", record.jid),
                ));
            }
            (Some(_), Existing::Replace) => {
                self.empty(record)?;
                self.replaced.push(record.jid.clone());
            }
        }
        let stored = Record {
            display_name: record.display_name.to_owned(),
            role: before.as_ref().map_or(Role::Member, |b| b.role),
            state: before.as_ref().map_or(State::Active, |b| b.state),
            created: before.as_ref().map_or_else(|| Now::read().unix, |b| b.created),
            scram: record.keys.clone(),
            // Made again at the next sign-in.
            panel_hash: None,
        };
        Accounts::put_into(&mut self.batch, &record.jid, &stored);
        roster::import(&mut self.batch, &record.jid, &record.roster);
        offline::import(&mut self.batch, &record.jid, record.offline)
            .map_err(|e| about(&record.jid, e))?;
        self.written += 1;
        Ok(())
    }

    /// Deletes what features keep of an existing account.
    fn empty(&mut self, record: &Checked<'_>) -> Result<(), Problem> {
        panel::end_all_of(&self.daemon.store, &mut self.batch, &record.jid)
            .map_err(store_problem)?;
        let entry = self.daemon.registry.entry(&record.jid);
        let mut account = registry::lock(&entry);
        let mut cx = Cx::new(self.daemon, Now::read(), &mut account, None);
        features::on_removed(&mut cx);
        // Nobody is told anything: the contacts stay who they are if the file has them as well.
        self.batch.append(cx.effects.writes);
        Ok(())
    }
}

/// What memory holds of a replaced account is of before.
fn forget(daemon: &Daemon, jid: &BareJid) {
    disconnect(daemon, jid, "The account was replaced by an import.");
    if let Some(entry) = daemon.registry.find(jid) {
        registry::lock(&entry).slots = Slots::default();
    }
}

/// Exports a page. With the last one, everything is in the hands of whoever asked: a backup.
pub(super) fn export(daemon: &Daemon, call: &Export) -> Result<ExportPage, Problem> {
    let page = page(daemon, call)?;
    if !page.more {
        let mut batch = Batch::new();
        settings::put_export(&mut batch, Now::read().unix);
        // Nobody waits for it: a note that is lost only brings the reminder back.
        daemon.durability.commit(batch);
    }
    Ok(page)
}

fn page(daemon: &Daemon, call: &Export) -> Result<ExportPage, Problem> {
    let domain = daemon.domain().ok_or(crate::accounts::NameError::NoDomain)?;
    let mut page = ExportPage {
        domain: domain.to_string(),
        records: Vec::new(),
        more: false,
        left_out: Vec::new(),
    };
    let mut bytes = 0;
    let mut after = call.after.clone();
    loop {
        let rows = daemon.accounts.page(after.as_deref(), PAGE_ACCOUNTS_MAX);
        let rows = rows.map_err(store_problem)?;
        let Some((last, _)) = rows.last() else { return Ok(page) };
        after = Some(last.clone());
        for (local, record) in rows {
            // A deleted account is on its way out and does not move.
            if matches!(record.state, State::Deleted { .. }) {
                continue;
            }
            let (moved, size) = moved(daemon, &domain, local, &record, &mut page.left_out)?;
            bytes += size;
            if page.records.len() == PAGE_ACCOUNTS_MAX || bytes > PAGE_BYTES_MAX {
                page.more = true;
                return Ok(page);
            }
            page.records.push(moved);
        }
    }
}

/// The record of an account with its size, without the kept messages where they alone would not
/// fit into a frame.
fn moved(
    daemon: &Daemon,
    domain: &str,
    local: String,
    record: &Record,
    left_out: &mut Vec<String>,
) -> Result<(Moved, usize), Problem> {
    let jid = BareJid::from_parts(&local, domain).map_err(|e| about(&local, e))?;
    let mut items = roster::items(daemon, &jid).map_err(store_problem)?;
    // It belongs to this home; the next one has its own.
    let resident = concierge::address(domain);
    items.retain(|item| Some(&item.jid) != resident.as_ref());
    let mut moved = Moved {
        name: local,
        display_name: record.display_name.clone(),
        card_name: vcard_temp::name(daemon, &jid).map_err(store_problem)?,
        credentials: Credentials::Scram(record.scram.iter().map(Into::into).collect()),
        roster: items.into_iter().map(roster_item).collect(),
        offline: offline::export(daemon, &jid).map_err(store_problem)?,
    };
    let mut size = size(&moved)?;
    if size > PAGE_BYTES_MAX {
        moved.offline.clear();
        size = self::size(&moved)?;
        left_out.push(jid.to_string());
    }
    if size > PAGE_BYTES_MAX {
        return Err(about(&jid, "its contacts are too many for one piece"));
    }
    Ok((moved, size))
}

fn size(record: &Moved) -> Result<usize, Problem> {
    serde_json::to_vec(record).map(|json| json.len()).map_err(store_problem)
}

fn roster_item(item: Item) -> RosterItem {
    RosterItem {
        jid: item.jid.to_string(),
        name: item.name,
        subscription: item.state.subscription().to_owned(),
        ask: item.state.to == Half::Pending,
        approved: item.approved,
        pending_in: item.state.from == Half::Pending,
        groups: item.groups,
    }
}

fn find(daemon: &Daemon, jid: &BareJid) -> Result<Option<Arc<Record>>, Problem> {
    daemon.accounts.lookup(jid).map_err(store_problem)
}

fn about(who: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    invalid(format!("{who}: {why}; nothing was imported or exported."))
}

fn invalid(message: String) -> Problem {
    Problem::new(ProblemKind::Invalid, message)
}
