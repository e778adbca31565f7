//! The concierge's own key and instance tag, and the phrases by which people check them.
//!
//! The key is made once, at the first start, and stays in the store.
//! Phrases are in memory only. Invariants: at most [`CONCIERGE_PHRASES_MAX`] phrases, each works
//! once and for [`CONCIERGE_PHRASE_TIME_MAX`]; no key or phrase is in any log.

use std::collections::HashMap;
use std::sync::Arc;

use otr::files::{instance_tags, keys};
use otr::rand_core::UnwrapErr;
use otr::{PrivateKey, Secret};
use store::{Batch, Raw, Store, Table};
use xmpp::jid::BareJid;
use zeroize::Zeroizing;

use crate::accounts::password;
use crate::daemon::Now;
use crate::limits::{CONCIERGE_PHRASE_TIME_MAX, CONCIERGE_PHRASES_MAX};

const CONCIERGE: Table<String, Raw> = Table::new("concierge");

/// The tables of this module.
pub const TABLES: &[&str] = &[CONCIERGE.name()];

const KEY: &str = "key";
const INSTANCE: &str = "instance";

/// Who the concierge is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<PrivateKey>,
    pub(super) instance: u32,
}

impl Identity {
    /// Reads it; `Ok(None)` if it is not made yet.
    pub(super) fn load(store: &Store) -> Result<Option<Self>, String> {
        let read = |name: &str| store.get(&CONCIERGE, name).map_err(|e| e.to_string());
        let (Some(Raw(key)), Some(Raw(instance))) = (read(KEY)?, read(INSTANCE)?) else {
            return Ok(None);
        };
        let text = Zeroizing::new(String::from_utf8(key).map_err(|_| "the key is damaged")?);
        let mut all = keys::read(&text).map_err(|e| e.to_string())?;
        let key = all.pop().ok_or("the key is not there")?.key;
        let instance = instance.try_into().map_err(|_| "the instance tag is damaged")?;
        Ok(Some(Self { key: Arc::new(key), instance: u32::from_be_bytes(instance) }))
    }

    /// Makes one; takes up to a second. `None` cannot happen with a sane generator.
    pub(super) fn make() -> Option<Self> {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let key = Arc::new(PrivateKey::generate(&mut rng)?);
        Some(Self { key, instance: instance_tags::random(&mut rng) })
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let text = include_str!("../../../otr/tests/vectors/keys/dave/otr.private_key");
        let key = Arc::new(keys::read(text).unwrap().remove(0).key);
        Self { key, instance: 0x5a17 }
    }

    /// Writes it.
    pub(super) fn write(&self, batch: &mut Batch) {
        let own = keys::AccountKey {
            account: "concierge".to_owned(),
            protocol: "snug".to_owned(),
            key: PrivateKey::clone(&self.key),
        };
        let text = keys::write([&own]);
        batch.put(&CONCIERGE, KEY, &Raw(text.as_bytes().to_vec()));
        batch.put(&CONCIERGE, INSTANCE, &Raw(self.instance.to_be_bytes().to_vec()));
    }
}

#[derive(Debug)]
struct Phrase {
    words: Zeroizing<String>,
    until: u64,
}

/// The phrases that the panel showed.
#[derive(Debug, Default)]
pub(super) struct Phrases(HashMap<BareJid, Phrase>);

impl Phrases {
    /// Makes one for `jid`, in place of the one before; with the time when it stops working.
    pub(super) fn make(&mut self, jid: &BareJid, now: Now) -> (Zeroizing<String>, u64) {
        self.0.retain(|_, phrase| phrase.until > now.unix);
        if self.0.len() >= CONCIERGE_PHRASES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, p)| p.until).map(|(jid, _)| jid.clone());
            oldest.map(|jid| self.0.remove(&jid));
        }
        let words = Zeroizing::new(password::generate());
        let until = now.unix + CONCIERGE_PHRASE_TIME_MAX;
        self.0.insert(jid.clone(), Phrase { words: words.clone(), until });
        (words, until)
    }

    /// Takes the phrase of `jid`: one try.
    pub(super) fn take(&mut self, jid: &BareJid, now: Now) -> Option<Secret> {
        let phrase = self.0.remove(jid).filter(|phrase| phrase.until > now.unix)?;
        Secret::new(phrase.words.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_back() {
        let (_dir, store) = crate::testing::store(TABLES);
        assert!(Identity::load(&store).unwrap().is_none());
        let made = Identity::make().unwrap();
        let mut batch = Batch::new();
        made.write(&mut batch);
        store.commit_blocking(batch).unwrap();
        let read = Identity::load(&store).unwrap().unwrap();
        assert_eq!(read.key.fingerprint(), made.key.fingerprint());
        assert_eq!(read.instance, made.instance);
        let mut batch = Batch::new();
        batch.put(&CONCIERGE, KEY, &Raw(b"(privkeys)".to_vec()));
        store.commit_blocking(batch).unwrap();
        assert!(Identity::load(&store).is_err(), "no new key in place of a damaged one");
    }

    #[test]
    fn a_phrase_works_once_and_not_for_ever() {
        let (mut phrases, now) = (Phrases::default(), Now::read());
        let (ann, bob) = (BareJid::parse("ann@a").unwrap(), BareJid::parse("bob@a").unwrap());
        let later = Now { unix: now.unix + CONCIERGE_PHRASE_TIME_MAX, ..now };
        phrases.make(&ann, now);
        assert!(phrases.take(&bob, now).is_none());
        assert!(phrases.take(&ann, now).is_some());
        assert!(phrases.take(&ann, now).is_none());
        phrases.make(&ann, now);
        assert!(phrases.take(&ann, later).is_none());
        for n in 0..=CONCIERGE_PHRASES_MAX {
            let jid = BareJid::parse(&format!("p{n}@a")).unwrap();
            phrases.make(&jid, Now { unix: now.unix + n as u64, ..now });
        }
        assert_eq!(phrases.0.len(), CONCIERGE_PHRASES_MAX);
    }
}
