//! Forms: only from our own pages, only so large, and never a private key.

use crate::{Browser, Stage};

/// The start of a file that must never be shared (a made-up key, in libotr's form).
const PRIVATE_KEY: &str = "(privkeys\n (account\n(name \"ann@home.example/\")\n(protocol \
    prpl-jabber)\n(private-key \n (dsa \n  (p #00FC07ABCF0DC916AFF6E9AE47BEF60C7AB9B4D6B2469E43#)\n  \
    (q #00997BD266EF3DC09FD0A16F49D91CA0D6C2F5BC5F#)\n  (x #535E3C3E8D2D4D0B1C7F2D4B3C2A1F0E9D8C7B6A#)\n  )\n )\n )\n)\n";

/// Something of it that no page or call may hold.
const SECRET_PART: &str = "535E3C3E8D2D4D0B";

async fn is_refused(stage: &Stage, browser: &mut Browser, fields: &[(&str, &str)]) {
    let answer = browser.post_bare("/person/bob/lock", fields).await;
    assert_eq!(answer.status, 403, "{fields:?} {}", answer.text());
    assert!(answer.text().contains("This form could not be accepted"), "{}", answer.text());
    assert_eq!(stage.daemon.home(|home| home.count("account-lock")), 0);
}

#[tokio::test]
async fn the_hidden_field_must_be_this_sessions() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob").await;
    let own = browser.form_token.clone();
    assert_eq!(own.len(), 43);
    let session = browser.cookie.clone().expect("signed in");
    assert!(!session.contains(&own), "the field does not give the session away");

    let mut other = stage.ann().await;
    other.get("/person/bob").await;
    assert_ne!(other.form_token, own);

    is_refused(&stage, &mut browser, &[]).await;
    is_refused(&stage, &mut browser, &[("form_token", "")]).await;
    is_refused(&stage, &mut browser, &[("form_token", &other.form_token)]).await;
    is_refused(&stage, &mut browser, &[("form_token", &own[..42])]).await;
    let answer = browser.post_bare("/person/bob/lock", &[("form_token", &own)]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn other_sites_cannot_send_forms() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob").await;
    let token = browser.form_token.clone();
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        browser.extra = vec![(name, value.to_owned())];
        is_refused(&stage, &mut browser, &[("form_token", &token)]).await;
        // Signing in is for everybody, but not from elsewhere either.
        let fields = [("name", "ann"), ("password", crate::fake::PASSWORD)];
        let answer = browser.post_bare("/sign-in", &fields).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert!(answer.headers("set-cookie").is_empty());
    }
    for (name, value) in [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://localhost")] {
        browser.extra = vec![(name, value.to_owned())];
        assert_eq!(browser.post("/person/bob/lock", &[]).await.status, 303, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/person/bob").await;
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        browser.extra = vec![("Content-Type", kind.to_owned())];
        let answer = browser.post("/person/bob/lock", &[]).await;
        assert_eq!(answer.status, 400, "{kind}");
    }
    browser.extra.clear();
    let form = format!("form_token={}&role=king", browser.form_token);
    assert_eq!(browser.post_body("/person/bob/role", &form).await.status, 400);
    let many = format!("form_token={}{}", browser.form_token, "&a=b".repeat(140));
    assert_eq!(browser.post_body("/person/bob/lock", &many).await.status, 413);
    assert_eq!(stage.daemon.home(|home| home.count("account-lock")), 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_in_words() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/bob").await;
    for size in [70_000, 900_000] {
        let long = "A".repeat(size);
        let answer = browser.post("/fingerprints/bob/add", &[("fingerprint", &long)]).await;
        assert_eq!(answer.status, 413, "{size}");
        assert!(answer.text().contains("That was too much"), "{}", answer.text());
    }
    assert_eq!(stage.daemon.home(|home| home.count("fingerprint-add")), 0);
}

#[tokio::test]
async fn a_private_key_is_refused_everywhere() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/fingerprints/bob").await;
    let print = ("fingerprint", crate::fake::TRUSTED_KEY);
    let forms: [(&str, Vec<(&str, &str)>); 6] = [
        ("/fingerprints/bob/add", vec![("fingerprint", PRIVATE_KEY)]),
        ("/fingerprints/bob/add", vec![print, ("label", PRIVATE_KEY)]),
        ("/fingerprints/bob/update", vec![print, ("device", PRIVATE_KEY)]),
        ("/people/add", vec![("name", "tim"), ("display_name", PRIVATE_KEY)]),
        ("/people/add", vec![("name", PRIVATE_KEY)]),
        ("/sign-in", vec![("name", PRIVATE_KEY), ("password", "x")]),
    ];
    let before = stage.daemon.home(|home| home.requests.len());
    for (path, fields) in forms {
        let answer = browser.post(path, &fields).await;
        assert_eq!(answer.status, 422, "{path}");
        assert!(answer.text().contains("That was a private key"), "{}", answer.text());
        assert!(answer.text().contains("/otr myfp"), "it says where the fingerprint is");
        assert!(!answer.body.contains(SECRET_PART), "{path}: not shown again");
    }
    stage.daemon.home(|home| {
        for request in &home.requests[before..] {
            assert!(request.starts_with("{\"panel-who\""), "only who it is was asked: {request}");
        }
    });
}
