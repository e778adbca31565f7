//! Log-in with SASL2 (XEP-0388), and what can be asked for with it.

use xmpp::element::Element;
use xmpp::hashed_token::{Token, TokenMechanism, TokenState, client_message};
use xmpp::sasl::{self, ChannelBindings};
use xmpp::scram::client::{Binding, Client as Scram};
use xmpp::scram::{ScramHash, nonce};
use xmpp::{Jid, ns};

use super::client::Client;

/// `<authenticate/>` with `data` as initial response, and `inside` behind it.
pub(crate) fn authenticate(mechanism: &str, data: &[u8], inside: &str) -> String {
    let data = sasl::encode_payload(data);
    format!(
        "<authenticate xmlns='{}' mechanism='{mechanism}'>\
         <initial-response>{data}</initial-response>{inside}</authenticate>",
        ns::SASL2
    )
}

/// The same by a token that is bound to nothing.
pub(crate) fn authenticate_by_token(name: &str, token: &str, inside: &str) -> String {
    let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
    let token = Token::new(token.to_owned().into(), TokenState::Good).expect("a short token");
    let none = ChannelBindings::default();
    let (message, _) = client_message(name, &token, mechanism, &none).unwrap();
    authenticate(mechanism.name(), &message, inside)
}

impl Client {
    /// Logs `name` in with SCRAM-SHA-256, asking for what is `inside`. The end of it: success or
    /// failure.
    pub(crate) async fn authenticate2(
        &mut self,
        name: &str,
        password: &str,
        inside: &str,
    ) -> Element {
        let client =
            Scram::new(ScramHash::Sha256, name, &Binding::Never, &nonce(&[7; 18])).unwrap();
        let opening = authenticate("SCRAM-SHA-256", client.first().as_bytes(), inside);
        self.send(&opening).await;
        let challenge = self.next().await.unwrap();
        if challenge.name() == "failure" {
            return challenge;
        }
        let challenge = sasl::decode_payload(&challenge.text()).unwrap().unwrap();
        let challenge = client.server_first(&challenge).unwrap();
        let keys = challenge.keys(password).unwrap();
        let (answer, verdict) = challenge.answer(&keys).unwrap();
        let answer = sasl::encode_payload(answer.as_bytes());
        self.send(&format!("<response xmlns='{}'>{answer}</response>", ns::SASL2)).await;
        let end = self.next().await.unwrap();
        if let Some(data) = end.child("additional-data", ns::SASL2) {
            let proof = sasl::decode_payload(&data.text()).unwrap().unwrap();
            verdict.server_final(&proof).unwrap();
        }
        self.entered(&end);
        end
    }

    /// Whether `success` says that there is a session.
    pub(crate) fn entered(&mut self, success: &Element) {
        let who = success.child("authorization-identifier", ns::SASL2).map(|who| who.text());
        let full = who.filter(|who| Jid::parse(who).is_ok_and(|jid| jid.is_full()));
        self.jid = full.map(|full| full.into_owned()).unwrap_or_default();
    }
}
