//! The archive in the store: one row per message and owner, in the order of archiving, and one
//! small row per message that names whom it was with, so that a conversation is found without
//! looking at the others.
//!
//! Invariants: both rows of a message are written together; what is read is never more than a page
//! and one row, whatever the archive holds.

use store::{Batch, Order, Raw, Span, Store, StoreError, Table, Value};
use xmpp::jid::Jid;

use super::id::Id;
use crate::limits::{ARCHIVE_COUNT_MAX, ARCHIVE_EXAMINED_MAX};

/// Owner, and time of the name.
pub(super) const MESSAGES: Table<(String, u64), Kept> = Table::new("archive");
/// Owner, the other's bare JID, and time of the name; the value is the other's resource.
pub(super) const WITH: Table<(String, String, u64), Raw> = Table::new("archive_with");

/// Bytes of the mark before the XML.
const MARK: usize = 4;

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The random part of its name.
    pub(super) mark: u32,
    /// The stanza, with its namespace written out.
    pub(super) xml: Vec<u8>,
}

impl Value for Kept {
    fn encode(&self, out: &mut Vec<u8>) -> bool {
        out.reserve_exact(MARK + self.xml.len());
        out.extend_from_slice(&self.mark.to_be_bytes());
        out.extend_from_slice(&self.xml);
        true
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (mark, xml) = bytes.split_first_chunk::<MARK>()?;
        Some(Self { mark: u32::from_be_bytes(*mark), xml: xml.to_vec() })
    }
}

/// Archives `xml`, which is to or from `other`, under the name `id`.
pub(super) fn put(batch: &mut Batch, owner: &str, id: Id, other: &Jid, xml: Vec<u8>) {
    batch.put(&MESSAGES, &(owner, id.at), &Kept { mark: id.mark, xml });
    let resource = other.resource().unwrap_or_default().as_bytes().to_vec();
    batch.put(&WITH, &(owner, other.bare_str(), id.at), &Raw(resource));
}

/// The whole archive of `owner`.
pub(super) fn all(owner: &str) -> Span<(String, u64)> {
    Span::<(String, u64)>::under(owner)
}

/// All that says whom the messages of `owner` were with.
pub(super) fn all_with(owner: &str) -> Span<(String, String, u64)> {
    Span::<(String, String, u64)>::under(owner)
}

/// The time of the last name that was given; 0 = none.
pub(super) fn last(store: &Store, owner: &str) -> Result<u64, StoreError> {
    let mut last = 0;
    store.walk(&MESSAGES, &all(owner), Order::Falling, |(_, at), _| {
        last = at;
        false
    })?;
    Ok(last)
}

/// The names of the first and the last message.
pub(super) fn ends(store: &Store, owner: &str) -> Result<Option<(Id, Id)>, StoreError> {
    let end = |order| {
        let mut end = None;
        store.walk(&MESSAGES, &all(owner), order, |(_, at), kept: Kept| {
            end = Some(Id { at, mark: kept.mark });
            false
        })?;
        Ok::<_, StoreError>(end)
    };
    Ok(end(Order::Rising)?.zip(end(Order::Falling)?))
}

/// Is a message of that name there?
pub(super) fn has(store: &Store, owner: &str, id: Id) -> Result<bool, StoreError> {
    let kept = store.get(&MESSAGES, &(owner, id.at))?;
    Ok(kept.is_some_and(|kept| kept.mark == id.mark))
}

/// Whom messages must be with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct With {
    /// Bare JID.
    pub(super) bare: String,
    /// This resource only.
    pub(super) resource: Option<String>,
}

/// A part of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// First and last time, both in the part. It is empty if they have crossed.
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) with: Option<With>,
    /// These times only, rising; all are there.
    pub(super) only: Option<Vec<u64>>,
}

impl Part {
    /// Everything.
    pub(super) const ALL: Self = Self { from: 0, until: u64::MAX, with: None, only: None };
}

/// How much to read of a part, and from which end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    pub(super) order: Order,
    /// Rows.
    pub(super) rows: usize,
    /// Bytes of XML with what is around it.
    pub(super) bytes: usize,
    /// The same, for a first row that alone is more.
    pub(super) most: usize,
    /// Bytes around each row.
    pub(super) around: usize,
}

/// What was read, in the order it was asked for.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) rows: Vec<(Id, Vec<u8>)>,
    /// Is there more of the part?
    pub(super) more: bool,
}

impl Taken {
    /// `false` = that is enough.
    fn add(&mut self, take: Take, left: &mut usize, at: u64, kept: Kept) -> bool {
        let cost = kept.xml.len() + take.around;
        let fits = cost <= *left || (self.rows.is_empty() && cost <= take.most);
        if self.rows.len() >= take.rows || !fits {
            self.more = true;
            return false;
        }
        *left = left.saturating_sub(cost);
        self.rows.push((Id { at, mark: kept.mark }, kept.xml));
        true
    }
}

/// Reads `take` of `part`.
pub(super) fn read(
    store: &Store,
    owner: &str,
    part: &Part,
    take: Take,
) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let mut left = take.bytes;
    if part.with.is_none() && part.only.is_none() {
        let span = all(owner).from(&(owner, part.from)).through(&(owner, part.until));
        store.walk(&MESSAGES, &span, take.order, |(_, at), kept| {
            taken.add(take, &mut left, at, kept)
        })?;
        return Ok(taken);
    }
    let found = find(store, owner, part, take.order, take.rows.saturating_add(1))?;
    for at in found.at {
        // It may just have been removed.
        let Some(kept) = store.get(&MESSAGES, &(owner, at))? else { continue };
        if !taken.add(take, &mut left, at, kept) {
            break;
        }
    }
    taken.more |= found.more;
    Ok(taken)
}

/// How many messages `part` has; `None` = more than are counted.
pub(super) fn count(store: &Store, owner: &str, part: &Part) -> Result<Option<u64>, StoreError> {
    let most = ARCHIVE_COUNT_MAX + 1;
    let (counted, more) = if part.with.is_none() && part.only.is_none() {
        let span = all(owner).from(&(owner, part.from)).through(&(owner, part.until));
        (store.keys(&MESSAGES, &span, most)?.len(), false)
    } else {
        let found = find(store, owner, part, Order::Rising, most)?;
        (found.at.len(), found.more)
    };
    let known = !more && counted < most;
    Ok(u64::try_from(counted).ok().filter(|_| known))
}

/// Times of messages, found without reading them.
#[derive(Default)]
struct Found {
    at: Vec<u64>,
    /// Were some not looked at?
    more: bool,
}

fn find(
    store: &Store,
    owner: &str,
    part: &Part,
    order: Order,
    most: usize,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    if let Some(only) = &part.only {
        let inside = only.iter().copied().filter(|at| (part.from..=part.until).contains(at));
        for at in inside {
            if is_with(store, owner, part.with.as_ref(), at)? {
                found.at.push(at);
            }
        }
        if order == Order::Falling {
            found.at.reverse();
        }
        found.at.truncate(most);
        return Ok(found);
    }
    let Some(with) = &part.with else { return Ok(found) };
    let bare = with.bare.as_str();
    let span = Span::<(String, String, u64)>::under_both(owner, bare);
    let span = span.from(&(owner, bare, part.from)).through(&(owner, bare, part.until));
    let mut examined = 0;
    store.walk(&WITH, &span, order, |(_, _, at), Raw(resource)| {
        examined += 1;
        if with.resource.as_ref().is_none_or(|wanted| wanted.as_bytes() == resource) {
            found.at.push(at);
        }
        found.more = examined >= ARCHIVE_EXAMINED_MAX;
        found.at.len() < most && !found.more
    })?;
    Ok(found)
}

fn is_with(store: &Store, owner: &str, with: Option<&With>, at: u64) -> Result<bool, StoreError> {
    let Some(with) = with else { return Ok(true) };
    let resource = store.get(&WITH, &(owner, with.bare.as_str(), at))?;
    let wanted =
        |Raw(resource)| with.resource.as_ref().is_none_or(|wanted| wanted.as_bytes() == resource);
    Ok(resource.is_some_and(wanted))
}
