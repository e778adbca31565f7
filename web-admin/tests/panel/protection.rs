//! The rule about encryption.

use admin_api::protection::Mode;

use crate::Stage;

#[tokio::test]
async fn the_household_and_one_person() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/protection").await;
    let text = page.text();
    assert!(text.contains("12 encrypted, 3 not"), "{text}");
    let fields = [("mode", "require"), ("rooms", "on")];
    let answer = browser.post("/protection/household", &fields).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("The rule is saved."));
    stage
        .daemon
        .home(|home| assert_eq!((home.rules.mode, home.rules.rooms), (Mode::Require, true)));
    browser.post("/protection/household", &[("mode", "encourage")]).await;
    stage.daemon.home(|home| assert!(!home.rules.rooms, "a tick that is gone"));

    let fields = [("jid", "bob@home.example"), ("rule", "off")];
    let answer = browser.post("/protection/person", &fields).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("Not counted"), "{}", page.text());
    stage.daemon.home(|home| {
        let bob = home.rules.people.iter().find(|p| p.jid == "bob@home.example").expect("bob");
        assert_eq!((bob.own, bob.count), (Some(Mode::Off), None));
    });
    let fields = [("jid", "bob@home.example"), ("rule", "household"), ("count", "on")];
    browser.post("/protection/person", &fields).await;
    stage.daemon.home(|home| {
        let bob = home.rules.people.iter().find(|p| p.jid == "bob@home.example").expect("bob");
        assert!(bob.own.is_none() && bob.count.is_some());
    });
}
