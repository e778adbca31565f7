//! Hashed tokens: log-in by a secret that the server made, in one message and without a challenge.
//!
//! Spec: draft-ietf-kitten-sasl-ht-00 §3 (mechanisms), §4 (messages); how tokens come and go is
//! XEP-0484's.
//! Invariants: a proof is compared in constant time; a token is wiped when dropped and never
//! shown by `Debug`; no proof fits a token that is not good.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::sasl::{ChannelBinding, ChannelBindings, Condition};
use crate::scram::{MESSAGE_BYTES_MAX, ScramHash, crypto};

/// Bytes of a proof: of SHA-256.
const PROOF_BYTES: usize = 32;

/// Longest token, in bytes: a block of SHA-256, so that it is an HMAC key as it is.
pub const TOKEN_BYTES_MAX: usize = 64;

/// One of the HT-SHA-256 mechanisms, by what it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenMechanism(Option<ChannelBinding>);

impl TokenMechanism {
    /// All, best first. `HT-SHA-256-UNIQ` is not among them: its binding is TLS 1.2's.
    pub const ALL: [Self; 3] = [
        Self(Some(ChannelBinding::Exporter)),
        Self(Some(ChannelBinding::ServerEndPoint)),
        Self(None),
    ];

    /// Its name. §3
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Some(ChannelBinding::Exporter) => "HT-SHA-256-EXPR",
            Some(ChannelBinding::ServerEndPoint) => "HT-SHA-256-ENDP",
            None => "HT-SHA-256-NONE",
        }
    }

    /// The mechanism called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// What to offer on a connection with `bindings`, best first.
    pub fn offered(bindings: &ChannelBindings) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|mechanism| mechanism.binding(bindings).is_some())
    }

    /// What a proof is bound to; `None` if the connection does not have that.
    fn binding(self, bindings: &ChannelBindings) -> Option<&[u8]> {
        match self.0 {
            Some(ty) => bindings.data(ty),
            None => Some(&[]),
        }
    }
}

/// A token that a client may have.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: Zeroizing<String>,
    state: TokenState,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Whoever has it is let in.
    Good,
    /// It was good once.
    Expired,
    /// Nobody has it: it is there so that an absent token takes as long as a present one.
    Fake,
}

impl Token {
    /// `None` for a secret over [`TOKEN_BYTES_MAX`].
    #[must_use]
    pub fn new(secret: Zeroizing<String>, state: TokenState) -> Option<Self> {
        (secret.len() <= TOKEN_BYTES_MAX).then_some(Self { secret, state })
    }

    /// What it is good for.
    #[must_use]
    pub fn state(&self) -> TokenState {
        self.state
    }

    fn proof(&self, who: &str, binding: &[u8]) -> Zeroizing<Vec<u8>> {
        crypto::hmac(ScramHash::Sha256, self.secret.as_bytes(), &[who.as_bytes(), binding])
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({:?})", self.state)
    }
}

/// The client's message: who it is, and the proof that it has a token.
pub struct Claim {
    /// Who it says it is.
    pub username: String,
    proof: Vec<u8>,
}

impl Claim {
    /// Reads `username NUL proof`. §4.1
    ///
    /// # Errors
    /// [`Condition::MalformedRequest`].
    pub fn parse(message: &[u8]) -> Result<Self, Condition> {
        let end = message.iter().position(|byte| *byte == 0).filter(|end| *end > 0);
        let (name, proof) = end
            .filter(|_| message.len() <= MESSAGE_BYTES_MAX)
            .map(|end| (&message[..end], &message[end + 1..]))
            .ok_or(Condition::MalformedRequest)?;
        let username = std::str::from_utf8(name).map_err(|_| Condition::MalformedRequest)?;
        if proof.len() != PROOF_BYTES {
            return Err(Condition::MalformedRequest);
        }
        Ok(Self { username: username.to_owned(), proof: proof.to_vec() })
    }

    /// Which of `tokens` the client has, and the server's own proof to send with the success. §4.2
    ///
    /// # Errors
    /// [`Condition::CredentialsExpired`] for a token that was good once,
    /// [`Condition::NotAuthorized`] for all else.
    pub fn check(
        &self,
        tokens: &[Token],
        mechanism: TokenMechanism,
        bindings: &ChannelBindings,
    ) -> Result<(usize, Vec<u8>), Condition> {
        let binding = mechanism.binding(bindings).ok_or(Condition::InvalidMechanism)?;
        let mut found = None;
        // All are tried, whether or not one has fitted.
        for (at, token) in tokens.iter().enumerate() {
            let right = bool::from(token.proof("Initiator", binding).ct_eq(&self.proof));
            if right && found.is_none() {
                found = Some((at, token));
            }
        }
        match found {
            Some((at, token)) if token.state == TokenState::Good => {
                Ok((at, token.proof("Responder", binding).to_vec()))
            }
            Some((_, token)) if token.state == TokenState::Expired => {
                Err(Condition::CredentialsExpired)
            }
            _ => Err(Condition::NotAuthorized),
        }
    }
}

/// The client's side: the message by which `username` shows that it has `token`, and what the
/// server must answer. `None` if the connection has not what `mechanism` binds to.
#[must_use]
pub fn client_message(
    username: &str,
    token: &Token,
    mechanism: TokenMechanism,
    bindings: &ChannelBindings,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let binding = mechanism.binding(bindings)?;
    let mut message = username.as_bytes().to_vec();
    message.push(0);
    message.extend_from_slice(&token.proof("Initiator", binding));
    Some((message, token.proof("Responder", binding).to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings() -> ChannelBindings {
        ChannelBindings { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]) }
    }

    fn token(secret: &str, state: TokenState) -> Token {
        Token::new(Zeroizing::new(secret.to_owned()), state).unwrap()
    }

    #[test]
    fn mechanisms_depend_on_what_there_is_to_bind_to() {
        let names = |bindings: &ChannelBindings| {
            TokenMechanism::offered(bindings).map(TokenMechanism::name).collect::<Vec<_>>()
        };
        assert_eq!(names(&ChannelBindings::default()), ["HT-SHA-256-NONE"]);
        let all = ["HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE"];
        assert_eq!(names(&bindings()), all);
        for name in all {
            assert_eq!(TokenMechanism::from_name(name).map(TokenMechanism::name), Some(name));
        }
        assert_eq!(TokenMechanism::from_name("HT-SHA-256-UNIQ"), None);
    }

    // Computed with Python's hmac: hmac.new(b"secret-token:x", b"Initiator" + bytes([1]) * 32, "sha256").
    #[test]
    fn proofs_are_those_of_the_draft() {
        let token = token("secret-token:x", TokenState::Good);
        let [exporter, _, none] = TokenMechanism::ALL;
        let (message, answer) = client_message("ann", &token, none, &bindings()).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(&message[4..]),
            "9546559072ad51d04d349542879f6ac2bebc5fc1d7386e4f8faa3252b4ddc422"
        );
        assert_eq!(
            hex(&answer),
            "265b5b3b897d208d2798c8aa110bb414a25335ede9b73f891b7c296ee7fdd7ce"
        );
        let (message, answer) = client_message("ann", &token, exporter, &bindings()).unwrap();
        assert_eq!(
            hex(&message[4..]),
            "eebf293dc19efa365204699336f7f4ce6dbcac5b1a1b99d72ec45e15d0bc4080"
        );
        assert_eq!(
            hex(&answer),
            "b44ee40e57459687a91c57e88953e71fd1e407ce8f7f9a9151a35910f5c63397"
        );
        assert_eq!(client_message("ann", &token, exporter, &ChannelBindings::default()), None);
    }

    #[test]
    fn only_good_tokens_let_in_and_only_by_their_binding() {
        let states = [TokenState::Good, TokenState::Expired, TokenState::Fake];
        let tokens: Vec<_> = states.iter().map(|s| token(&format!("{s:?}"), *s)).collect();
        let [exporter, end_point, none] = TokenMechanism::ALL;
        let claim = |token: &Token, mechanism| {
            let (message, answer) = client_message("ann", token, mechanism, &bindings()).unwrap();
            (Claim::parse(&message).unwrap(), answer)
        };
        let (good, answer) = claim(&tokens[0], exporter);
        assert_eq!(good.check(&tokens, exporter, &bindings()), Ok((0, answer)));
        let refused = Err(Condition::NotAuthorized);
        assert_eq!(good.check(&tokens, none, &bindings()), refused);
        assert_eq!(good.check(&tokens, end_point, &bindings()), refused);
        assert_eq!(good.check(&tokens[1..], exporter, &bindings()), refused);
        assert_eq!(good.check(&[], exporter, &bindings()), refused);
        let elsewhere = ChannelBindings { exporter: Some(vec![3; 32]), ..bindings() };
        assert_eq!(good.check(&tokens, exporter, &elsewhere), refused);
        let unbound = ChannelBindings::default();
        assert_eq!(good.check(&tokens, exporter, &unbound), Err(Condition::InvalidMechanism));
        let (expired, _) = claim(&tokens[1], none);
        assert_eq!(expired.check(&tokens, none, &bindings()), Err(Condition::CredentialsExpired));
        let (fake, _) = claim(&tokens[2], none);
        assert_eq!(fake.check(&tokens, none, &bindings()), refused);
        assert_eq!(format!("{:?}", tokens[0]), "Token(Good)");
        let long = Zeroizing::new("x".repeat(TOKEN_BYTES_MAX + 1));
        assert!(Token::new(long, TokenState::Good).is_none());
    }

    #[test]
    fn malformed_messages_are_refused() {
        let proof = [7; PROOF_BYTES];
        let message = |name: &[u8], proof: &[u8]| [name, &[0], proof].concat();
        assert_eq!(Claim::parse(&message(b"ann", &proof)).unwrap().username, "ann");
        let bad = [
            Vec::new(),
            b"ann".to_vec(),
            message(b"", &proof),
            message(b"\xff", &proof),
            message(b"ann", &proof[1..]),
            message(b"ann", &[7; PROOF_BYTES + 1]),
            message(&[b'a'; MESSAGE_BYTES_MAX], &proof),
        ];
        for message in bad {
            assert_eq!(Claim::parse(&message).err(), Some(Condition::MalformedRequest));
        }
    }
}
