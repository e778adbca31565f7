//! Sign-in and sessions of the panel.

use admin_api::accounts::{Delete, List, Lock, Restore, Role, SetPassword, SetRole};
use admin_api::panel::{Revoke, Sessions, SignIn, SignOut, Who};
use admin_api::transfer::Export;
use admin_api::{Hello, PROTOCOL, ProblemKind, Reply, Secret, Welcome, frame, sessions, tls};
use tokio::net::UnixStream;
use xmpp::jid::BareJid;

use super::{add, done, kind};
use crate::limits::PANEL_SESSIONS_PER_ACCOUNT_MAX;
use crate::testing::{Home, PASSWORD};

fn sign_in(name: &str, password: &str) -> SignIn {
    SignIn {
        name: name.to_owned(),
        password: Secret::new(password),
        address: "192.168.1.30".to_owned(),
        agent: "a browser".to_owned(),
    }
}

#[tokio::test]
async fn the_right_password_signs_in_and_nothing_else() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    add(&home, "tim", "battery staple", Role::Member).await;
    done(&home, Lock { name: "tim".to_owned(), locked: true }).await;
    let panel = home.panel();
    let signed_in = panel.call(sign_in("ann@home.example", PASSWORD)).await.unwrap();
    assert_eq!(signed_in.person.display_name, "Ann");
    let list = panel.call_as(signed_in.token, List {}).await.unwrap();
    assert_eq!(list.len(), 3);
    let bob = panel.call(sign_in("bob", "battery staple")).await.unwrap();
    assert_eq!(bob.person.role, Role::Member);
    for (name, password) in [
        ("ann", "wrong horse"),
        ("bob", PASSWORD),
        ("tim", "battery staple"),
        ("nobody", PASSWORD),
        ("a b", PASSWORD),
        ("concierge", ""),
    ] {
        let refused = panel.call(sign_in(name, password)).await.unwrap_err();
        assert_eq!(refused.kind, ProblemKind::SignIn, "{name}");
        assert_eq!(refused.message, panel.call(sign_in("x", "y")).await.unwrap_err().message);
    }
    let early = Home::fresh().await;
    assert_eq!(kind(early.panel().call(sign_in("ann", PASSWORD)).await), ProblemKind::Setup);
}

#[tokio::test]
async fn without_a_valid_token_the_panel_may_do_next_to_nothing() {
    let (home, token) = Home::set_up().await;
    let panel = home.panel();
    assert_eq!(kind(panel.call(List {}).await), ProblemKind::SignIn);
    assert_eq!(kind(panel.call(Who {}).await), ProblemKind::SignIn);
    assert_eq!(kind(panel.call(sessions::List { name: None }).await), ProblemKind::SignIn);
    assert_eq!(kind(panel.call(tls::Reload {}).await), ProblemKind::SignIn);
    let guess = Secret::new("A".repeat(43));
    assert_eq!(kind(panel.call_as(guess.clone(), List {}).await), ProblemKind::SignIn);
    // A token that is over does not stop what needs none.
    assert!(panel.call_as(guess, tls::Authority {}).await.is_ok());
    // The keys of passwords leave by the command line only.
    let export = panel.call_as(token, Export { after: None }).await;
    assert_eq!(kind(export), ProblemKind::Forbidden);
}

#[tokio::test]
async fn somebody_made_administrator_later_signs_in_with_the_same_password() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    done(&home, SetRole { name: "bob".to_owned(), role: Role::Admin }).await;
    let bob = BareJid::parse("bob@home.example").unwrap();
    let hash = || home.daemon().accounts.lookup(&bob).unwrap().unwrap().panel_hash.clone();
    assert_eq!(hash(), None);
    let panel = home.panel();
    let wrong = panel.call(sign_in("bob", "wrong staple")).await;
    assert_eq!(kind(wrong), ProblemKind::SignIn);
    assert_eq!(hash(), None);
    let token = panel.call(sign_in("bob", "battery staple")).await.unwrap().token;
    assert!(hash().unwrap().starts_with("$argon2id$"));
    panel.call(sign_in("bob", "battery staple")).await.unwrap();
    assert!(panel.call_as(token.clone(), List {}).await.is_ok());
    assert_eq!(kind(panel.call(sign_in("bob", "wrong staple")).await), ProblemKind::SignIn);
    // Made member again: signed out, and the hash is gone.
    done(&home, SetRole { name: "bob".to_owned(), role: Role::Member }).await;
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn);
    assert_eq!(hash(), None);
}

/// A member's session may what is listed for members in `access`, and nothing else.
#[tokio::test]
async fn a_member_reaches_the_familys_keys_and_what_is_their_own() {
    let (home, ann) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let panel = home.panel();
    let bob = panel.call(sign_in("bob", "battery staple")).await.unwrap().token;
    let call = async |token: &Secret, request: serde_json::Value| {
        let mut socket = UnixStream::connect(home.path().join("admin.sock")).await.unwrap();
        let hello = Hello { protocol: PROTOCOL, role: admin_api::Role::Panel };
        frame::write(&mut socket, &hello).await.unwrap();
        let _: Welcome = frame::read(&mut socket).await.unwrap();
        let envelope = serde_json::json!({ "token": token.expose(), "request": request });
        frame::write(&mut socket, &envelope).await.unwrap();
        match frame::read(&mut socket).await.unwrap() {
            Reply::Ok(_) => None,
            Reply::Problem(p) => Some(p.kind),
        }
    };
    let own = |name| serde_json::json!({ "name": name });
    let no = Some(ProblemKind::Forbidden);
    for (request, for_bob, for_bob_about_ann) in [
        ("account-names", None, None),
        ("fingerprint-list", None, None),
        ("fingerprint-history", None, None),
        ("device-list", None, no),
        ("concierge-phrase", None, no),
        ("protection-one", None, no),
        ("account-show", no, no),
        ("account-list", no, no),
        ("account-delete", no, no),
        ("push-list", no, no),
        ("protection-show", no, no),
        ("protection-set", no, no),
        ("session-list", no, no),
        ("archive-show", no, no),
        ("archive-delete", no, no),
        ("tls-reload", no, no),
        ("setup-code", no, no),
        ("transfer-export", no, no),
    ] {
        let body = |name| serde_json::json!({ request: own(name) });
        for name in ["bob", "bob@home.example"] {
            assert_eq!(call(&bob, body(name)).await, for_bob, "{request} of {name}");
        }
        assert_eq!(call(&bob, body("ann")).await, for_bob_about_ann, "{request} of ann");
        let operators = request.starts_with("setup") || request.starts_with("transfer");
        if !operators && request != "account-delete" {
            assert_eq!(call(&ann, body("bob")).await, None, "{request} by ann");
        }
    }
    for (request, body) in [
        ("account-password", serde_json::json!({ "name": "bob" })),
        ("account-role", serde_json::json!({ "name": "bob", "role": "admin" })),
        ("account-lock", serde_json::json!({ "name": "ann", "locked": true })),
        ("protection-count", serde_json::json!({ "name": "ann", "count": false })),
        ("device-revoke", serde_json::json!({ "name": "ann", "id": "x" })),
        ("session-kick", serde_json::json!({ "jid": "ann" })),
    ] {
        assert_eq!(call(&bob, serde_json::json!({ request: body })).await, no, "{request}");
    }
}

#[tokio::test]
async fn who_is_made_administrator_signs_in_again_for_it() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let panel = home.panel();
    let token = panel.call(sign_in("bob", "battery staple")).await.unwrap().token;
    done(&home, SetRole { name: "bob".to_owned(), role: Role::Admin }).await;
    assert_eq!(panel.call_as(token.clone(), Who {}).await.unwrap().role, Role::Member);
    assert_eq!(kind(panel.call_as(token, List {}).await), ProblemKind::Forbidden);
    let token = panel.call(sign_in("bob", "battery staple")).await.unwrap().token;
    assert!(panel.call_as(token, List {}).await.is_ok());
}

#[tokio::test]
async fn what_ends_an_account_ends_a_members_sessions() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let (panel, daemon) = (home.panel(), home.daemon());
    let bob = BareJid::parse("bob@home.example").unwrap();
    let signed_in = async || panel.call(sign_in("bob", "battery staple")).await.unwrap().token;

    let token = signed_in().await;
    // As a chat app does it (XEP-0077).
    let same = Secret::new("battery staple");
    daemon.accounts.set_password(daemon, &bob, Some(&same), None).await.unwrap();
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn);
    let token = signed_in().await;
    let delete = Delete { name: "bob".to_owned(), grace_days: Some(7) };
    done(&home, delete).await;
    assert_eq!(kind(panel.call_as(token.clone(), Who {}).await), ProblemKind::SignIn);
    assert_eq!(kind(panel.call(sign_in("bob", "battery staple")).await), ProblemKind::SignIn);
    done(&home, Restore { name: "bob".to_owned() }).await;
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn, "it stays ended");
    let token = signed_in().await;
    done(&home, Delete { name: "bob".to_owned(), grace_days: Some(0) }).await;
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let (home, first) = Home::set_up().await;
    let panel = home.panel();
    let second = panel.call(sign_in("ann", PASSWORD)).await.unwrap().token;
    let third = panel.call(sign_in("ann", PASSWORD)).await.unwrap().token;
    let list = panel.call_as(second.clone(), Sessions {}).await.unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list.iter().filter(|s| s.current).count(), 1);
    assert!(list.iter().all(|s| s.agent == "a browser" && !second.expose().contains(&s.id)));

    panel.call_as(third.clone(), SignOut {}).await.unwrap();
    assert_eq!(kind(panel.call_as(third, Who {}).await), ProblemKind::SignIn);
    let current = list.iter().find(|s| s.current).unwrap().id.clone();
    panel.call_as(first.clone(), Revoke::One(current.clone())).await.unwrap();
    assert_eq!(kind(panel.call_as(second, Who {}).await), ProblemKind::SignIn);
    let gone = panel.call_as(first.clone(), Revoke::One(current)).await;
    assert_eq!(kind(gone), ProblemKind::NotFound);

    let fourth = panel.call(sign_in("ann", PASSWORD)).await.unwrap().token;
    panel.call_as(fourth.clone(), Revoke::Others).await.unwrap();
    assert_eq!(kind(panel.call_as(first, Who {}).await), ProblemKind::SignIn);
    assert!(panel.call_as(fourth, Who {}).await.is_ok());
}

#[tokio::test]
async fn the_oldest_session_ends_when_there_are_too_many() {
    let (home, first) = Home::set_up().await;
    let panel = home.panel();
    let mut last = first.clone();
    for _ in 0..PANEL_SESSIONS_PER_ACCOUNT_MAX {
        last = panel.call(sign_in("ann", PASSWORD)).await.unwrap().token;
    }
    let list = panel.call_as(last, Sessions {}).await.unwrap();
    assert_eq!(list.len(), PANEL_SESSIONS_PER_ACCOUNT_MAX);
}

#[tokio::test]
async fn lock_and_new_password_sign_out() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Admin).await;
    let panel = home.panel();
    let token = panel.call(sign_in("bob", "battery staple")).await.unwrap().token;
    let password = Some(Secret::new("another staple"));
    done(&home, SetPassword { name: "bob".to_owned(), password }).await;
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn);
    let token = panel.call(sign_in("bob", "another staple")).await.unwrap().token;
    done(&home, Lock { name: "bob".to_owned(), locked: true }).await;
    assert_eq!(kind(panel.call_as(token.clone(), Who {}).await), ProblemKind::SignIn);
    done(&home, Lock { name: "bob".to_owned(), locked: false }).await;
    assert_eq!(kind(panel.call_as(token, Who {}).await), ProblemKind::SignIn, "it stays ended");
}

#[tokio::test]
async fn wrong_passwords_slow_the_next_sign_in_and_a_right_one_still_works() {
    let (home, _) = Home::set_up().await;
    let panel = home.panel();
    for _ in 0..4 {
        assert_eq!(kind(panel.call(sign_in("ann", "wrong horse")).await), ProblemKind::SignIn);
    }
    let began = std::time::Instant::now();
    panel.call(sign_in("ann", PASSWORD)).await.unwrap();
    assert!(began.elapsed() >= crate::limits::WRONG_PASSWORD_DELAY_FIRST);
    let began = std::time::Instant::now();
    panel.call(sign_in("ann", PASSWORD)).await.unwrap();
    assert!(began.elapsed() < crate::limits::WRONG_PASSWORD_DELAY_FIRST, "it is forgotten");
}
