//! The directory of fingerprints.

use admin_api::fingerprints::State;

use crate::Stage;
use crate::fake::TRUSTED_KEY;

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

#[tokio::test]
async fn every_usual_form_is_understood() {
    for form in [
        "0123456789ABCDEF0123456789ABCDEF01234567",
        "01234567 89ABCDEF 01234567 89ABCDEF 01234567",
        "01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67",
        " \u{201c}Fingerprint: 01234567-89abcdef-01234567-89abcdef-01234567\u{201d}\r\n",
    ] {
        let stage = Stage::family();
        let mut browser = stage.ann().await;
        browser.get("/fingerprints/bob").await;
        let fields = [
            ("fingerprint", form),
            ("device", " Profanity on the desk "),
            ("label", "bob's own"),
            ("state", "compared-in-person"),
        ];
        let answer = browser.post("/fingerprints/bob/add", &fields).await;
        let to = format!("/fingerprints/bob?done=added#fp-{OTHER}");
        assert_eq!(answer.header("location"), to, "{form:?}");
        let page = browser.follow(&answer).await;
        let text = page.text();
        assert!(text.contains("01234567 89ABCDEF 01234567 89ABCDEF 01234567"), "{text}");
        assert!(text.contains("compared in person") && text.contains("Profanity on the desk"));
        assert!(page.body.contains("<svg class=\"qr\""), "there is a code to scan");
        stage.daemon.home(|home| {
            let entry = home.prints.iter().find(|p| p.fingerprint == OTHER).expect("added");
            assert_eq!(entry.state, State::ComparedInPerson);
            assert_eq!(entry.device, "Profanity on the desk");
            assert_eq!(entry.jid, "bob@home.example");
        });
    }
}

#[tokio::test]
async fn what_is_no_fingerprint_is_explained_at_the_field() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/bob").await;
    for (typed, words) in [
        ("", "No fingerprint given"),
        ("ACEFB4D6 4F3D", "12 of 40 digits"),
        (&OTHER.repeat(2)[..64], "this is not an OTR fingerprint"),
        ("0123456789abcdefg123456789abcdef01234567", "Contains &#39;g&#39;"),
        (TRUSTED_KEY, "This fingerprint is in the directory already."),
    ] {
        let fields = [("fingerprint", typed), ("label", "mine"), ("state", "seen")];
        let page = browser.post("/fingerprints/bob/add", &fields).await;
        assert_eq!(page.status, 422, "{typed}");
        let at = page.body.split("id=\"fingerprint-error\">").nth(1).expect(words);
        let said = at.split('<').next().expect("text");
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(page.field("fingerprint"), Some(typed));
        assert_eq!(page.field("label"), Some("mine"));
    }
    let long = "x".repeat(300);
    let page = browser.post("/fingerprints/bob/add", &[("fingerprint", &long)]).await;
    assert_eq!(page.status, 422);
    assert!(!page.body.contains("xxxx"), "what is far too long is not shown again");
}

#[tokio::test]
async fn a_fingerprint_is_described_and_judged_anew() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/ann").await;
    let fields = [
        ("fingerprint", TRUSTED_KEY),
        ("device", "Pidgin"),
        ("label", ""),
        ("state", "compared-in-person"),
    ];
    let answer = browser.post("/fingerprints/ann/update", &fields).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("The change is saved."), "{}", page.text());
    assert!(page.text().contains("ann marked as compared in person ACEFB4D6"), "{}", page.text());
    stage.daemon.home(|home| {
        assert_eq!(home.prints[0].state, State::ComparedInPerson);
        assert_eq!((home.prints[0].device.as_str(), home.prints[0].label.as_str()), ("Pidgin", ""));
    });
}

#[tokio::test]
async fn removing_can_be_undone_at_once_and_later() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/ann").await;
    let page = browser.post("/fingerprints/ann/remove", &[("fingerprint", TRUSTED_KEY)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("is removed."), "{}", page.text());
    // The form of the notice brings everything back.
    let undo: Vec<(&str, &str)> = ["fingerprint", "label", "device", "state"]
        .iter()
        .map(|name| (*name, page.field(name).expect(name)))
        .collect();
    assert_eq!(undo[1].1, "my own");
    assert_eq!(undo[3].1, "declared");
    assert_eq!(browser.post("/fingerprints/ann/add", &undo).await.status, 303);
    stage.daemon.home(|home| assert_eq!(home.prints[0].device, "Pidgin on the laptop"));

    browser.post("/fingerprints/ann/remove", &[("fingerprint", TRUSTED_KEY)]).await;
    let page = browser.get("/fingerprints/ann").await;
    assert!(page.text().contains("No fingerprint of Ann is written down yet."));
    assert_eq!(page.body.matches("Add again").count(), 1, "once, at the newest line");
    assert!(page.text().contains("ann removed ACEFB4D6"), "who did what: {}", page.text());

    let gone = browser.post("/fingerprints/ann/remove", &[("fingerprint", TRUSTED_KEY)]).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn everybodys_are_on_one_page() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/fingerprints").await;
    assert!(page.text().contains("ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB"));
    assert_eq!(page.text().matches("None yet.").count(), 3);
}

#[tokio::test]
async fn a_long_history_does_not_bury_the_page() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/ann").await;
    for _ in 0..6 {
        browser.post("/fingerprints/ann/remove", &[("fingerprint", TRUSTED_KEY)]).await;
        browser.post("/fingerprints/ann/add", &[("fingerprint", TRUSTED_KEY)]).await;
    }
    let page = browser.get("/fingerprints/ann").await;
    let (newest, earlier) = page.body.split_once("<summary>Earlier</summary>").expect("two parts");
    let lines = |part: &str| part.matches("<strong>ann</strong>").count();
    assert_eq!((lines(newest), lines(earlier)), (10, 3));
}

#[tokio::test]
async fn a_phrase_for_the_concierge_is_shown_once() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/bob").await;
    let page = browser.post("/fingerprints/bob/phrase", &[]).await;
    assert!(page.text().contains("bamok-rivet"), "{}", page.text());
    assert!(!browser.get("/fingerprints/bob").await.text().contains("bamok-rivet"));
}
