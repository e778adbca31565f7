//! Passwords: what verifies them, how often they may be wrong, and where the slow part runs.
//!
//! Spec: RFC 6120 §6 (what c2s asks for), RFC 5802 §9, RFC 9106 (argon2id for the panel).
//!
//! Invariants: nobody can tell an unknown name from a wrong password, neither by the answer nor
//! by its time; slow hashing runs on the blocking pool, at most [`PASSWORD_CHECKS_MAX`] at once
//! with a bounded number waiting; a right password is delayed at times, never refused.

pub mod throttle;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use store::{Batch, Raw, Store, StoreError, Table};
use tokio::sync::{Semaphore, SemaphorePermit};
use xmpp::jid::BareJid;
use xmpp::sasl::saslprep;
use xmpp::scram::{ScramHash, ScramKeys};
use zeroize::Zeroizing;

use self::throttle::Throttle;
use crate::accounts::{ITERATIONS, Record};
use crate::daemon::{Daemon, Now};
use crate::limits::{
    PANEL_SIGN_INS_MAX, PASSWORD_CHECKS_MAX, PASSWORD_CHECKS_WAITING_MAX,
    SETUP_CODE_TRIES_PER_MINUTE,
};
use crate::random;
use crate::services::probe::Probe;

/// The daemon's own secrets.
const SECRETS: Table<String, Raw> = Table::new("auth.secrets");

/// The tables of this module.
pub const TABLES: &[&str] = &[SECRETS.name()];

/// What answers for unknown names are made from.
const FAKE: &str = "fake";

/// What the names of devices are made from.
const DEVICES: &str = "devices";

/// argon2id: 19 MiB, two passes, one lane (RFC 9106 leaves the choice; this is the usual one for
/// small machines).
const ARGON2_KIB: u32 = 19 * 1024;
const ARGON2_PASSES: u32 = 2;
const ARGON2_LANES: u32 = 1;

const MINUTE: Duration = Duration::from_secs(60);

/// Password checks and their throttle.
pub struct Auth {
    throttle: Mutex<Throttle>,
    secret: Zeroizing<[u8; 32]>,
    devices: Zeroizing<[u8; 32]>,
    /// One for each check that runs or waits.
    places: Semaphore,
    running: Arc<Semaphore>,
    /// A hash of no password, to spend the time of a check on.
    nobodys_hash: String,
    sign_ins: Semaphore,
    /// When the minute of the set-up codes began, and how many were wrong in it.
    codes: Mutex<(Instant, u32)>,
    probe: Probe,
}

/// A password was not checked. Says nothing about whether it is right.
#[derive(Debug)]
pub enum Unchecked {
    /// Too many checks wait already.
    Overloaded,
    /// The account could not be read.
    Store(StoreError),
}

impl std::fmt::Display for Unchecked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overloaded => {
                f.write_str("Too many passwords are being checked; try again in a moment.")
            }
            Self::Store(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Unchecked {}

impl From<StoreError> for Unchecked {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

/// What a check of a panel password found.
#[derive(Debug)]
pub(crate) struct PanelCheck {
    /// Is it right?
    pub(crate) right: bool,
    /// The argon2id hash to keep from now on, where there was none.
    pub(crate) new_hash: Option<String>,
}

impl Auth {
    /// With the secrets in the store, which are made on the first start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            throttle: Mutex::default(),
            secret: secret(store, FAKE)?,
            devices: secret(store, DEVICES)?,
            places: Semaphore::new(PASSWORD_CHECKS_MAX + PASSWORD_CHECKS_WAITING_MAX),
            running: Arc::new(Semaphore::new(PASSWORD_CHECKS_MAX)),
            nobodys_hash: format!(
                "$argon2id$v=19$m={ARGON2_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}${}${}",
                STANDARD_NO_PAD.encode(random::bytes::<16>()),
                STANDARD_NO_PAD.encode(random::bytes::<32>()),
            ),
            sign_ins: Semaphore::new(PANEL_SIGN_INS_MAX),
            codes: Mutex::new((Instant::now(), 0)),
            probe: Probe::new(),
        })
    }

    /// The secret that answers for unknown names are made from; see [`ScramKeys::fake`].
    #[must_use]
    pub fn fake_secret(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// The secret that the names of devices are made from; see `devices`.
    pub(crate) fn device_secret(&self) -> &[u8; 32] {
        &self.devices
    }

    /// The health log-in's credential and last result.
    pub(crate) fn probe(&self) -> &Probe {
        &self.probe
    }

    /// How long to hold back the answer to a log-in as `user` from `address`.
    #[must_use]
    pub fn delay(&self, address: IpAddr, user: &BareJid, now: Now) -> Duration {
        // Nobody can guess the health log-in, and what others do on loopback must not fail it.
        if user.local() == Some(crate::accounts::PROBE) {
            return Duration::ZERO;
        }
        self.throttle().delay(address, user.as_str(), now.monotonic)
    }

    /// A wrong password came from `address`.
    pub fn failed(&self, address: IpAddr, user: Option<&BareJid>, now: Now) {
        self.throttle().failed(address, user.map(BareJid::as_str), now.monotonic);
    }

    /// `user` logged in from `address`.
    pub fn succeeded(&self, daemon: &Daemon, address: IpAddr, user: &BareJid, now: Now) {
        self.throttle().succeeded(address, user.as_str());
        daemon.accounts.logged_in(daemon, user, now.unix);
    }

    /// As [`Auth::succeeded`], for the panel, where signing in is no log-in to XMPP.
    pub(crate) fn forgive(&self, address: IpAddr, user: &BareJid) {
        self.throttle().succeeded(address, user.as_str());
    }

    /// A place among the sign-ins to the panel that are under way; `None` if there are enough.
    pub(crate) fn sign_in_place(&self) -> Option<SemaphorePermit<'_>> {
        self.sign_ins.try_acquire().ok()
    }

    /// May another set-up code be tried in this minute?
    pub(crate) fn may_try_code(&self, now: Now) -> bool {
        let (since, wrong) = *self.codes();
        now.monotonic.saturating_duration_since(since) >= MINUTE
            || wrong < SETUP_CODE_TRIES_PER_MINUTE
    }

    /// A wrong set-up code was tried.
    pub(crate) fn code_failed(&self, now: Now) {
        let mut codes = self.codes();
        if now.monotonic.saturating_duration_since(codes.0) >= MINUTE {
            *codes = (now.monotonic, 0);
        }
        codes.1 += 1;
    }

    fn codes(&self) -> MutexGuard<'_, (Instant, u32)> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets wrong passwords that are too old to matter.
    pub(crate) fn sweep(&self, now: Now) {
        self.throttle().sweep(now.monotonic);
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys by which `user` can log in with `hash`; `None` if it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scram_keys(
        &self,
        daemon: &Daemon,
        user: &BareJid,
        hash: ScramHash,
    ) -> Result<Option<ScramKeys>, StoreError> {
        if daemon.accounts.is_probe(user) {
            return Ok(self.probe.server_keys(hash));
        }
        let record = daemon.accounts.lookup(user)?;
        Ok(record.filter(|r| r.is_active()).and_then(|r| r.keys(hash)))
    }

    /// Is `password` that of `user`, who can log in? Takes as long for unknown names.
    ///
    /// # Errors
    /// [`Unchecked`].
    pub async fn check_plain(
        &self,
        daemon: &Daemon,
        user: &BareJid,
        password: &str,
    ) -> Result<bool, Unchecked> {
        let record = daemon.accounts.lookup(user)?.filter(|r| r.is_active());
        let keys = self.keys_or_fake(user, record.as_deref());
        let password = Zeroizing::new(password.to_owned());
        self.compute(move || keys.verify(&password)).await
    }

    /// Keys to check a whole password against: of the hash that new accounts certainly have, or
    /// else of any; made-up ones that fit no password if there are none.
    fn keys_or_fake(&self, user: &BareJid, record: Option<&Record>) -> ScramKeys {
        let order = [ScramHash::Sha256, ScramHash::Sha512, ScramHash::Sha1];
        let found = record.and_then(|r| order.into_iter().find_map(|hash| r.keys(hash)));
        found.unwrap_or_else(|| {
            ScramKeys::fake(ScramHash::Sha256, &self.secret, user.as_str(), ITERATIONS)
        })
    }

    /// Is `password` that of `user`, whose record is `record` if it may sign in to the panel?
    /// Takes as long if it may not.
    ///
    /// # Errors
    /// [`Unchecked::Overloaded`].
    pub(crate) async fn check_panel(
        &self,
        user: &BareJid,
        record: Option<&Record>,
        password: &str,
    ) -> Result<PanelCheck, Unchecked> {
        let keys = self.keys_or_fake(user, record);
        let kept = record.and_then(|r| r.panel_hash.clone());
        let nobodys = self.nobodys_hash.clone();
        let password = Zeroizing::new(password.to_owned());
        // Both computations always run, so that the time tells nothing.
        self.compute(move || {
            let right_by_keys = keys.verify(&password);
            match kept {
                Some(hash) => PanelCheck { right: argon2_verify(&password, &hash), new_hash: None },
                None if right_by_keys => {
                    PanelCheck { right: true, new_hash: argon2_hash(&password) }
                }
                None => {
                    argon2_verify(&password, &nobodys);
                    PanelCheck { right: false, new_hash: None }
                }
            }
        })
        .await
    }

    /// The argon2id hash of a password that was checked to be usable.
    ///
    /// # Errors
    /// [`Unchecked::Overloaded`].
    pub(crate) async fn panel_hash(&self, password: &str) -> Result<Option<String>, Unchecked> {
        let password = Zeroizing::new(password.to_owned());
        self.compute(move || argon2_hash(&password)).await
    }

    /// Runs `work` on the blocking pool when it is its turn.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unchecked> {
        let _place = self.places.try_acquire().map_err(|_| Unchecked::Overloaded)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let turn = turn.map_err(|_| Unchecked::Overloaded)?;
        // The turn goes with the work: a client that goes away does not make room for a third
        // computation beside the two.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| Unchecked::Overloaded)
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

/// The secret called `name`, made when it is first needed.
fn secret(store: &Store, name: &str) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    if let Some(Raw(kept)) = store.get(&SECRETS, name)?
        && let Ok(secret) = kept.try_into()
    {
        return Ok(Zeroizing::new(secret));
    }
    let secret = Zeroizing::new(random::bytes::<32>());
    let mut batch = Batch::new();
    batch.put(&SECRETS, name, &Raw(secret.to_vec()));
    store.commit_blocking(batch)?;
    Ok(secret)
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(ARGON2_KIB, ARGON2_PASSES, ARGON2_LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes the prepared form of `password`, as SCRAM does, so that both verifiers agree.
fn argon2_hash(password: &str) -> Option<String> {
    let prepared = Zeroizing::new(saslprep(password).ok()?.into_owned());
    let salt = random::bytes::<16>();
    let hash = argon2()?.hash_password_with_salt(prepared.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

fn argon2_verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    // A password that cannot be prepared is wrong, but costs the same.
    let prepared = saslprep(password).map(|p| Zeroizing::new(p.into_owned()));
    let usable = prepared.is_ok();
    let prepared = prepared.unwrap_or_default();
    let right = argon2().is_some_and(|a| a.verify_password(prepared.as_bytes(), &hash).is_ok());
    right && usable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::probe;

    #[test]
    fn argon2_verifies_what_it_hashed_in_prepared_form() {
        let hash = argon2_hash("I\u{ad}X correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        // RFC 4013 §2.1: the soft hyphen is mapped to nothing.
        assert!(argon2_verify("IX correct horse", &hash));
        assert!(!argon2_verify("IX wrong horse", &hash));
        assert!(!argon2_verify("\u{7}", &hash));
        assert!(!argon2_verify("", &hash));
        assert!(!argon2_verify("IX correct horse", "not a hash"));
    }

    #[test]
    fn the_secrets_are_made_once() {
        let (_dir, store) = crate::testing::store(TABLES);
        let first = Auth::open(&store).unwrap();
        let second = Auth::open(&store).unwrap();
        assert_eq!(first.fake_secret(), second.fake_secret());
        assert_eq!(first.device_secret(), second.device_secret());
        assert_ne!(*first.fake_secret(), *first.device_secret());
        assert_ne!(*first.fake_secret(), [0; 32]);
        let keys = |auth: &Auth| auth.probe().server_keys(probe::HASH).unwrap();
        assert_ne!(keys(&first).stored_key(), keys(&second).stored_key());
    }
}
