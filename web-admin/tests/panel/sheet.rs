//! The sheet for the fridge, and links that hold keys.

use admin_api::fingerprints::State;

use crate::Stage;
use crate::fake::TRUSTED_KEY;

const BOBS: &str = "0123456789abcdef0123456789abcdef01234567";
const OLD: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Ann has a key; bob has one, and one in `state`.
fn stage(state: State) -> Stage {
    let stage = Stage::family();
    stage.daemon.home(|home| {
        home.add_print("bob", BOBS, ("", "Profanity <here>"), "ann@home.example");
        home.add_print("bob", OLD, ("", ""), "ann@home.example");
        home.prints.last_mut().expect("just added").state = state;
    });
    stage
}

#[tokio::test]
async fn the_sheet_holds_what_may_be_relied_on() {
    let stage = stage(State::Revoked);
    let page = stage.ann().await.get("/sheet").await;
    let text = page.text();
    for words in [
        "Who is who at home.example",
        "bob@home.example 01234567 89ABCDEF 01234567 89ABCDEF 01234567 OTR, declared · Profanity",
        "No fingerprint yet: Old Joe &#60;joe&#38;co&#62;, Käthe.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("89ABCDEF 01234567 89ABCDEF 01234567 89ABCDEF"), "revoked: {text}");
    assert_eq!(page.body.matches("<svg class=\"qr\"").count(), 2);
    let seal = stage.daemon.home(|home| {
        let (_, newest) =
            home.history.iter().find(|(jid, _)| jid.starts_with("bob@")).expect("one");
        assert_eq!(newest.number, 2);
        newest.seal.clone()
    });
    let shown = format!("History, line 2: {} {} ", &seal[..4], &seal[4..8]);
    assert!(text.contains(&shown), "{shown}: {text}");
}

#[tokio::test]
async fn a_link_holds_no_revoked_and_no_merely_seen_key() {
    for (state, with) in [
        (State::ComparedInPerson, true),
        (State::Attested, true),
        (State::Declared, true),
        (State::Seen, false),
        (State::Revoked, false),
    ] {
        let stage = stage(state);
        let page = stage.ann().await.get("/fingerprints/bob").await;
        let old = if with { format!(";otr-fingerprint={OLD}") } else { String::new() };
        let link = format!("href=\"xmpp:bob@home.example?otr-fingerprint={BOBS}{old}\"");
        assert!(page.body.contains(&link), "{state:?}: {}", page.body);
        let codes = 2 + usize::from(state != State::Revoked);
        assert_eq!(page.body.matches("<svg class=\"qr\"").count(), codes, "{state:?}");
    }
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    assert!(!browser.get("/fingerprints/bob").await.body.contains("xmpp:bob"));
    assert!(browser.get("/fingerprints/ann").await.body.contains(TRUSTED_KEY));
}
