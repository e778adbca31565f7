//! How much the home asks for encryption, for panel and command line; see [`crate::protection`].

use admin_api::protection::{Choice, Count, Mode, One, Own, Person, Rules, Set, SetCount, Show};
use admin_api::{Problem, ProblemKind};
use xmpp::jid::BareJid;

use super::store_problem;
use crate::accounts::State;
use crate::accounts::change::ChangeError;
use crate::daemon::{Daemon, Now};
use crate::limits::PROTECTION_DAYS_MAX;
use crate::protection::rule;

/// The rules and the counts.
pub(super) fn show(daemon: &Daemon, _: &Show) -> Result<Rules, Problem> {
    let household = daemon.protection.household();
    let (now, mut people, mut failed) = (Now::read(), Vec::new(), None);
    let Some(domain) = daemon.domain() else { return Err(no_domain()) };
    let each = |local: &str, record: &crate::accounts::Record| {
        if matches!(record.state, State::Deleted { .. }) {
            return;
        }
        let Ok(jid) = BareJid::from_parts(local, &domain) else { return };
        match person(daemon, &jid, now) {
            Ok(person) => people.push(person),
            Err(e) => failed = Some(e),
        }
    };
    daemon.accounts.for_each(each).map_err(store_problem)?;
    match failed {
        Some(problem) => Err(problem),
        None => Ok(Rules {
            mode: household.mode.into(),
            rooms: household.rooms,
            days: PROTECTION_DAYS_MAX,
            people,
        }),
    }
}

fn person(daemon: &Daemon, jid: &BareJid, now: Now) -> Result<Person, Problem> {
    let local = jid.local().unwrap_or_default();
    let personal = daemon.protection.personal(local);
    let count = if personal.uncounted {
        None
    } else {
        let sum = daemon.protection.sum(daemon, local, now).map_err(store_problem)?;
        Some(Count { protected: sum.protected, plain: sum.plain })
    };
    let mode = daemon.protection.mode(local).into();
    Ok(Person { jid: jid.to_string(), own: personal.mode.map(Into::into), mode, count })
}

/// What holds for one person.
pub(super) fn one(daemon: &Daemon, call: &One) -> Result<Own, Problem> {
    let jid = existing(daemon, &call.name)?;
    let rooms = daemon.protection.household().rooms;
    Ok(Own { days: PROTECTION_DAYS_MAX, rooms, person: person(daemon, &jid, Now::read())? })
}

/// Counts a person's messages, or does not.
pub(super) async fn count(daemon: &Daemon, call: &SetCount) -> Result<Own, Problem> {
    let set = Set { name: Some(call.name.clone()), count: Some(call.count), ..Set::default() };
    let _turn = daemon.accounts.turn().await;
    set_person(daemon, &call.name, &set).await?;
    one(daemon, &One { name: call.name.clone() })
}

fn existing(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name)?;
    if daemon.accounts.exists(&jid) { Ok(jid) } else { Err(ChangeError::NotFound(jid).into()) }
}

/// Changes the household's rule or a person's.
pub(super) async fn set(daemon: &Daemon, call: &Set) -> Result<Rules, Problem> {
    let _turn = daemon.accounts.turn().await;
    match &call.name {
        None => set_household(daemon, call).await?,
        Some(name) => set_person(daemon, name, call).await?,
    }
    tracing::info!("the rule about encryption was changed");
    show(daemon, &Show {})
}

async fn set_household(daemon: &Daemon, call: &Set) -> Result<(), Problem> {
    let mut household = daemon.protection.household();
    match call.mode {
        Some(Choice::Own(mode)) => household.mode = mode.into(),
        Some(Choice::Household) => return Err(meant_for_a_person("to follow the household")),
        None => {}
    }
    if call.count.is_some() {
        return Err(meant_for_a_person("to count or not"));
    }
    household.rooms = call.rooms.unwrap_or(household.rooms);
    Ok(daemon.protection.set_household(daemon, household).await?)
}

async fn set_person(daemon: &Daemon, name: &str, call: &Set) -> Result<(), Problem> {
    let jid = existing(daemon, name)?;
    if call.rooms.is_some() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "Whether rooms count is the household's rule, not a person's.",
        ));
    }
    let local = jid.local().unwrap_or_default();
    let mut personal = daemon.protection.personal(local);
    match call.mode {
        Some(Choice::Own(mode)) => personal.mode = Some(mode.into()),
        Some(Choice::Household) => personal.mode = None,
        None => {}
    }
    personal.uncounted = call.count.map_or(personal.uncounted, |count| !count);
    Ok(daemon.protection.set_personal(daemon, local, personal).await?)
}

fn meant_for_a_person(what: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("Name the person who is {what}."))
}

fn no_domain() -> Problem {
    Problem::new(ProblemKind::Setup, "Set-up is not finished: there is nobody yet.")
}

impl From<Mode> for rule::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Off => Self::Off,
            Mode::Encourage => Self::Encourage,
            Mode::Require => Self::Require,
        }
    }
}

impl From<rule::Mode> for Mode {
    fn from(mode: rule::Mode) -> Self {
        match mode {
            rule::Mode::Off => Self::Off,
            rule::Mode::Encourage => Self::Encourage,
            rule::Mode::Require => Self::Require,
        }
    }
}
