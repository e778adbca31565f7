//! Every page: it renders, it is guarded, it is safe to show.

use snug_admin::members::{self, Verb};
use snug_admin::pages::{ALL, Needs};

use crate::Stage;
use crate::browser::Answer;

/// A path with its variable parts filled in.
fn path(pattern: &str) -> String {
    pattern.replace("{name}", "bob").replace("{client}", "pidgin")
}

/// What no page may hold: script or style in the page, or anything from elsewhere.
fn check_page(path: &str, answer: &Answer) {
    let body = &answer.body;
    assert!(body.starts_with("<!doctype html>"), "{path}");
    assert_eq!(body.matches("<h1").count(), 1, "{path} has one main heading");
    assert!(body.contains("<html lang=\"en\">") && body.contains("<main id=\"main\""), "{path}");
    for foreign in ["style=", "<style", "javascript:", "onclick", "onload", "//cdn", "http://"] {
        assert!(!body.contains(foreign), "{path} holds {foreign}");
    }
    for link in ["href=\"", "src=\"", "action=\""] {
        for rest in body.split(link).skip(1) {
            let target = rest.split('"').next().expect("a quote");
            let own = target.starts_with('/') && !target.starts_with("//");
            let elsewhere = target.starts_with('#') || target.starts_with("xmpp:");
            assert!(own || elsewhere, "{path} links to {target}");
        }
    }
    // What a label is for exists, once.
    for rest in body.split(" for=\"").skip(1) {
        let id = rest.split('"').next().expect("a quote");
        assert_eq!(body.matches(&format!(" id=\"{id}\"")).count(), 1, "{path}: {id}");
    }
    for rest in body.split("<input ").skip(1) {
        let input = rest.split('>').next().expect("an end");
        let named =
            input.contains("hidden") || input.contains(" id=\"") || input.starts_with("id=");
        assert!(named || input.contains("radio") || input.contains("checkbox"), "{path}: {input}");
    }
}

fn check_headers(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
    assert!(answer.headers("strict-transport-security").is_empty(), "{path}");
    let keep = answer.header("cache-control");
    assert_eq!(keep == "no-store", !path.starts_with("/static/"), "{path}: {keep}");
}

#[tokio::test]
async fn every_page_renders_for_an_administrator() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let mut rendered = 0;
    for page in ALL {
        for route in page.routes {
            let path = path(route.path);
            let answer = browser.get(&path).await;
            check_headers(&path, &answer);
            match answer.status {
                // The page, a file, or a path that only takes forms.
                200 if answer.header("content-type").starts_with("text/html") => {
                    check_page(&path, &answer);
                    rendered += 1;
                }
                200 => {
                    let files = ["/ca.crt", "/health.json", "/keyring/bob/file/pidgin", "/metrics"];
                    assert!(files.contains(&&*path), "{path}");
                }
                303 => assert_eq!(path, "/sign-in", "nobody else is sent away"),
                405 => check_page(&path, &answer),
                other => panic!("{path}: {other} {}", answer.text()),
            }
        }
    }
    assert!(rendered >= 13, "{rendered} pages");
}

#[tokio::test]
async fn every_page_renders_for_a_visitor_or_leads_to_the_sign_in() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let (mut guarded, mut open) = (0, 0);
    for page in ALL {
        for route in page.routes {
            let path = path(route.path);
            let got = browser.get(&path).await;
            let posted = browser.post_bare(&path, &[("role", "admin"), ("when", "now")]).await;
            check_headers(&path, &got);
            check_headers(&path, &posted);
            if page.needs == Needs::Nobody {
                assert!([200, 405].contains(&got.status), "{path}: {}", got.status);
                open += 1;
                continue;
            }
            guarded += 1;
            assert_eq!(got.status, 303, "{path}");
            let to = got.header("location");
            assert!(to.starts_with("/sign-in?next=%2F"), "{path} leads to {to}");
            assert_eq!(posted.status, 303, "{path}");
            assert_eq!(posted.header("location"), "/sign-in", "{path}");
        }
    }
    assert!(guarded >= 17 && open >= 9, "{guarded} {open}");
    let public =
        ["setup-state", "tls-panel-leaf", "tls-authority", "daemon-facts", "push-services"];
    stage.daemon.home(|home| {
        for request in &home.requests {
            let kind = request.split('"').nth(1).expect("a kind");
            assert!(public.contains(&kind), "the daemon was asked for a stranger: {request}");
        }
    });
}

#[tokio::test]
async fn a_member_gets_to_what_is_listed_for_members_and_nowhere_else() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    browser.sign_in("bob").await;
    let (mut refused, mut let_in) = (0, 0);
    for route in ALL.iter().filter(|p| p.needs == Needs::Admin).flat_map(|p| p.routes) {
        for verb in [Verb::Look, Verb::Send] {
            let path = path(route.path);
            let answer = match verb {
                Verb::Look => browser.get(&path).await,
                Verb::Send => browser.post(&path, &[("role", "admin")]).await,
            };
            check_headers(&path, &answer);
            if members::ALLOWED.contains(&(verb, route.path)) {
                assert_ne!(answer.status, 403, "{verb:?} {path}: {}", answer.text());
                let_in += 1;
            } else {
                assert_eq!(answer.status, 403, "{verb:?} {path}");
                assert!(answer.text().contains("Only administrators"), "{}", answer.text());
                refused += 1;
            }
            let is_page =
                answer.status == 200 && answer.header("content-type").starts_with("text/html");
            if verb == Verb::Look && is_page {
                check_page(&path, &answer);
            }
        }
    }
    assert_eq!(let_in, members::ALLOWED.len());
    assert!(refused >= 35, "{refused}");
    for call in ["account-role", "account-list", "account-show", "session-list"] {
        assert_eq!(stage.daemon.home(|home| home.count(call)), 0, "{call}");
    }
    browser.get("/sign-out").await;
    assert_eq!(browser.post("/sign-out", &[]).await.status, 303);
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn what_is_not_there_has_a_page_too() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    for path in ["/nothing", "/person/nobody", "/static/snug.css", "/person/%ff", "/people/"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        check_headers(path.trim_start_matches("/static/"), &answer);
        check_page(path, &answer);
        assert!(!answer.body.contains("/nothing"), "what was asked for is not repeated");
    }
    let answer = browser.post("/people", &[]).await;
    assert_eq!(answer.status, 405);
    check_page("/people", &answer);
    assert_eq!(browser.head("/people").await.status, 200);
}

#[tokio::test]
async fn names_that_look_like_markup_are_only_names() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    for path in [
        "/people",
        "/person/joe",
        "/person/joe/delete",
        "/fingerprints/joe",
        "/keyring/joe",
        "/sheet",
    ] {
        let answer = browser.get(path).await;
        assert!(!answer.body.contains("<joe"), "{path}");
        assert!(answer.body.contains("&#60;joe&#38;co&#62;"), "{path}");
    }
    let answer = browser.get("/person/k%C3%A4the").await;
    assert!(answer.text().contains("käthe@home.example"), "{}", answer.text());
}

#[tokio::test]
async fn the_stylesheet_may_be_kept_for_good() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let page = browser.get("/").await;
    for (mark, kind) in [("css", "text/css"), ("js", "text/javascript"), ("svg", "image/svg+xml")] {
        let from = page.body.find("/static/snug.").expect("a link");
        let links = page.body[from..].split('"').filter(|part| part.starts_with("/static/"));
        let link = links.into_iter().find(|l| l.ends_with(mark)).expect("a link").to_owned();
        let file = browser.get(&link).await;
        assert_eq!(file.status, 200, "{link}");
        assert!(file.header("content-type").starts_with(kind));
        assert!(file.header("cache-control").contains("immutable"));
        check_headers(&link, &file);
    }
}

#[tokio::test]
async fn a_daemon_that_is_down_is_said_in_words() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    stage.daemon.crash();
    for path in ["/people", "/", "/ca", "/setup", "/devices"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), "60");
        assert!(answer.text().contains("The chat server is not answering"), "{}", answer.text());
        assert!(answer.body.contains("href=\"/health\""), "{path}");
        check_page(path, &answer);
    }
    for path in ["/health", "/privacy", "/sign-in"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn certificate_and_privacy_are_for_everybody() {
    let stage = Stage::family();
    let mut browser = stage.browser();
    let page = browser.get("/ca").await;
    assert!(page.text().contains("0A:1B:0A:1B:0A:1B:0A:1B:"), "{}", page.text());
    let file = browser.get("/ca.crt").await;
    assert_eq!(file.header("content-type"), "application/x-x509-ca-cert");
    assert!(file.header("content-disposition").contains("snug-home-ca.crt"));
    assert!(file.body.starts_with("-----BEGIN CERTIFICATE-----"), "{}", file.body);
    let privacy = browser.get("/privacy").await.text();
    assert!(privacy.contains("at most 1000 per person") && privacy.contains("None."), "{privacy}");

    stage.daemon.home(|home| home.files = true);
    assert!(browser.get("/ca").await.text().contains("Nothing to do here"));
    assert_eq!(browser.get("/ca.crt").await.status, 404);
}

#[tokio::test]
async fn a_page_for_everybody_does_not_hang_with_the_daemon() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    stage.daemon.home(|home| home.delay = std::time::Duration::from_secs(30));
    let began = std::time::Instant::now();
    let page = browser.get("/privacy").await;
    assert_eq!(page.status, 200);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(browser.cookie.is_some(), "nobody is signed out by that");
}
