//! One person's keyring: what their chat program should know of everybody else's keys.
//!
//! At `/keyring/{name}`: files for Pidgin, Profanity and mcabber, made from the directory of
//! fingerprints by [`admin_api::client_file`]; and the way back, from a client's file to the
//! directory ([`compare`]). Invariants: what is uploaded is looked at and forgotten; a revoked key
//! is never given away as good; who may see whose keyring is decided in [`owner`] alone.

mod compare;
mod guide;

use std::collections::BTreeSet;

use admin_api::client_file::{Enough, Owner, merged};
use admin_api::fingerprints::{Add, Entry, List, Mark, Marked, State, Update};
use admin_api::{accounts, devices};
use askama::Template;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use otr::Fingerprint;
use otr::files::clients::Client;
use otr::files::fingerprints::{Known, read, write};
use serde::Deserialize;

use self::compare::{Compared, Found, Standing, Trust};
use self::guide::Guide;
use super::fingerprints::{groups, known, name_of, with_residents};
use super::{Needs, Page, Route, fingerprints};
use crate::access::Member;
use crate::address::{Asked, Segments};
use crate::form::Form;
use crate::limits::FOUND_KEYS_MAX;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::upload::Upload;
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "keyring",
    title: "Keys for a chat app",
    within: fingerprints::PAGE.slug,
    menus: &[],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/keyring/{name}", methods: || get(show) },
        Route { path: "/keyring/{name}/file/{client}", methods: || get(download) },
        Route { path: "/keyring/{name}/look", methods: || post(look) },
        Route { path: "/keyring/{name}/take", methods: || post(take) },
    ],
};

/// Longest name of a resource that is asked for; Pidgin's users type some ten characters.
const RESOURCE_CHARS_MAX: usize = 100;

/// Whose keyring it is: bare JID and shown name. Members see their own only.
async fn owner(member: &Member, name: &str) -> Result<(String, String), Problem> {
    let (jid, shown) = known(member, name).await?;
    match member.session.is_admin() || member.is(&jid) {
        true => Ok((jid, shown)),
        false => Err(Problem::NotAdmin),
    }
}

/// What everybody's OTR keys are, and who there is: people, and the concierge once it has a key.
async fn family(member: &Member) -> Result<(Vec<Entry>, Vec<accounts::Named>), Problem> {
    let mut entries = member.call(List { name: None }).await?;
    entries.retain(|entry| Fingerprint::parse(&entry.fingerprint).is_ok());
    let people = member.call(accounts::Names {}).await?;
    let people = with_residents(people, &entries);
    Ok((entries, people))
}

#[derive(Template)]
#[template(path = "keyring.html")]
struct View {
    frame: Frame,
    name: String,
    /// As it is typed in a terminal.
    name_in_commands: String,
    href: String,
    fingerprints_href: String,
    guides: Vec<Guide>,
    others: Vec<Other>,
    /// Does whoever looks look after the home?
    admin: bool,
    done: &'static str,
    /// What is wrong with the file.
    failed: Option<String>,
}

/// Somebody else's key.
struct Other {
    name: String,
    groups: Vec<String>,
    state: State,
}

impl View {
    async fn load(member: &Member, name: &str) -> Result<Self, Problem> {
        let (jid, name) = owner(member, name).await?;
        let (entries, people) = family(member).await?;
        let others = entries.iter().filter(|e| e.jid != jid).map(|entry| Other {
            name: name_among(&people, &entry.jid),
            groups: groups(&entry.fingerprint),
            state: entry.state,
        });
        Ok(Self {
            frame: member.frame(&PAGE).titled(&format!("Keys for {name}’s chat app")),
            href: link::keyring(&jid),
            fingerprints_href: link::fingerprints(&jid),
            guides: guide::all(&jid),
            others: others.collect(),
            admin: member.session.is_admin(),
            done: "",
            failed: None,
            name_in_commands: link::local(&jid).to_owned(),
            name,
        })
    }

    fn again(mut self) -> Result<Response, Problem> {
        self.frame = self.frame.to_correct();
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

fn name_among(people: &[accounts::Named], jid: &str) -> String {
    let known = people.iter().find(|named| named.jid == jid);
    known.map_or_else(|| link::local(jid).to_owned(), |named| name_of(named).to_owned())
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(
    member: Member,
    Segments(name): Segments<String>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let done = match query.done.as_str() {
        "taken" => "The directory knows now what was compared in person.",
        "nothing" => "Nothing was ticked, so nothing was changed.",
        _ => "",
    };
    render(&View { done, ..View::load(&member, &name).await? })
}

/// What is wanted of a file.
#[derive(Default, Deserialize)]
struct Wanted {
    /// Pidgin's name of the connection.
    #[serde(default)]
    resource: String,
    /// Not empty: only what was compared in person counts.
    #[serde(default)]
    careful: String,
}

impl Wanted {
    fn enough(&self) -> Enough {
        if self.careful.is_empty() { Enough::Attested } else { Enough::ComparedInPerson }
    }

    /// The resource, if it can stand in a file; Pidgin's own limit is XMPP's.
    fn resource(&self) -> Option<&str> {
        let typed = self.resource.trim();
        let fits = typed.chars().count() <= RESOURCE_CHARS_MAX && !typed.contains(char::is_control);
        (fits && !typed.is_empty()).then_some(typed)
    }
}

/// The file of a client that has none yet.
async fn download(
    member: Member,
    Segments((name, client)): Segments<(String, String)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let client = Client::named(&client).ok_or(Problem::NoSuchPage)?;
    let (jid, _) = owner(&member, &name).await?;
    let entries = member.call(List { name: None }).await?;
    let file = filled(&member, (&jid, client), Vec::new(), (&entries, &wanted)).await?;
    attachment(&client.fingerprints_file(&jid), file)
}

/// `known` with the directory in it.
async fn filled(
    member: &Member,
    (jid, client): (&str, Client),
    known: Vec<Known>,
    (entries, wanted): (&[Entry], &Wanted),
) -> Result<String, Problem> {
    // Pidgin may be connected right now: then its account is called after that.
    let connected = match client {
        Client::Pidgin => member.call(devices::List { name: jid.to_owned() }).await?,
        Client::Profanity | Client::Mcabber => Vec::new(),
    };
    let sessions = connected.iter().filter_map(|device| device.session.as_deref());
    let resources = sessions.filter_map(|jid| jid.split_once('/')).map(|(_, resource)| resource);
    let resources: Vec<&str> = wanted.resource().into_iter().chain(resources).collect();
    let accounts = client.accounts(jid, &resources, &known);
    let owner = Owner { jid, client, accounts: &accounts };
    Ok(write(&merged(known, entries, &owner, wanted.enough())))
}

/// A file to be kept, and not to be shown (RFC 6266 §4.3; RFC 8187 for names beyond ASCII).
fn attachment(name: &str, content: String) -> Result<Response, Problem> {
    let kept = format!("attachment; filename*=UTF-8''{}", link::encode(name));
    let kept = HeaderValue::from_str(&kept).map_err(|_| Problem::Ours)?;
    let mut response = Response::new(Body::from(content));
    // Browsers add ".txt" to what says it is text.
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CONTENT_DISPOSITION, kept);
    Ok(response)
}

#[derive(Template)]
#[template(path = "keyring_look.html")]
struct LookView {
    frame: Frame,
    name: String,
    href: String,
    rows: Vec<Row>,
    compared: Compared,
    /// Is there a key that can be taken over?
    choice: bool,
    /// May whoever looks add keys?
    admin: bool,
}

/// One key of the file.
struct Row {
    /// Number of the row; names its field.
    number: usize,
    name: String,
    groups: Vec<String>,
    found: Found,
}

/// Looks into an uploaded file, or gives it back with the directory in it.
async fn look(
    member: Member,
    Segments(name): Segments<String>,
    upload: Upload,
) -> Result<Response, Problem> {
    let (jid, shown) = owner(&member, &name).await?;
    let known = match upload.text().map(|text| read(text).map_err(|e| e.to_string())) {
        Ok(Ok(known)) if !known.is_empty() => known,
        Ok(Ok(_)) => return refused(&member, &name, "There is no fingerprint in this file.").await,
        Ok(Err(e)) => return refused(&member, &name, &crate::problem::sentence(&e)).await,
        Err(words) => return refused(&member, &name, words).await,
    };
    let (entries, people) = family(&member).await?;
    if let Some(client) = Client::named(upload.field("merge")) {
        let careful = upload.field("careful").to_owned();
        let wanted = Wanted { careful, ..Wanted::default() };
        let file = filled(&member, (&jid, client), known, (&entries, &wanted)).await?;
        return attachment(&client.fingerprints_file(&jid), file);
    }
    let jids: Vec<&str> = people.iter().map(|p| p.jid.as_str()).collect();
    let mut compared = compare::compare(&known, &jid, &jids, &entries);
    if !member.session.is_admin() {
        compared.only_known();
    }
    let rows = std::mem::take(&mut compared.found).into_iter().take(FOUND_KEYS_MAX).enumerate();
    let rows: Vec<Row> = rows
        .map(|(number, found)| Row {
            number,
            name: name_among(&people, &found.jid),
            groups: groups(&found.fingerprint),
            found,
        })
        .collect();
    render(&LookView {
        frame: member.frame(&PAGE).titled(&format!("What {shown}’s chat app knows")),
        href: link::keyring(&jid),
        admin: member.session.is_admin(),
        choice: rows.iter().any(|row| row.found.takeable),
        rows,
        compared,
        name: shown,
    })
}

async fn refused(member: &Member, name: &str, words: &str) -> Result<Response, Problem> {
    View { failed: Some(words.to_owned()), ..View::load(member, name).await? }.again()
}

/// Writes down as compared in person what was ticked.
async fn take(
    member: Member,
    Segments(name): Segments<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (own, _) = owner(&member, &name).await?;
    let ticked: BTreeSet<&str> =
        fields.iter().filter(|(n, _)| n.starts_with("key-")).map(|(_, v)| v.as_str()).collect();
    let entries = member.call(List { name: None }).await?;
    let mut taken = 0_usize;
    for key in ticked {
        let (hex, jid) = key.split_once(' ').ok_or(Problem::Malformed)?;
        let fingerprint = Fingerprint::parse(hex).map_err(|_| Problem::Malformed)?.to_hex();
        let entry = entries.iter().find(|e| e.jid == jid && e.fingerprint == fingerprint);
        match entry.map(|entry| entry.state) {
            // What was revoked is brought back on its own page only, by whoever means to.
            Some(State::Revoked | State::ComparedInPerson) => continue,
            Some(_) => compared(&member, jid, fingerprint).await?,
            None => add(&member, jid, fingerprint).await?,
        }
        taken += 1;
    }
    let word = if taken == 0 { "nothing" } else { "taken" };
    Ok(see_other(&format!("{}?done={word}", link::keyring(&own))))
}

async fn compared(member: &Member, jid: &str, fingerprint: String) -> Result<(), Problem> {
    let name = jid.to_owned();
    // Nobody says of their own key that it was compared, so an administrator whose key stands in
    // somebody else's file changes it as the administrator.
    if member.session.is_admin() && member.is(jid) {
        let state = Some(State::ComparedInPerson);
        let call = Update { name, fingerprint, label: None, device: None, state };
        member.call(call).await?;
    } else {
        member.call(Marked { name, fingerprint, mark: Mark::Compared }).await?;
    }
    Ok(())
}

/// The daemon lets administrators alone add a key.
async fn add(member: &Member, jid: &str, fingerprint: String) -> Result<(), Problem> {
    let (name, state) = (jid.to_owned(), State::ComparedInPerson);
    let (label, device) = ("taken over from a client’s file".to_owned(), String::new());
    member.call(Add { name, fingerprint, label, device, state }).await?;
    Ok(())
}
