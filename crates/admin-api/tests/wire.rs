//! The JSON of calls: what two versions of the programs must agree on.

use admin_api::{
    Envelope, Problem, ProblemKind, Reply, Request, Secret, accounts, daemon, fingerprints, setup,
    transfer,
};
use serde_json::{Value, json};

fn envelope(request: impl Into<Request>) -> Value {
    serde_json::to_value(Envelope { token: None, request: request.into() }).unwrap_or_default()
}

#[test]
fn calls_are_named_in_kebab_case() {
    assert_eq!(envelope(accounts::List {}), json!({"request": {"account-list": {}}}));
    assert_eq!(envelope(daemon::Facts {}), json!({"request": {"daemon-facts": {}}}));
    assert_eq!(
        envelope(fingerprints::Update {
            name: "ann".to_owned(),
            fingerprint: "00".repeat(20),
            label: None,
            device: None,
            state: Some(fingerprints::State::ComparedInPerson),
        }),
        json!({"request": {"fingerprint-update": {
            "name": "ann", "fingerprint": "00".repeat(20),
            "label": null, "device": null, "state": "compared-in-person",
        }}})
    );
}

#[test]
fn secrets_travel_and_do_not_show() {
    let add = accounts::Add {
        name: "ann".to_owned(),
        display_name: String::new(),
        password: Some(Secret::new("correct horse")),
        role: accounts::Role::Member,
    };
    assert!(!format!("{add:?}").contains("horse"));
    let value = envelope(add);
    assert_eq!(value["request"]["account-add"]["password"], json!("correct horse"));
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    let add: accounts::Add = serde_json::from_value(json!({"name": "ann"})).unwrap();
    assert!(add.password.is_none() && add.role == accounts::Role::Member);
    let state: setup::State = serde_json::from_value(json!({})).unwrap();
    assert!(state.code.is_none());
    let record: transfer::Record =
        serde_json::from_value(json!({"name": "ann", "credentials": {"plain": "x"}})).unwrap();
    assert!(record.roster.is_empty() && record.offline.is_empty());
}

#[test]
fn replies_are_ok_or_a_problem() {
    let problem = Reply::Problem(Problem::new(ProblemKind::NotFound, "no"));
    let value = serde_json::to_value(problem).unwrap();
    assert_eq!(value, json!({"problem": {"kind": "not-found", "message": "no"}}));
    assert_eq!(serde_json::to_value(Reply::Ok(json!([]))).unwrap(), json!({"ok": []}));
    let state = accounts::State::Deleted { until: 5 };
    assert_eq!(serde_json::to_value(state).unwrap(), json!({"is": "deleted", "until": 5}));
}

#[test]
fn an_unknown_call_is_an_error_not_a_guess() {
    let value = json!({"request": {"account-fly": {}}});
    assert!(serde_json::from_value::<Envelope>(value).is_err());
}

#[test]
fn health_facts_keep_their_shape() {
    let facts = health::DaemonFacts {
        loopback_login: Some(Err("refused".to_owned())),
        store_write: Some(Ok(7)),
        ..health::DaemonFacts::default()
    };
    let value = serde_json::to_value(&facts).unwrap();
    assert_eq!(serde_json::from_value::<health::DaemonFacts>(value).unwrap(), facts);
}
