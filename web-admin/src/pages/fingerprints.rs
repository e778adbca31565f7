//! Fingerprints: the family's directory of fingerprints, of OTR and OMEMO.
//!
//! Everybody's at `/fingerprints`, one person's with forms and history at
//! `/fingerprints/{name}`. Administrators change them, members say which are theirs and which they
//! compared. A private key never gets here: [`crate::form::Form`] refuses it.

use admin_api::fingerprints::{
    Action, Add, Change, Compared, Entry, History, List, Mark, Marked, Remove, State, Update,
    check, shown,
};
use admin_api::{accounts, concierge};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use otr::Fingerprint;
use serde::Deserialize;

use super::people::shown_name;
use super::{Menu, Needs, Page, Route};
use crate::access::{Admin, Member};
use crate::address::{Asked, Segments};
use crate::form::Form;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::qr;
use crate::view::{Field, Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "fingerprints",
    title: "Fingerprints",
    within: "",
    menus: &[Menu::Main(20)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/fingerprints", methods: || get(everybody) },
        Route { path: "/fingerprints/{name}", methods: || get(show) },
        Route { path: "/fingerprints/{name}/add", methods: || post(add) },
        Route { path: "/fingerprints/{name}/update", methods: || post(update) },
        Route { path: "/fingerprints/{name}/mark", methods: || post(mark) },
        Route { path: "/fingerprints/{name}/phrase", methods: || post(phrase) },
        Route { path: "/fingerprints/{name}/remove", methods: || post(remove) },
    ],
};

/// Longest text that is shown again in the field when it is not a fingerprint: 40 digits, each
/// with a separator, and a label.
const SHOWN_AGAIN_BYTES_MAX: usize = 120;

/// Digits of an OTR fingerprint; those of OMEMO have more.
const OTR_DIGITS: usize = 40;

/// Lines of the history that are shown at once; the rest is one press away.
const HISTORY_SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "fingerprints.html")]
struct AllView {
    frame: Frame,
    /// Does whoever looks change them?
    admin: bool,
    people: Vec<Owner>,
    /// Address and key of the home's own contact.
    concierge: Option<(String, Row)>,
}

/// A person with their fingerprints.
struct Owner {
    name: String,
    jid: String,
    href: String,
    entries: Vec<Row>,
}

async fn everybody(member: Member) -> Result<Response, Problem> {
    let now = when::now();
    let entries = member.call(List { name: None }).await?;
    let mut people = member.call(accounts::Names {}).await?;
    // One's own come first.
    people.sort_by_key(|named| !member.is(&named.jid));
    let owner = |named: &accounts::Named| Owner {
        name: name_of(named).to_owned(),
        jid: named.jid.clone(),
        href: link::fingerprints(&named.jid),
        entries: entries.iter().filter(|e| e.jid == named.jid).map(|e| Row::new(e, now)).collect(),
    };
    let resident =
        |e: &&Entry| link::local(&e.jid) == "concierge" && people.iter().all(|p| p.jid != e.jid);
    render(&AllView {
        frame: member.frame(&PAGE),
        admin: member.session.is_admin(),
        concierge: entries.iter().find(resident).map(|e| (e.jid.clone(), Row::new(e, now))),
        people: people.iter().map(owner).collect(),
    })
}

/// `people`, and whoever else has a key: the concierge, which is nobody's account.
pub(super) fn with_residents(
    mut people: Vec<accounts::Named>,
    entries: &[Entry],
) -> Vec<accounts::Named> {
    for entry in entries {
        if people.iter().all(|named| named.jid != entry.jid) {
            let (jid, display_name) = (entry.jid.clone(), String::new());
            people.push(accounts::Named { jid, display_name });
        }
    }
    people
}

/// What people call them.
pub(super) fn name_of(named: &accounts::Named) -> &str {
    if named.display_name.is_empty() { link::local(&named.jid) } else { &named.display_name }
}

#[derive(Template)]
#[template(path = "fingerprints_person.html")]
struct View {
    frame: Frame,
    name: String,
    jid: String,
    href: String,
    keyring_href: String,
    /// The person with all their keys.
    link: Option<Link>,
    person_href: String,
    entries: Vec<Row>,
    history: Vec<Line>,
    /// The newest seal of the history.
    seal: Option<String>,
    /// The line of the history that is not as it was written.
    broken: Option<u64>,
    /// Does whoever looks change everything?
    admin: bool,
    /// Are they the keys of whoever looks?
    own: bool,
    /// Address of whoever looks.
    me: String,
    /// The form to add one.
    fingerprint: Field,
    label: Field,
    device: Field,
    state: State,
    done: &'static str,
    /// What was just removed, to bring it back.
    removed: Option<Row>,
    /// A phrase for the concierge, shown once.
    phrase: Option<Phrase>,
    /// What the daemon refused.
    failed: Option<String>,
}

/// One fingerprint as it is shown.
struct Row {
    groups: Vec<String>,
    hex: String,
    label: String,
    device: String,
    state: State,
    added: When,
    changed: When,
    seen: Option<When>,
    by: String,
    confirmed: Option<When>,
    compared: Option<Compared>,
    qr: String,
    /// Of an OMEMO key.
    omemo: Option<Omemo>,
}

/// What is shown of an OMEMO key beside.
struct Omemo {
    device: u32,
    label: String,
    gone: Option<When>,
}

impl Row {
    fn new(entry: &Entry, now: admin_api::UnixTime) -> Self {
        Self {
            groups: groups(&entry.fingerprint),
            hex: entry.fingerprint.clone(),
            label: entry.label.clone(),
            device: entry.device.clone(),
            state: entry.state,
            added: When::new(entry.added, now),
            changed: When::new(entry.changed, now),
            seen: entry.last_seen.map(|at| When::new(at, now)),
            by: by(&entry.changed_by),
            confirmed: entry.confirmed.map(|at| When::new(at, now)),
            compared: entry.compared.clone(),
            // Whoever scans a code takes the key for good.
            qr: match entry.state {
                State::Revoked => String::new(),
                _ => qr::svg(&link_to(&entry.jid, &[entry])),
            },
            omemo: entry.omemo.as_ref().map(|key| Omemo {
                device: key.device,
                label: key.label.clone(),
                gone: key.gone.map(|at| When::day(at, now)),
            }),
        }
    }
}

/// A person's address with all keys that are theirs.
struct Link {
    href: String,
    qr: String,
}

impl Link {
    fn new(jid: &str, entries: &[Entry]) -> Option<Self> {
        let good: Vec<&Entry> = entries.iter().filter(|e| is_given_on(e)).collect();
        let href = link_to(jid, &good);
        (!good.is_empty()).then(|| Self { qr: qr::svg(&href), href })
    }
}

/// Is a key given on, in a link or on paper, for others to rely on?
pub(super) fn is_given_on(entry: &Entry) -> bool {
    let gone = entry.omemo.as_ref().is_some_and(|key| key.gone.is_some());
    !gone && matches!(entry.state, State::ComparedInPerson | State::Attested | State::Declared)
}

/// The address of `jid` with these keys of theirs.
pub(super) fn link_to(jid: &str, keys: &[&Entry]) -> String {
    let (mut otr, mut omemo) = (Vec::new(), Vec::new());
    for entry in keys {
        match &entry.omemo {
            Some(key) => omemo.push((key.device, entry.fingerprint.as_str())),
            None => otr.push(entry.fingerprint.as_str()),
        }
    }
    link::xmpp(jid, &otr, &omemo)
}

/// One line of the history.
struct Line {
    at: When,
    by: String,
    what: &'static str,
    groups: Vec<String>,
    hex: String,
    state: State,
    /// Can it be put back: was it removed, and is it not in the directory now?
    restorable: bool,
}

/// In groups of eight digits, as chat programs show them.
pub(super) fn groups(hex: &str) -> Vec<String> {
    shown(hex).split(' ').map(str::to_owned).collect()
}

/// Who did it, in words.
fn by(jid: &str) -> String {
    match jid {
        "operator" => "the command line".to_owned(),
        jid if link::local(jid) == "concierge" => "the concierge".to_owned(),
        jid => link::local(jid).to_owned(),
    }
}

fn what(change: &Change) -> &'static str {
    match (change.action, change.state) {
        (Action::Added, _) if change.fingerprint.len() > OTR_DIGITS => "published",
        (Action::Added, _) => "added",
        (Action::Confirmed, _) => "said that it is theirs:",
        (Action::Described, _) => "described anew",
        (Action::Removed, _) => "removed",
        (Action::Gone, _) => "does not publish any more",
        (Action::Returned, _) => "publishes again",
        (Action::StateChanged, State::ComparedInPerson) => "marked as compared in person",
        (Action::StateChanged, State::Attested) => "saw and attested",
        (Action::StateChanged, State::Revoked) => "revoked",
        (Action::StateChanged, State::Declared) => "marked as declared",
        (Action::StateChanged, State::Seen) => "marked as only seen",
    }
}

impl View {
    async fn load(member: &Member, name: &str) -> Result<Self, Problem> {
        let now = when::now();
        let (jid, shown) = known(member, name).await?;
        let entries = member.call(List { name: Some(name.to_owned()) }).await?;
        let history = member.call(History { name: name.to_owned(), before: None }).await?;
        let mut seen = Vec::new();
        let line = |change: &Change| {
            let present = entries.iter().any(|e| e.fingerprint == change.fingerprint);
            let newest = !seen.contains(&change.fingerprint);
            seen.push(change.fingerprint.clone());
            Line {
                at: When::new(change.at, now),
                by: by(&change.by),
                what: what(change),
                groups: groups(&change.fingerprint),
                hex: change.fingerprint.clone(),
                state: change.state,
                restorable: newest && !present && change.action == Action::Removed,
            }
        };
        Ok(Self {
            frame: member.frame(&PAGE).titled(&format!("Fingerprints of {shown}")),
            href: link::fingerprints(&jid),
            keyring_href: link::keyring(&jid),
            link: Link::new(&jid, &entries),
            person_href: link::person(&jid),
            broken: check(&jid, &history).err().map(|broken| broken.number),
            admin: member.session.is_admin(),
            own: member.is(&jid),
            me: member.session.person.jid.clone(),
            jid,
            seal: history.first().map(|c| c.seal.clone()),
            history: history.iter().map(line).collect(),
            entries: entries.iter().map(|e| Row::new(e, now)).collect(),
            fingerprint: Field::default(),
            label: Field::default(),
            device: Field::default(),
            state: State::default(),
            done: "",
            removed: None,
            phrase: None,
            failed: None,
            name: shown,
        })
    }

    fn again(mut self) -> Result<Response, Problem> {
        self.frame = self.frame.to_correct();
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

fn done(word: &str) -> &'static str {
    match word {
        "added" => "The fingerprint is in the directory.",
        "marked" => "It is written down, with your name.",
        "changed" => "The change is saved.",
        _ => "",
    }
}

async fn show(
    member: Member,
    Segments(name): Segments<String>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    render(&View { done: done(&query.done), ..View::load(&member, &name).await? })
}

/// Address and shown name of the account called `name`. An administrator sees those that are being
/// deleted as well.
pub(super) async fn known(member: &Member, name: &str) -> Result<(String, String), Problem> {
    if member.session.is_admin() {
        let account = member.call(accounts::Show { name: name.to_owned() }).await?;
        let shown = shown_name(&account).to_owned();
        return Ok((account.jid, shown));
    }
    let people = member.call(accounts::Names {}).await?;
    let of = |named: &&accounts::Named| link::local(&named.jid) == name || named.jid == name;
    let named = people.iter().find(of).ok_or(Problem::NoSuchPage)?;
    Ok((named.jid.clone(), name_of(named).to_owned()))
}

#[derive(Deserialize)]
struct MarkForm {
    fingerprint: String,
    mark: Mark,
}

/// What the person who looks says about a key.
async fn mark(
    member: Member,
    Segments(name): Segments<String>,
    Form(form): Form<MarkForm>,
) -> Result<Response, Problem> {
    let call = Marked { name: name.clone(), fingerprint: form.fingerprint, mark: form.mark };
    match member.call(call).await {
        Ok(entry) => {
            let path = link::fingerprints(&entry.jid);
            Ok(see_other(&format!("{path}?done=marked#fp-{}", entry.fingerprint)))
        }
        Err(problem) => {
            let failed = Some(problem.at_form()?);
            View { failed, ..View::load(&member, &name).await? }.again()
        }
    }
}

#[derive(Deserialize)]
struct AddForm {
    fingerprint: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    state: State,
}

async fn add(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<AddForm>,
) -> Result<Response, Problem> {
    let parsed = Fingerprint::parse(&form.fingerprint);
    let refused = match parsed {
        Err(e) => crate::problem::sentence(&e.to_string()),
        Ok(fingerprint) => {
            let call = Add {
                name: name.clone(),
                fingerprint: fingerprint.to_hex(),
                label: form.label.trim().to_owned(),
                device: form.device.trim().to_owned(),
                state: form.state,
            };
            match admin.call(call).await {
                Ok(entry) => {
                    let path = link::fingerprints(&entry.jid);
                    return Ok(see_other(&format!("{path}?done=added#fp-{}", entry.fingerprint)));
                }
                Err(problem) => problem.at_form()?,
            }
        }
    };
    let mut view = View::load(&admin, &name).await?;
    // What is far too long for a fingerprint may be anything, and is not shown again.
    let shown = form.fingerprint.len() <= SHOWN_AGAIN_BYTES_MAX;
    let value = if shown { form.fingerprint } else { String::new() };
    view.fingerprint = Field { value, error: Some(refused) };
    view.label = Field::new(form.label);
    view.device = Field::new(form.device);
    view.state = form.state;
    view.again()
}

#[derive(Deserialize)]
struct UpdateForm {
    fingerprint: String,
    label: String,
    device: String,
    state: State,
}

async fn update(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<UpdateForm>,
) -> Result<Response, Problem> {
    let call = Update {
        name: name.clone(),
        fingerprint: form.fingerprint,
        label: Some(form.label.trim().to_owned()),
        device: Some(form.device.trim().to_owned()),
        state: Some(form.state),
    };
    match admin.call(call).await {
        Ok(entry) => {
            let path = link::fingerprints(&entry.jid);
            Ok(see_other(&format!("{path}?done=changed#fp-{}", entry.fingerprint)))
        }
        Err(problem) => {
            let failed = Some(problem.at_form()?);
            View { failed, ..View::load(&admin, &name).await? }.again()
        }
    }
}

/// A phrase for the concierge.
struct Phrase {
    words: String,
    concierge: String,
    /// The concierge's own key, in groups.
    groups: Vec<String>,
}

/// A form without fields of its own.
#[derive(Deserialize)]
struct Button {}

/// Makes a phrase and shows it, once.
async fn phrase(
    member: Member,
    Segments(name): Segments<String>,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    let made = member.call(concierge::Phrase { name: name.clone() }).await?;
    let phrase = Some(Phrase {
        words: made.phrase.expose().to_owned(),
        concierge: made.concierge,
        groups: made.fingerprint.as_deref().map(groups).unwrap_or_default(),
    });
    render(&View { phrase, ..View::load(&member, &name).await? })
}

#[derive(Deserialize)]
struct RemoveForm {
    fingerprint: String,
}

/// Removes, and shows the page with a form that brings it back as it was.
async fn remove(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<RemoveForm>,
) -> Result<Response, Problem> {
    let call = Remove { name: name.clone(), fingerprint: form.fingerprint };
    let removed = admin.call(call).await?;
    let removed = Some(Row::new(&removed, when::now()));
    render(&View { removed, ..View::load(&admin, &name).await? })
}
