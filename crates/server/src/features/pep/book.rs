//! The nodes of one account in memory, and how changes of them are written.
//!
//! State: [`Nodes`], one per account, read from the store when it is first needed; what items hold
//! stays in the store. Invariants: memory is what the store has plus the writes of batches handed
//! to it, so it can be dropped at any time between two handlers; a change that is refused changes
//! nothing; the limits hold whatever is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Key, Parts, Raw, Span, Store, StoreError, Table, Value};
use xmpp::element::Element;
use xmpp::error::StanzaError;
use xmpp::jid::BareJid;

use super::access::Affiliation;
use super::config::Config;
use super::errors;
use crate::daemon::Daemon;
use crate::limits::{PEP_ACCOUNT_BYTES_MAX, PEP_ACCOUNT_ITEMS_MAX, PEP_NODES_MAX, ROWS_PER_READ};
use crate::registry::Slots;

/// Owner and node.
pub(super) const NODES: Table<(String, String), Head> = Table::new("pep_nodes");
/// Owner, node and place: the order in which items were published.
pub(super) const ITEMS: Table<(String, String, u64), Meta> = Table::new("pep_items");
/// The same: what the item holds, as XML.
pub(super) const PAYLOADS: Table<(String, String, u64), Raw> = Table::new("pep_payloads");

/// What is stored of a node beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// What the owner has set.
    pub(super) config: Config,
    /// Unix time of its creation.
    pub(super) created: u64,
    /// Members and outcasts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) affiliations: BTreeMap<String, Affiliation>,
    /// Those who asked for news, by bare JID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) subscribers: BTreeMap<String, Subscriber>,
}

impl JsonValue for Head {}

/// Somebody who asked for news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subscriber {
    /// Where they are sent, a bare or full JID.
    pub(super) jid: String,
    /// Names the subscription. XEP-0060 §6.1.6
    pub(super) subid: String,
}

/// What is known of an item without what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Its name.
    pub(super) id: String,
    /// Unix time when it was published last.
    pub(super) at: u64,
    /// Bytes of what it holds.
    pub(super) bytes: usize,
}

impl JsonValue for Meta {}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) head: Head,
    /// Its items with their places, oldest first.
    items: Vec<(u64, Meta)>,
}

/// An item on its way into a node.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name.
    pub(super) id: String,
    /// What it holds, as XML.
    pub(super) xml: String,
}

impl Node {
    /// The items with their places, oldest first.
    pub(super) fn items(&self) -> &[(u64, Meta)] {
        &self.items
    }

    /// The place of the item `id`.
    pub(super) fn place_of(&self, id: &str) -> Option<u64> {
        self.items.iter().find(|(_, meta)| meta.id == id).map(|(place, _)| *place)
    }

    fn bytes(&self) -> usize {
        self.items.iter().map(|(_, meta)| meta.bytes).sum()
    }

    /// Is the item at that place past its time?
    pub(super) fn is_expired(&self, meta: &Meta, now: u64) -> bool {
        self.head.config.expire.is_some_and(|seconds| meta.at.saturating_add(seconds) <= now)
    }

    fn put(&mut self, writes: &mut Batch, at: (&str, &str, u64), entry: &Entry) {
        let (owner, name, now) = at;
        let place = self.items.last().map_or(1, |(place, _)| place + 1);
        self.take(writes, (owner, name), &entry.id);
        let meta = Meta { id: entry.id.clone(), at: now, bytes: entry.xml.len() };
        writes.put(&ITEMS, &(owner, name, place), &meta);
        writes.put(&PAYLOADS, &(owner, name, place), &Raw(entry.xml.clone().into_bytes()));
        self.items.push((place, meta));
    }

    /// Removes the item `id`. `false` if it is not there.
    fn take(&mut self, writes: &mut Batch, (owner, name): (&str, &str), id: &str) -> bool {
        let Some(at) = self.items.iter().position(|(_, meta)| meta.id == id) else { return false };
        let (place, _) = self.items.remove(at);
        writes.delete(&ITEMS, &(owner, name, place));
        writes.delete(&PAYLOADS, &(owner, name, place));
        true
    }

    /// Removes the items that are one too many or past their time.
    fn trim(&mut self, writes: &mut Batch, (owner, name, now): (&str, &str, u64)) {
        let room = if self.head.config.persist { self.head.config.room() } else { 0 };
        let late = self.items.iter().take_while(|(_, meta)| self.is_expired(meta, now)).count();
        let gone = late.max(self.items.len().saturating_sub(room));
        let Some((last, _)) = gone.checked_sub(1).and_then(|at| self.items.get(at)) else { return };
        let up_to = (owner, name, *last);
        writes.delete_span(&ITEMS, &Span::under_both(owner, name).through(&up_to));
        writes.delete_span(&PAYLOADS, &Span::under_both(owner, name).through(&up_to));
        self.items.drain(..gone);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Nodes {
    owner: BareJid,
    nodes: BTreeMap<String, Node>,
}

impl Nodes {
    /// The nodes of `owner`, whose account has the `slots`.
    ///
    /// # Errors
    /// `internal-server-error` if the store cannot be read.
    pub(super) fn of<'a>(
        daemon: &Daemon,
        owner: &BareJid,
        slots: &'a mut Slots,
    ) -> Result<&'a mut Self, StanzaError> {
        slots.get_or_read(|| Self::load(&daemon.store, owner)).map_err(|e| {
            daemon.counters.add("pep", "unreadable");
            errors::unreadable(&e)
        })
    }

    /// Reads the nodes of `owner`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn load(store: &Store, owner: &BareJid) -> Result<Self, StoreError> {
        let mut nodes = BTreeMap::new();
        for ((_, name), head) in rows(store, &NODES, owner)? {
            nodes.insert(name, Node { head, items: Vec::new() });
        }
        for ((_, name, place), meta) in rows(store, &ITEMS, owner)? {
            if let Some(node) = nodes.get_mut(&name) {
                node.items.push((place, meta));
            }
        }
        Ok(Self { owner: owner.clone(), nodes })
    }

    /// The node called `name`.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The node called `name`.
    ///
    /// # Errors
    /// `item-not-found`.
    pub(super) fn find(&self, name: &str) -> Result<&Node, StanzaError> {
        self.nodes.get(name).ok_or_else(errors::not_found)
    }

    /// All nodes by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), node))
    }

    /// Makes the node `name`, which is not there yet.
    ///
    /// # Errors
    /// If there are too many.
    pub(super) fn create(
        &mut self,
        writes: &mut Batch,
        name: &str,
        config: Config,
        now: u64,
    ) -> Result<(), StanzaError> {
        let node = self.fresh(config, now)?;
        writes.put(&NODES, &(self.owner.as_str(), name), &node.head);
        self.nodes.insert(name.to_owned(), node);
        Ok(())
    }

    fn fresh(&self, config: Config, now: u64) -> Result<Node, StanzaError> {
        if self.nodes.len() >= PEP_NODES_MAX {
            return Err(errors::full(
                "max-nodes-exceeded",
                "This account has as many nodes as it may. Delete some that nothing uses.",
            ));
        }
        let head = Head { config, created: now, ..Head::default() };
        Ok(Node { head, items: Vec::new() })
    }

    /// Changes what is stored of the node `name` beside its items; keeps no more items than that
    /// allows.
    pub(super) fn change(
        &mut self,
        writes: &mut Batch,
        name: &str,
        now: u64,
        change: impl FnOnce(&mut Head),
    ) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        change(&mut node.head);
        let owner = self.owner.as_str();
        writes.put(&NODES, &(owner, name), &node.head);
        node.trim(writes, (owner, name, now));
    }

    /// Puts `entries` into the node `name`, as its newest items; it is made with `config` if it is
    /// not there. A node that keeps nothing takes them all the same.
    ///
    /// # Errors
    /// If that is more than the account may have; nothing has changed then.
    pub(super) fn publish(
        &mut self,
        writes: &mut Batch,
        name: &str,
        config: &Config,
        (entries, now): (&[Entry], u64),
    ) -> Result<(), StanzaError> {
        let mut own = Batch::new();
        let owner = self.owner.as_str();
        let before = self.nodes.get(name);
        let mut node = match before {
            Some(node) => node.clone(),
            None => {
                let node = self.fresh(config.clone(), now)?;
                own.put(&NODES, &(owner, name), &node.head);
                node
            }
        };
        if node.head.config.persist {
            for entry in entries {
                node.put(&mut own, (owner, name, now), entry);
            }
            node.trim(&mut own, (owner, name, now));
        }
        let others = self.nodes.iter().filter(|(other, _)| *other != name).map(|(_, node)| node);
        let (items, bytes) = others.fold((node.items.len(), node.bytes()), |(items, bytes), n| {
            (items + n.items.len(), bytes + n.bytes())
        });
        let bytes_before = before.map_or(0, Node::bytes);
        let items_before = before.map_or(0, |node| node.items.len());
        // Who is past a limit already, after an import, may still make things smaller.
        let too_many = items > PEP_ACCOUNT_ITEMS_MAX && node.items.len() > items_before;
        let too_large = bytes > PEP_ACCOUNT_BYTES_MAX && node.bytes() > bytes_before;
        if too_many || too_large {
            return Err(errors::full(
                "max-items-exceeded",
                "This account has published as much as it may. Remove something first.",
            ));
        }
        writes.append(own);
        self.nodes.insert(name.to_owned(), node);
        Ok(())
    }

    /// Removes the item `id` of the node `name`. `false` if it is not there.
    pub(super) fn retract(&mut self, writes: &mut Batch, name: &str, id: &str) -> bool {
        let owner = self.owner.as_str();
        self.nodes.get_mut(name).is_some_and(|node| node.take(writes, (owner, name), id))
    }

    /// Removes all items of the node `name`.
    pub(super) fn purge(&mut self, writes: &mut Batch, name: &str) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.items.clear();
        clear_items(writes, self.owner.as_str(), name);
    }

    /// Removes the node `name`.
    pub(super) fn delete(&mut self, writes: &mut Batch, name: &str) {
        if self.nodes.remove(name).is_some() {
            writes.delete(&NODES, &(self.owner.as_str(), name));
            clear_items(writes, self.owner.as_str(), name);
        }
    }
}

fn clear_items(writes: &mut Batch, owner: &str, name: &str) {
    writes.delete_span(&ITEMS, &Span::under_both(owner, name));
    writes.delete_span(&PAYLOADS, &Span::under_both(owner, name));
}

/// Deletes all that is stored of `owner`.
pub(super) fn clear(writes: &mut Batch, owner: &BareJid) {
    writes.delete_span(&NODES, &Span::<(String, String)>::under(owner.as_str()));
    writes.delete_span(&ITEMS, &Span::<(String, String, u64)>::under(owner.as_str()));
    writes.delete_span(&PAYLOADS, &Span::<(String, String, u64)>::under(owner.as_str()));
}

/// What the item at `place` of `owner`'s node `name` holds; `writes` are not in the store yet.
/// `None` if it is damaged, which is logged.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn payload(
    daemon: &Daemon,
    writes: &Batch,
    (owner, name, place): (&BareJid, &str, u64),
) -> Result<Option<Element>, StanzaError> {
    match writes.pending(&PAYLOADS, &(owner.as_str(), name, place)) {
        Some(row) => Ok(parsed(daemon, Some(row))),
        None => stored(daemon, (owner, name, place)).map_err(|e| errors::unreadable(&e)),
    }
}

/// The same of what is in the store.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn stored(
    daemon: &Daemon,
    (owner, name, place): (&BareJid, &str, u64),
) -> Result<Option<Element>, StoreError> {
    let row = daemon.store.get(&PAYLOADS, &(owner.as_str(), name, place))?;
    Ok(parsed(daemon, row))
}

fn parsed(daemon: &Daemon, row: Option<Raw>) -> Option<Element> {
    let xml = row.and_then(|Raw(bytes)| String::from_utf8(bytes).ok());
    let payload = xml.and_then(|xml| Element::parse(&xml).ok());
    if payload.is_none() {
        tracing::error!("a published item is damaged; it is left out");
        daemon.counters.add("pep", "damaged");
    }
    payload
}

/// All rows of `owner` in `table`, read in pages.
fn rows<K, V>(
    store: &Store,
    table: &Table<K, V>,
    owner: &BareJid,
) -> Result<Vec<(K, V)>, StoreError>
where
    K: Key + Parts<First = String>,
    V: Value,
{
    let mut all = Vec::new();
    let mut span = Span::<K>::under(owner.as_str());
    loop {
        let page = store.scan(table, &span, ROWS_PER_READ)?;
        let full = page.len() == ROWS_PER_READ;
        all.extend(page);
        match all.last() {
            Some((last, _)) if full => span = span.after(last),
            _ => return Ok(all),
        }
    }
}
