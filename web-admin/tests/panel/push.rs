//! Push: what wakes a person's devices, ending it, and what services are told.

use admin_api::push::{Device, Preview};

use crate::Stage;
use crate::fake::DOMAIN;

fn device(node: &str) -> Device {
    Device {
        owner: format!("bob@{DOMAIN}"),
        service: "push.example".to_owned(),
        node: node.to_owned(),
        resource: format!("<Phone {node}>"),
        since: 1_700_000_000,
        failing: node == "b",
    }
}

#[tokio::test]
async fn devices_are_shown_and_switched_off() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/push/bob").await.body;
    assert!(page.contains("No device of") && page.contains("value=\"nothing\" checked"), "{page}");
    stage.daemon.home(|home| home.pushes = vec![device("a"), device("b")]);
    let page = browser.get("/push/bob").await;
    assert_eq!(page.body.matches("push.example</span>").count(), 2, "{}", page.body);
    assert!(page.body.contains("not reached") && !page.body.contains("<Phone"), "{}", page.body);
    let off = [("service", "push.example"), ("node", "a")];
    let after = browser.post("/push/bob/off", &off).await;
    assert_eq!(after.header("location"), "/push/bob?done=off");
    stage.daemon.home(|home| assert_eq!(home.pushes, [device("b")]));
    // Again, from a page that is out of date.
    browser.get("/push/bob").await;
    let again = browser.post("/push/bob/off", &off).await;
    assert_eq!(again.header("location"), "/push/bob?done=off");
}

#[tokio::test]
async fn what_services_are_told_is_chosen() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/push/bob").await;
    let after = browser.post("/push/bob/preview", &[("preview", "sender")]).await;
    assert_eq!(after.header("location"), "/push/bob?done=preview");
    stage.daemon.home(|home| assert_eq!(home.preview, Preview::Sender));
    let page = browser.get("/push/bob").await.body;
    assert!(page.contains("value=\"sender\" checked"), "{page}");
    let wrong = browser.post("/push/bob/preview", &[("preview", "everything")]).await;
    assert!(wrong.status >= 400, "{}", wrong.status);
    stage.daemon.home(|home| assert_eq!(home.preview, Preview::Sender));
}

#[tokio::test]
async fn the_privacy_page_names_services_but_nobodys_devices() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    stage.daemon.home(|home| home.pushes = vec![device("a"), device("b")]);
    let page = browser.get("/privacy").await.text();
    assert!(page.contains("push.example, for 2 devices"), "{page}");
    assert!(!page.contains("bob") && !page.contains("Phone"), "{page}");
}
