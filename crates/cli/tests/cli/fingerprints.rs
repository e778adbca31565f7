//! `snug fingerprint` against a fake daemon.

use crate::fake::{Fake, ok, problem};
use admin_api::concierge::PhraseReply;
use admin_api::fingerprints::{Action, Change, Entry, State, seal};
use admin_api::{ProblemKind, Reply, Request, Secret};

const HEX: &str = "acefb4d64f3d0f4e258bd0b44d4d2587b09847eb";
const SHOWN: &str = "ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB";

fn entry() -> Entry {
    Entry {
        jid: "ann@home.example".to_owned(),
        fingerprint: HEX.to_owned(),
        label: String::new(),
        device: "Pidgin".to_owned(),
        state: State::ComparedInPerson,
        last_seen: None,
        added: 1_795_449_842,
        changed: 1_795_449_842,
        changed_by: "operator".to_owned(),
        ..Entry::default()
    }
}

fn change() -> Change {
    let mut change = Change {
        number: 1,
        previous: None,
        seal: String::new(),
        at: 1_795_449_842,
        by: "operator".to_owned(),
        fingerprint: HEX.to_owned(),
        action: Action::StateChanged,
        state: State::Declared,
    };
    change.seal = seal("ann@home.example", &change);
    change
}

fn ann() -> serde_json::Value {
    serde_json::json!({
        "jid": "ann@home.example", "display_name": "", "role": "member", "state": {"is": "active"},
        "created": 0, "last_login_day": null, "sessions": 0, "fingerprints": 1
    })
}

#[test]
fn the_directory_goes_into_a_clients_file() {
    let fake = Fake::new(|request| match request {
        Request::AccountShow(_) => {
            let mut bob = ann();
            bob["jid"] = "bob@home.example".into();
            ok(bob)
        }
        other => answer(other),
    });
    let file = fake.file("otr.fingerprints", "bad line\n");
    let file = file.to_str().unwrap();
    let out = fake.snug(&["fingerprint", "merge", file, "--for", "bob"]).ok();
    let line = |resource: &str| {
        format!("ann@home.example\tbob@home.example/{resource}\tprpl-jabber\t{HEX}\tcompared\n")
    };
    assert_eq!(out, ["", "Pidgin", "Home"].map(line).concat());
    let den = ["fingerprint", "merge", file, "--for", "bob", "--account", "bob@home.example/Den"];
    assert_eq!(fake.snug(&den).ok(), line("Den"));
    let profanity = ["fingerprint", "merge", "-", "--for", "bob", "--client", "profanity"];
    let out = fake.snug(&profanity).ok();
    assert!(out.contains("\tbob@home.example\txmpp\t"), "{out}");
    let key = fake.file("otr.private_key", "(privkeys (account (name \"ann\")");
    fake.heard();
    let err = fake.snug(&["fingerprint", "merge", key.to_str().unwrap(), "--for", "bob"]).failed(2);
    assert!(err.contains("private key"), "{err}");
    assert!(fake.heard().is_empty(), "nothing was asked");
}

#[test]
fn a_phrase_is_made() {
    let fake = Fake::new(|request| match request {
        Request::ConciergePhrase(p) if p.name == "ann" => ok(PhraseReply {
            concierge: "concierge@home.example".to_owned(),
            fingerprint: Some(HEX.to_owned()),
            phrase: Secret::new("bamok-rivet"),
            until: 0,
        }),
        other => answer(other),
    });
    let out = fake.snug(&["fingerprint", "phrase", "ann"]).ok();
    assert!(out.contains("bamok-rivet") && out.contains(SHOWN), "{out}");
}

#[test]
fn a_history_is_checked() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["fingerprint", "check", "ann"]).ok();
    assert!(out.contains("holds") && out.contains(&change().seal), "{out}");
    fake.snug(&["fingerprint", "check", "ann", "--seal", &change().seal[..16]]).ok();
    for unknown in [&*"0".repeat(64), &change().seal[..8]] {
        let out = fake.snug(&["fingerprint", "check", "ann", "--seal", unknown]).reported(1);
        assert!(out.contains("this seal is not in it"), "{out}");
    }
    let forged = Fake::new(|request| match request {
        Request::FingerprintHistory(h) if h.before.is_none() => {
            ok([Change { state: State::ComparedInPerson, ..change() }])
        }
        other => answer(other),
    });
    let out = forged.snug(&["fingerprint", "check", "ann"]).reported(1);
    assert!(out.contains("line 1 is not as it was written"), "{out}");
}

fn answer(request: &Request) -> Reply {
    match request {
        Request::FingerprintAdd(_)
        | Request::FingerprintRemove(_)
        | Request::FingerprintUpdate(_) => ok(entry()),
        Request::FingerprintList(_) => ok([entry()]),
        Request::AccountShow(_) => ok(ann()),
        Request::FingerprintHistory(h) if h.before.is_some() => ok(Vec::<Change>::new()),
        Request::FingerprintHistory(_) => ok([change()]),
        _ => problem(ProblemKind::Invalid, "unexpected call"),
    }
}

#[test]
fn every_form_is_sent_as_forty_digits() {
    let fake = Fake::new(answer);
    let groups: Vec<&str> = SHOWN.split(' ').collect();
    let mut in_groups = vec!["fingerprint", "add", "ann"];
    in_groups.extend(&groups);
    in_groups.extend(["--device", "Pidgin", "--label", "old", "--state", "seen"]);
    let out = fake.snug(&in_groups).ok();
    assert_eq!(out, format!("{SHOWN} is added to ann@home.example.\n"));
    fake.snug(&["fingerprint", "add", "ann", HEX]).ok();
    fake.snug_with(
        &["fingerprint", "add", "ann", "-"],
        format!("Fingerprint: {SHOWN}\n").as_bytes(),
    )
    .ok();
    let heard = fake.heard();
    let added: Vec<_> = heard
        .iter()
        .map(|r| match r {
            Request::FingerprintAdd(a) => (&*a.fingerprint, &*a.device, &*a.label, a.state),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        added,
        [
            (HEX, "Pidgin", "old", State::Seen),
            (HEX, "", "", State::Declared),
            (HEX, "", "", State::Declared),
        ]
    );
}

#[test]
fn verify_remove_list_history() {
    let fake = Fake::new(answer);
    fake.snug(&["fingerprint", "verify", "ann", SHOWN]).ok();
    fake.snug(&["fingerprint", "remove", "ann", HEX]).ok();
    let list = fake.snug(&["fingerprint", "list"]).ok();
    assert!(list.contains(SHOWN) && list.contains("compared in person"), "{list}");
    let history = fake.snug(&["fingerprint", "history", "ann"]).ok();
    assert!(history.contains("operator") && history.contains("state changed"), "{history}");
    let json = fake.snug(&["fingerprint", "list", "ann", "--json"]).json();
    assert_eq!(json[0]["state"], "compared-in-person");
    let heard = fake.heard();
    assert!(matches!(&heard[0], Request::FingerprintUpdate(u)
        if u.state == Some(State::ComparedInPerson) && u.label.is_none() && u.fingerprint == HEX));
    assert!(matches!(&heard[1], Request::FingerprintRemove(r) if r.fingerprint == HEX));
}

#[test]
fn a_private_key_goes_nowhere() {
    let fake = Fake::new(answer);
    // Made up: digits in counting order.
    let key = "(privkeys\n (account\n(name \"ann\")\n(private-key \n (dsa \n  (p #0012345678#)";
    for (args, input) in [
        (&["fingerprint", "add", "ann", key][..], ""),
        (&["fingerprint", "add", "ann", "-"], key),
        (&["fingerprint", "verify", "ann", key], ""),
        (&["fingerprint", "remove", "ann", "(x", "#0123#)"], ""),
        (&["fingerprint", "add", "ann", HEX, "--label", key], ""),
        (&["fingerprint", "add", "ann", HEX, "--device=-----BEGIN PRIVATE KEY-----"], ""),
        (&["fingerprint", "add", "(private-key (dsa", HEX], ""),
    ] {
        let err = fake.snug_with(args, input.as_bytes()).failed(2);
        assert!(err.contains("private key"), "{err}");
        assert!(!err.contains("0012345678"), "{err}");
    }
    assert!(fake.heard().is_empty(), "nothing was sent");
}

#[test]
fn a_mistyped_fingerprint_is_named_and_not_sent() {
    let fake = Fake::new(answer);
    let err = fake.snug(&["fingerprint", "add", "ann", &HEX[..38]]).failed(2);
    assert!(err.contains("38 of 40 digits"), "{err}");
    let err = fake.snug(&["fingerprint", "add", "ann", &HEX.replace("ac", "ag")]).failed(2);
    assert!(err.contains("contains 'g'"), "{err}");
    fake.snug(&["fingerprint", "add", "ann"]).failed(2);
    assert!(fake.heard().is_empty());
}
