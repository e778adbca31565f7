//! What the directory is to say of a person's OMEMO keys, given what is published: pure.
//!
//! A key that an account publishes is *declared*: whoever knows the password can publish one, and
//! no proof comes with it that the app has the private half. Invariants: a key that is once in the
//! directory stays there, with the day it was gone; no state of it is changed here; the first keys
//! of a person are no news, every later one is.

use std::collections::BTreeMap;

use admin_api::fingerprints::{Entry, State};
use admin_api::omemo::{Key, Version};

use crate::directory::is_known;

/// Seconds after which a key counts as seen again: a day, as for devices.
const SEEN_EVERY: u64 = 24 * 3600;

/// A device as it is published in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) version: Version,
    pub(super) id: u32,
    pub(super) label: String,
    /// Of its bundle; `None` = there is none that can be used.
    pub(super) fingerprint: Option<String>,
    pub(super) listed: bool,
    /// When its bundle was published, seconds since 1970.
    pub(super) at: Option<u64>,
}

/// What is worth a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A further device.
    Joined,
    /// A device that was known has another key.
    Changed,
    /// A key that was revoked is published again.
    Revoked,
}

/// An entry to be written, with what is to be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) news: Option<News>,
}

/// What changes in the directory. `known` is all that it says of the person `jid`, `published` all
/// that is published; `touched`: the devices that were just heard of.
pub(super) fn lines(
    (jid, known): (&str, &[Entry]),
    published: &[Published],
    touched: &[(Version, u32)],
    now: u64,
) -> Vec<Line> {
    let mut keys: BTreeMap<&str, Vec<&Published>> = BTreeMap::new();
    for device in published {
        if let Some(fingerprint) = &device.fingerprint {
            keys.entry(fingerprint).or_default().push(device);
        }
    }
    let mut lines = Vec::new();
    for (fingerprint, devices) in &keys {
        let before = known.iter().find(|e| e.fingerprint == *fingerprint);
        let heard = devices.iter().any(|d| touched.contains(&(d.version, d.id)));
        let entry = match before {
            None => fresh(jid, fingerprint, devices, now),
            Some(before) => again(before, devices, heard, now),
        };
        if before != Some(&entry) {
            let news = news(before, &entry, known);
            lines.push(Line { entry, news });
        }
    }
    for before in known {
        let Some(key) = before.omemo.as_ref().filter(|key| key.gone.is_none()) else { continue };
        if !keys.contains_key(before.fingerprint.as_str()) {
            let key = Key { gone: Some(now), listed: false, ..key.clone() };
            lines.push(Line { entry: Entry { omemo: Some(key), ..before.clone() }, news: None });
        }
    }
    lines
}

fn fresh(jid: &str, fingerprint: &str, devices: &[&Published], now: u64) -> Entry {
    Entry {
        jid: jid.to_owned(),
        fingerprint: fingerprint.to_owned(),
        state: State::Declared,
        last_seen: Some(now),
        added: now,
        changed: now,
        changed_by: jid.to_owned(),
        omemo: Some(key_of(devices, None, now)),
        ..Entry::default()
    }
}

fn again(before: &Entry, devices: &[&Published], heard: bool, now: u64) -> Entry {
    let key = key_of(devices, before.omemo.as_ref(), now);
    let seen = before.last_seen.unwrap_or(0);
    let last_seen =
        if heard && now.saturating_sub(seen) >= SEEN_EVERY { Some(now) } else { before.last_seen };
    Entry { omemo: Some(key), last_seen, ..before.clone() }
}

fn key_of(devices: &[&Published], before: Option<&Key>, now: u64) -> Key {
    let mut versions: Vec<Version> = devices.iter().map(|d| d.version).collect();
    versions.sort_unstable();
    versions.dedup();
    let listed = devices.iter().any(|d| d.listed);
    // Bundle first, list second: a device that was never listed is on its way, not gone.
    let left = before.is_some_and(|b| b.listed || b.gone.is_some()) && !listed;
    let gone = left.then(|| before.and_then(|b| b.gone).unwrap_or(now));
    let label = devices.iter().map(|d| d.label.as_str()).find(|label| !label.is_empty());
    Key {
        device: devices.first().map_or(0, |d| d.id),
        label: label.unwrap_or_default().to_owned(),
        versions,
        listed,
        gone,
    }
}

fn news(before: Option<&Entry>, after: &Entry, known: &[Entry]) -> Option<News> {
    match before {
        None => {
            let after = after.omemo.as_ref()?;
            let same = |key: &Key| {
                let shared = key.versions.iter().any(|version| after.versions.contains(version));
                key.device == after.device && shared
            };
            if known.iter().filter_map(|e| e.omemo.as_ref()).any(same) {
                return Some(News::Changed);
            }
            known.iter().any(is_known).then_some(News::Joined)
        }
        Some(before) => {
            let is_there = |e: &Entry| e.omemo.as_ref().is_some_and(|key| key.gone.is_none());
            let back = !is_there(before) && is_there(after);
            (back && after.state == State::Revoked).then_some(News::Revoked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ann@home.example";

    fn device(id: u32, key: char, listed: bool) -> Published {
        Published {
            version: Version::Legacy,
            id,
            label: String::new(),
            fingerprint: Some(key.to_string().repeat(64)),
            listed,
            at: Some(1),
        }
    }

    /// The entries after what `published` brings, with the news.
    fn after(
        known: &mut Vec<Entry>,
        published: &[Published],
        now: u64,
    ) -> Vec<(char, Option<News>)> {
        let touched: Vec<_> = published.iter().map(|d| (d.version, d.id)).collect();
        let lines = lines((ANN, known), published, &touched, now);
        let mut told = Vec::new();
        for Line { entry, news } in lines {
            told.push((entry.fingerprint.chars().next().unwrap(), news));
            known.retain(|e| e.fingerprint != entry.fingerprint);
            known.push(entry);
        }
        told.sort_unstable_by_key(|(key, _)| *key);
        told
    }

    fn key(known: &[Entry], of: char) -> &Key {
        known.iter().find(|e| e.fingerprint.starts_with(of)).unwrap().omemo.as_ref().unwrap()
    }

    #[test]
    fn the_life_of_a_key() {
        let mut known = Vec::new();
        // The bundle first, then the list: on its way, and not gone.
        assert_eq!(after(&mut known, &[device(7, 'a', false)], 10), [('a', None)]);
        assert_eq!((key(&known, 'a').listed, key(&known, 'a').gone), (false, None));
        assert_eq!(known[0].state, State::Declared);
        assert_eq!(after(&mut known, &[device(7, 'a', true)], 11), [('a', None)]);
        assert!(after(&mut known, &[device(7, 'a', true)], 12).is_empty(), "nothing new");
        // A day later it is seen again.
        assert_eq!(after(&mut known, &[device(7, 'a', true)], 10 + SEEN_EVERY), [('a', None)]);
        assert_eq!((known[0].added, known[0].last_seen), (10, Some(10 + SEEN_EVERY)));
        // Off the list, then without its bundle: gone since it left the list.
        let now = 20 + SEEN_EVERY;
        after(&mut known, &[device(7, 'a', false)], now);
        assert_eq!(key(&known, 'a').gone, Some(now));
        assert!(after(&mut known, &[], now + 5).is_empty());
        assert!(after(&mut known, &[device(7, 'a', false)], now + 6).is_empty(), "still gone");
        after(&mut known, &[device(7, 'a', true)], now + 7);
        assert_eq!(key(&known, 'a').gone, None, "it is back");
        assert_eq!(after(&mut known, &[], now + 8), [('a', None)]);
        assert_eq!(key(&known, 'a').gone, Some(now + 8));
    }

    #[test]
    fn what_is_news() {
        let (mut known, one) = (Vec::new(), device(1, 'a', true));
        let both = [one.clone(), device(2, 'b', true)];
        assert_eq!(after(&mut known, &both, 10), [('a', None), ('b', None)], "the first are not");
        let three = [one.clone(), device(2, 'b', true), device(3, 'c', false)];
        assert_eq!(after(&mut known, &three, 11), [('c', Some(News::Joined))]);
        // The same device with another key; the one before is gone.
        let other = [device(1, 'd', true), device(2, 'b', true), device(3, 'c', true)];
        let told = after(&mut known, &other, 12);
        assert_eq!(told, [('a', None), ('c', None), ('d', Some(News::Changed))]);
        assert_eq!(key(&known, 'a').gone, Some(12));
        // Revoked, it stays revoked, and its return is told.
        let revoke = |e: &mut Entry| {
            if e.fingerprint.starts_with('a') {
                e.state = State::Revoked;
            }
        };
        known.iter_mut().for_each(revoke);
        let told = after(&mut known, &[one], 13);
        assert_eq!(told, [('a', Some(News::Revoked)), ('b', None), ('c', None), ('d', None)]);
        let a = known.iter().find(|e| e.fingerprint.starts_with('a')).unwrap();
        assert_eq!(a.state, State::Revoked);
        // The same number in the other version is another device.
        let two = Published { version: Version::Two, ..device(1, 'f', true) };
        assert_eq!(after(&mut known, &[two], 14)[1], ('f', Some(News::Joined)));
        // Somebody whose OTR key is known has a first OMEMO key.
        let otr = Entry { fingerprint: "0".repeat(40), state: State::Attested, ..Entry::default() };
        assert_eq!(after(&mut vec![otr], &[device(9, 'e', true)], 15), [('e', Some(News::Joined))]);
    }

    #[test]
    fn one_key_in_both_versions_is_one_entry() {
        let two =
            Published { version: Version::Two, label: "Phone".to_owned(), ..device(1, 'a', true) };
        let mut known = Vec::new();
        assert_eq!(after(&mut known, &[device(1, 'a', true), two], 10), [('a', None)]);
        assert_eq!(key(&known, 'a').versions, [Version::Legacy, Version::Two]);
        assert_eq!(key(&known, 'a').label, "Phone");
        assert_eq!(after(&mut known, &[device(1, 'a', true)], 11).len(), 1);
        assert_eq!(key(&known, 'a').gone, None);
    }
}
