//! Firewall: what may reach this machine, and from where chat clients may connect.
//!
//! A change is taken back unless a device at home reaches the panel after it. So this page ends
//! its connection each time: the next look is a new connection, which shows just that.

use admin_api::firewall::{ChatFrom, Choose, Show, Table};
use askama::Template;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use axum::routing::get;
use health::facts::{Firewall, FirewallState, boot_millis};
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::App;
use crate::access::Admin;
use crate::address::Asked;
use crate::form::Form;
use crate::limits::FIREWALL_LOOKS_MAX;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "firewall",
    title: "Firewall",
    within: "",
    menus: &[Menu::Main(37)],
    needs: Needs::Admin,
    routes: &[Route { path: "/firewall", methods: || get(show).post(choose) }],
};

#[derive(Template)]
#[template(path = "firewall.html")]
struct View {
    frame: Frame,
    table: Table,
    /// How things stand, in a sentence.
    state: String,
    /// Is that as it should be?
    good: bool,
    /// Where to look again in a moment, while a change is under way.
    again: Option<String>,
}

#[derive(Default, Deserialize)]
struct Query {
    /// When something was chosen, milliseconds since the machine started.
    #[serde(default)]
    since: Option<u64>,
    /// How many times the browser has looked since.
    #[serde(default)]
    look: u32,
}

async fn show(
    State(app): State<App>,
    admin: Admin,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let table = admin.call(Show {}).await?;
    let firewall = app.reached.firewall();
    let again = query.since.filter(|since| {
        query.look < FIREWALL_LOOKS_MAX && firewall.as_ref().is_some_and(|f| !is_done(f, *since))
    });
    let again = again.map(|since| format!("/firewall?since={since}&look={}", query.look + 1));
    let (good, state) = words(firewall.as_ref(), again.is_some());
    let view = View { frame: admin.frame(&PAGE), table, state, good, again };
    let mut response = render(&view)?;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// Has what was chosen at `since` come to an end, good or bad?
fn is_done(firewall: &Firewall, since: u64) -> bool {
    firewall.at > since && firewall.state != FirewallState::Waiting
}

fn words(firewall: Option<&Firewall>, changing: bool) -> (bool, String) {
    let Some(firewall) = firewall else {
        let text = "Snug does not look after the firewall of this machine. This is what its rules \
                    would be.";
        return (true, text.to_owned());
    };
    match firewall.state {
        _ if changing => {
            (true, "The change is on its way. This page looks again by itself.".to_owned())
        }
        FirewallState::InForce => (true, "These rules are in force.".to_owned()),
        FirewallState::Waiting => {
            (true, "These rules are in force, and stay once a device at home gets in.".to_owned())
        }
        FirewallState::RolledBack => (
            false,
            "The last change was taken back, because no device at home got in after it.".to_owned(),
        ),
        FirewallState::Broken | FirewallState::None => {
            (false, "These rules could not be put in force; the health page says why.".to_owned())
        }
    }
}

#[derive(Deserialize)]
struct Chosen {
    chat_from: ChatFrom,
}

async fn choose(admin: Admin, Form(form): Form<Chosen>) -> Result<Response, Problem> {
    let since = boot_millis();
    admin.call(Choose { chat_from: form.chat_from }).await?;
    let mut response = see_other(&format!("/firewall?since={since}"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_over_when_it_is_kept_or_gone() {
        let at = |state, at| Firewall { state, at, until: None, fault: None };
        assert!(!is_done(&at(FirewallState::InForce, 10), 10), "that was before");
        assert!(!is_done(&at(FirewallState::Waiting, 11), 10));
        for state in [FirewallState::InForce, FirewallState::Broken, FirewallState::RolledBack] {
            assert!(is_done(&at(state, 11), 10));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (state, good) in [
            (FirewallState::InForce, true),
            (FirewallState::Waiting, true),
            (FirewallState::RolledBack, false),
            (FirewallState::Broken, false),
            (FirewallState::None, false),
        ] {
            let firewall = Firewall { state, ..Firewall::default() };
            assert_eq!(words(Some(&firewall), false).0, good, "{state:?}");
        }
        assert!(words(None, false).1.contains("does not look after"));
    }
}
