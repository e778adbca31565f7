//! From what a client publishes to what directory, doctor and people are told.

use admin_api::fingerprints::{Action, History, List, State, check};
use admin_api::omemo::{Carry, Repair, Report, Show, TakeBack, Trouble, Version};
use admin_api::{Client, ProblemKind, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmpp::element::Element;
use xmpp::jid::BareJid;
use xmpp::stanza::Stanza;

use crate::daemon::Now;
use crate::deliver;
use crate::features::{Cx, Target};
use crate::registry;
use crate::testing::Home;

const LIST: &str = "eu.siacs.conversations.axolotl.devicelist";

fn ann() -> BareJid {
    BareJid::parse("ann@home.example").unwrap()
}

/// A request of ann's, as one of her clients sends it.
fn asks(home: &Home, pubsub: &str) {
    let iq = format!("<iq xmlns='jabber:client' type='set' id='1'>{pubsub}</iq>");
    let iq = Stanza::from_element(Element::parse(&iq).unwrap()).unwrap();
    let daemon = home.daemon();
    let mut list = std::collections::VecDeque::new();
    {
        let entry = daemon.registry.entry(&ann());
        let mut account = registry::lock(&entry);
        let mut cx = Cx::new(daemon, Now::read(), &mut account, None);
        daemon.dispatch.run(&mut cx, Target::Account, &iq);
        let effects = cx.effects;
        let refused =
            effects.routed.iter().any(|s| s.iq_type() == Some(xmpp::stanza::IqType::Error));
        assert!(!refused, "{pubsub}");
        deliver::carry_out(daemon, &mut account, effects, 0, &mut list);
    }
    deliver::route_all(daemon, Now::read(), list.into());
}

fn publishes(home: &Home, node: &str, id: &str, payload: &str, access: &str) {
    let field =
        |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
    let options = field("FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options")
        + &field("pubsub#access_model", access);
    asks(
        home,
        &format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'>\
             <item id='{id}'>{payload}</item></publish><publish-options>\
             <x xmlns='jabber:x:data' type='submit'>{options}</x></publish-options></pubsub>"
        ),
    );
}

fn lists(home: &Home, ids: &[u32]) {
    let devices: String = ids.iter().map(|id| format!("<device id='{id}'/>")).collect();
    let list = format!("<list xmlns='eu.siacs.conversations.axolotl'>{devices}</list>");
    publishes(home, LIST, "current", &list, "open");
}

fn bundle(home: &Home, id: u32, key: u8) {
    let mut bytes = vec![5];
    bytes.extend([key; 32]);
    let key = STANDARD.encode(bytes);
    let bundle = format!(
        "<bundle xmlns='eu.siacs.conversations.axolotl'><identityKey>{key}</identityKey></bundle>"
    );
    let node = format!("eu.siacs.conversations.axolotl.bundles:{id}");
    publishes(home, &node, "current", &bundle, "open");
}

async fn keys(home: &Home) -> Vec<(String, State, Option<u32>, bool)> {
    let all = home.operator().call(List { name: Some("ann".to_owned()) }).await.unwrap();
    let mut all: Vec<_> = all
        .into_iter()
        .map(|e| {
            let key = e.omemo.unwrap();
            (e.fingerprint[..2].to_owned(), e.state, Some(key.device), key.gone.is_some())
        })
        .collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    all
}

fn alarms(home: &Home) -> u64 {
    home.daemon().counters.snapshot().get("directory.alarms").copied().unwrap_or(0)
}

async fn report(panel: &Client, token: &Secret) -> Report {
    panel.call_as(token.clone(), Show {}).await.unwrap()
}

fn troubles(report: &Report) -> Vec<Trouble> {
    report.findings.iter().map(|f| f.trouble.clone()).collect()
}

#[tokio::test]
async fn what_is_published_is_in_the_directory() {
    let (home, _) = Home::set_up().await;
    bundle(&home, 1, 0xa1);
    lists(&home, &[1]);
    let declared = |key: &str, device, gone| (key.to_owned(), State::Declared, Some(device), gone);
    assert_eq!(keys(&home).await, [declared("a1", 1, false)]);
    assert_eq!(alarms(&home), 0, "the first is no news");
    bundle(&home, 2, 0xb2);
    lists(&home, &[1, 2]);
    assert_eq!(alarms(&home), 1, "a further one is");
    // The same device with another key; and one that leaves the list.
    bundle(&home, 1, 0xc3);
    assert_eq!(alarms(&home), 2);
    lists(&home, &[1]);
    let now = [declared("a1", 1, true), declared("b2", 2, true), declared("c3", 1, false)];
    assert_eq!(keys(&home).await, now);
    // What is no key changes nothing.
    publishes(
        &home,
        "eu.siacs.conversations.axolotl.bundles:3",
        "current",
        "<x xmlns='y'/>",
        "open",
    );
    publishes(
        &home,
        "eu.siacs.conversations.axolotl.bundles:x",
        "current",
        "<x xmlns='y'/>",
        "open",
    );
    assert_eq!(keys(&home).await, now);

    let history = History { name: "ann".to_owned(), before: None };
    let history = home.operator().call(history).await.unwrap();
    assert_eq!(check("ann@home.example", &history), Ok(()));
    let lines: Vec<_> = history.iter().rev().map(|c| (&c.fingerprint[..2], c.action)).collect();
    assert_eq!(
        lines,
        [
            ("a1", Action::Added),
            ("b2", Action::Added),
            ("c3", Action::Added),
            ("a1", Action::Gone),
            ("b2", Action::Gone),
        ]
    );
    assert!(history.iter().all(|c| c.by == "ann@home.example"));
    // It outlives a restart, and an account takes it along.
    let home = home.restart().await;
    assert_eq!(keys(&home).await, now);
}

#[tokio::test]
async fn the_newer_version_has_the_fingerprint_of_the_older_one() {
    let (home, _) = Home::set_up().await;
    // RFC 8032 §7.1, the first key.
    let ed25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let bundle = format!("<bundle xmlns='urn:xmpp:omemo:2'><ik>{ed25519}</ik></bundle>");
    publishes(&home, "urn:xmpp:omemo:2:bundles", "31415", &bundle, "open");
    let list =
        "<devices xmlns='urn:xmpp:omemo:2'><device id='31415' label='Ann&#9;s phone'/></devices>";
    publishes(&home, "urn:xmpp:omemo:2:devices", "current", list, "open");
    let all = home.operator().call(List { name: None }).await.unwrap();
    let shown = "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e";
    assert_eq!(all[0].fingerprint, shown);
    let key = all[0].omemo.clone().unwrap();
    assert_eq!((key.device, key.versions), (31_415, vec![Version::Two]));
    assert_eq!(key.label, "Anns phone", "nothing but text");
}

#[tokio::test]
async fn the_doctor_finds_and_mends() {
    let (home, token) = Home::set_up().await;
    let panel = home.panel();
    let carry = async |repair| panel.call_as(token.clone(), Carry { repair }).await;
    let version = Version::Legacy;
    bundle(&home, 1, 0xa1);
    bundle(&home, 3, 0xc3);
    lists(&home, &[1, 2]);
    asks(
        &home,
        &format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='{LIST}'>\
             <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
             <value>http://jabber.org/protocol/pubsub#node_config</value></field>\
             <field var='pubsub#access_model'><value>presence</value></field></x></configure></pubsub>"
        ),
    );
    let found = report(&panel, &token).await;
    let missing = Trouble::NoBundle { device: 2 };
    let unlisted = Trouble::Unlisted { device: 3 };
    assert_eq!(troubles(&found), [Trouble::Closed { nodes: 1 }, missing.clone(), unlisted.clone()]);
    assert_eq!(home.daemon().omemo.harmed(), 1);

    let left = carry(Repair::Open { version }).await.unwrap();
    assert_eq!(troubles(&left), [missing.clone(), unlisted.clone()]);
    let left = carry(Repair::Relist { version, device: 3 }).await.unwrap();
    assert_eq!(troubles(&left), std::slice::from_ref(&missing));
    let left = carry(Repair::Remove { version, device: 2 }).await.unwrap();
    assert_eq!(troubles(&left), []);
    assert_eq!(home.daemon().omemo.harmed(), 0);
    let gone = carry(Repair::Remove { version, device: 2 }).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound, "there is nothing to remove any more");
    let unusable = carry(Repair::Relist { version, device: 9 }).await.unwrap_err();
    assert_eq!(unusable.kind, ProblemKind::NotFound);

    // With its bundle, and back as it was.
    let before = report(&panel, &token).await.devices;
    let left = carry(Repair::Remove { version, device: 1 }).await.unwrap();
    assert_eq!(left.devices.len(), 1);
    assert!(keys(&home).await[0].3, "the directory says that it is gone");
    let undo = left.undo.iter().find(|u| u.device == 1).unwrap().id.clone();
    let back = panel.call_as(token.clone(), TakeBack { id: undo.clone() }).await.unwrap();
    let same = |d: &admin_api::omemo::Device| (d.id, d.fingerprint.clone(), d.listed);
    assert_eq!(
        back.devices.iter().map(same).collect::<Vec<_>>(),
        before.iter().map(same).collect::<Vec<_>>()
    );
    assert!(!keys(&home).await[0].3);
    let twice = panel.call_as(token.clone(), TakeBack { id: undo }).await.unwrap_err();
    assert_eq!(twice.kind, ProblemKind::NotFound);
    // Nobody does it for others: the command line is nobody.
    assert_eq!(home.operator().call(Show {}).await.unwrap_err().kind, ProblemKind::SignIn);
}

#[tokio::test]
async fn a_node_that_keeps_one_bundle_is_widened() {
    let (home, token) = Home::set_up().await;
    let panel = home.panel();
    let bundle = "<bundle xmlns='urn:xmpp:omemo:2'><ik>11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=</ik></bundle>";
    publishes(&home, "urn:xmpp:omemo:2:bundles", "1", bundle, "open");
    let list = "<devices xmlns='urn:xmpp:omemo:2'><device id='1'/><device id='2'/></devices>";
    publishes(&home, "urn:xmpp:omemo:2:devices", "current", list, "open");
    let found = report(&panel, &token).await;
    assert_eq!(troubles(&found)[0], Trouble::KeepsTooFew { kept: 1 });
    let open = Carry { repair: Repair::Open { version: Version::Two } };
    let left = panel.call_as(token.clone(), open).await.unwrap();
    assert_eq!(troubles(&left), [Trouble::NoBundle { device: 2 }]);
    publishes(&home, "urn:xmpp:omemo:2:bundles", "2", bundle, "open");
    assert_eq!(report(&panel, &token).await.devices.len(), 2);
    assert_eq!(troubles(&report(&panel, &token).await), []);
}
