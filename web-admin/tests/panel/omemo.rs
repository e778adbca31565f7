//! The doctor for OMEMO devices, and their keys among the fingerprints.

use admin_api::fingerprints::{Entry, State};
use admin_api::omemo::{Device, Finding, Key, Repair, Report, Trouble, Version};

use crate::Stage;
use crate::fake::Home;

const KEY: &str = "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e";
const SHOWN: &str = "d85e07ec 22b0ad88 1537c2f4 4d662d1a 143cf830 c57aca43 05d85c7a 90f6b62e";

fn ill(home: &mut Home) {
    let version = Version::Legacy;
    let device = |id, key: Option<&str>, listed| Device {
        version,
        id,
        label: if id == 7 { "Ann's <phone>".to_owned() } else { String::new() },
        fingerprint: key.map(str::to_owned),
        listed,
        seen: key.map(|_| home.now - 100 * 86_400),
    };
    let remove = |device| Repair::Remove { version, device };
    let finding = |trouble, repairs| Finding { version, trouble, repairs };
    home.omemo = Report {
        devices: vec![
            device(7, Some(KEY), true),
            device(8, None, true),
            device(9, Some(KEY), false),
        ],
        findings: vec![
            finding(Trouble::Closed { nodes: 2 }, vec![Repair::Open { version }]),
            finding(Trouble::KeepsTooFew { kept: 1 }, vec![Repair::Open { version }]),
            finding(Trouble::NoBundle { device: 8 }, vec![remove(8)]),
            finding(
                Trouble::Unlisted { device: 9 },
                vec![remove(9), Repair::Relist { version, device: 9 }],
            ),
            finding(Trouble::Stale { device: 7, seen: 86_400 }, vec![remove(7)]),
        ],
        undo: Vec::new(),
    };
}

#[tokio::test]
async fn each_finding_has_words_and_a_press_that_helps() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    browser.sign_in("bob").await;
    let page = browser.get("/omemo").await.text();
    assert!(page.contains("None of your chat apps has published a key yet."), "{page}");
    stage.daemon.home(ill);
    let page = browser.get("/omemo").await;
    let text = page.text();
    for words in [
        "Not everybody may read your keys.",
        "Only 1 of your bundles can be kept.",
        "Device 8 has no keys that can be used.",
        "Device 9 is not on your list, but its keys are here.",
        "has published nothing since 2 January 1970.",
        SHOWN,
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!page.body.contains("<phone>"), "what an app calls itself is only text");
    assert_eq!(page.body.matches("action=\"/omemo/repair\"").count(), 6);

    let fields = [("what", "remove"), ("version", "legacy"), ("device", "8")];
    let answer = browser.post("/omemo/repair", &fields).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("It is repaired."), "{}", page.text());
    assert!(page.text().contains("Device 8 is removed."), "{}", page.text());
    stage.daemon.home(|home| assert_eq!(home.omemo.findings.len(), 4));
    assert_eq!(page.field("id"), Some("undo-1"));
    let answer = browser.post("/omemo/undo", &[("id", "undo-1")]).await;
    assert!(browser.follow(&answer).await.text().contains("It is as before."));
    let fields = [("what", "open"), ("version", "legacy"), ("device", "0")];
    assert_eq!(browser.post("/omemo/repair", &fields).await.status, 303);
    stage
        .daemon
        .home(|home| assert_eq!(home.omemo.findings.len(), 2, "{:?}", home.requests.last()));
    let wrong = [("what", "burn"), ("version", "legacy"), ("device", "8")];
    assert_eq!(browser.post("/omemo/repair", &wrong).await.status, 400);
    assert_eq!(browser.post_bare("/omemo/repair", &fields).await.status, 403, "from elsewhere");
}

#[tokio::test]
async fn an_omemo_key_is_shown_as_its_app_shows_it() {
    let stage = Stage::family();
    stage.daemon.home(|home| {
        let key = Key {
            device: 4711,
            label: "Phone".to_owned(),
            versions: vec![Version::Legacy],
            listed: true,
            gone: None,
        };
        home.prints.push(Entry {
            jid: "ann@home.example".to_owned(),
            fingerprint: KEY.to_owned(),
            state: State::Declared,
            changed_by: "ann@home.example".to_owned(),
            omemo: Some(key),
            ..Entry::default()
        });
    });
    let mut browser = stage.ann().await;
    for path in ["/fingerprints", "/fingerprints/ann"] {
        let text = browser.get(path).await.text();
        assert!(text.contains(SHOWN) && text.contains("evice 4711"), "{path}: {text}");
    }
    let page = browser.get("/fingerprints/ann").await;
    assert!(page.text().contains("which calls itself Phone"), "{}", page.text());
    assert!(page.body.contains(&format!("omemo-sid-4711={KEY}")), "in the link for chat apps");
    let fields = [("fingerprint", KEY), ("mark", "mine")];
    assert_eq!(browser.post("/fingerprints/ann/mark", &fields).await.status, 303);
}
