//! XEP-0115: Entity Capabilities, of the account's own clients.
//!
//! Learns from a client's presence which news it wants to hear of: the nodes that its
//! capabilities name with `+notify` (XEP-0163 §4). Spec: §5.4 processing, §6.2 asking, §8.4
//! presence without capabilities, §9.3 poisoning.
//!
//! State: [`Client`], one per session, and [`Verified`], of all accounts. Invariants: what is
//! taken from an answer is a function of the text that is hashed, so whoever sends an answer that
//! fits a hash cannot make it mean something else than the client whose hash it is; an answer
//! that does not fit is used for nobody but the session that gave it; a session is asked one
//! question at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;
use xmpp::element::Element;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, Spec, caps, on_interested};
use crate::limits::{
    CLIENT_ANSWER_TIME_MAX, CLIENT_INFO_BYTES_MAX, CLIENT_NAME_BYTES_MAX, CLIENT_NODES_BYTES_MAX,
    CLIENT_NODES_MAX, CLIENTS_VERIFIED_MAX,
};
use crate::random;
use crate::registry::{Bound, SessionId};

/// See the module.
pub const FEATURE: Feature = Feature {
    presence: Some(presence),
    answer: Some(answer),
    ..Feature::new("client_caps", Spec::Xep { number: 115, version: "1.6.0" })
};

/// What a feature's name ends with if its news are wanted. XEP-0163 §4
const NOTIFY: &str = "+notify";

/// Characters of the name of a question.
const ID_CHARACTERS: usize = 16;

/// Names of nodes, in order.
type Nodes = Arc<[Box<str>]>;

/// What is known of a session's client.
#[derive(Debug, Default)]
struct Client {
    /// What its presence said last.
    claim: Option<Claim>,
    /// The question that it has not answered yet.
    asked: Option<Asked>,
    /// What it wants to hear of.
    wants: Nodes,
    /// What the features know of that, since it is available.
    told: Nodes,
}

#[derive(Debug)]
struct Asked {
    id: String,
    about: Claim,
    at: Instant,
}

/// What presence says about capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    /// Under which the client can be asked.
    node: String,
    /// The hash, by its algorithm; `None` for one that cannot be verified: of before version 1.4
    /// (§13), or by an algorithm that we do not have.
    hash: Option<Hash>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hash {
    algorithm: Algorithm,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl Claim {
    fn of(presence: &Stanza) -> Option<Self> {
        let c = presence.child("c", ns::CAPS)?;
        let (node, ver) = (c.attr("node")?, c.attr("ver")?);
        let algorithm = match c.attr("hash") {
            Some("sha-1") => Some(Algorithm::Sha1),
            Some("sha-256") => Some(Algorithm::Sha256),
            Some("sha-512") => Some(Algorithm::Sha512),
            _ => None,
        };
        let hash = algorithm.map(|algorithm| Hash { algorithm, value: ver.to_owned() });
        let claim = Self { node: format!("{node}#{ver}"), hash };
        (claim.node.len() <= CLIENT_NAME_BYTES_MAX).then_some(claim)
    }
}

impl Hash {
    /// §5.4 rule 3.7
    fn fits(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let made = match self.algorithm {
            Algorithm::Sha1 => STANDARD.encode(sha1::Sha1::digest(text)),
            Algorithm::Sha256 => STANDARD.encode(sha2::Sha256::digest(text)),
            Algorithm::Sha512 => STANDARD.encode(sha2::Sha512::digest(text)),
        };
        made == self.value
    }
}

/// Does the client of this session want to hear of `node`? Not before it is known.
#[must_use]
pub fn wants(session: &Bound, node: &str) -> bool {
    let client = session.slots.get::<Client>();
    client.is_some_and(|client| contains(&client.wants, node))
}

fn contains(nodes: &Nodes, node: &str) -> bool {
    nodes.binary_search_by(|one| (**one).cmp(node)).is_ok()
}

fn client<'a>(cx: &'a mut Cx<'_>, id: SessionId) -> Option<&'a mut Client> {
    let slots = &mut cx.account.session_mut(id)?.slots;
    if slots.get::<Client>().is_none() {
        slots.put(Client::default());
    }
    slots.get_mut()
}

fn presence(cx: &mut Cx<'_>, id: SessionId, first: bool) {
    let said = cx.account.session(id).and_then(|s| s.presence.as_deref()).and_then(Claim::of);
    let now = cx.now.monotonic;
    let Some(client) = client(cx, id) else { return };
    if first {
        client.told = Nodes::default();
    }
    let late = |asked: &Asked| now.duration_since(asked.at) >= CLIENT_ANSWER_TIME_MAX;
    let unanswered = client.asked.as_ref().is_some_and(late);
    // §8.4: presence without capabilities changes nothing.
    let changed = said.is_some() && said != client.claim;
    if changed {
        client.claim = said;
    }
    if unanswered {
        client.asked = None;
    }
    if changed || unanswered {
        look_up(cx, id);
    } else {
        tell(cx, id);
    }
}

/// Takes what is known about what the client claims, or asks it.
fn look_up(cx: &mut Cx<'_>, id: SessionId) {
    let daemon = cx.daemon;
    let Some(client) = client(cx, id) else { return };
    let Some(claim) = client.claim.clone() else { return };
    match claim.hash.as_ref().and_then(|hash| daemon.registry.verified.find(hash)) {
        Some(nodes) => {
            client.wants = nodes;
            tell(cx, id);
        }
        // The answer leads here again.
        None if client.asked.is_some() => {}
        None => ask(cx, id, claim),
    }
}

/// §6.2
fn ask(cx: &mut Cx<'_>, id: SessionId, about: Claim) {
    let Some(session) = cx.account.session(id) else { return };
    let (name, at) = (random::text(ID_CHARACTERS), cx.now.monotonic);
    let query = Element::new("query", ns::DISCO_INFO).with_attr("node", about.node.clone());
    let mut iq = Stanza::get(name.clone(), Some(session.jid.clone()), query);
    iq.set_from(Jid::from(&cx.account.jid));
    if let Some(client) = client(cx, id) {
        client.asked = Some(Asked { id: name, about, at });
    }
    cx.effects.own.push((id, iq));
}

fn answer(cx: &mut Cx<'_>, id: SessionId, iq: &Stanza) -> bool {
    let daemon = cx.daemon;
    let Some(client) = cx.account.session_mut(id).and_then(|s| s.slots.get_mut::<Client>()) else {
        return false;
    };
    let Some(Asked { about, .. }) = client.asked.take_if(|asked| Some(&*asked.id) == iq.id())
    else {
        return false;
    };
    let outcome = match read(iq) {
        None => "refused",
        Some((text, nodes)) => {
            let fits = about.hash.as_ref().filter(|hash| hash.fits(&text));
            if let Some(hash) = fits {
                daemon.registry.verified.remember(hash.clone(), Arc::clone(&nodes));
            }
            // Beside the point if it claims something else by now.
            if client.claim.as_ref() == Some(&about) {
                client.wants = nodes;
            }
            if fits.is_some() { "verified" } else { "unverified" }
        }
    };
    daemon.counters.add("client-caps", outcome);
    if cx.account.session(id).and_then(claimed) == Some(&about) {
        tell(cx, id);
    } else {
        look_up(cx, id);
    }
    true
}

fn claimed(session: &Bound) -> Option<&Claim> {
    session.slots.get::<Client>()?.claim.as_ref()
}

/// The text of an answer that is hashed, and the nodes in it.
fn read(iq: &Stanza) -> Option<(String, Nodes)> {
    if iq.iq_type() != Some(IqType::Result) {
        return None;
    }
    let query = iq.payload().filter(|query| query.is("query", ns::DISCO_INFO))?;
    let text = caps::hashed_text(query);
    if text.len() > CLIENT_INFO_BYTES_MAX {
        return None;
    }
    // Not from the features themselves: a text of the same hash can be had with some of them
    // written as forms (§9.3).
    let mut nodes: Vec<&str> = text.split('<').filter_map(|s| s.strip_suffix(NOTIFY)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let bytes: usize = nodes.iter().map(|node| node.len()).sum();
    if nodes.len() > CLIENT_NODES_MAX || bytes > CLIENT_NODES_BYTES_MAX {
        return None;
    }
    let nodes = nodes.into_iter().map(Box::from).collect();
    Some((text, nodes))
}

/// Tells the features what an available session wants that they do not know of.
fn tell(cx: &mut Cx<'_>, id: SessionId) {
    if cx.account.session(id).is_none_or(|session| session.priority.is_none()) {
        return;
    }
    let Some(client) = client(cx, id) else { return };
    let wants = Arc::clone(&client.wants);
    let told = std::mem::replace(&mut client.told, Arc::clone(&wants));
    let news: Vec<&str> = wants.iter().map(|node| &**node).collect();
    let news: Vec<&str> = news.into_iter().filter(|node| !contains(&told, node)).collect();
    if !news.is_empty() {
        on_interested(cx, id, &news);
    }
}

/// What clients of which software want to hear of, by the hash of their capabilities. Invariants:
/// each was computed from an answer; at most [`CLIENTS_VERIFIED_MAX`], the last used.
#[derive(Debug, Default)]
pub struct Verified(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<Hash, Known>,
    /// Counts the uses.
    uses: u64,
}

#[derive(Debug)]
struct Known {
    nodes: Nodes,
    used: u64,
}

impl Verified {
    fn find(&self, hash: &Hash) -> Option<Nodes> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.uses += 1;
        let uses = memory.uses;
        let known = memory.known.get_mut(hash)?;
        known.used = uses;
        Some(Arc::clone(&known.nodes))
    }

    fn remember(&self, hash: Hash, nodes: Nodes) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.uses += 1;
        let known = Known { nodes, used: memory.uses };
        memory.known.insert(hash, known);
        if memory.known.len() > CLIENTS_VERIFIED_MAX {
            let oldest = memory.known.iter().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                memory.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
