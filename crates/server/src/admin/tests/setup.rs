//! First run.

use admin_api::setup::{NewCode, State};
use admin_api::{ProblemKind, Secret, accounts, panel};

use super::{can_log_in, kind};
use crate::daemon::Now;
use crate::limits::{SETUP_CODE_SECONDS_MAX, SETUP_CODE_TRIES_PER_MINUTE};
use crate::testing::{Home, PASSWORD};

#[tokio::test]
async fn the_code_opens_set_up_once() {
    let home = Home::fresh().await;
    let (panel, operator) = (home.panel(), home.operator());
    assert_eq!(kind(panel.call(NewCode {}).await), ProblemKind::Forbidden);
    let before = panel.call(State { code: None }).await.unwrap();
    assert_eq!((before.domain, before.code_ok), (None, false));
    let list = operator.call(accounts::List {}).await.unwrap();
    assert!(list.is_empty());

    let old = operator.call(NewCode {}).await.unwrap().code;
    let made = operator.call(NewCode {}).await.unwrap();
    let left = made.until - Now::read().unix;
    assert!((SETUP_CODE_SECONDS_MAX - 60..=SETUP_CODE_SECONDS_MAX).contains(&left));
    let state = |code: &Secret| panel.call(State { code: Some(code.clone()) });
    assert!(!state(&old).await.unwrap().code_ok, "the newer code replaced it");
    assert!(state(&made.code).await.unwrap().code_ok);
    assert!(state(&made.code).await.unwrap().code_ok, "looking does not use it up");

    assert_eq!(kind(panel.call(home.finish(old)).await), ProblemKind::SignIn);
    let mut bad = home.finish(made.code.clone());
    bad.domain = "192.168.1.1".to_owned();
    assert_eq!(kind(panel.call(bad).await), ProblemKind::Invalid);
    let mut weak = home.finish(made.code.clone());
    weak.password = Secret::new("short");
    assert_eq!(kind(panel.call(weak).await), ProblemKind::Invalid);
    let mut reserved = home.finish(made.code.clone());
    reserved.name = "health-probe".to_owned();
    assert_eq!(kind(panel.call(reserved).await), ProblemKind::Invalid);

    let signed_in = panel.call(home.finish(made.code.clone())).await.unwrap();
    assert_eq!(signed_in.person.jid, "ann@home.example");
    assert_eq!(signed_in.person.role, accounts::Role::Admin);
    let who = panel.call_as(signed_in.token, panel::Who {}).await.unwrap();
    assert_eq!((who.jid.as_str(), who.domain.as_str()), ("ann@home.example", "home.example"));
    assert!(can_log_in(&home, "ann@home.example", PASSWORD).await);

    assert_eq!(kind(panel.call(home.finish(made.code.clone())).await), ProblemKind::Setup);
    assert_eq!(kind(operator.call(NewCode {}).await), ProblemKind::Setup);
    let after = state(&made.code).await.unwrap();
    assert_eq!((after.domain.as_deref(), after.code_ok), (Some("home.example"), false));
}

#[tokio::test]
async fn what_set_up_decided_survives_a_restart() {
    let (home, token) = Home::set_up().await;
    let home = home.restart().await;
    let state = home.panel().call(State { code: None }).await.unwrap();
    assert_eq!(state.domain.as_deref(), Some("home.example"));
    let who = home.panel().call_as(token, panel::Who {}).await.unwrap();
    assert_eq!(who.display_name, "Ann");
    assert_eq!(home.daemon().tls.facts().names, ["home.example"]);
    assert!(can_log_in(&home, "ann@home.example", PASSWORD).await);
}

#[tokio::test]
async fn two_people_cannot_both_finish() {
    let home = Home::fresh().await;
    let code = home.operator().call(NewCode {}).await.unwrap().code;
    let mut other = home.finish(code.clone());
    other.name = "bob".to_owned();
    let (panel, second) = (home.panel(), home.panel());
    let (a, b) = tokio::join!(panel.call(home.finish(code)), second.call(other));
    assert!(a.is_ok() != b.is_ok(), "exactly one of them");
    let list = home.operator().call(accounts::List {}).await.unwrap();
    assert_eq!(list.len(), 1);
}

#[tokio::test]
async fn guessing_codes_is_cut_short() {
    let home = Home::fresh().await;
    let code = home.operator().call(NewCode {}).await.unwrap().code;
    for _ in 0..SETUP_CODE_TRIES_PER_MINUTE {
        home.daemon().auth.code_failed(Now::read());
    }
    let state = home.panel().call(State { code: Some(code) }).await;
    assert_eq!(kind(state), ProblemKind::Throttled);
}
