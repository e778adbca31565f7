//! First run: from the link to a signed-in administrator.

use crate::Stage;
use crate::fake::{CODE, Home};

const GOOD: [(&str, &str); 6] = [
    ("code", CODE),
    ("domain", "Home.Example"),
    ("name", "ann"),
    ("display_name", "Ann"),
    ("password", "three of my words"),
    ("password_again", "three of my words"),
];

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = GOOD.to_vec();
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        fields.push((name, value));
    }
    fields
}

#[tokio::test]
async fn the_link_leads_to_a_home() {
    let stage = Stage::new(Home::new());
    let mut browser = stage.browser();
    let welcome = browser.get("/").await;
    assert!(welcome.text().contains("Welcome to your new home"), "{}", welcome.text());
    let page = browser.get(&format!("/setup?code={CODE}")).await;
    assert_eq!(page.status, 200);
    assert!(page.field("domain").expect("a suggestion").ends_with(".local"));
    assert_eq!(page.field("code"), Some(CODE));

    let answer = browser.post_bare("/setup", &GOOD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("Hello, Ann"), "signed in: {}", page.text());
    assert!(page.text().contains("home.example"), "in lower case");

    // The link has done its work.
    for path in ["/setup", &format!("/setup?code={CODE}")] {
        let page = stage.browser().get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("This home is set up"), "{}", page.text());
        assert!(page.body.contains("href=\"/sign-in\""));
    }
    let late = stage.browser().post_bare("/setup", &GOOD).await;
    assert_eq!(late.status, 409, "{}", late.text());
}

#[tokio::test]
async fn a_wrong_code_says_what_to_do() {
    let stage = Stage::new(Home::new());
    let mut browser = stage.browser();
    let page = browser.get("/setup?code=WRONG").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("This set-up code does not work"), "{}", page.text());
    assert!(page.text().contains("sudo snug setup link"));
    assert!(!page.body.contains("WRONG"));

    let page = browser.get("/setup").await;
    assert_eq!(page.status, 200, "without a code it is asked for");
    assert!(page.body.contains("name=\"code\""));

    let page = browser.post_bare("/setup", &with(&[("code", "WRONG")])).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("The set-up code is wrong or too old."), "{}", page.text());
    assert!(browser.cookie.is_none());
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field() {
    let stage = Stage::new(Home::new());
    let mut browser = stage.browser();
    for (changes, id, words) in [
        (&[("domain", "ann@home")][..], "domain-error", "no @, no blanks"),
        (&[("domain", "")], "domain-error", "no @, no blanks"),
        (&[("name", "")], "name-error", "One word"),
        (&[("name", "ann b")], "name-error", "One word"),
        (&[("password", "short"), ("password_again", "short")], "password-error", "at least 8"),
        (&[("password_again", "other")], "password-error", "not the same"),
    ] {
        let page = browser.post_bare("/setup", &with(changes)).await;
        assert_eq!(page.status, 422, "{words}");
        let at = page.body.split(&format!("id=\"{id}\"")).nth(1).expect(words);
        assert!(at.contains(words), "{words}");
        assert_eq!(page.field("code"), Some(CODE), "the code goes on");
        assert_eq!(page.field("display_name"), Some("Ann"));
        assert!(!page.body.contains("three of my words"));
    }
    assert_eq!(stage.daemon.home(|home| home.count("setup-finish")), 0);

    let page = browser.post_bare("/setup", &with(&[("domain", "home")])).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("The domain needs a dot."), "the daemon's word: {}", page.text());
}

#[tokio::test]
async fn codes_cannot_be_guessed_at_speed() {
    let stage = Stage::new(Home::new());
    let mut browser = stage.browser();
    let mut refused = 0;
    for i in 0..30 {
        let answer = browser.get(&format!("/setup?code=GUESS{i}")).await;
        refused += usize::from(answer.status == 429);
    }
    assert_eq!(refused, 10);
    assert_eq!(browser.get("/setup").await.status, 200, "the page itself is there");
}
