//! Import and export.

use std::time::Instant;

use admin_api::transfer::{
    Credentials, Existing, Export, Import, PAGE_ACCOUNTS_MAX, Record, RosterItem, ScramKeys,
};
use admin_api::{ProblemKind, Secret, accounts};

use super::{add, can_log_in, done, kind};
use crate::testing::Home;

fn record(name: &str, password: &str) -> Record {
    Record {
        name: name.to_owned(),
        display_name: String::new(),
        card_name: None,
        credentials: Credentials::Plain(Secret::new(password)),
        roster: Vec::new(),
        offline: Vec::new(),
    }
}

fn contact(jid: &str, subscription: &str) -> RosterItem {
    RosterItem {
        jid: jid.to_owned(),
        name: "Somebody".to_owned(),
        subscription: subscription.to_owned(),
        ask: false,
        approved: false,
        pending_in: false,
        groups: vec!["Family".to_owned()],
    }
}

fn import(records: Vec<Record>, existing: Existing) -> Import {
    Import { records, existing }
}

#[tokio::test]
async fn a_home_moves_to_another_board() {
    let (old, _) = Home::set_up().await;
    let mut bob = record("bob", "short");
    bob.display_name = "Bob".to_owned();
    bob.roster = vec![contact("ann@home.example", "both"), contact("eve@work.example", "to")];
    bob.offline = vec!["<message xmlns='jabber:client' from='ann@home.example/x' to='bob@home.example' type='chat'><body>hi</body></message>".to_owned()];
    let done_there = done(&old, import(vec![bob], Existing::Refuse)).await;
    assert_eq!((done_there.written, done_there.skipped), (1, 0));
    assert!(can_log_in(&old, "bob@home.example", "short").await, "old passwords may be short");

    let never = done(&old, admin_api::daemon::Facts {}).await.last_backup;
    assert_eq!(never, None);
    let page = done(&old, Export { after: None }).await;
    let exported = done(&old, admin_api::daemon::Facts {}).await.last_backup;
    assert!(exported.is_some(), "a whole export is a backup");
    assert_eq!((page.domain.as_str(), page.more), ("home.example", false));
    let names: Vec<_> = page.records.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
    assert!(page.left_out.is_empty());
    let bob = &page.records[1];
    assert_eq!(bob.display_name, "Bob");
    assert_eq!(
        bob.roster,
        [contact("ann@home.example", "both"), contact("eve@work.example", "to")]
    );
    assert!(bob.offline[0].contains("<body>hi</body>"));
    let Credentials::Scram(keys) = &bob.credentials else { panic!("a password was kept") };
    assert_eq!(keys.len(), 3);
    let after = done(&old, Export { after: Some("ann".to_owned()) }).await;
    assert_eq!(after.records.len(), 1);

    let (new, _) = Home::set_up().await;
    let imported = done(&new, import(page.records, Existing::Skip)).await;
    assert_eq!((imported.written, imported.skipped), (1, 1), "ann is there already");
    assert!(can_log_in(&new, "bob@home.example", "short").await);
    let again = done(&new, Export { after: Some("ann".to_owned()) }).await;
    assert_eq!(again.records[0].roster.len(), 2);
    assert_eq!(again.records[0].offline.len(), 1);
}

#[tokio::test]
async fn a_page_is_taken_as_a_whole_or_not_at_all() {
    let (home, _) = Home::set_up().await;
    let operator = home.operator();
    let mut bad_contact = record("cy", "battery staple");
    bad_contact.roster = vec![contact("@", "both")];
    let mut bad_state = record("cy", "battery staple");
    bad_state.roster = vec![contact("ann@home.example", "perhaps")];
    let mut bad_message = record("cy", "battery staple");
    bad_message.offline = vec!["<iq xmlns='jabber:client'/>".to_owned()];
    let mut bad_keys = record("cy", "");
    bad_keys.credentials = Credentials::Scram(vec![ScramKeys {
        mechanism: "SCRAM-SHA-1".to_owned(),
        iterations: 4096,
        salt: "AAAAAAAAAAA=".to_owned(),
        server_key: Secret::new("AAAA"),
        stored_key: Secret::new("AAAA"),
    }]);
    let mut no_keys = record("cy", "");
    no_keys.credentials = Credentials::Scram(Vec::new());
    for bad in [
        bad_contact,
        bad_state,
        bad_message,
        bad_keys,
        no_keys,
        record("cy", ""),
        record("concierge", "battery staple"),
        record("bob", "battery staple"),
        record("a b", "battery staple"),
    ] {
        let name = bad.name.clone();
        let page = import(vec![record("bob", "battery staple"), bad], Existing::Skip);
        let problem = operator.call(page).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{name}");
        assert!(problem.message.contains(&name), "{}", problem.message);
    }
    let taken = import(vec![record("bob", "battery staple"), record("ann", "x")], Existing::Refuse);
    assert_eq!(kind(operator.call(taken).await), ProblemKind::Conflict);
    let many = (0..=PAGE_ACCOUNTS_MAX).map(|n| record(&format!("p{n}"), "x")).collect();
    assert_eq!(kind(operator.call(import(many, Existing::Skip)).await), ProblemKind::Invalid);
    assert_eq!(done(&home, accounts::List {}).await.len(), 1);
}

#[tokio::test]
async fn replacing_keeps_role_and_state_and_nothing_else() {
    let (home, _) = Home::set_up().await;
    let mut before = record("bob", "before staple");
    before.roster = vec![contact("ann@home.example", "both")];
    before.offline = vec![
        "<message xmlns='jabber:client' to='bob@home.example'><body>old</body></message>"
            .to_owned(),
    ];
    done(&home, import(vec![before], Existing::Refuse)).await;
    done(&home, accounts::SetRole { name: "bob".to_owned(), role: accounts::Role::Admin }).await;
    let after = record("bob", "after staple");
    assert_eq!(done(&home, import(vec![after], Existing::Replace)).await.written, 1);
    assert!(!can_log_in(&home, "bob@home.example", "before staple").await);
    assert!(can_log_in(&home, "bob@home.example", "after staple").await);
    let shown = done(&home, accounts::Show { name: "bob".to_owned() }).await;
    assert_eq!(shown.role, accounts::Role::Admin);
    let page = done(&home, Export { after: Some("ann".to_owned()) }).await;
    assert!(page.records[0].roster.is_empty() && page.records[0].offline.is_empty());
    let deleted = accounts::Delete { name: "bob".to_owned(), grace_days: None };
    done(&home, deleted).await;
    let again = import(vec![record("bob", "x")], Existing::Replace);
    assert_eq!(kind(home.operator().call(again).await), ProblemKind::Conflict);
    let page = done(&home, Export { after: None }).await;
    assert_eq!(page.records.len(), 1, "who is deleted does not move");
}

#[tokio::test]
async fn a_mechanism_that_somebody_cannot_use_is_not_common() {
    use xmpp::scram::ScramHash;
    let (home, _) = Home::set_up().await;
    let common = || home.daemon().accounts.common_hashes();
    assert_eq!(common(), ScramHash::ALL);
    add(&home, "bob", "battery staple", accounts::Role::Member).await;
    let mut page = done(&home, Export { after: Some("ann".to_owned()) }).await;
    let mut cy = page.records.remove(0);
    cy.name = "cy".to_owned();
    if let Credentials::Scram(keys) = &mut cy.credentials {
        keys.retain(|k| k.mechanism == "SCRAM-SHA-1");
    }
    done(&home, import(vec![cy], Existing::Refuse)).await;
    assert_eq!(common(), [ScramHash::Sha1]);
    assert!(can_log_in(&home, "cy@home.example", "battery staple").await);
    // With a new password cy has all keys.
    done(&home, accounts::SetPassword { name: "cy".to_owned(), password: None }).await;
    assert_eq!(common(), ScramHash::ALL);
}

#[tokio::test]
async fn a_page_of_passwords_is_hashed_in_moments_while_the_daemon_goes_on() {
    let (home, _) = Home::set_up().await;
    let records = (0..PAGE_ACCOUNTS_MAX).map(|n| record(&format!("p{n:03}"), "battery staple"));
    let page = import(records.collect(), Existing::Refuse);
    let operator = home.operator();
    let began = Instant::now();
    let ticking = async {
        let mut longest = std::time::Duration::ZERO;
        for _ in 0..20 {
            let began = Instant::now();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            longest = longest.max(began.elapsed());
        }
        longest
    };
    let (imported, longest) = tokio::join!(operator.call(page), ticking);
    assert_eq!(imported.unwrap().written, 100);
    assert!(longest < std::time::Duration::from_millis(500), "the protocol's thread was held");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_people_keep_moves_with_them() {
    use admin_api::transfer::{ExportData, ImportData, ImportedData, Kinds};
    let (old, _) = Home::set_up().await;
    let kinds = done(&old, Kinds {}).await;
    let private = kinds.iter().find(|k| k.ns == "jabber:iq:private").unwrap();
    assert_eq!((private.name.as_str(), private.cuts), ("query", 1));
    let query = |n: u32, size: usize| {
        let text = "x".repeat(size);
        format!("<query xmlns='jabber:iq:private'><a xmlns='urn:{n}'>{text}</a></query>")
    };
    let vcard = "<vCard xmlns='vcard-temp'><FN>Ann Example</FN></vCard>".to_owned();
    let mut elements: Vec<String> = (10..30).map(|n| query(n, 60_000)).collect();
    elements.push(vcard.clone());
    elements.push(
        "<blocklist xmlns='urn:xmpp:blocking'><item jid='eve@e.example'/></blocklist>".into(),
    );
    elements.push(query(30, 70_000));
    elements.push("<odd xmlns='urn:odd'/>".to_owned());
    let mut left_out = Vec::new();
    for some in elements.chunks(10) {
        let call = ImportData { name: "ann".to_owned(), elements: some.to_vec() };
        let ImportedData { left_out: more } = done(&old, call).await;
        left_out.extend(more);
    }
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("ann@home.example: <query xmlns='jabber:iq:private'/>: "));
    assert!(left_out[1].contains("<odd xmlns='urn:odd'/>: this server does not keep it"));

    let mut moved = Vec::new();
    let (mut after, mut pages) = (None, 0);
    loop {
        let page = done(&old, ExportData { name: "ann".to_owned(), after }).await;
        assert!(page.left_out.is_empty());
        moved.extend(page.elements);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(pages > 2, "it comes in {pages} pages");
    let mut wanted = elements[..22].to_vec();
    wanted.sort();
    moved.sort();
    assert_eq!(moved, wanted);
    let shown = done(&old, Export { after: None }).await.records.remove(0);
    assert_eq!(shown.card_name.as_deref(), Some("Ann Example"));

    // Whoever replaces an account leaves nothing of it.
    done(&old, import(vec![record("ann", "battery staple")], Existing::Replace)).await;
    let page = done(&old, ExportData { name: "ann".to_owned(), after: None }).await;
    assert_eq!((page.elements.len(), page.next), (0, None));
    for name in ["nobody", "@"] {
        let call = ImportData { name: name.to_owned(), elements: vec![vcard.clone()] };
        assert!(old.operator().call(call).await.is_err(), "{name}");
    }
    let broken = vec![vcard, "<a".to_owned()];
    let call = ImportData { name: "ann".to_owned(), elements: broken };
    assert_eq!(kind(old.operator().call(call).await), ProblemKind::Invalid);
    let page = done(&old, ExportData { name: "ann".to_owned(), after: None }).await;
    assert!(page.elements.is_empty());
}
