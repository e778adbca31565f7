//! Keys for chat programs: files to take away, and files that are brought.

use admin_api::fingerprints::State;

use crate::browser::Browser;
use crate::fake::TRUSTED_KEY;
use crate::{Fake, Stage};

const BOBS: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef";
const THIRD: &str = "456789abcdef0123456789abcdef0123456789ab";

/// The start of a file that must never be shared (made up, in libotr's form).
const PRIVATE_KEY: &str = "(privkeys\n (account\n(name bob@home.example)\n(protocol xmpp)\n\
    (private-key \n (dsa \n  (x #535E3C3E8D2D4D0B1C7F2D4B3C2A1F0E9D8C7B6A#)\n  )\n )\n )\n)\n";

/// A home in which ann's key is attested, and bob has one in `state`.
fn stage(state: State) -> Stage {
    let stage = Stage::family();
    put(&stage.daemon, "bob", BOBS, state);
    stage.daemon.home(|home| home.prints[0].state = State::Attested);
    stage
}

fn put(daemon: &Fake, name: &str, hex: &str, state: State) {
    daemon.home(|home| {
        home.add_print(name, hex, ("", ""), "concierge@home.example");
        home.prints.last_mut().expect("just added").state = state;
    });
}

/// Bob is connected as `phone`.
fn connect(stage: &Stage) {
    stage.daemon.home(|home| {
        let mut device = home.devices[0].clone();
        device.owner = "bob@home.example".to_owned();
        device.session = Some("bob@home.example/phone".to_owned());
        home.devices.push(device);
    });
}

/// A line of bob's client.
fn line(peer: &str, hex: &str, trust: &str) -> String {
    format!("{peer}@home.example\tbob@home.example/\tprpl-jabber\t{hex}\t{trust}\n")
}

async fn open(stage: &Stage) -> Browser {
    let mut browser = stage.ann().await;
    assert_eq!(browser.get("/keyring/bob").await.status, 200);
    browser
}

#[tokio::test]
async fn each_client_gets_the_file_that_it_needs() {
    let stage = stage(State::Attested);
    connect(&stage);
    let mut browser = stage.ann().await;
    let page = browser.get("/keyring/bob").await.text();
    for words in ["%APPDATA%\\.purple\\otr.fingerprints", "bob_at_home.example", "only seen"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let of = |client: &str, query: &str| format!("/keyring/bob/file/{client}{query}");
    let pidgin = browser.get(&of("pidgin", "?resource=L%C3%B6ft%2F1&careful=")).await;
    assert!(pidgin.header("content-disposition").contains("attachment; filename*=UTF-8''otr.fi"));
    let row = |account: &str, protocol: &str| {
        format!("ann@home.example\t{account}\t{protocol}\t{TRUSTED_KEY}\tattested\n")
    };
    let rows: String = ["Löft/1", "phone", "", "Pidgin", "Home"]
        .iter()
        .map(|resource| row(&format!("bob@home.example/{resource}"), "prpl-jabber"))
        .collect();
    assert_eq!(pidgin.body, rows, "typed, connected, usual; never his own");
    let profanity = browser.get(&of("profanity", "")).await;
    assert!(profanity.header("content-disposition").ends_with("''fingerprints.txt"));
    assert_eq!(profanity.body, row("bob@home.example", "xmpp"));
    let mcabber = browser.get(&of("mcabber", "")).await;
    assert!(mcabber.header("content-disposition").ends_with("''bob%40home.example.fpr"));
    assert_eq!(mcabber.body, row("bob@home.example", "jabber"));
    assert_eq!(browser.get(&of("finch", "")).await.status, 404);
    assert_eq!(browser.get("/keyring/nobody/file/pidgin").await.status, 404);
}

#[tokio::test]
async fn each_state_goes_into_the_file_as_it_is() {
    let stage = stage(State::Attested);
    let mut browser = stage.ann().await;
    let row =
        |trust: &str| format!("bob@home.example\tann@home.example\tjabber\t{BOBS}\t{trust}\n");
    for (state, usual, careful) in [
        (State::ComparedInPerson, row("compared"), row("compared")),
        (State::Attested, row("attested"), row("")),
        (State::Declared, row(""), row("")),
        (State::Seen, String::new(), String::new()),
        (State::Revoked, String::new(), String::new()),
    ] {
        stage.daemon.home(|home| home.prints[1].state = state);
        assert_eq!(browser.get("/keyring/ann/file/mcabber").await.body, usual, "{state:?}");
        let file = browser.get("/keyring/ann/file/mcabber?careful=yes").await;
        assert_eq!(file.body, careful, "{state:?}");
    }
}

#[tokio::test]
async fn an_own_file_comes_back_with_the_familys_keys() {
    let stage = stage(State::Attested);
    connect(&stage);
    put(&stage.daemon, "ann", OTHER, State::Revoked);
    let mut browser = open(&stage).await;
    let elsewhere = format!("eve@elsewhere.example\tbob@home.example/Den\tprpl-jabber\t{BOBS}\t\n");
    let old = line("ann", OTHER, "verified") + &elsewhere;
    let answer =
        browser.post_file("/keyring/bob/look", &[("merge", "pidgin")], ("otr.txt", &old)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-disposition").contains("attachment"));
    let file = answer.body;
    assert!(file.starts_with(&(line("ann", OTHER, "") + &elsewhere)), "{file}");
    for account in ["bob@home.example/Den", "bob@home.example/", "bob@home.example/phone"] {
        let row = format!("ann@home.example\t{account}\tprpl-jabber\t{TRUSTED_KEY}\tattested\n");
        assert!(file.contains(&row), "{account}: {file}");
    }
    let fields = [("careful", "yes"), ("merge", "pidgin")];
    let careful = browser.post_file("/keyring/bob/look", &fields, ("otr.txt", &file)).await.body;
    assert!(!careful.contains("attested"), "{careful}");
    assert_eq!(careful.lines().count(), file.lines().count(), "known, but no more: {careful}");
}

#[tokio::test]
async fn what_was_compared_with_a_client_is_taken_over() {
    let stage = stage(State::Attested);
    put(&stage.daemon, "käthe", OTHER, State::Declared);
    let mut browser = open(&stage).await;
    let file = line("ann", TRUSTED_KEY, "smp")
        + &line("käthe", BOBS, "verified")
        + &line("joe", THIRD, "trusted")
        + "eve@elsewhere.example\tbob@home.example/\tprpl-jabber\t"
        + &format!("{OTHER}\tverified\n");
    let page = browser.post_file("/keyring/bob/look", &[], ("otr.fingerprints", &file)).await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for words in [
        "The directory has this key: attested by the concierge.",
        "Different. The directory has other keys of Käthe",
        "The directory has no key of Old Joe &#60;joe&#38;co&#62; yet.",
        "1 line about people who are not of this home.",
        "1 key that the directory vouches for",
    ] {
        // Käthe's own is only declared; nothing that is vouched for is missing.
        let expected = words != "1 key that the directory vouches for";
        assert_eq!(text.contains(words), expected, "{words}: {text}");
    }
    assert_eq!(page.body.matches("type=\"checkbox\"").count(), 3);
    assert!(!page.body.contains(" checked>"), "nobody's word is taken unasked");

    let none = browser.post("/keyring/bob/take", &[]).await;
    assert!(none.header("location").ends_with("?done=nothing"));
    let ticked = |hex: &str, name: &str| format!("{hex} {name}@home.example");
    let (same, new) = (ticked(TRUSTED_KEY, "ann"), ticked(THIRD, "joe"));
    let fields = [("key-0", &*same), ("key-2", &*new), ("key-3", &*new)];
    let answer = browser.post("/keyring/bob/take", &fields).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("what was compared in person."), "{}", page.text());
    stage.daemon.home(|home| {
        let compared: Vec<(&str, &str)> = home
            .prints
            .iter()
            .filter(|p| p.state == State::ComparedInPerson)
            .map(|p| (p.jid.as_str(), p.fingerprint.as_str()))
            .collect();
        assert_eq!(compared, [("ann@home.example", TRUSTED_KEY), ("joe@home.example", THIRD)]);
        assert_eq!(home.count("fingerprint-add"), 1, "once, though it came twice");
    });
}

#[tokio::test]
async fn the_concierge_is_among_the_family_and_other_kinds_of_keys_are_not() {
    let stage = stage(State::Attested);
    put(&stage.daemon, "concierge", THIRD, State::Attested);
    put(&stage.daemon, "ann", &"d85e07ec".repeat(8), State::ComparedInPerson);
    let mut browser = open(&stage).await;
    let page = browser.get("/keyring/bob").await.text();
    assert!(page.contains("concierge 456789AB CDEF0123"), "{page}");
    assert!(!page.contains("d85e07ec"), "no OTR key: {page}");
    let file = browser.get("/keyring/bob/file/mcabber").await.body;
    assert!(file.contains(&format!("concierge@home.example\tbob@home.example\tjabber\t{THIRD}")));
    assert_eq!(file.lines().count(), 2, "{file}");
    let page = browser.post_file("/keyring/bob/look", &[], ("bob.fpr", &file)).await.text();
    assert!(!page.contains("not of this home") && page.contains("concierge 456789AB"), "{page}");
    // A key of another kind is no reason to call the first of this kind different.
    put(&stage.daemon, "joe", &"0badcafe".repeat(8), State::Attested);
    let file = line("joe", OTHER, "verified");
    let page =
        browser.post_file("/keyring/bob/look", &[], ("otr.fingerprints", &file)).await.text();
    assert!(page.contains("has no key of Old Joe"), "{page}");
    assert!(page.contains("2 keys that the directory vouches for are not in the file."), "{page}");
    assert!(browser.get("/sheet").await.text().contains("concierge@home.example 456789AB"));
}

#[tokio::test]
async fn a_member_has_a_keyring_and_adds_nothing() {
    let stage = stage(State::Attested);
    connect(&stage);
    let mut browser = stage.browser();
    browser.sign_in("bob").await;
    for path in ["/keyring/ann", "/keyring/ann/file/pidgin"] {
        assert_eq!(browser.get(path).await.status, 403, "{path}");
    }
    let file = line("ann", TRUSTED_KEY, "smp") + &line("ann", OTHER, "verified");
    let page = browser.get("/fingerprints/bob").await;
    assert!(page.body.contains("href=\"/keyring/bob\""));
    assert!(!browser.get("/fingerprints/ann").await.body.contains("/keyring/ann"));
    assert!(browser.get("/sheet").await.text().contains("bob@home.example"));
    let pidgin = browser.get("/keyring/bob/file/pidgin").await.body;
    assert!(pidgin.contains("ann@home.example\tbob@home.example/phone\tprpl"), "{pidgin}");
    browser.get("/keyring/bob").await;
    let theirs = browser.post_file("/keyring/ann/look", &[], ("otr.fingerprints", &file)).await;
    assert_eq!(theirs.status, 403);
    let page = browser.post_file("/keyring/bob/look", &[], ("otr.fingerprints", &file)).await;
    assert!(page.text().contains("ask whoever looks after the home to add it"), "{}", page.text());
    assert_eq!(page.body.matches("type=\"checkbox\"").count(), 1);
    let key = |hex: &str| format!("{hex} ann@home.example");
    let answer = browser.post("/keyring/ann/take", &[("key-0", &key(TRUSTED_KEY))]).await;
    assert_eq!(answer.status, 403);
    let answer = browser.post("/keyring/bob/take", &[("key-0", &key(OTHER))]).await;
    assert_eq!(answer.status, 403, "the daemon refuses");
    let answer = browser.post("/keyring/bob/take", &[("key-0", &key(TRUSTED_KEY))]).await;
    let page = browser.follow(&answer).await;
    assert!(page.text().contains("what was compared in person."), "{}", page.text());
    stage.daemon.home(|home| {
        assert_eq!(home.prints[0].state, State::ComparedInPerson);
        let by = home.prints[0].compared.as_ref().map(|c| c.by.as_str());
        assert_eq!(by, Some("bob@home.example"));
        assert_eq!(home.prints.len(), 2, "nothing was added");
    });
}

#[tokio::test]
async fn what_the_directory_told_and_what_was_revoked_is_not_taken_over() {
    let stage = stage(State::Attested);
    put(&stage.daemon, "ann", OTHER, State::Revoked);
    let mut browser = open(&stage).await;
    let file = line("ann", TRUSTED_KEY, "attested") + &line("ann", OTHER, "verified");
    let page = browser.post_file("/keyring/bob/look", &[], ("otr.fingerprints", &file)).await;
    let text = page.text();
    assert!(text.contains("because this directory said so"), "{text}");
    assert!(
        text.contains("Revoked. This key is not to be trusted any more, but the app"),
        "{text}"
    );
    assert!(!page.body.contains("type=\"checkbox\""), "{}", page.body);
    let made_up = format!("{OTHER} ann@home.example");
    let answer = browser.post("/keyring/bob/take", &[("key-0", &made_up)]).await;
    assert!(answer.header("location").ends_with("?done=nothing"));
    stage.daemon.home(|home| assert_eq!(home.prints[2].state, State::Revoked));
    for key in ["", "x", "0123 ann@home.example", OTHER] {
        assert_eq!(browser.post("/keyring/bob/take", &[("key-0", key)]).await.status, 400, "{key}");
    }
}

#[tokio::test]
async fn a_file_of_private_keys_is_refused_and_forgotten() {
    let stage = stage(State::Attested);
    let mut browser = open(&stage).await;
    let before = stage.daemon.home(|home| home.requests.len());
    let fine = line("ann", TRUSTED_KEY, "smp");
    let pem = "-----BEGIN DSA PRIVATE KEY-----\nMIIBuwIBAAKBgQD\n";
    let pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n";
    let mixed = fine.clone() + PRIVATE_KEY;
    for (name, content) in [
        ("otr.private_key", PRIVATE_KEY),
        ("otr.fingerprints", PRIVATE_KEY),
        ("otr.fingerprints", &mixed),
        ("otr.fingerprints", &PRIVATE_KEY[..40]),
        ("keys.txt", &fine),
        ("bob@home.example.key", ""),
        ("otr.fingerprints", pem),
        ("otr.fingerprints", pgp),
    ] {
        for fields in [&[][..], &[("merge", "profanity")]] {
            let page = browser.post_file("/keyring/bob/look", fields, (name, content)).await;
            assert_eq!(page.status, 422, "{name} {content}");
            assert!(page.text().contains("That was a private key"), "{}", page.text());
            assert!(!page.body.contains("535E3C3E"), "not shown again");
        }
    }
    let field = [("careful", PRIVATE_KEY)];
    let page = browser.post_file("/keyring/bob/look", &field, ("a.fpr", &fine)).await;
    assert!(page.text().contains("That was a private key"), "{}", page.text());
    stage.daemon.home(|home| {
        for request in &home.requests[before..] {
            assert!(request.starts_with("{\"panel-who\""), "only who it is was asked: {request}");
        }
    });
}

#[tokio::test]
async fn what_is_no_such_file_is_said_in_words() {
    let stage = stage(State::Attested);
    let mut browser = open(&stage).await;
    let long = "a\tb\tc\td\n".repeat(40_000);
    for (name, content, status, words) in [
        ("", "", 422, "No file was chosen."),
        ("otr.fingerprints", "", 422, "There is no fingerprint in this file."),
        ("photo.txt", "Dear Bob,\nall is well\n", 422, "There is no fingerprint in this file."),
        ("photo.jpg", "a\0b", 422, "This is no file of text"),
        ("otr.fingerprints", &long, 413, "That was too much"),
    ] {
        let page = browser.post_file("/keyring/bob/look", &[], (name, content)).await;
        assert_eq!(page.status, status, "{name}: {}", page.text());
        assert!(page.text().contains(words), "{}", page.text());
    }
    let token = browser.form_token.clone();
    browser.form_token = "guessed".to_owned();
    let fine = line("ann", TRUSTED_KEY, "smp");
    let page = browser.post_file("/keyring/bob/look", &[], ("a.fpr", &fine)).await;
    assert_eq!(page.status, 403, "{}", page.text());
    browser.form_token = token;
    browser.extra = vec![("Sec-Fetch-Site", "cross-site".to_owned())];
    let page = browser.post_file("/keyring/bob/look", &[], ("a.fpr", &fine)).await;
    assert_eq!(page.status, 403);
    browser.extra.clear();
    let page = browser.post("/keyring/bob/look", &[("file", &fine)]).await;
    assert_eq!(page.status, 400, "a form without a file");
}

#[tokio::test]
async fn nothing_of_a_file_is_repeated_but_keys_of_the_family() {
    let stage = stage(State::Attested);
    let mut browser = open(&stage).await;
    let mut file = String::new();
    for peer in ["<script>alert(1)</script>", "\u{1b}[31m", "\u{202e}moc", "x\"onload=\"y"] {
        file += &format!("{peer}\tbob@home.example/{peer}\tprpl-jabber\t{OTHER}\t{peer}\n");
        file += &format!("{peer}\t{peer}\t{peer}\t{OTHER}\t{peer}\n");
        file += &line("ann", OTHER, peer);
    }
    let page = browser.post_file("/keyring/bob/look", &[], ("<b>.txt", &file)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    for marked in ["alert(1)", "\u{1b}", "\u{202e}", "onload", "<b>"] {
        assert!(!page.body.contains(marked), "{marked:?}");
    }
    assert!(page.text().contains("4 lines about people who are not of this home."));
    let many: String = (0..200).map(|n| line("ann", &format!("{n:040x}"), "verified")).collect();
    let page = browser.post_file("/keyring/bob/look", &[], ("otr.fingerprints", &many)).await;
    assert_eq!(page.body.matches("type=\"checkbox\"").count(), 128);
    assert!(page.text().contains("The file holds 200 keys of the family"), "{}", page.text());
}
