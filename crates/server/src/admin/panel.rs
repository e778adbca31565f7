//! Sign-in to the panel, and its sessions.
//!
//! The panel holds no secret: a session is a random token in the browser, and its hash here.
//! Invariants: a token is never stored; a session ends with its time, after a week without use,
//! and at once when its person is locked, deleted, made member or given a new password; it never
//! may more than its person might at the sign-in; a wrong name costs as long as a wrong password.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use admin_api::panel::{self as api, Done, Revoke, SignIn, SignedIn};
use admin_api::{Problem, ProblemKind, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, JsonValue, Span, Store, StoreError, Table};
use xmpp::jid::BareJid;

use super::access::Caller;
use super::store_problem;
use crate::accounts::{NameError, Record, Role};
use crate::auth::Unchecked;
use crate::daemon::{Daemon, Now};
use crate::limits::{
    PANEL_SESSION_IDLE_SECONDS_MAX, PANEL_SESSION_SECONDS_MAX, PANEL_SESSION_TOUCH_SECONDS,
    PANEL_SESSIONS_PER_ACCOUNT_MAX, ROWS_PER_READ,
};
use crate::random;

/// By the SHA-256 of the token, hexadecimal.
const SESSIONS: Table<String, Session> = Table::new("panel.sessions");

/// The tables of this module.
pub const TABLES: &[&str] = &[SESSIONS.name()];

/// Bytes of what a browser calls itself.
const AGENT_BYTES_MAX: usize = 200;

/// Characters of an address with zone.
const ADDRESS_CHARS_MAX: usize = 64;

/// Digits of the hash that name a session: unique enough within one person's.
const ID_DIGITS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    local: String,
    /// The most that it may do. Those of before were all administrators'.
    #[serde(default = "admin")]
    role: Role,
    since: u64,
    last_used: u64,
    address: String,
    agent: String,
}

impl JsonValue for Session {}

const fn admin() -> Role {
    Role::Admin
}

impl Session {
    fn is_over(&self, now: u64) -> bool {
        // A clock that was set back makes sessions younger, never older.
        now.saturating_sub(self.since) >= PANEL_SESSION_SECONDS_MAX
            || now.saturating_sub(self.last_used) >= PANEL_SESSION_IDLE_SECONDS_MAX
    }
}

/// The person of a valid token.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) jid: BareJid,
    pub(super) record: Arc<Record>,
    /// What the session may do.
    pub(super) role: Role,
    /// Hash of the token.
    key: String,
}

/// Whose token is this? `None` if it is nobody's, or no longer.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn person(daemon: &Daemon, token: &Secret, now: Now) -> Result<Option<Person>, Problem> {
    let key = hash(token.expose());
    let session = daemon.store.get(&SESSIONS, &key).map_err(store_problem)?;
    let Some(mut session) = session.filter(|s| !s.is_over(now.unix)) else { return Ok(None) };
    let Ok(jid) = daemon.accounts.address(&session.local) else { return Ok(None) };
    let record = daemon.accounts.lookup(&jid).map_err(store_problem)?;
    let Some(record) = record.filter(|r| r.is_active()) else { return Ok(None) };
    if now.unix.saturating_sub(session.last_used) >= PANEL_SESSION_TOUCH_SECONDS {
        session.last_used = now.unix;
        let mut batch = Batch::new();
        batch.put(&SESSIONS, &key, &session);
        // Nobody waits: if it is lost, the session looks a little older than it is.
        daemon.durability.commit(batch);
    }
    let role = match (session.role, record.role) {
        (Role::Admin, Role::Admin) => Role::Admin,
        (Role::Member, _) | (_, Role::Member) => Role::Member,
    };
    Ok(Some(Person { jid, record, role, key }))
}

/// Signs in.
pub(super) async fn sign_in(daemon: &Daemon, call: &SignIn) -> Result<SignedIn, Problem> {
    let _place = daemon.auth.sign_in_place().ok_or_else(|| {
        Problem::new(
            ProblemKind::Throttled,
            "Too many people are signing in at once; try again in ten seconds.",
        )
    })?;
    let address = call.address.parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let user = match daemon.accounts.address(&call.name) {
        Ok(user) => user,
        Err(NameError::NoDomain) => return Err(NameError::NoDomain.into()),
        // Nobody's name, but one that costs the same.
        Err(_) => daemon.accounts.address("-")?,
    };
    tokio::time::sleep(daemon.auth.delay(address, &user, Now::read())).await;
    let record = daemon.accounts.lookup(&user).map_err(store_problem)?;
    let record = record.filter(|r| r.is_active());
    let password = call.password.expose();
    let check = daemon.auth.check_panel(&user, record.as_deref(), password).await?;
    let Some(record) = record.filter(|_| check.right) else {
        daemon.auth.failed(address, Some(&user), Now::read());
        daemon.counters.add("panel", "sign-in-failed");
        tracing::info!("a sign-in to the panel failed");
        return Err(Problem::new(
            ProblemKind::SignIn,
            "Name or password is wrong, or the account is locked.",
        ));
    };
    daemon.auth.forgive(address, &user);
    if let Some(hash) = check.new_hash.filter(|_| record.role == Role::Admin) {
        daemon.accounts.keep_panel_hash(daemon, &user, &record, hash).await?;
    }
    let signed_in =
        begin(daemon, (&user, &record), Origin::new(&call.address, &call.agent)).await?;
    match record.role {
        Role::Admin => tracing::info!("an administrator signed in to the panel"),
        Role::Member => tracing::info!("a member signed in to the panel"),
    }
    Ok(signed_in)
}

impl From<Unchecked> for Problem {
    fn from(e: Unchecked) -> Self {
        let kind = match e {
            Unchecked::Overloaded => ProblemKind::Throttled,
            Unchecked::Store(_) => ProblemKind::Store,
        };
        Self::new(kind, e.to_string())
    }
}

/// Where a session comes from, shortened to what is kept.
pub(super) struct Origin {
    address: String,
    agent: String,
}

impl Origin {
    pub(super) fn new(address: &str, agent: &str) -> Self {
        let address = address.chars().filter(|c| !c.is_control()).take(ADDRESS_CHARS_MAX);
        let mut agent: String = agent.chars().filter(|c| !c.is_control()).collect();
        let mut end = AGENT_BYTES_MAX.min(agent.len());
        while !agent.is_char_boundary(end) {
            end -= 1;
        }
        agent.truncate(end);
        Self { address: address.collect(), agent }
    }
}

/// A session that is ready to be written.
pub(super) struct Fresh {
    pub(super) token: Secret,
    key: String,
    session: Session,
}

impl Fresh {
    pub(super) fn new((local, role): (&str, Role), origin: Origin, now: u64) -> Self {
        let token = URL_SAFE_NO_PAD.encode(random::bytes::<32>());
        let Origin { address, agent } = origin;
        let local = local.to_owned();
        let session = Session { local, role, since: now, last_used: now, address, agent };
        Self { key: hash(&token), token: Secret::new(token), session }
    }

    pub(super) fn write(&self, batch: &mut Batch) {
        batch.put(&SESSIONS, &self.key, &self.session);
    }
}

/// Begins a session of `jid`, whose password was just found right by what `seen` says.
async fn begin(
    daemon: &Daemon,
    (jid, seen): (&BareJid, &Record),
    origin: Origin,
) -> Result<SignedIn, Problem> {
    let local = jid.local().unwrap_or_default();
    let (fresh, ticket) = {
        // No change of the account comes between this look and the write.
        let _turn = daemon.accounts.turn().await;
        let record = daemon.accounts.lookup(jid).map_err(store_problem)?;
        // The password may be another since it was found right.
        let same = |r: &Arc<Record>| r.is_active() && r.scram == seen.scram;
        let Some(record) = record.filter(same) else {
            return Err(Problem::new(ProblemKind::SignIn, "The account was just changed."));
        };
        let fresh = Fresh::new((local, record.role), origin, Now::read().unix);
        let mut batch = Batch::new();
        let mut others = sessions_of(&daemon.store, local).map_err(store_problem)?;
        others.sort_by_key(|(_, s)| s.last_used);
        let over = (others.len() + 1).saturating_sub(PANEL_SESSIONS_PER_ACCOUNT_MAX);
        for (key, _) in others.iter().take(over) {
            batch.delete(&SESSIONS, key);
        }
        fresh.write(&mut batch);
        (fresh, daemon.durability.commit(batch))
    };
    daemon.durability.wait(ticket).await?;
    let person = person(daemon, &fresh.token, Now::read())?;
    let person = person.ok_or_else(|| Problem::new(ProblemKind::SignIn, "Sign in again."))?;
    Ok(SignedIn { token: fresh.token, person: shown(daemon, &person) })
}

fn shown(daemon: &Daemon, person: &Person) -> api::Person {
    api::Person {
        jid: person.jid.to_string(),
        display_name: person.record.display_name.clone(),
        role: person.role.into(),
        domain: daemon.domain().map(|d| d.to_string()).unwrap_or_default(),
    }
}

/// Who is signed in?
pub(super) fn who(daemon: &Daemon, caller: &Caller) -> Result<api::Person, Problem> {
    Ok(shown(daemon, caller.person()?))
}

/// Ends the caller's session.
pub(super) async fn sign_out(daemon: &Daemon, caller: &Caller) -> Result<Done, Problem> {
    let mut batch = Batch::new();
    batch.delete(&SESSIONS, &caller.person()?.key);
    daemon.durability.wait(daemon.durability.commit(batch)).await?;
    Ok(Done {})
}

/// The sessions of the caller's person, newest first.
pub(super) fn sessions(daemon: &Daemon, caller: &Caller) -> Result<Vec<api::Session>, Problem> {
    let person = caller.person()?;
    let now = Now::read().unix;
    let mut all = sessions_of(&daemon.store, person.jid.local().unwrap_or_default())
        .map_err(store_problem)?;
    all.retain(|(_, s)| !s.is_over(now));
    all.sort_by_key(|(_, s)| std::cmp::Reverse(s.since));
    let shown = |(key, s): (String, Session)| api::Session {
        id: id_of(&key),
        since: s.since,
        last_used: s.last_used,
        address: s.address,
        agent: s.agent,
        current: key == person.key,
    };
    Ok(all.into_iter().map(shown).collect())
}

/// Ends other sessions of the caller's person, or one.
pub(super) async fn revoke(
    daemon: &Daemon,
    caller: &Caller,
    call: &Revoke,
) -> Result<Done, Problem> {
    let person = caller.person()?;
    let own = sessions_of(&daemon.store, person.jid.local().unwrap_or_default())
        .map_err(store_problem)?;
    let chosen = |key: &String| match call {
        Revoke::Others => *key != person.key,
        Revoke::One(id) => id_of(key) == *id,
    };
    let mut batch = Batch::new();
    for (key, _) in own.iter().filter(|(key, _)| chosen(key)) {
        batch.delete(&SESSIONS, key);
    }
    if batch.is_empty() && matches!(call, Revoke::One(_)) {
        return Err(Problem::new(ProblemKind::NotFound, "That session is over already."));
    }
    daemon.durability.wait(daemon.durability.commit(batch)).await?;
    Ok(Done {})
}

/// Adds the end of all panel sessions of `jid` to `batch`.
pub(crate) fn end_all_of(
    store: &Store,
    batch: &mut Batch,
    jid: &BareJid,
) -> Result<(), StoreError> {
    for (key, _) in sessions_of(store, jid.local().unwrap_or_default())? {
        batch.delete(&SESSIONS, &key);
    }
    Ok(())
}

/// Deletes sessions that are over.
pub(crate) fn sweep(daemon: &Daemon, now: u64) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    walk(&daemon.store, |key, session| {
        if session.is_over(now) {
            batch.delete(&SESSIONS, &key);
        }
    })?;
    daemon.durability.commit(batch);
    Ok(())
}

fn sessions_of(store: &Store, local: &str) -> Result<Vec<(String, Session)>, StoreError> {
    let mut all = Vec::new();
    walk(store, |key, session| {
        if session.local == local {
            all.push((key, session));
        }
    })?;
    Ok(all)
}

/// A person has few sessions and a home few people, so that walking through all is cheap.
fn walk(store: &Store, mut each: impl FnMut(String, Session)) -> Result<(), StoreError> {
    let mut span = Span::all();
    loop {
        let page = store.scan(&SESSIONS, &span, ROWS_PER_READ)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = Span::all().after(last);
        page.into_iter().for_each(|(key, session)| each(key, session));
    }
}

fn id_of(key: &str) -> String {
    key.chars().take(ID_DIGITS).collect()
}

/// SHA-256, hexadecimal. Enough for tokens and codes, which are random and long.
pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_age_and_by_disuse() {
        let day = 24 * 3600;
        let session = |since, last_used| Session {
            local: "ann".to_owned(),
            role: Role::Member,
            since,
            last_used,
            address: String::new(),
            agent: String::new(),
        };
        assert!(!session(100 * day, 100 * day).is_over(100 * day));
        assert!(!session(100 * day, 120 * day).is_over(126 * day));
        assert!(session(100 * day, 120 * day).is_over(127 * day), "a week without use");
        assert!(session(100 * day, 129 * day).is_over(130 * day), "a month old");
        assert!(!session(100 * day, 100 * day).is_over(50 * day), "the clock was set back");
    }

    #[test]
    fn what_a_browser_says_is_shortened_between_characters() {
        let origin = Origin::new("192.168.1.2\r\n", &"ü".repeat(150));
        assert_eq!(origin.address, "192.168.1.2");
        assert_eq!(origin.agent, "ü".repeat(100));
        assert_eq!(Origin::new("", &format!("x{}", "ü".repeat(150))).agent.len(), 199);
    }
}
