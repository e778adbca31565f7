//! People: adding, passwords, locking, roles, deleting and bringing back.

use admin_api::accounts::{Role, State};

use crate::Stage;
use crate::fake::{DOMAIN, PASSWORD};

#[tokio::test]
async fn somebody_is_added_with_a_made_password() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/people/add").await;
    let fields = [("name", "tim"), ("display_name", "Tim"), ("password_choice", "generate")];
    let page = browser.post("/people/add", &fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    for needed in [
        "Tim is part of your home",
        "tim@home.example",
        "made-up-generated-password",
        "shown only this once",
        "Pidgin",
        "Conversations",
        "Profanity",
        "5222",
        ".local",
    ] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
    let list = browser.get("/people").await;
    assert!(list.text().contains("tim@home.example") && !list.body.contains("generated-password"));
    stage.daemon.home(|home| {
        let tim = home.accounts.iter().find(|a| a.jid == format!("tim@{DOMAIN}")).expect("tim");
        assert_eq!((tim.role, tim.display_name.as_str()), (Role::Member, "Tim"));
    });
}

#[tokio::test]
async fn somebody_is_added_with_an_own_password_as_administrator() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/people/add").await;
    let password = "three of my words";
    let fields = [
        ("name", "tim"),
        ("password_choice", "own"),
        ("password", password),
        ("password_again", password),
        ("admin", "yes"),
    ];
    let page = browser.post("/people/add", &fields).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains(password), "a typed password is not shown");
    stage.daemon.home(|home| {
        assert_eq!(home.passwords[&format!("tim@{DOMAIN}")], password);
        let tim = home.accounts.iter().find(|a| a.jid.starts_with("tim@")).expect("tim");
        assert_eq!(tim.role, Role::Admin);
    });
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/people/add").await;
    let own = |name, password, again| {
        vec![
            ("name", name),
            ("display_name", "Tim <3"),
            ("password_choice", "own"),
            ("password", password),
            ("password_again", again),
        ]
    };
    for (fields, id, words) in [
        (own("", "long enough", "long enough"), "name-error", "Give the first part"),
        (own("tim", "short", "short"), "password-error", "at least 8 characters"),
        (own("tim", "long enough", "long Enough"), "password-error", "are not the same"),
        (
            own("bob", "long enough", "long enough"),
            "name-error",
            "There is an account bob already.",
        ),
        (own("t t", "long enough", "long enough"), "name-error", "A name has no blanks."),
    ] {
        let page = browser.post("/people/add", &fields).await;
        assert_eq!(page.status, 422, "{words}");
        assert!(page.body.contains("<title>Please check: Add somebody"), "{words}");
        let at = page.body.split(&format!("id=\"{id}\"")).nth(1).expect(words);
        assert!(at.contains(words), "{words}: {}", page.text());
        assert!(page.body.contains("aria-invalid=\"true\""), "{words}");
        assert_eq!(page.field("display_name"), Some("Tim &#60;3"), "nothing is typed twice");
        assert!(!page.body.contains("long enough"), "{words}: passwords are not shown");
        assert!(page.body.contains("value=\"own\" class=\"own\" checked"), "{words}");
    }
    assert_eq!(stage.daemon.home(|home| home.accounts.len()), 4);
}

#[tokio::test]
async fn a_password_is_reset() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob").await;
    let page = browser.post("/person/bob/password", &[("password_choice", "generate")]).await;
    assert!(page.text().contains("New password for bob"), "{}", page.text());
    assert!(page.text().contains("made-up-generated-password"));
    assert_ne!(stage.daemon.home(|home| home.passwords["bob@home.example"].clone()), PASSWORD);

    let page = browser.post("/person/ann/password", &[("password_choice", "generate")]).await;
    assert!(page.text().contains("you are signed out here now"), "{}", page.text());

    let fields = [("password_choice", "own"), ("password", "x"), ("password_again", "x")];
    let page = browser.post("/person/bob/password", &fields).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("at least 8 characters"));
}

#[tokio::test]
async fn an_account_is_locked_and_unlocked() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob").await;
    let answer = browser.post("/person/bob/lock", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("The account is locked."), "{}", page.text());
    assert!(page.body.contains("/person/bob/unlock"));
    assert_eq!(stage.daemon.home(|home| home.accounts[1].state), State::Locked);
    let answer = browser.post("/person/bob/unlock", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("The account is unlocked"), "{}", page.text());
    assert_eq!(stage.daemon.home(|home| home.accounts[1].state), State::Active);
}

#[tokio::test]
async fn roles_change_but_the_last_administrator_stays() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/ann").await;
    let page = browser.post("/person/ann/role", &[("role", "member")]).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("The last active administrator cannot go."), "{}", page.text());
    let page = browser.post("/person/ann/delete", &[("when", "later")]).await;
    assert_eq!(page.status, 422);

    let answer = browser.post("/person/bob/role", &[("role", "admin")]).await;
    assert!(browser.follow(&answer).await.text().contains("now an administrator"));
    let answer = browser.post("/person/ann/role", &[("role", "member")]).await;
    assert_eq!(answer.status, 303, "now there is another one");
    assert_eq!(browser.get("/people").await.status, 403, "and ann is out");
}

#[tokio::test]
async fn deleting_is_asked_and_can_be_undone() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/person/bob/delete").await;
    assert!(page.text().contains("In 14 days"), "{}", page.text());
    let answer = browser.post("/person/bob/delete", &[("when", "later")]).await;
    assert_eq!(answer.header("location"), "/people?deleted=bob");
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("bob’s account is deleted."), "{}", page.text());
    assert!(page.text().contains("in 14 days") || page.text().contains("in 13 days"));
    assert!(page.body.contains("action=\"/person/bob/restore\""), "there is an undo");
    let page = browser.get("/person/bob").await;
    assert!(!page.body.contains("/person/bob/password"), "no forms that make no sense");

    let answer = browser.post("/person/bob/restore", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("The account is back"), "{}", page.text());
    assert_eq!(stage.daemon.home(|home| home.accounts[1].state), State::Active);
}

#[tokio::test]
async fn deleting_for_good_wants_the_name() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob/delete").await;
    let page = browser.post("/person/bob/delete", &[("when", "now"), ("confirm", "Bob")]).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("type bob here"), "{}", page.text());
    assert_eq!(stage.daemon.home(|home| home.count("account-delete")), 0);
    let answer = browser.post("/person/bob/delete", &[("when", "now"), ("confirm", "bob ")]).await;
    assert_eq!(answer.header("location"), "/people");
    assert_eq!(stage.daemon.home(|home| home.accounts.len()), 3);
    // A notice about somebody who was not deleted cannot be linked to.
    assert!(!browser.get("/people?deleted=ann").await.text().contains("is deleted"));
}

#[tokio::test]
async fn connected_apps_are_listed_and_disconnected() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/clients").await;
    for shown in [
        "Pidgin-7f3a",
        "192.168.1.20:51514",
        "TLSv1.3",
        "SCRAM-SHA-256",
        "2 hours ago",
        "asleep since",
    ] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
    let jid = "ann@home.example/Pidgin-7f3a";
    let answer = browser.post("/clients/kick", &[("jid", jid)]).await;
    assert!(browser.follow(&answer).await.text().contains("Disconnected."));
    let answer = browser.post("/clients/kick", &[("jid", jid)]).await;
    assert!(browser.follow(&answer).await.text().contains("was not connected any more"));
    assert_eq!(stage.daemon.home(|home| home.clients.len()), 1);
}

#[tokio::test]
async fn the_start_page_tells_how_the_home_is() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let text = browser.get("/").await.text();
    for shown in ["Hello, Ann", "4 people", "2 chat apps connected", "1 fingerprint"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}
