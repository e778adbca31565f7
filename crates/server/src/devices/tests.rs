//! Tokens over time: what a script cannot wait for.

use xmpp::element::Element;
use xmpp::hashed_token::TokenState;
use xmpp::negotiate::TokenUse;
use xmpp::user_agent::{AgentId, UserAgent};

use super::*;
use crate::features::push;
use crate::limits::{DEVICE_UNSEEN_SECONDS_MAX, TOKEN_SECONDS_MAX};
use crate::registry::About;
use crate::session::Session;
use crate::testing::Home;

fn ann() -> BareJid {
    BareJid::parse("ann@home.example").unwrap()
}

fn agent(number: usize) -> UserAgent {
    let id = AgentId::parse(&format!("d4565fa7-4d72-4749-b3d3-{number:012x}"));
    UserAgent { id, software: Some("Talker".to_owned()), device: None }
}

fn name(daemon: &Daemon, number: usize) -> DeviceName {
    DeviceName::new(daemon.auth.device_secret(), &ann(), &agent(number).id.unwrap())
}

fn mechanism() -> TokenMechanism {
    TokenMechanism::from_name("HT-SHA-256-NONE").unwrap()
}

fn password(daemon: &Daemon) -> Proof {
    Proof::Password(daemon.accounts.lookup(&ann()).unwrap().unwrap())
}

/// The device `number` logs in.
fn logs_in(
    daemon: &Daemon,
    number: usize,
    proof: &Proof,
    wanted: bool,
) -> Result<Option<NewToken>, Outdated> {
    let used = match proof {
        Proof::Password(_) => None,
        // The only one that is there.
        Proof::Token(held) => {
            (0..2).find(|at| held.has(*at)).map(|token| TokenUse { token, invalidate: false })
        }
    };
    let client = Remember { agent: agent(number), used, wanted: wanted.then(mechanism) };
    remember(daemon, &ann(), &name(daemon, number), &client, proof).map(|r| r.token)
}

fn states(daemon: &Daemon, number: usize) -> Vec<TokenState> {
    let (_, tokens) = held(daemon, &ann(), &name(daemon, number), mechanism()).unwrap();
    tokens.iter().map(xmpp::hashed_token::Token::state).collect()
}

fn shown(daemon: &Daemon, number: usize) -> Proof {
    Proof::Token(held(daemon, &ann(), &name(daemon, number), mechanism()).unwrap().0)
}

/// Lets the device of `number` be as old as it would be after `seconds`.
fn age(daemon: &Daemon, number: usize, seconds: u64) {
    let key = ("ann@home.example", &*name(daemon, number).as_str().to_owned());
    let mut device = daemon.store.get(&DEVICES, &key).unwrap().unwrap();
    device.last_seen -= seconds;
    for token in [&mut device.current, &mut device.new].into_iter().flatten() {
        token.made -= seconds;
        token.expires -= seconds;
    }
    let mut batch = Batch::new();
    batch.put(&DEVICES, &key, &device);
    daemon.store.commit_blocking(batch).unwrap();
}

use TokenState::{Expired, Fake, Good};

#[tokio::test]
async fn a_token_is_replaced_after_a_day_and_over_after_a_month() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    assert!(logs_in(daemon, 1, &password(daemon), false).unwrap().is_none(), "none unasked");
    assert_eq!(states(daemon, 1), [Fake, Fake]);
    let first = logs_in(daemon, 1, &password(daemon), true).unwrap().unwrap();
    assert_eq!(states(daemon, 1), [Good, Fake]);
    assert!(logs_in(daemon, 1, &shown(daemon, 1), false).unwrap().is_none(), "fresh");
    assert_eq!(states(daemon, 1), [Fake, Good]);
    age(daemon, 1, TOKEN_ROTATE_SECONDS);
    let second = logs_in(daemon, 1, &shown(daemon, 1), false).unwrap().unwrap();
    assert!(first.secret != second.secret && first.expires <= second.expires);
    assert_eq!(states(daemon, 1), [Good, Good], "until the new one is used");
    age(daemon, 1, TOKEN_SECONDS_MAX);
    assert_eq!(states(daemon, 1), [Expired, Expired]);
}

#[tokio::test]
async fn what_changes_between_proof_and_log_in_is_noticed() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    logs_in(daemon, 1, &password(daemon), true).unwrap().unwrap();
    let (by_password, by_token) = (password(daemon), shown(daemon, 1));
    let new = admin_api::Secret::new("another battery");
    daemon.accounts.set_password(daemon, &ann(), Some(&new), None).await.unwrap();
    assert_eq!(states(daemon, 1), [Fake, Fake], "a new password takes all tokens away");
    assert!(logs_in(daemon, 1, &by_password, true).is_err());
    assert!(logs_in(daemon, 1, &by_token, true).is_err());
    assert_eq!(states(daemon, 1), [Fake, Fake]);
    logs_in(daemon, 1, &password(daemon), true).unwrap().unwrap();
    assert_eq!(states(daemon, 1), [Good, Fake]);
}

#[tokio::test]
async fn the_device_on_which_a_password_is_chosen_keeps_its_token() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    for number in [1, 2] {
        logs_in(daemon, number, &password(daemon), true).unwrap().unwrap();
    }
    let (new, by) = (admin_api::Secret::new("another battery"), Some(name(daemon, 1)));
    daemon.accounts.set_password(daemon, &ann(), Some(&new), by).await.unwrap();
    assert_eq!(states(daemon, 1), [Good, Fake]);
    assert_eq!(states(daemon, 2), [Fake, Fake]);
    assert!(logs_in(daemon, 1, &shown(daemon, 1), false).is_ok());
    let entry = daemon.registry.entry(&ann());
    let listed = list(daemon, &registry::lock(&entry), Now::read().unix).unwrap();
    let mut known: Vec<_> = listed.into_iter().map(|l| (l.id, l.password, l.token)).collect();
    known.sort_by_key(|(id, ..)| *id != *name(daemon, 1).as_str());
    assert_eq!(known[0], (name(daemon, 1).as_str().to_owned(), true, true));
    assert_eq!(known[1], (name(daemon, 2).as_str().to_owned(), false, false));
}

/// An import over an account that is there brings another password.
#[tokio::test]
async fn an_import_takes_the_tokens_of_the_old_password_away() {
    use admin_api::transfer::{Credentials, Existing, Import, Record};
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    logs_in(daemon, 1, &password(daemon), true).unwrap().unwrap();
    let by_token = shown(daemon, 1);
    let record = Record {
        name: "ann".to_owned(),
        display_name: String::new(),
        card_name: None,
        credentials: Credentials::Plain(admin_api::Secret::new("another battery")),
        roster: Vec::new(),
        offline: Vec::new(),
    };
    let import = Import { records: vec![record], existing: Existing::Replace };
    assert_eq!(home.operator().call(import).await.unwrap().written, 1);
    assert_eq!(states(daemon, 1), [Fake, Fake]);
    assert!(logs_in(daemon, 1, &by_token, true).is_err());
}

/// XEP-0357: nobody wakes what was signed out; XEP-0198: nor does it come back.
#[tokio::test]
async fn what_is_signed_out_is_not_woken_any_more() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    let about = || About {
        address: ([192, 168, 1, 40], 40_000).into(),
        tls: "TLSv1.3",
        mechanism: "HT-SHA-256-EXPR",
        since: 7,
    };
    let nodes = || -> Vec<String> {
        let all = push::list(daemon, Some(&ann())).unwrap();
        all.into_iter().map(|one| one.registration.node).collect()
    };
    let enter = |number: usize, resource: &str, node: &str| {
        let mut session = Session::bind(daemon, &ann(), Some(resource), about()).unwrap();
        let entry = daemon.registry.entry(&ann());
        registry::lock(&entry).session_mut(session.id).unwrap().slots.put(name(daemon, number));
        let enable = format!(
            "<iq xmlns='jabber:client' type='set' id='1'>\
             <enable xmlns='urn:xmpp:push:0' jid='push.example' node='{node}'/></iq>"
        );
        session.handle(Now::read(), Element::parse(&enable).unwrap()).unwrap();
        session
    };
    for number in [1, 2] {
        logs_in(daemon, number, &password(daemon), true).unwrap().unwrap();
    }
    // The first has two sessions, one of which is over; the second has one.
    drop(enter(1, "a", "gone"));
    let (one, other) = (enter(1, "b", "there"), enter(2, "c", "other"));
    let more = enter(1, "d", "more");
    assert_eq!(nodes().len(), 4);
    let id = name(daemon, 1).as_str().to_owned();
    let revoke = admin_api::devices::Revoke { name: "ann".to_owned(), id };
    home.operator().call(revoke).await.unwrap();
    assert_eq!(nodes(), ["other"]);
    assert!(one.outbox.is_over() && more.outbox.is_over() && !other.outbox.is_over());
    assert_eq!(states(daemon, 1), [Fake, Fake]);
    assert_eq!(states(daemon, 2), [Good, Fake]);
}

#[tokio::test]
async fn devices_are_bounded_and_forgotten() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    for number in 0..DEVICES_PER_ACCOUNT_MAX {
        logs_in(daemon, number, &password(daemon), true).unwrap();
    }
    age(daemon, 7, DAY);
    logs_in(daemon, DEVICES_PER_ACCOUNT_MAX, &password(daemon), true).unwrap();
    assert_eq!(daemon.store.count(&DEVICES, &all_of(&ann())).unwrap(), 50);
    assert_eq!(states(daemon, 7), [Fake, Fake], "unseen for longest");
    assert_eq!(states(daemon, 8), [Good, Fake]);
    age(daemon, 8, DEVICE_UNSEEN_SECONDS_MAX);
    sweep(daemon, Now::read().unix).unwrap();
    assert_eq!(daemon.store.count(&DEVICES, &all_of(&ann())).unwrap(), 49);
}

#[tokio::test]
async fn a_token_is_for_one_mechanism_and_not_in_the_store() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    let token = logs_in(daemon, 1, &password(daemon), true).unwrap().unwrap();
    let bound = TokenMechanism::from_name("HT-SHA-256-EXPR").unwrap();
    let (_, tokens) = held(daemon, &ann(), &name(daemon, 1), bound).unwrap();
    assert!(tokens.iter().all(|token| token.state() == Fake));
    let key = ("ann@home.example", &*name(daemon, 1).as_str().to_owned());
    let device = daemon.store.get(&DEVICES, &key).unwrap().unwrap();
    let row = serde_json::to_string(&device).unwrap();
    assert!(!row.contains(token.secret.as_str()) && !row.contains("d4565fa7"), "{row}");
}
