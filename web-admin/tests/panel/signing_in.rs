//! Signing in and out, and the devices where one is signed in.

use admin_api::accounts::Role;
use snug_admin::limits::TRIES_PER_ADDRESS_MAX;

use crate::fake::PASSWORD;
use crate::{Browser, Stage};

#[tokio::test]
async fn the_way_in_and_out() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let answer = browser.get("/person/bob?done=locked").await;
    let page = browser.follow(&answer).await;
    assert_eq!(page.field("next"), Some("/person/bob?done=locked"));
    let fields = [("name", " ann "), ("password", PASSWORD), ("next", "/person/bob?done=locked")];
    let answer = browser.post_bare("/sign-in", &fields).await;
    let cookie = answer.header("set-cookie");
    for attribute in ["__Host-snug=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(answer.header("location"), "/person/bob?done=locked");
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("bob@home.example"));

    // Signed in already: no form.
    let again = browser.get("/sign-in?next=%2Fdevices").await;
    assert_eq!(again.header("location"), "/devices");

    let old = browser.cookie.clone();
    browser.get("/sign-out").await;
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!(out.header("location"), "/");
    assert_eq!(browser.cookie, None, "the cookie is removed");
    browser.cookie = old;
    assert_eq!(browser.get("/people").await.status, 303, "the session itself has ended");
}

#[tokio::test]
async fn a_wrong_password_is_told_without_telling_more() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    for (name, password) in [("ann", "zebra crossing"), ("nobody", PASSWORD), ("", "")] {
        let fields = [("name", name), ("password", password), ("next", "/people")];
        let answer = browser.post_bare("/sign-in", &fields).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("Name or password is wrong."), "{}", answer.text());
        assert_eq!(answer.field("name"), Some(name), "the name need not be typed again");
        assert!(
            password.is_empty() || !answer.body.contains(password),
            "the password is not shown"
        );
        assert_eq!(answer.field("next"), Some("/people"));
        assert!(answer.headers("set-cookie").is_empty());
    }
}

#[tokio::test]
async fn nobody_is_led_elsewhere_after_signing_in() {
    let stage = Stage::family();
    for next in ["//evil.example", "https://evil.example/", "/\\evil.example", "/sign-out", "x"] {
        let mut browser = stage.browser();
        let fields = [("name", "ann"), ("password", PASSWORD), ("next", next)];
        let answer = browser.post_bare("/sign-in", &fields).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn too_many_tries_have_to_wait() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let flood = browser.post_bare("/sign-in", &[("name", "flood"), ("password", "x")]).await;
    assert_eq!(flood.status, 429);
    assert!(flood.text().contains("come back in 10 minutes"), "{}", flood.text());

    for _ in 1..TRIES_PER_ADDRESS_MAX {
        browser.post_bare("/sign-in", &[("name", "ann"), ("password", "x")]).await;
    }
    let asked = stage.daemon.home(|home| home.count("panel-sign-in"));
    let answer = browser.post_bare("/sign-in", &[("name", "ann"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 429);
    assert!(answer.text().contains("Try again in 5 minutes"), "{}", answer.text());
    assert!(answer.header("retry-after").parse::<u64>().expect("seconds") <= 300);
    assert_eq!(stage.daemon.home(|home| home.count("panel-sign-in")), asked, "not even asked");
}

#[tokio::test]
async fn the_daemon_learns_address_and_browser() {
    let stage = Stage::family();
    stage.ann().await;
    stage.daemon.home(|home| {
        let (_, session) = &home.panel[0];
        assert_eq!(session.address, "127.0.0.1");
        assert!(session.agent.contains("Firefox/131.0"), "{}", session.agent);
    });
}

#[tokio::test]
async fn a_session_that_ends_in_between_leads_back_to_the_sign_in() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    stage.daemon.home(|home| home.tokens.clear());
    let answer = browser.get("/clients").await;
    assert_eq!(answer.header("location"), "/sign-in?next=%2Fclients");
    let answer = browser.post("/people/add", &[("name", "tim")]).await;
    assert_eq!(answer.header("location"), "/sign-in");
}

#[tokio::test]
async fn a_role_that_is_taken_away_counts_at_once() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    stage.daemon.home(|home| home.accounts[0].role = Role::Member);
    let answer = browser.get("/people").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("Only administrators"), "{}", answer.text());
    assert_eq!(browser.get("/devices").await.status, 200, "what members may, still works");
}

#[tokio::test]
async fn other_devices_can_be_signed_out() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    stage.ann().await;
    stage.ann().await;
    let page = browser.get("/devices").await;
    assert_eq!(page.text().matches("Firefox on Linux").count(), 3 + 2, "{}", page.text());
    assert!(page.text().contains("this one"));

    let answer = browser.post("/devices/end", &[("id", "session-1")]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("That device is signed out."));
    assert_eq!(stage.daemon.home(|home| home.panel.len()), 2);

    let answer = browser.post("/devices/end-others", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("All other devices are signed out."));
    assert!(!page.body.contains("/devices/end-others"), "there are no others now");
    assert_eq!(stage.daemon.home(|home| home.panel.len()), 1);
}

#[tokio::test]
async fn a_chat_app_can_be_signed_out() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/devices").await;
    let text = page.text();
    assert!(text.contains("Talker") && text.contains("yesterday"), "{text}");
    assert!(page.body.contains("Ann&#39;s &#60;phone&#62;"), "{}", page.body);
    for _ in 0..2 {
        let answer = browser.post("/devices/app", &[("id", "k7mwq2dxc4bnvt3h")]).await;
        let page = browser.follow(&answer).await;
        assert!(page.text().contains("That chat app is signed out."));
        assert!(page.text().contains("None was seen yet."));
    }
    assert!(stage.daemon.home(|home| home.devices.is_empty()));
}

#[tokio::test]
async fn a_cookie_of_any_shape_is_no_way_in() {
    let stage = Stage::family();
    let mut browser: Browser = stage.browser();
    for cookie in ["__Host-snug=x", "__Host-snug=", "__Host-snug=\"; a=b", "snug=token-0-16"] {
        browser.cookie = Some(cookie.to_owned());
        assert_eq!(browser.get("/people").await.status, 303, "{cookie}");
        assert_eq!(browser.get("/health").await.status, 200, "{cookie}");
    }
}
