//! `snug account` and `snug session` against a fake daemon.

use crate::fake::{Fake, ok, problem};
use admin_api::accounts::{Account, Added, Role, State};
use admin_api::sessions::{Kicked, Session};
use admin_api::{ProblemKind, Reply, Request, Secret};

fn account(name: &str) -> Account {
    Account {
        jid: format!("{name}@home.example"),
        display_name: "Ann \u{1b}[31mExample".to_owned(),
        role: Role::Admin,
        state: State::Active,
        created: 1_795_449_842,
        last_login_day: Some(1_795_392_000),
        sessions: 2,
        fingerprints: 1,
    }
}

fn added(name: &str, generated: Option<&str>) -> Reply {
    ok(Added { account: account(name), generated_password: generated.map(Secret::new) })
}

fn answer(request: &Request) -> Reply {
    match request {
        Request::AccountAdd(a) => {
            added(&a.name, a.password.is_none().then_some("seven-words-of-nothing"))
        }
        Request::AccountPassword(p) => {
            added(&p.name, p.password.is_none().then_some("seven-words-of-nothing"))
        }
        Request::AccountList(_) => ok([account("ann"), account("tim")]),
        Request::AccountShow(s) if s.name == "nobody" => {
            problem(ProblemKind::NotFound, "there is no nobody@home.example")
        }
        Request::AccountShow(_)
        | Request::AccountLock(_)
        | Request::AccountRestore(_)
        | Request::AccountRole(_) => ok(account("ann")),
        Request::AccountDelete(_) => {
            ok(Account { state: State::Deleted { until: 1_795_449_842 }, ..account("ann") })
        }
        Request::SessionKick(k) if k.jid == "nobody" => ok(Kicked { closed: Vec::new() }),
        Request::SessionKick(k) => ok(Kicked { closed: vec![format!("{}/a", k.jid)] }),
        Request::SessionList(_) => ok([Session {
            jid: "ann@home.example/phone".to_owned(),
            address: "192.168.1.7:40000".to_owned(),
            tls: "TLSv1.3".to_owned(),
            mechanism: "SCRAM-SHA-256-PLUS".to_owned(),
            since: 1_795_449_842,
            priority: None,
            asleep: true,
        }]),
        _ => problem(ProblemKind::Invalid, "unexpected call"),
    }
}

#[test]
fn a_password_comes_from_standard_input() {
    let fake = Fake::new(answer);
    let args = ["account", "add", "ann", "--password-stdin", "--display-name", "Ann", "--admin"];
    let out = fake.snug_with(&args, b"correct horse\n").ok();
    assert_eq!(out, "ann@home.example is ready.\n");
    let heard = fake.heard();
    let [Request::AccountAdd(add)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((&*add.name, &*add.display_name, add.role), ("ann", "Ann", Role::Admin));
    assert_eq!(add.password.as_ref().unwrap().expose(), "correct horse");
}

#[test]
fn a_generated_password_is_shown_once() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["account", "add", "tim", "--generate"]).ok();
    assert!(out.contains("Password: seven-words-of-nothing\n"), "{out}");
    let json = fake.snug(&["account", "password", "tim", "--generate", "--json"]).json();
    assert_eq!(json["generated_password"], "seven-words-of-nothing");
    assert_eq!(json["account"]["jid"], "tim@home.example");
    assert!(matches!(fake.heard().as_slice(),
        [Request::AccountAdd(a), Request::AccountPassword(p)]
            if a.password.is_none() && p.password.is_none() && a.role == Role::Member));
}

#[test]
fn without_a_terminal_there_is_no_question_and_no_call() {
    let fake = Fake::new(answer);
    let err = fake.snug(&["account", "add", "ann"]).failed(2);
    assert!(err.contains("--password-stdin"), "{err}");
    let err = fake.snug_with(&["account", "add", "ann", "--password-stdin"], b"\n").failed(2);
    assert!(err.contains("no password"), "{err}");
    assert!(fake.heard().is_empty());
    let err = fake.snug(&["account", "delete", "ann"]).failed(2);
    assert!(err.contains("--yes"), "{err}");
    assert!(matches!(fake.heard().as_slice(), [Request::AccountShow(_)]));
}

#[test]
fn a_password_is_never_an_argument() {
    let fake = Fake::new(answer);
    for args in [
        &["account", "add", "ann", "secret"][..],
        &["account", "add", "ann", "--password", "secret"],
        &["account", "add", "ann", "--generate", "--password-stdin"],
    ] {
        fake.snug(args).failed(2);
    }
    assert!(fake.heard().is_empty());
}

#[test]
fn tables_are_aligned_and_safe_for_terminals() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["account", "list"]).ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3);
    let column = lines[0].find("ROLE").unwrap();
    for line in &lines[1..] {
        let cell: String = line.chars().skip(column).take(5).collect();
        assert_eq!(cell, "admin", "{out}");
        assert!(line.contains("2026-11-23"), "{out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
    let shown = fake.snug(&["account", "show", "ann"]).ok();
    assert!(shown.contains("Address       ann@home.example\n"), "{shown}");
    let json = fake.snug(&["--json", "account", "list"]).json();
    assert_eq!(json[1]["jid"], "tim@home.example");
    assert_eq!(json[0]["state"]["is"], "active");
}

#[test]
fn changes_are_sent_as_they_are_meant() {
    let fake = Fake::new(answer);
    for args in [
        &["account", "lock", "ann"][..],
        &["account", "unlock", "ann"],
        &["account", "restore", "ann"],
        &["account", "role", "ann", "admin"],
        &["account", "role", "ann", "member"],
    ] {
        let out = fake.snug(args).ok();
        assert!(out.starts_with("ann@home.example is "), "{out}");
    }
    let heard = fake.heard();
    assert!(
        matches!(heard.as_slice(), [
        Request::AccountLock(a), Request::AccountLock(b), Request::AccountRestore(_),
        Request::AccountRole(c), Request::AccountRole(d),
    ] if a.locked && !b.locked && c.role == Role::Admin && d.role == Role::Member),
        "{heard:?}"
    );
    fake.snug(&["account", "role", "ann", "king"]).failed(2);
}

#[test]
fn deleting_names_the_account_and_the_time() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["account", "delete", "ann", "--yes"]).ok();
    assert!(out.contains("2026-11-23 16:04 UTC"), "{out}");
    let out = fake.snug(&["account", "delete", "ann", "--now", "-y"]).ok();
    assert!(out.contains("gone for good"), "{out}");
    fake.snug(&["account", "delete", "ann", "--grace-days", "30", "-y"]).ok();
    let days: Vec<Option<u16>> = fake
        .heard()
        .iter()
        .filter_map(|r| match r {
            Request::AccountDelete(d) => Some(d.grace_days),
            _ => None,
        })
        .collect();
    assert_eq!(days, [None, Some(0), Some(30)]);
    fake.snug(&["account", "delete", "ann", "--grace-days", "0", "-y"]).failed(2);
    fake.snug(&["account", "delete", "ann", "--now", "--grace-days", "3", "-y"]).failed(2);
    fake.snug(&["account", "delete", "nobody", "--yes"]).failed(1);
    assert!(matches!(fake.heard().as_slice(), [Request::AccountShow(_)]));
}

#[test]
fn a_refusal_is_told_in_words_or_json() {
    let fake = Fake::new(answer);
    let err = fake.snug(&["account", "show", "nobody"]).failed(1);
    assert_eq!(err, "snug: there is no nobody@home.example\n");
    let err = fake.snug(&["account", "show", "nobody", "--json"]).failed(1);
    let json: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(json["error"]["kind"], "not-found");
}

#[test]
fn a_daemon_that_is_down_is_told_with_the_place() {
    let fake = Fake::down();
    let err = fake.snug(&["account", "list"]).failed(1);
    assert!(err.contains("admin.sock") && err.contains("running"), "{err}");
}

#[test]
fn sessions() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["session", "list"]).ok();
    assert!(out.contains("ann@home.example/phone  192.168.1.7:40000  TLSv1.3"), "{out}");
    assert!(out.lines().any(|line| line.ends_with("-         asleep")), "{out}");
    fake.snug(&["session", "list", "ann"]).ok();
    let out = fake.snug(&["session", "kick", "ann"]).ok();
    assert_eq!(out, "ann/a is disconnected.\n");
    assert_eq!(fake.snug(&["session", "kick", "nobody"]).ok(), "No such client is connected.\n");
    let heard = fake.heard();
    assert!(
        matches!(heard.as_slice(), [
        Request::SessionList(a), Request::SessionList(b), Request::SessionKick(_), Request::SessionKick(_),
    ] if a.name.is_none() && b.name.as_deref() == Some("ann")),
        "{heard:?}"
    );
}
