//! XEP-0480: an account that came with old keys gets new ones from its client.

use admin_api::transfer::{Credentials, Existing, Export, Import};
use xmpp::ns;
use xmpp::sasl;
use xmpp::scram::client::{Binding, Client as Scram};
use xmpp::scram::{ScramHash, nonce};

use crate::harness::client::Client;
use crate::harness::home::{Home, PASSWORD};
use crate::harness::sasl2::authenticate;

const TASK: &str = "UPGR-SCRAM-SHA-256";

/// Whether the features offer `what`.
async fn offers(home: &Home, what: &str) -> bool {
    let (_, features) = Client::open_with_features(home).await;
    features.to_xml(ns::CLIENT).contains(what)
}

#[tokio::test]
async fn an_account_with_old_keys_gets_new_ones() {
    let home = Home::start("upgrade").await;
    home.account("ann").await;
    assert!(!offers(&home, TASK).await, "nobody lacks anything");
    let page = home.call(Export { after: None }).await;
    let mut records = page.records;
    records.retain(|record| record.name == "ann");
    let Credentials::Scram(keys) = &mut records[0].credentials else { panic!("keys") };
    keys.retain(|keys| keys.mechanism == "SCRAM-SHA-1");
    home.call(Import { records, existing: Existing::Replace }).await;
    assert!(offers(&home, TASK).await && !offers(&home, ">SCRAM-SHA-256<").await);

    let mut client = Client::open(&home).await;
    let scram = Scram::new(ScramHash::Sha1, "ann", &Binding::Never, &nonce(&[7; 18])).unwrap();
    let wish = format!("<upgrade xmlns='{}'>{TASK}</upgrade>", ns::SASL_UPGRADE);
    client.send(&authenticate("SCRAM-SHA-1", scram.first().as_bytes(), &wish)).await;
    let challenge = client.next().await.unwrap();
    let data = sasl::decode_payload(&challenge.text()).unwrap().unwrap();
    let challenge = scram.server_first(&data).unwrap();
    let keys = challenge.keys(PASSWORD).unwrap();
    let (proof, _) = challenge.answer(&keys).unwrap();
    let proof = sasl::encode_payload(proof.as_bytes());
    client.send(&format!("<response xmlns='{}'>{proof}</response>", ns::SASL2)).await;
    let proposal = client.next().await.unwrap();
    assert!(proposal.is("continue", ns::SASL2), "{proposal:?}");
    client.send(&format!("<next xmlns='{}' task='{TASK}'/>", ns::SASL2)).await;
    let data = client.next().await.unwrap();
    let salt = data.child("salt", ns::SCRAM_UPGRADE).unwrap();
    let iterations: u32 = salt.attr("iterations").unwrap().parse().unwrap();
    let salt = sasl::decode_payload(&salt.text()).unwrap().unwrap();
    let salted = salted(PASSWORD, &salt, iterations);
    client
        .send(&format!(
            "<task-data xmlns='{}'><hash xmlns='{}'>{}</hash></task-data>",
            ns::SASL2,
            ns::SCRAM_UPGRADE,
            sasl::encode_payload(&salted)
        ))
        .await;
    let success = client.next().await.unwrap();
    assert!(success.is("success", ns::SASL2), "{success:?}");
    client.cut();

    assert!(offers(&home, ">SCRAM-SHA-256<").await && !offers(&home, TASK).await);
    // By the new keys, and only with the password.
    let mut client = Client::open(&home).await;
    assert!(client.authenticate("ann", "wrong").await.is_err());
    client.authenticate("ann", PASSWORD).await.expect("the new keys fit");
    home.stop().await;
}

/// Hi() of RFC 5802 §2.2 for SHA-256, as a client has it.
fn salted(password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let hmac = |data: &[u8]| -> [u8; 32] {
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(password.as_bytes()).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().into()
    };
    let mut block = hmac(&[salt, &[0, 0, 0, 1]].concat());
    let mut sum = block;
    for _ in 1..iterations {
        block = hmac(&block);
        sum.iter_mut().zip(block).for_each(|(to, from)| *to ^= from);
    }
    sum.to_vec()
}
