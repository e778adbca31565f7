//! Health: for everybody, and most of all when nothing else works.

use serde_json::Value;

use crate::browser::Answer;
use crate::{Dir, Stage, settings};

fn status(answer: &Answer, id: &str) -> String {
    let report: Value = serde_json::from_str(&answer.body).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    let check = checks.iter().find(|c| c["id"] == id).expect(id);
    check["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn a_healthy_home_is_shown_without_sign_in() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let page = browser.get("/health").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("A log-in works; it took 80 ms."), "{}", page.text());
    assert!(page.body.contains("<code>snug"), "commands are shown as such: {}", page.body);
    let json = browser.get("/health.json").await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(status(&json, "daemon"), "pass");
    assert_eq!(status(&json, "login"), "pass");
    assert_eq!(status(&json, "backup"), "warn");
    let metrics = browser.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(metrics.body.contains("\nsnug_up 1\n"), "{}", metrics.body);
    for answer in [&page, &json, &metrics] {
        for personal in ["ann", "bob", "192.168.1.20", "Pidgin"] {
            let words: Vec<&str> = answer.body.split(|c: char| !c.is_alphanumeric()).collect();
            assert!(!words.contains(&personal), "{personal}");
        }
    }
}

#[tokio::test]
async fn facts_are_gathered_once_for_many_visitors() {
    let stage = Stage::family();
    stage.daemon.home(|home| home.delay = std::time::Duration::from_millis(100));
    let mut visitors = tokio::task::JoinSet::new();
    for path in ["/health", "/health.json", "/metrics", "/health", "/health.json"] {
        let mut browser = stage.browser();
        visitors.spawn(async move { browser.get(path).await.status });
    }
    while let Some(status) = visitors.join_next().await {
        assert_eq!(status.expect("no panic"), 200);
    }
    assert_eq!(stage.daemon.home(|home| home.count("daemon-facts")), 1);
}

#[tokio::test]
async fn a_daemon_that_is_down_is_a_finding() {
    let stage = Stage::family();
    stage.daemon.crash();
    let mut browser = stage.browser();
    let page = browser.get("/health").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Something is not working."), "{}", page.text());
    assert!(page.text().contains("snugd cannot be reached"), "{}", page.text());
    let json = browser.get("/health.json").await;
    assert_eq!(status(&json, "daemon"), "fail");
    assert_eq!(status(&json, "login"), "skip");
    assert_eq!(status(&json, "memory"), "pass");
    assert!(browser.get("/metrics").await.body.contains("\nsnug_up 0\n"));
}

#[tokio::test]
async fn a_login_that_fails_is_a_finding_with_a_remedy() {
    let stage = Stage::family();
    stage.daemon.home(|home| home.loopback_login = Some(Err("TLS: no route".to_owned())));
    let page = stage.browser().get("/health").await;
    assert!(page.text().contains("TLS: no route"), "{}", page.text());
    assert!(page.text().contains("What to do:"), "{}", page.text());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_said_there() {
    let dir = Dir::new();
    let fault = "/etc/snug/snug.toml, line 12: `c2s.plain` must be true or false".to_owned();
    let settings = snug_admin::Settings { fault: Some(fault.clone()), ..settings(&dir.0) };
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let running = snug_admin::start(settings, vec![socket]).expect("it starts all the same");
    let mut browser = crate::Browser::careless(running.addresses[0]);
    let page = browser.get("/health").await;
    assert!(page.text().contains("snug.toml, line 12: c2s.plain must be"), "{}", page.text());
    assert_eq!(status(&browser.get("/health.json").await, "settings"), "fail");
    running.stop().await;
}
