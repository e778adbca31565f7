//! The sheet for the fridge: everybody's fingerprints on paper, for comparing face to face.
//!
//! At `/sheet`; made for A4 by the stylesheet's rules for print. Paper is the copy that
//! nobody can change from afar, so it also bears the newest seal of each person's history.
//! Invariant: no revoked and no merely seen key is on it.

use admin_api::accounts;
use admin_api::fingerprints::{Entry, History, List, State};
use askama::Template;
use axum::response::Response;
use axum::routing::get;

use super::fingerprints::{self, groups, is_given_on, link_to, name_of, with_residents};
use super::{Needs, Page, Route};
use crate::access::Member;
use crate::limits::SHEET_PEOPLE_MAX;
use crate::problem::Problem;
use crate::qr;
use crate::view::{Frame, render};
use crate::when;

/// The page.
pub static PAGE: Page = Page {
    slug: "sheet",
    title: "Sheet for the fridge",
    within: fingerprints::PAGE.slug,
    menus: &[],
    needs: Needs::Admin,
    routes: &[Route { path: "/sheet", methods: || get(show) }],
};

/// Digits of a seal on paper: as many as `snug fingerprint check --seal` wants at least.
const SEAL_DIGITS: usize = 16;

/// Digits of an OTR fingerprint; those of OMEMO have more.
const OTR_DIGITS: usize = 40;

#[derive(Template)]
#[template(path = "sheet.html")]
struct View {
    frame: Frame,
    home: String,
    date: String,
    people: Vec<Person>,
    /// Names of people without a key.
    without: Vec<String>,
    /// How many people are not on it because there are too many.
    left_out: usize,
}

/// Somebody with a key.
struct Person {
    name: String,
    jid: String,
    keys: Vec<Key>,
    seal: Option<Seal>,
    qr: String,
}

/// One key.
struct Key {
    /// What it is for.
    kind: &'static str,
    groups: Vec<String>,
    device: String,
    state: State,
}

/// The newest line of a history.
struct Seal {
    line: u64,
    /// Groups of four digits.
    groups: Vec<String>,
}

async fn show(member: Member) -> Result<Response, Problem> {
    let entries = member.call(List { name: None }).await?;
    let names = with_residents(member.call(accounts::Names {}).await?, &entries);
    let (mut people, mut without, mut left_out) = (Vec::new(), Vec::new(), 0);
    for account in &names {
        let own: Vec<&Entry> =
            entries.iter().filter(|e| e.jid == account.jid && is_given_on(e)).collect();
        if own.is_empty() {
            without.push(name_of(account).to_owned());
        } else if people.len() == SHEET_PEOPLE_MAX {
            left_out += 1;
        } else {
            people.push(person(&member, account, &own).await?);
        }
    }
    let own = &member.session.person.jid;
    render(&View {
        frame: member.frame(&PAGE),
        home: own.split_once('@').map_or(own.as_str(), |(_, domain)| domain).to_owned(),
        date: when::date(when::now()),
        people,
        without,
        left_out,
    })
}

async fn person(
    member: &Member,
    account: &accounts::Named,
    own: &[&Entry],
) -> Result<Person, Problem> {
    let history = member.call(History { name: account.jid.clone(), before: None }).await?;
    Ok(Person {
        name: name_of(account).to_owned(),
        jid: account.jid.clone(),
        keys: own
            .iter()
            .map(|entry| Key {
                kind: if entry.fingerprint.len() > OTR_DIGITS { "OMEMO" } else { "OTR" },
                groups: groups(&entry.fingerprint),
                device: entry.device.clone(),
                state: entry.state,
            })
            .collect(),
        seal: history.first().map(|change| Seal {
            line: change.number,
            groups: in_fours(change.seal.get(..SEAL_DIGITS).unwrap_or(&change.seal)),
        }),
        qr: qr::svg(&link_to(&account.jid, own)),
    })
}

fn in_fours(digits: &str) -> Vec<String> {
    let digits: Vec<char> = digits.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect()).collect()
}
