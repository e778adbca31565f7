//! What may pass, and choosing from where chat apps may connect.

use admin_api::firewall::ChatFrom;

use crate::Stage;

#[tokio::test]
async fn it_is_shown_and_chosen() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/firewall").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("TCP 5222, 5223, from home"), "{}", page.text());
    assert_eq!(page.header("connection"), "close", "the next look is a new connection");
    let answer = browser.post("/firewall", &[("chat_from", "everywhere")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("connection"), "close");
    stage.daemon.home(|home| assert_eq!(home.wall.chat_from, ChatFrom::Everywhere));
    let page = browser.get(answer.header("location")).await;
    assert!(page.body.contains("value=\"everywhere\" checked"), "{}", page.body);
    let answer = browser.post("/firewall", &[("chat_from", "the moon")]).await;
    assert!(answer.status >= 400, "{}", answer.status);
    stage.daemon.home(|home| assert_eq!(home.wall.chat_from, ChatFrom::Everywhere));
}

#[tokio::test]
async fn what_the_settings_say_cannot_be_chosen() {
    let stage = Stage::family();
    stage.daemon.home(|home| home.wall.by_settings = true);
    let mut browser = stage.ann().await;
    let page = browser.get("/firewall").await;
    assert!(page.text().contains("settings file"), "{}", page.text());
    assert!(!page.body.contains("name=\"chat_from\""));
}

#[tokio::test]
async fn it_is_for_administrators() {
    let stage = Stage::family();
    assert_eq!(stage.browser().get("/firewall").await.status, 303);
    let answer = stage.browser().post("/firewall", &[("chat_from", "everywhere")]).await;
    assert!(answer.status >= 300, "{}", answer.status);
    let mut bob = stage.browser();
    bob.sign_in("bob").await;
    assert_ne!(bob.get("/firewall").await.status, 200);
    assert_eq!(bob.post("/firewall", &[("chat_from", "everywhere")]).await.status, 403);
    stage.daemon.home(|home| assert_eq!(home.wall.chat_from, ChatFrom::Lan));
}
