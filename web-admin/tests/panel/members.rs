//! What somebody sees and does who is signed in and does not look after the home.

use admin_api::fingerprints::State;

use crate::Stage;
use crate::browser::Browser;
use crate::fake::TRUSTED_KEY;

async fn bob(stage: &Stage) -> Browser {
    let mut browser = stage.browser();
    browser.sign_in("bob").await;
    browser
}

#[tokio::test]
async fn a_member_is_greeted_and_shown_only_what_is_theirs() {
    let stage = Stage::family();
    let mut browser = bob(&stage).await;
    let page = browser.get("/").await;
    let text = page.text();
    assert!(text.contains("Hello, bob") && text.contains("0 keys of yours"), "{text}");
    for (path, there) in [
        ("/fingerprints", true),
        ("/devices", true),
        ("/encryption", true),
        ("/people", false),
        ("/clients", false),
        ("/protection", false),
    ] {
        assert_eq!(page.body.contains(&format!("href=\"{path}\"")), there, "{path}");
    }
    let devices = browser.get("/devices").await.text();
    assert!(!devices.contains("Talker"), "ann's phone is ann's: {devices}");
}

#[tokio::test]
async fn a_member_compares_somebody_elses_key_and_takes_it_back() {
    let stage = Stage::family();
    let mut browser = bob(&stage).await;
    let page = browser.get("/fingerprints/ann").await;
    let text = page.text();
    assert!(text.contains("ACEFB4D6 4F3D0F4E"), "{text}");
    assert!(text.contains("were checked just now: each seals the one before"), "{text}");
    for admins in ["/update", "/remove", "/add", "/phrase", "/person/"] {
        assert!(!page.body.contains(admins), "{admins}");
    }
    let mark = |mark| [("fingerprint", TRUSTED_KEY), ("mark", mark)];
    let answer = browser.post("/fingerprints/ann/mark", &mark("compared")).await;
    let page = browser.follow(&answer).await;
    let text = page.text();
    assert!(text.contains("Compared face to face by bob.") && text.contains("with your name"));
    assert!(text.contains("bob marked as compared in person ACEFB4D6"), "{text}");
    let answer = browser.post("/fingerprints/ann/mark", &mark("not-compared")).await;
    assert!(!browser.follow(&answer).await.text().contains("Compared face to face"));
    stage.daemon.home(|home| assert_eq!(home.prints[0].state, State::Declared));
    // What only ann can say.
    let answer = browser.post("/fingerprints/ann/mark", &mark("revoked")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("Only the owner of this key can say that."));
    assert_eq!(browser.get("/fingerprints/nobody").await.status, 404);
}

#[tokio::test]
async fn an_administrator_is_a_member_as_well() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/fingerprints/ann").await;
    assert!(page.text().contains("This key is mine") && page.body.contains("/update"));
    let fields = [("fingerprint", TRUSTED_KEY), ("mark", "mine")];
    let answer = browser.post("/fingerprints/ann/mark", &fields).await;
    let text = browser.follow(&answer).await.text();
    assert!(text.contains("You said just now that this key is yours."), "{text}");
    assert!(!text.contains("This key is mine"), "{text}");
}

#[tokio::test]
async fn a_history_that_was_altered_is_an_alarm() {
    let stage = Stage::family();
    stage.daemon.home(|home| home.history[0].1.by = "mallory@home.example".to_owned());
    let text = bob(&stage).await.get("/fingerprints/ann").await.text();
    assert!(text.contains("Line 1 of this history is not as it was written."), "{text}");
    assert!(!text.contains("checked just now"), "{text}");
}

#[tokio::test]
async fn a_member_chooses_whether_to_be_counted() {
    let stage = Stage::family();
    let mut browser = bob(&stage).await;
    let page = browser.get("/encryption").await;
    assert!(page.text().contains("Your home asks for nothing"), "{}", page.text());
    let answer = browser.post("/encryption/count", &[]).await;
    let text = browser.follow(&answer).await.text();
    assert!(text.contains("Your choice is saved.") && text.contains("It is not counted"), "{text}");
    let answer = browser.post("/encryption/count", &[("count", "on")]).await;
    let text = browser.follow(&answer).await.text();
    assert!(text.contains("0 were encrypted"), "{text}");
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused_for_members_too() {
    let stage = Stage::family();
    let mut browser = bob(&stage).await;
    let fields = [("fingerprint", TRUSTED_KEY), ("mark", "compared")];
    let answer = browser.post_bare("/fingerprints/ann/mark", &fields).await;
    assert_eq!(answer.status, 403);
    stage.daemon.home(|home| assert_eq!(home.prints[0].state, State::Declared));
}
