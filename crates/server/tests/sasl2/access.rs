//! Devices as their owner and the operator see them, and taking their access away.

use admin_api::Secret;
use admin_api::accounts::{Lock, SetPassword};
use admin_api::devices::{List, Revoke};
use xmpp::element::Element;
use xmpp::ns;

use crate::harness::client::Client;
use crate::harness::home::{Home, PASSWORD};
use crate::harness::sasl2::authenticate_by_token;

const AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'>\
    <software>Talker</software><device>Ann&apos;s phone</device></user-agent>";
const WANT: &str = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>\
    <bind xmlns='urn:xmpp:bind:0'><tag>Talker</tag></bind>";

/// A client that logs in by password and gets a token, and the token.
async fn log_in(home: &Home) -> (Client, String) {
    let mut client = Client::open(home).await;
    let success = client.authenticate2("ann", PASSWORD, &format!("{AGENT}{WANT}")).await;
    let token = success.child("token", ns::FAST).unwrap().attr("token").unwrap().to_owned();
    assert_eq!(client.next().await.unwrap().name(), "features");
    (client, token)
}

/// What the client with the token is told.
async fn returns(home: &Home, token: &str) -> Element {
    let mut client = Client::open(home).await;
    let inside = format!("{AGENT}<fast xmlns='urn:xmpp:fast:0'/>");
    client.send(&authenticate_by_token("ann", token, &inside)).await;
    client.next().await.unwrap()
}

/// The condition of the stream error that ends the stream.
async fn ended(client: &mut Client) -> String {
    loop {
        let element = client.next().await.expect("an error before the end");
        if element.is("error", ns::STREAMS) {
            return element.children().next().unwrap().name().to_owned();
        }
    }
}

#[tokio::test]
async fn a_device_that_is_signed_out_needs_the_password() {
    let home = Home::start("access-out").await;
    home.account("ann").await;
    let (mut phone, token) = log_in(&home).await;
    let list = home.call(List { name: "ann".to_owned() }).await;
    let [device] = &list[..] else { panic!("{list:?}") };
    assert_eq!(device.software.as_deref(), Some("Talker"));
    assert_eq!(device.device.as_deref(), Some("Ann's phone"));
    assert_eq!(device.session.as_deref(), Some(phone.jid.as_str()));
    assert!(device.password && device.token && device.last_seen % 86_400 == 0);
    assert!(!phone.jid.contains("d4565fa7"), "the client's own id is nobody's business");
    let revoke = Revoke { name: "ann".to_owned(), id: device.id.clone() };
    home.call(revoke).await;
    assert_eq!(ended(&mut phone).await, "not-authorized");
    assert!(returns(&home, &token).await.is("failure", ns::SASL2));
    assert_eq!(home.call(List { name: "ann".to_owned() }).await, []);
    let (_, fresh) = log_in(&home).await;
    assert!(returns(&home, &fresh).await.is("success", ns::SASL2));
    home.stop().await;
}

#[tokio::test]
async fn a_new_password_or_a_lock_ends_tokens_and_frees_the_list() {
    let home = Home::start("access-password").await;
    home.account("ann").await;
    let (mut phone, token) = log_in(&home).await;
    let lock = |locked| Lock { name: "ann".to_owned(), locked };
    home.call(lock(true)).await;
    assert!(returns(&home, &token).await.is("failure", ns::SASL2));
    home.call(lock(false)).await;
    assert!(returns(&home, &token).await.is("failure", ns::SASL2));
    assert_eq!(ended(&mut phone).await, "not-authorized");

    let (mut phone, token) = log_in(&home).await;
    let new = SetPassword { name: "ann".to_owned(), password: Some(Secret::new(PASSWORD)) };
    home.call(new).await;
    assert!(returns(&home, &token).await.is("failure", ns::SASL2));
    let [device] = &home.call(List { name: "ann".to_owned() }).await[..] else { panic!("one") };
    assert!(!device.password && !device.token && device.session.is_some());
    // It knows nothing any more, so its owner may take it from the list.
    let revoke = |id: &str| {
        format!("<iq type='set' id='1'><revoke xmlns='{}' id='{id}'/></iq>", ns::CLIENT_ACCESS)
    };
    let mut tablet = Client::log_in(&home, "ann", "tablet").await;
    tablet.send(&revoke(&device.id)).await;
    assert_eq!(tablet.next().await.unwrap().attr("type"), Some("result"));
    assert_eq!(ended(&mut phone).await, "not-authorized");
    home.stop().await;
}

#[tokio::test]
async fn tokens_outlive_a_restart() {
    let home = Home::start("access-restart").await;
    home.account("ann").await;
    let (phone, token) = log_in(&home).await;
    let jid = phone.jid.clone();
    phone.cut();
    let home = home.restart().await;
    assert!(returns(&home, &token).await.is("success", ns::SASL2));
    let (again, _) = log_in(&home).await;
    assert_eq!(again.jid, jid, "the same device has the same resource");
    home.stop().await;
}
