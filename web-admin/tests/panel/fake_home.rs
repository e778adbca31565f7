//! The home behind the made-up daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use admin_api::accounts::{self, Account, Role, State};
use admin_api::fingerprints::{Change, Entry};
use admin_api::{Envelope, Problem, ProblemKind, Request, Secret, UnixTime};
use admin_api::{archive, devices, firewall, omemo, panel, protection, push, sessions, setup, tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use serde_json::Value;

pub(crate) const DOMAIN: &str = "home.example";
pub(crate) const CODE: &str = "MADE-UP-CODE";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse";
/// A fingerprint that is in the directory from the start (ann's).
pub(crate) const TRUSTED_KEY: &str = "acefb4d64f3d0f4e258bd0b44d4d2587b09847eb";

pub(crate) struct Home {
    pub(crate) domain: Option<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) passwords: BTreeMap<String, String>,
    /// Token to JID.
    pub(crate) tokens: BTreeMap<String, String>,
    pub(crate) panel: Vec<(String, panel::Session)>,
    pub(crate) prints: Vec<Entry>,
    /// With the JID of the owner, newest first.
    pub(crate) history: Vec<(String, Change)>,
    /// Everybody's OMEMO devices.
    pub(crate) omemo: omemo::Report,
    pub(crate) rules: protection::Rules,
    pub(crate) clients: Vec<sessions::Session>,
    pub(crate) pushes: Vec<push::Device>,
    pub(crate) preview: push::Preview,
    pub(crate) devices: Vec<devices::Device>,
    /// Every request as it came, in JSON.
    pub(crate) requests: Vec<String>,
    /// Before each answer.
    pub(crate) delay: Duration,
    /// Certificates come from files: there is no authority.
    pub(crate) files: bool,
    pub(crate) now: UnixTime,
    pub(crate) keep: archive::Keep,
    pub(crate) wall: firewall::Table,
    /// Whose history was deleted; `None` = everybody's.
    pub(crate) erased: Vec<Option<String>>,
    pub(crate) loopback_login: Option<Result<u32, String>>,
    pub(super) authority: (KeyPair, CertificateParams),
}

impl Home {
    /// Before set-up.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "A made-up home");
        Self {
            domain: None,
            accounts: Vec::new(),
            passwords: BTreeMap::new(),
            tokens: BTreeMap::new(),
            panel: Vec::new(),
            prints: Vec::new(),
            history: Vec::new(),
            omemo: omemo::Report::default(),
            rules: protection::Rules {
                mode: protection::Mode::Off,
                rooms: false,
                days: 31,
                people: Vec::new(),
            },
            clients: Vec::new(),
            pushes: Vec::new(),
            preview: push::Preview::Nothing,
            devices: Vec::new(),
            requests: Vec::new(),
            delay: Duration::ZERO,
            files: false,
            now: snug_admin::when::now(),
            keep: archive::Keep::DEFAULT,
            wall: wall(),
            erased: Vec::new(),
            loopback_login: Some(Ok(80)),
            authority: (key, params),
        }
    }

    /// A family: ann looks after the home; bob, käthe and old joe do not.
    pub(crate) fn family() -> Self {
        let mut home = Self::new();
        let now = home.now;
        home.domain = Some(DOMAIN.to_owned());
        for (name, protected, plain) in [("ann", 12, 3), ("bob", 0, 0)] {
            home.rules.people.push(protection::Person {
                jid: format!("{name}@{DOMAIN}"),
                own: None,
                mode: protection::Mode::Off,
                count: Some(protection::Count { protected, plain }),
            });
        }
        for (name, shown, role) in [
            ("ann", "Ann", Role::Admin),
            ("bob", "", Role::Member),
            ("joe", "Old Joe <joe&co>", Role::Member),
            ("käthe", "Käthe", Role::Member),
        ] {
            home.put(name, shown, role, PASSWORD);
        }
        home.accounts[0].last_login_day = Some(now - now % 86_400);
        home.accounts[1].last_login_day = Some(now - now % 86_400 - 3 * 86_400);
        home.accounts[2].state = State::Locked;
        let words = ("my own", "Pidgin on the laptop");
        home.add_print("ann", TRUSTED_KEY, words, "ann@home.example");
        home.clients.push(sessions::Session {
            jid: "ann@home.example/Pidgin-7f3a".to_owned(),
            address: "192.168.1.20:51514".to_owned(),
            tls: "TLSv1.3".to_owned(),
            mechanism: "SCRAM-SHA-256".to_owned(),
            since: now - 7_300,
            priority: Some(1),
            asleep: false,
        });
        home.devices.push(devices::Device {
            owner: "ann@home.example".to_owned(),
            id: "k7mwq2dxc4bnvt3h".to_owned(),
            software: Some("Talker".to_owned()),
            device: Some("Ann's <phone>".to_owned()),
            first_seen: now - now % 86_400 - 5 * 86_400,
            last_seen: now - now % 86_400 - 86_400,
            password: true,
            token: true,
            session: None,
        });
        home.clients.push(sessions::Session {
            jid: "bob@home.example/phone".to_owned(),
            address: "192.168.1.31:40022".to_owned(),
            tls: "TLSv1.3".to_owned(),
            mechanism: "SCRAM-SHA-1".to_owned(),
            since: now - 90,
            priority: None,
            asleep: true,
        });
        home
    }

    fn put(&mut self, name: &str, shown: &str, role: Role, password: &str) -> Account {
        let jid = format!("{name}@{}", self.domain.as_deref().expect("set up"));
        let account = Account {
            jid: jid.clone(),
            display_name: shown.to_owned(),
            role,
            state: State::Active,
            created: self.now - 40 * 86_400,
            last_login_day: None,
            sessions: 0,
            fingerprints: 0,
        };
        self.passwords.insert(jid, password.to_owned());
        self.accounts.push(account.clone());
        self.accounts.sort_by(|a, b| a.jid.cmp(&b.jid));
        account
    }

    /// The authority's certificate, PEM.
    pub(crate) fn authority_pem(&self) -> String {
        let (key, params) = &self.authority;
        params.self_signed(key).expect("signs itself").pem()
    }

    /// How many requests of a kind came.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let start = format!("{{\"{kind}\"");
        self.requests.iter().filter(|r| r.starts_with(&start)).count()
    }

    pub(crate) fn answer(&mut self, envelope: Envelope) -> Result<Value, Problem> {
        self.requests.push(serde_json::to_string(&envelope.request).expect("JSON"));
        let caller = envelope
            .token
            .and_then(|token| self.tokens.get(token.expose()).cloned())
            .unwrap_or_default();
        match envelope.request {
            Request::DaemonFacts(_) => json(self.facts()),
            Request::DaemonStatus(_) => json(self.status()),
            Request::PanelSignIn(call) => json(self.sign_in(call)?),
            Request::PushServices(_) => {
                let devices = u32::try_from(self.pushes.len()).expect("few");
                let service = self.pushes.first().map(|d| d.service.clone());
                json(service.map(|service| push::Service { service, devices }).as_slice())
            }
            Request::SetupFinish(call) => json(self.finish(call)?),
            Request::SetupState(call) => {
                let code_ok = call.code.is_some_and(|code| code.expose() == CODE);
                json(setup::StateReply { domain: self.domain.clone(), code_ok })
            }
            Request::TlsAuthority(_) => {
                let pem = (!self.files).then(|| self.authority_pem());
                json(tls::AuthorityReply { pem, sha256: "0a1b".repeat(16) })
            }
            Request::TlsPanelLeaf(call) => json(self.leaf(&call)?),
            other if caller.is_empty() => {
                drop(other);
                Err(Problem::new(ProblemKind::SignIn, "The session has ended; sign in again."))
            }
            other => self.signed_in(other, &caller),
        }
    }

    fn signed_in(&mut self, request: Request, caller: &str) -> Result<Value, Problem> {
        match request {
            Request::PanelWho(_) => json(self.person(caller)),
            Request::PanelSignOut(_) => {
                self.tokens.retain(|_, jid| jid != caller);
                json(panel::Done {})
            }
            Request::PanelSessions(_) => {
                let own = self.panel.iter().filter(|(jid, _)| jid == caller);
                json(own.map(|(_, s)| s.clone()).collect::<Vec<_>>())
            }
            Request::PanelRevoke(call) => {
                let keep = |s: &panel::Session| match &call {
                    panel::Revoke::Others => s.current,
                    panel::Revoke::One(id) => s.id != *id,
                };
                self.panel.retain(|(_, session)| keep(session));
                json(panel::Done {})
            }
            _ if self.person(caller).role != Role::Admin && !self.is_own(&request, caller) => {
                Err(Problem::new(ProblemKind::Forbidden, "Only an administrator can do this."))
            }
            Request::ArchiveShow(_) => json(self.kept()),
            Request::ArchiveSet(call) => json(self.set_keep(call.keep)),
            Request::ArchiveDelete(call) => {
                self.erased.push(call.name);
                json(archive::Deleted { messages: 3, finished: true })
            }
            Request::FirewallShow(_) => json(&self.wall),
            Request::FirewallChoose(call) => json(self.choose(&call)),
            Request::DeviceList(call) => {
                let of = |d: &&devices::Device| d.owner == call.name;
                json(self.devices.iter().filter(of).collect::<Vec<_>>())
            }
            Request::DeviceRevoke(call) => {
                let at = self.devices.iter().position(|d| d.id == call.id);
                let gone = Problem::new(ProblemKind::NotFound, "There is no such device.");
                json(self.devices.remove(at.ok_or(gone)?))
            }
            Request::SessionList(call) => {
                let jid = call.name.map(|name| self.jid(&name) + "/");
                let wanted = |c: &&sessions::Session| {
                    jid.as_ref().is_none_or(|jid| c.jid.starts_with(jid.as_str()))
                };
                json(self.clients.iter().filter(wanted).collect::<Vec<_>>())
            }
            Request::SessionKick(call) => {
                let closed: Vec<String> =
                    self.clients.iter().map(|s| s.jid.clone()).filter(|j| *j == call.jid).collect();
                self.clients.retain(|s| s.jid != call.jid);
                json(sessions::Kicked { closed })
            }
            Request::PushList(_) => json(&self.pushes),
            Request::PushChoose(call) => {
                self.preview = call.preview.unwrap_or(self.preview);
                json(self.preview)
            }
            Request::PushOff(call) => {
                let before = self.pushes.len();
                self.pushes.retain(|d| Some(&d.node) != call.node.as_ref());
                if self.pushes.len() == before {
                    return Err(Problem::new(ProblemKind::NotFound, "No such device is woken."));
                }
                json(push::Ended { devices: 1 })
            }
            other => match self.accounts_call(other)? {
                Ok(value) => Ok(value),
                Err(other) => self.prints_call(other, caller),
            },
        }
    }

    /// As in the daemon: what the family may know, and what is the caller's own.
    fn is_own(&self, request: &Request, caller: &str) -> bool {
        match request {
            Request::AccountNames(_)
            | Request::FingerprintHistory(_)
            | Request::FingerprintList(_)
            | Request::FingerprintMark(_)
            | Request::OmemoCarry(_)
            | Request::OmemoShow(_)
            | Request::OmemoTakeBack(_) => true,
            Request::ConciergePhrase(call) => self.jid(&call.name) == caller,
            Request::DeviceList(call) => self.jid(&call.name) == caller,
            Request::DeviceRevoke(call) => self.jid(&call.name) == caller,
            Request::ProtectionCount(call) => self.jid(&call.name) == caller,
            Request::ProtectionOne(call) => self.jid(&call.name) == caller,
            _ => false,
        }
    }

    fn choose(&mut self, call: &firewall::Choose) -> &firewall::Table {
        self.wall.chat_from = call.chat_from;
        &self.wall
    }

    fn set_keep(&mut self, keep: archive::Keep) -> archive::Kept {
        self.keep = keep;
        self.kept()
    }

    fn kept(&self) -> archive::Kept {
        let oldest = Some(self.now - 86_400);
        archive::Kept { keep: self.keep, oldest, store_bytes: 12_345_678 }
    }

    fn person(&self, jid: &str) -> panel::Person {
        let account = self.accounts.iter().find(|a| a.jid == jid).expect("has an account");
        panel::Person {
            jid: jid.to_owned(),
            display_name: account.display_name.clone(),
            role: account.role,
            domain: self.domain.clone().unwrap_or_default(),
        }
    }

    fn sign_in(&mut self, call: panel::SignIn) -> Result<panel::SignedIn, Problem> {
        let jid = self.jid(&call.name);
        if call.name == "flood" {
            let words = "too many tries; come back in 10 minutes";
            return Err(Problem::new(ProblemKind::Throttled, words));
        }
        if self.passwords.get(&jid).map(String::as_str) != Some(call.password.expose()) {
            return Err(Problem::new(ProblemKind::SignIn, "name or password is wrong"));
        }
        Ok(self.session(&jid, call.address, call.agent))
    }

    fn session(&mut self, jid: &str, address: String, agent: String) -> panel::SignedIn {
        let token = format!("token-{}-{}", self.panel.len(), jid.len());
        self.tokens.insert(token.clone(), jid.to_owned());
        let session = panel::Session {
            id: format!("session-{}", self.panel.len()),
            since: self.now,
            last_used: self.now,
            address,
            agent,
            current: self.panel.is_empty(),
        };
        self.panel.push((jid.to_owned(), session));
        panel::SignedIn { token: Secret::new(token), person: self.person(jid) }
    }

    fn finish(&mut self, call: setup::Finish) -> Result<panel::SignedIn, Problem> {
        if self.domain.is_some() {
            return Err(Problem::new(ProblemKind::Setup, "this home is set up already"));
        }
        if call.code.expose() != CODE {
            return Err(Problem::new(ProblemKind::SignIn, "the set-up code is wrong or too old"));
        }
        if !call.domain.contains('.') {
            return Err(Problem::new(ProblemKind::Invalid, "the domain needs a dot"));
        }
        self.domain = Some(call.domain);
        let name = call.name.clone();
        let account = self.put(&name, &call.display_name, Role::Admin, call.password.expose());
        Ok(self.session(&account.jid, call.address, call.agent))
    }

    pub(super) fn jid(&self, name: &str) -> String {
        match name.contains('@') {
            true => name.to_owned(),
            false => format!("{name}@{}", self.domain.as_deref().unwrap_or_default()),
        }
    }

    fn account(&mut self, name: &str) -> Result<&mut Account, Problem> {
        let jid = self.jid(name);
        let missing = Problem::new(ProblemKind::NotFound, format!("there is no account {jid}"));
        self.accounts.iter_mut().find(|a| a.jid == jid).ok_or(missing)
    }

    /// Refuses to take away the last administrator.
    fn keeps_an_admin(&mut self, name: &str) -> Result<(), Problem> {
        let jid = self.jid(name);
        let other = |a: &Account| a.jid != jid && a.role == Role::Admin && a.state == State::Active;
        let is_admin = self.account(name)?.role == Role::Admin;
        if is_admin && !self.accounts.iter().any(other) {
            let words = "the last active administrator cannot go";
            return Err(Problem::new(ProblemKind::Conflict, words));
        }
        Ok(())
    }

    /// Calls about accounts; any other comes back.
    fn accounts_call(&mut self, request: Request) -> Result<Result<Value, Request>, Problem> {
        let value = match request {
            Request::AccountAdd(call) => json(self.add(call)?)?,
            Request::AccountDelete(call) => {
                self.keeps_an_admin(&call.name)?;
                let days = u64::from(call.grace_days.unwrap_or(14));
                let until = self.now + days * 86_400;
                let account = self.account(&call.name)?;
                account.state = State::Deleted { until };
                let account = account.clone();
                if days == 0 {
                    self.accounts.retain(|a| a.jid != account.jid);
                }
                json(account)?
            }
            Request::AccountList(_) => {
                let count = |n: usize| u32::try_from(n).expect("few");
                for account in &mut self.accounts {
                    let (jid, full) = (&account.jid, format!("{}/", account.jid));
                    let clients = self.clients.iter().filter(|s| s.jid.starts_with(&full));
                    account.sessions = count(clients.count());
                    let prints = self.prints.iter().filter(|p| p.jid == *jid);
                    account.fingerprints = count(prints.count());
                }
                json(&self.accounts)?
            }
            Request::AccountLock(call) => {
                let account = self.account(&call.name)?;
                account.state = if call.locked { State::Locked } else { State::Active };
                json(account)?
            }
            Request::AccountNames(_) => {
                let named = |a: &Account| accounts::Named {
                    jid: a.jid.clone(),
                    display_name: a.display_name.clone(),
                };
                json(self.accounts.iter().map(named).collect::<Vec<_>>())?
            }
            Request::AccountPassword(call) => {
                let account = self.account(&call.name)?.clone();
                let generated_password = self.set_password(&account.jid, call.password);
                json(accounts::Added { account, generated_password })?
            }
            Request::AccountRestore(call) => {
                let account = self.account(&call.name)?;
                account.state = State::Active;
                json(account)?
            }
            Request::AccountRole(call) => {
                if call.role == Role::Member {
                    self.keeps_an_admin(&call.name)?;
                }
                let account = self.account(&call.name)?;
                account.role = call.role;
                json(account)?
            }
            Request::AccountShow(call) => json(self.account(&call.name)?)?,
            other => return Ok(Err(other)),
        };
        Ok(Ok(value))
    }

    fn set_password(&mut self, jid: &str, password: Option<Secret>) -> Option<Secret> {
        let (password, generated) = match password {
            Some(password) => (password, None),
            None => {
                let made = Secret::new("made-up-generated-password");
                (made.clone(), Some(made))
            }
        };
        self.passwords.insert(jid.to_owned(), password.expose().to_owned());
        generated
    }

    fn add(&mut self, call: accounts::Add) -> Result<accounts::Added, Problem> {
        if self.account(&call.name).is_ok() {
            let words = format!("there is an account {} already", call.name);
            return Err(Problem::new(ProblemKind::Conflict, words));
        }
        if call.name.contains(' ') {
            return Err(Problem::new(ProblemKind::Invalid, "a name has no blanks"));
        }
        let account = self.put(&call.name, &call.display_name, call.role, "");
        let generated_password = self.set_password(&account.jid, call.password);
        Ok(accounts::Added { account, generated_password })
    }
}

pub(super) fn json(value: impl serde::Serialize) -> Result<Value, Problem> {
    Ok(serde_json::to_value(value).expect("JSON"))
}

fn wall() -> firewall::Table {
    let row = |title: &str, traffic: &str, peer: &str| firewall::Row {
        title: title.to_owned(),
        traffic: traffic.to_owned(),
        peer: peer.to_owned(),
        why: "Because.".to_owned(),
    };
    firewall::Table {
        incoming: vec![row("Chat clients", "TCP 5222, 5223", "home")],
        outgoing: vec![row("The time of day", "UDP 123", "anywhere")],
        ..firewall::Table::default()
    }
}
