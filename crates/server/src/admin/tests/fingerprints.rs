//! The directory of fingerprints.

use admin_api::fingerprints::{
    Action, Add, History, List, Mark, Marked, Remove, State, Update, check,
};
use admin_api::{ProblemKind, Secret};

use super::{add as add_person, done, kind};
use crate::limits::FINGERPRINTS_PER_ACCOUNT_MAX;
use crate::testing::Home;

const ONE: &str = "01234567 89ABCDEF 01234567 89ABCDEF 01234567";
const ONE_HEX: &str = "0123456789abcdef0123456789abcdef01234567";

fn add(name: &str, fingerprint: &str) -> Add {
    Add {
        name: name.to_owned(),
        fingerprint: fingerprint.to_owned(),
        label: " laptop ".to_owned(),
        device: "Pidgin".to_owned(),
        state: State::Declared,
    }
}

fn update(state: Option<State>, label: Option<&str>) -> Update {
    let label = label.map(str::to_owned);
    let (name, fingerprint) = ("ann".to_owned(), ONE.to_owned());
    Update { name, fingerprint, label, device: None, state }
}

#[tokio::test]
async fn every_change_is_in_the_history_with_its_author() {
    let (home, token) = Home::set_up().await;
    let entry = home.panel().call_as(token.clone(), add("ann", ONE)).await.unwrap();
    assert_eq!((entry.jid.as_str(), &*entry.fingerprint), ("ann@home.example", ONE_HEX));
    assert_eq!((entry.label.as_str(), entry.changed_by.as_str()), ("laptop", "ann@home.example"));
    assert_eq!(kind(home.operator().call(add("ann", ONE_HEX)).await), ProblemKind::Conflict);

    let changed = done(&home, update(Some(State::ComparedInPerson), Some("old laptop"))).await;
    assert_eq!((changed.state, changed.changed_by.as_str()), (State::ComparedInPerson, "operator"));
    assert_eq!((changed.device.as_str(), changed.added), ("Pidgin", entry.added));
    done(&home, update(Some(State::ComparedInPerson), None)).await;
    let remove = Remove { name: "ann".to_owned(), fingerprint: ONE_HEX.to_owned() };
    done(&home, remove).await;
    assert!(done(&home, List { name: Some("ann".to_owned()) }).await.is_empty());
    home.panel().call_as(token, add("ann", ONE)).await.unwrap();

    let history = done(&home, History { name: "ann".to_owned(), before: None }).await;
    let lines: Vec<_> = history.iter().map(|c| (c.action, c.by.as_str(), c.state)).collect();
    let ann = "ann@home.example";
    assert_eq!(
        lines,
        [
            (Action::Added, ann, State::Declared),
            (Action::Removed, "operator", State::ComparedInPerson),
            (Action::StateChanged, "operator", State::ComparedInPerson),
            (Action::Described, "operator", State::ComparedInPerson),
            (Action::Added, ann, State::Declared),
        ],
        "a change of nothing leaves no line"
    );
    assert!(history.iter().all(|c| c.fingerprint == ONE_HEX));
    let numbers: Vec<_> = history.iter().map(|c| c.number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    assert_eq!(check(ann, &history), Ok(()), "each line seals the one before");
    let older = done(&home, History { name: "ann".to_owned(), before: Some(3) }).await;
    assert_eq!(older, history[3..]);
}

/// Everybody's, without the concierge's own, which comes by itself.
async fn of_people(home: &Home) -> Vec<admin_api::fingerprints::Entry> {
    let mut all = done(home, List { name: None }).await;
    all.retain(|e| e.jid != "concierge@home.example");
    all
}

#[tokio::test]
async fn only_the_concierge_attests_and_what_is_revoked_stays_on_record() {
    let (home, _) = Home::set_up().await;
    let mut attested = add("ann", ONE);
    attested.state = State::Attested;
    assert_eq!(kind(home.operator().call(attested).await), ProblemKind::Invalid);
    done(&home, add("ann", ONE)).await;
    let attested = update(Some(State::Attested), None);
    assert_eq!(kind(home.operator().call(attested).await), ProblemKind::Invalid);
    let revoked = done(&home, update(Some(State::Revoked), None)).await;
    assert_eq!(revoked.state, State::Revoked);
    assert_eq!(of_people(&home).await, [revoked]);
}

#[tokio::test]
async fn marks_name_who_made_them_and_a_comparison_can_be_taken_back() {
    let (home, ann) = Home::set_up().await;
    add_person(&home, "bob", "battery staple", admin_api::accounts::Role::Member).await;
    let sign_in = admin_api::panel::SignIn {
        name: "bob".to_owned(),
        password: Secret::new("battery staple"),
        address: "192.168.1.30".to_owned(),
        agent: "a browser".to_owned(),
    };
    let bob = home.panel().call(sign_in).await.unwrap().token;
    done(&home, add("ann", ONE)).await;
    let marked = |mark| Marked { name: "ann".to_owned(), fingerprint: ONE.to_owned(), mark };
    let panel = home.panel();
    let mine = panel.call_as(ann.clone(), marked(Mark::Mine)).await.unwrap();
    assert!(mine.confirmed.is_some() && mine.state == State::Declared);
    panel.call_as(ann.clone(), marked(Mark::Mine)).await.unwrap();
    let compared = panel.call_as(bob.clone(), marked(Mark::Compared)).await.unwrap();
    let by = compared.compared.clone().unwrap();
    assert_eq!((by.by.as_str(), by.was), ("bob@home.example", State::Declared));
    assert_eq!(compared.confirmed, mine.confirmed);
    assert_eq!(kind(panel.call_as(bob.clone(), marked(Mark::Mine)).await), ProblemKind::Forbidden);
    let hers = panel.call_as(ann.clone(), marked(Mark::NotCompared)).await;
    assert_eq!(kind(hers), ProblemKind::Forbidden);
    let back = panel.call_as(bob.clone(), marked(Mark::NotCompared)).await.unwrap();
    assert_eq!((back.state, back.compared), (State::Declared, None));
    let revoked = panel.call_as(ann, marked(Mark::Revoked)).await.unwrap();
    assert_eq!((revoked.state, revoked.confirmed), (State::Revoked, None));
    let late = panel.call_as(bob, marked(Mark::Compared)).await;
    assert_eq!(kind(late), ProblemKind::Forbidden);
    // The command line is nobody: it uses the administrators' call.
    assert_eq!(kind(home.operator().call(marked(Mark::Mine)).await), ProblemKind::SignIn);

    let history = done(&home, History { name: "ann".to_owned(), before: None }).await;
    let lines: Vec<_> = history.iter().rev().map(|c| (c.action, c.by.as_str())).collect();
    let (ann, bob) = ("ann@home.example", "bob@home.example");
    assert_eq!(
        lines,
        [
            (Action::Added, "operator"),
            (Action::Confirmed, ann),
            (Action::StateChanged, bob),
            (Action::StateChanged, bob),
            (Action::StateChanged, ann),
        ],
        "what is said twice is one line"
    );
    assert_eq!(check(ann, &history), Ok(()));
}

#[tokio::test]
async fn a_private_key_or_nonsense_is_refused_everywhere() {
    let (home, _) = Home::set_up().await;
    let operator = home.operator();
    let key = "(privkeys (account (name \"ann\") (private-key (dsa (p #00AB#)))))";
    let mut in_label = add("ann", ONE);
    in_label.label = key.to_owned();
    for call in [add("ann", key), in_label, add("ann", "0123"), add("ann", "hello")] {
        let problem = operator.call(call).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid);
        assert!(!problem.message.contains("00AB"), "it is not repeated");
    }
    let mut long = add("ann", ONE);
    long.device = "ü".repeat(101);
    assert_eq!(kind(operator.call(long).await), ProblemKind::Invalid);
    let mut control = add("ann", ONE);
    control.label = "a\u{1b}[2J".to_owned();
    assert_eq!(kind(operator.call(control).await), ProblemKind::Invalid);
    assert_eq!(kind(operator.call(add("nobody", ONE)).await), ProblemKind::NotFound);
    assert_eq!(kind(operator.call(update(None, Some("x"))).await), ProblemKind::NotFound);
    assert!(of_people(&home).await.is_empty());
    assert!(done(&home, History { name: "ann".to_owned(), before: None }).await.is_empty());
}

#[tokio::test]
async fn the_list_is_ordered_and_bounded() {
    let (home, _) = Home::set_up().await;
    add_person(&home, "bob", "battery staple", admin_api::accounts::Role::Member).await;
    for n in 0..FINGERPRINTS_PER_ACCOUNT_MAX {
        done(&home, add("bob", &format!("{n:040x}"))).await;
    }
    let over = home.operator().call(add("bob", ONE)).await;
    assert_eq!(kind(over), ProblemKind::Invalid);
    // The same key can be two people's: they share a computer.
    done(&home, add("ann", &format!("{:040x}", 7))).await;
    let all = of_people(&home).await;
    assert_eq!(all.len(), FINGERPRINTS_PER_ACCOUNT_MAX + 1);
    assert_eq!(all[0].jid, "ann@home.example");
    assert!(all[1..].iter().all(|e| e.jid == "bob@home.example"));
    let accounts = done(&home, admin_api::accounts::List {}).await;
    let counts: Vec<_> = accounts.iter().map(|a| a.fingerprints).collect();
    assert_eq!(counts, [1, u32::try_from(FINGERPRINTS_PER_ACCOUNT_MAX).unwrap()]);
    let guess = Secret::new("x");
    assert_eq!(
        kind(home.panel().call_as(guess, List { name: None }).await),
        ProblemKind::SignIn,
        "not for strangers"
    );
}
