//! OMEMO: the devices of the person who looks, what is wrong with them, and repairing it with one
//! press.

use admin_api::fingerprints::shown;
use admin_api::omemo::{
    Carry, Device, Finding, Repair, Report, Show, TakeBack, Trouble, Undo, Version,
};
use askama::Template;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::access::Member;
use crate::address::Asked;
use crate::form::Form;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "omemo",
    title: "OMEMO",
    within: "",
    menus: &[Menu::Account(7)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/omemo", methods: || get(show) },
        Route { path: "/omemo/repair", methods: || post(repair) },
        Route { path: "/omemo/undo", methods: || post(undo) },
    ],
};

#[derive(Template)]
#[template(path = "omemo.html")]
struct View {
    frame: Frame,
    keys_href: String,
    devices: Vec<Row>,
    findings: Vec<Found>,
    undo: Vec<Gone>,
    done: &'static str,
}

/// A device as it is shown.
struct Row {
    name: String,
    version: &'static str,
    fingerprint: Option<String>,
    listed: bool,
    seen: Option<When>,
}

impl Row {
    fn new(device: &Device, now: admin_api::UnixTime) -> Self {
        Self {
            name: named(device),
            version: version(device.version),
            fingerprint: device.fingerprint.as_deref().map(shown),
            listed: device.listed,
            seen: device.seen.map(|at| When::day(at, now)),
        }
    }
}

/// What is wrong, in words, with the presses that help.
struct Found {
    what: String,
    why: &'static str,
    presses: Vec<Press>,
}

/// A repair as a button.
struct Press {
    words: &'static str,
    /// For whom cannot see to which finding it belongs.
    which: String,
    what: &'static str,
    version: &'static str,
    device: u32,
}

/// A removal that can be taken back.
struct Gone {
    id: String,
    what: String,
}

fn version(version: Version) -> &'static str {
    match version {
        Version::Legacy => "legacy",
        Version::Two => "two",
    }
}

fn named(device: &Device) -> String {
    match device.label.as_str() {
        "" => format!("Device {}", device.id),
        label => format!("{label} (device {})", device.id),
    }
}

fn name_of(report: &Report, version: Version, id: u32) -> String {
    let known = report.devices.iter().find(|d| d.version == version && d.id == id);
    known.map_or_else(|| format!("Device {id}"), named)
}

impl Found {
    fn new(report: &Report, finding: &Finding) -> Self {
        let name = |device: &u32| name_of(report, finding.version, *device);
        let (what, why) = match &finding.trouble {
            Trouble::Closed { .. } => (
                "Not everybody may read your keys.".to_owned(),
                "Who is not among your contacts cannot encrypt for you. The keys are meant for \
                 everybody: they are public halves.",
            ),
            Trouble::KeepsTooFew { kept } => (
                format!("Only {kept} of your bundles can be kept."),
                "Each device that starts throws another one’s keys out.",
            ),
            Trouble::NoBundle { device } => (
                format!("{} has no keys that can be used.", name(device)),
                "Others try to encrypt for it and cannot; some apps then warn, or send nothing. If \
                 you still use it, start its app first: that often mends it.",
            ),
            Trouble::Unlisted { device } => (
                format!("{} is not on your list, but its keys are here.", name(device)),
                "Nobody encrypts for it. Usually it is left over from an app that is gone.",
            ),
            Trouble::Stale { device, seen } => (
                format!("{} has published nothing since {}.", name(device), when::date(*seen)),
                "Everybody still encrypts for it. If the device is lost or sold, remove it; if it \
                 is still yours, leave it.",
            ),
        };
        let which = what.trim_end_matches('.').to_owned();
        let presses = finding.repairs.iter().map(|r| Press::new(*r, which.clone())).collect();
        Self { what, why, presses }
    }
}

impl Press {
    fn new(repair: Repair, which: String) -> Self {
        let (words, what, of, device) = match repair {
            Repair::Open { version } => ("Put it right", "open", version, 0),
            Repair::Remove { version, device } => ("Remove the device", "remove", version, device),
            Repair::Relist { version, device } => ("Put it on the list", "relist", version, device),
        };
        Self { words, which, what, version: version(of), device }
    }
}

impl View {
    fn new(member: &Member, report: &Report) -> Self {
        let now = when::now();
        let gone = |undo: &Undo| Gone {
            id: undo.id.clone(),
            what: name_of(report, undo.version, undo.device),
        };
        Self {
            frame: member.frame(&PAGE),
            keys_href: link::fingerprints(&member.session.person.jid),
            devices: report.devices.iter().map(|d| Row::new(d, now)).collect(),
            findings: report.findings.iter().map(|f| Found::new(report, f)).collect(),
            undo: report.undo.iter().map(gone).collect(),
            done: "",
        }
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(member: Member, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let report = member.call(Show {}).await?;
    let done = match query.done.as_str() {
        "repaired" => "It is repaired. Your chat apps were told.",
        "undone" => "It is as before. Your chat apps were told.",
        _ => "",
    };
    render(&View { done, ..View::new(&member, &report) })
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Open,
    Remove,
    Relist,
}

#[derive(Deserialize)]
struct RepairForm {
    what: What,
    version: Version,
    #[serde(default)]
    device: u32,
}

async fn repair(member: Member, Form(form): Form<RepairForm>) -> Result<Response, Problem> {
    let RepairForm { version, device, .. } = form;
    let repair = match form.what {
        What::Open => Repair::Open { version },
        What::Remove => Repair::Remove { version, device },
        What::Relist => Repair::Relist { version, device },
    };
    member.call(Carry { repair }).await?;
    Ok(see_other("/omemo?done=repaired"))
}

#[derive(Deserialize)]
struct UndoForm {
    id: String,
}

async fn undo(member: Member, Form(form): Form<UndoForm>) -> Result<Response, Problem> {
    member.call(TakeBack { id: form.id }).await?;
    Ok(see_other("/omemo?done=undone"))
}
