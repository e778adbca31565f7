//! Vectors of RFC 5802 and RFC 7677, both machines against each other, and everything that must
//! be refused.

use proptest::prelude::*;

use super::client::{Binding, Client};
use super::server::{ExpectFinal, client_first};
use super::*;
use crate::sasl::{ChannelBinding, ChannelBindings};

const ITERATIONS: u32 = ITERATIONS_MIN;
const SALT: &[u8] = b"salt of 16 bytes";

struct Vector {
    hash: ScramHash,
    salt: &'static str,
    server_nonce: &'static str,
    messages: [&'static str; 4],
}

const VECTORS: [Vector; 2] = [
    // RFC 5802 §5
    Vector {
        hash: ScramHash::Sha1,
        salt: "QSXCR+Q6sek8bf92",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        messages: [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
             p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    },
    // RFC 7677 §3
    Vector {
        hash: ScramHash::Sha256,
        salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        messages: [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    },
];

#[test]
fn vectors_of_the_specifications_from_both_sides() {
    for Vector { hash, salt, server_nonce, messages } in VECTORS {
        let [first, challenge, last, verdict] = messages;
        let keys =
            ScramKeys::derive(hash, "pencil", &STANDARD.decode(salt).unwrap(), 4096).unwrap();

        let server =
            client_first(hash, false, &ChannelBindings::default(), first.as_bytes()).unwrap();
        assert_eq!((server.username(), server.authzid()), ("user", None));
        let (sent, server) = server.challenge(keys, server_nonce, None).unwrap();
        assert_eq!(sent, challenge);
        assert_eq!(server.client_final(last.as_bytes()).as_deref(), Ok(verdict));

        let client_nonce = first.rsplit_once("r=").unwrap().1;
        let client = Client::new(hash, "user", &Binding::Never, client_nonce).unwrap();
        assert_eq!(client.first(), first);
        let client = client.server_first(challenge.as_bytes()).unwrap();
        let keys = client.keys("pencil").unwrap();
        let (sent, client) = client.answer(&keys).unwrap();
        assert_eq!(sent, last);
        assert_eq!(client.server_final(verdict.as_bytes()), Ok(()));
    }
}

fn bindings() -> ChannelBindings {
    ChannelBindings { exporter: Some(vec![7; 32]), server_end_point: Some(vec![9; 48]) }
}

fn use_binding(ty: ChannelBinding) -> Binding {
    Binding::Use(ty, bindings().data(ty).unwrap().to_vec())
}

/// The proof of a client that was told `server_keys`' salt, and the server waiting for it.
fn up_to_proof(
    hash: ScramHash,
    binding: &Binding,
    server_keys: ScramKeys,
    password: &str,
) -> (String, client::ExpectVerdict, ExpectFinal) {
    let client = Client::new(hash, "ann", binding, &nonce(&[1; NONCE_BYTES])).unwrap();
    let plus = client.mechanism().ends_with("-PLUS");
    let bindings =
        if *binding == Binding::Unoffered { ChannelBindings::default() } else { bindings() };
    let server = client_first(hash, plus, &bindings, client.first().as_bytes()).unwrap();
    let (challenge, server) =
        server.challenge(server_keys, &nonce(&[2; NONCE_BYTES]), None).unwrap();
    let challenge = client.server_first(challenge.as_bytes()).unwrap();
    let keys = challenge.keys(password).unwrap();
    let (proof, verdict) = challenge.answer(&keys).unwrap();
    (proof, verdict, server)
}

fn keys(hash: ScramHash) -> ScramKeys {
    ScramKeys::derive(hash, "pencil", SALT, ITERATIONS).unwrap()
}

#[test]
fn every_mechanism_and_binding_against_the_client() {
    let all = [
        Binding::Never,
        Binding::Unoffered,
        use_binding(ChannelBinding::Exporter),
        use_binding(ChannelBinding::ServerEndPoint),
    ];
    for hash in ScramHash::ALL {
        for binding in &all {
            let (proof, verdict, server) = up_to_proof(hash, binding, keys(hash), "pencil");
            let success = server.client_final(proof.as_bytes()).unwrap();
            assert_eq!(verdict.server_final(success.as_bytes()), Ok(()));

            let (proof, _, server) = up_to_proof(hash, binding, keys(hash), "pencils");
            assert_eq!(server.client_final(proof.as_bytes()), Err(ScramError::Proof));
        }
    }
}

#[test]
fn proofs_bound_to_another_connection_are_refused() {
    for (ty, other) in [
        (ChannelBinding::Exporter, vec![8; 32]),
        (ChannelBinding::ServerEndPoint, vec![9; 32]),
        (ChannelBinding::Exporter, Vec::new()),
    ] {
        let hash = ScramHash::Sha256;
        let (proof, _, server) = up_to_proof(hash, &Binding::Use(ty, other), keys(hash), "pencil");
        assert_eq!(server.client_final(proof.as_bytes()), Err(ScramError::BindingMismatch));
    }
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let fake = |hash, user| ScramKeys::fake(hash, &[5; 32], user, 10_000);
    for hash in ScramHash::ALL {
        let one = fake(hash, "ann@home.example");
        assert_eq!(one.salt(), fake(hash, "ann@home.example").salt(), "the same every time");
        assert_ne!(one.salt(), fake(hash, "bob@home.example").salt());
        assert_ne!(one.salt(), ScramKeys::fake(hash, &[6; 32], "ann@home.example", 10_000).salt());
        assert_eq!((one.iterations(), one.salt().len()), (10_000, 16));
        assert_eq!((one.stored_key().len(), one.server_key().len()), (hash.bytes(), hash.bytes()));
        assert!(!one.verify("pencil"));
        let (proof, _, server) = up_to_proof(hash, &Binding::Never, one, "pencil");
        assert_eq!(server.client_final(proof.as_bytes()), Err(ScramError::Proof));
    }
    assert_ne!(fake(ScramHash::Sha1, "ann").salt(), fake(ScramHash::Sha256, "ann").salt());
    assert_eq!(ScramKeys::fake(ScramHash::Sha1, &[0; 32], "ann", 1).iterations(), ITERATIONS_MIN);
}

#[test]
fn first_messages_that_are_refused() {
    use ScramError::{BindingUnsupported, Downgrade, Extension, Malformed};
    let long_nonce = format!("n,,n=ann,r={}", "x".repeat(NONCE_CHARS_MAX + 1));
    let long = format!("n,,n={},r=x", "x".repeat(MESSAGE_BYTES_MAX));
    let long_binding = format!("p={},,n=ann,r=x", "x".repeat(65));
    // (-PLUS chosen?, bindings there?, message, error); `Malformed("")` stands for any text
    let cases: [(bool, bool, &str, ScramError); 39] = [
        (false, true, "y,,n=ann,r=x", Downgrade),
        (true, true, "y,,n=ann,r=x", Malformed("")),
        (true, true, "n,,n=ann,r=x", Malformed("")),
        (false, true, "p=tls-exporter,,n=ann,r=x", Malformed("")),
        (false, false, "p=tls-exporter,,n=ann,r=x", Malformed("")),
        (true, true, "p=tls-unique,,n=ann,r=x", BindingUnsupported),
        (true, true, "p=TLS-EXPORTER,,n=ann,r=x", BindingUnsupported),
        (true, false, "p=tls-exporter,,n=ann,r=x", BindingUnsupported),
        (true, true, "p=,,n=ann,r=x", Malformed("")),
        (true, true, "p=tls exporter,,n=ann,r=x", Malformed("")),
        (true, true, &long_binding, Malformed("")),
        (false, false, "", Malformed("")),
        (false, false, "n", Malformed("")),
        (false, false, "n,", Malformed("")),
        (false, false, "n,,", Malformed("")),
        (false, false, "N,,n=ann,r=x", Malformed("")),
        (false, false, "n=ann,r=x", Malformed("")),
        (false, false, "n,,n=ann", Malformed("")),
        (false, false, "n,,r=x,n=ann", Malformed("")),
        (false, false, "n,,x=1,n=ann,r=x", Malformed("")),
        (false, false, "n,,n=,r=x", Malformed("")),
        (false, false, "n,,n=ann,r=", Malformed("")),
        (false, false, "n,,n=ann,r=x,", Malformed("")),
        (false, false, "n,,n=ann,r=x,y", Malformed("")),
        (false, false, "n,,n=ann,r=x,y=", Malformed("")),
        (false, false, "n,,n=ann,r=x,1=y", Malformed("")),
        (false, false, "n,,n=ann,r=x y", Malformed("")),
        (false, false, "n,,n=ann,r=\u{e9}", Malformed("")),
        (false, false, "n,,m=1,n=ann,r=x", Extension),
        (false, false, "n,,n=ann,r=x,m=1", Extension),
        (false, false, "n,,n=a=nn,r=x", Malformed("")),
        (false, false, "n,,n=ann=,r=x", Malformed("")),
        (false, false, "n,,n=a=2c,r=x", Malformed("")),
        (false, false, "n,,n=a\0nn,r=x", Malformed("")),
        (false, false, "n,,n=a\u{7}nn,r=x", Malformed("")),
        (false, false, "n,,n=\u{ad},r=x", Malformed("")),
        (false, false, "n,b=ann,n=ann,r=x", Malformed("")),
        (false, false, &long_nonce, Malformed("")),
        (false, false, &long, Malformed("")),
    ];
    for (plus, bound, message, expected) in cases {
        let there = if bound { bindings() } else { ChannelBindings::default() };
        let error = client_first(ScramHash::Sha1, plus, &there, message.as_bytes()).unwrap_err();
        let error = if matches!(error, Malformed(_)) { Malformed("") } else { error };
        assert_eq!(error, expected, "{message}");
    }
    let no_text = client_first(ScramHash::Sha1, false, &bindings(), b"n,,n=\xff,r=x");
    assert!(matches!(no_text, Err(Malformed(_))));
}

#[test]
fn names_are_unescaped_prepared_and_kept_apart() {
    let read = |message: &str| {
        let first =
            client_first(ScramHash::Sha1, false, &ChannelBindings::default(), message.as_bytes());
        let first = first.unwrap();
        (first.username().to_owned(), first.authzid().map(str::to_owned))
    };
    assert_eq!(read("n,,n=a=2Cb=3Dc,r=x"), ("a,b=c".to_owned(), None));
    assert_eq!(read("y,,n=a=3D2C,r=x"), ("a=2C".to_owned(), None));
    assert_eq!(read("n,a=an=3Dn@b,n=ann,r=x"), ("ann".to_owned(), Some("an=n@b".to_owned())));
    assert_eq!(read("n,,n=\u{2168}\u{ad},r=x,x=ignored"), ("IX".to_owned(), None));
    let client = Client::new(ScramHash::Sha1, "a,b=c", &Binding::Never, "x").unwrap();
    assert_eq!(client.first(), "n,,n=a=2Cb=3Dc,r=x");
}

#[test]
fn final_messages_that_are_refused() {
    use ScramError::{BindingMismatch, Extension, Malformed, NonceMismatch, Proof};
    let hash = ScramHash::Sha1;
    let start = || up_to_proof(hash, &Binding::Never, keys(hash), "pencil");
    let (good, _, server) = start();
    assert!(server.client_final(good.as_bytes()).is_ok());
    let (head, proof) = good.rsplit_once(",p=").unwrap();
    let nonce = head.split_once("r=").unwrap().1;
    let p = |head: &str| format!("{head},p={proof}");
    let cases = [
        (String::new(), Malformed("")),
        (head.to_owned(), Malformed("")),
        (format!("{head},p="), Malformed("")),
        (format!("{head},p=AAAA"), Malformed("")),
        (format!("{head},p={}", STANDARD.encode([0; 20])), Proof),
        (format!("{head},p={}", proof.trim_end_matches('=')), Malformed("")),
        (format!("{head},p={proof},x=1"), Malformed("")),
        (format!("p={proof},{head}"), Malformed("")),
        (p(&format!("r={nonce},c=biws")), Malformed("")),
        (p("c=biws"), Malformed("")),
        (p(&format!("c=biws,r={nonce}x")), NonceMismatch),
        (p(&format!("c=biws,r={}", &nonce[..24])), NonceMismatch),
        (p(&format!("c=biws,r={}", nonce.to_lowercase())), NonceMismatch),
        (p(&format!("c=eSws,r={nonce}")), BindingMismatch),
        (p(&format!("c=biw,r={nonce}")), Malformed("")),
        (p(&format!("c=biws,m=1,r={nonce}")), Extension),
        (p(&format!("c=biws,r={nonce},m=1")), Extension),
        // An extension is ignored, but it is signed: adding one on the way breaks the proof.
        (p(&format!("c=biws,r={nonce},x=1")), Proof),
    ];
    for (message, expected) in cases {
        let (_, _, server) = start();
        let error = server.client_final(message.as_bytes()).unwrap_err();
        let error = if matches!(error, Malformed(_)) { Malformed("") } else { error };
        assert_eq!(error, expected, "{message}");
    }
}

#[test]
fn wrong_arguments_of_the_server_are_errors() {
    let first = || {
        client_first(ScramHash::Sha1, false, &ChannelBindings::default(), b"n,,n=ann,r=x").unwrap()
    };
    let wrong = first().challenge(keys(ScramHash::Sha256), "y", None).unwrap_err();
    assert_eq!(wrong, ScramError::WrongKeys);
    for bad in ["", "a,b", "a b", "\u{e9}"] {
        assert!(first().challenge(keys(ScramHash::Sha1), bad, None).is_err(), "{bad}");
    }
}

#[test]
fn what_a_client_refuses() {
    use ScramError::{Extension, Keys, Malformed, NonceMismatch};
    let start = || Client::new(ScramHash::Sha256, "ann", &Binding::Never, "abc").unwrap();
    let salt = STANDARD.encode(SALT);
    let cases = [
        (String::new(), Malformed("")),
        (format!("r=abcd,s={salt}"), Malformed("")),
        (format!("s={salt},r=abcd,i=4096"), Malformed("")),
        (format!("r=abc,s={salt},i=4096"), NonceMismatch),
        (format!("r=abd,s={salt},i=4096"), NonceMismatch),
        (format!("m=1,r=abcd,s={salt},i=4096"), Extension),
        (format!("r=abcd,s={salt},i=04096"), Malformed("")),
        (format!("r=abcd,s={salt},i=+4096"), Malformed("")),
        (format!("r=abcd,s={salt},i=99999999999"), Malformed("")),
        (format!("r=abcd,s={salt}=,i=4096"), Malformed("")),
        (format!("r=abcd,s={salt},i=4095"), Keys(KeysError::Iterations)),
        (format!("r=abcd,s={salt},i=1000001"), Keys(KeysError::Iterations)),
        ("r=abcd,s=AAAA,i=4096".to_owned(), Keys(KeysError::Salt)),
    ];
    for (message, expected) in cases {
        let error = start()
            .server_first(message.as_bytes())
            .and_then(|challenge| challenge.keys("pencil"))
            .unwrap_err();
        let error = if matches!(error, Malformed(_)) { Malformed("") } else { error };
        assert_eq!(error, expected, "{message}");
    }
    let challenge = start().server_first(format!("r=abcd,s={salt},i=4096").as_bytes()).unwrap();
    let other = ClientKeys::derive(ScramHash::Sha256, "pencil", SALT, 5000).unwrap();
    assert_eq!(challenge.answer(&other).unwrap_err(), ScramError::WrongKeys);
}

#[test]
fn a_server_that_does_not_know_the_keys_is_refused() {
    let hash = ScramHash::Sha512;
    let start = || up_to_proof(hash, &Binding::Never, keys(hash), "pencil").1;
    let zeros = format!("v={}", STANDARD.encode([0; 64]));
    assert_eq!(start().server_final(zeros.as_bytes()), Err(ScramError::Proof));
    assert_eq!(start().server_final(b"e=invalid-proof"), Err(ScramError::Refused));
    for bad in ["", "v=", "v=A", "x=1", "v=AAAA,m=1"] {
        assert!(start().server_final(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn keys_are_checked_and_hidden() {
    let hash = ScramHash::Sha256;
    let good = keys(hash);
    let new = |salt: usize, iterations, stored: usize, server: usize| {
        ScramKeys::new(hash, vec![1; salt], iterations, vec![2; stored], vec![3; server]).err()
    };
    assert_eq!(new(16, ITERATIONS_MIN, 32, 32), None);
    assert_eq!(new(SALT_BYTES_MAX, ITERATIONS_MAX, 32, 32), None);
    assert_eq!(new(16, ITERATIONS_MIN - 1, 32, 32), Some(KeysError::Iterations));
    assert_eq!(new(16, ITERATIONS_MAX + 1, 32, 32), Some(KeysError::Iterations));
    assert_eq!(new(SALT_BYTES_MIN - 1, 4096, 32, 32), Some(KeysError::Salt));
    assert_eq!(new(SALT_BYTES_MAX + 1, 4096, 32, 32), Some(KeysError::Salt));
    assert_eq!(new(16, 4096, 20, 32), Some(KeysError::Length));
    assert_eq!(new(16, 4096, 32, 0), Some(KeysError::Length));
    let derive = |password: &str| ScramKeys::derive(hash, password, SALT, ITERATIONS).err();
    for bad in ["", "\u{ad}", "pen\u{7}cil", &"x".repeat(1025)] {
        assert_eq!(derive(bad), Some(KeysError::Password));
    }
    // RFC 4013: the same password in another form
    let prepared = ScramKeys::derive(hash, "I\u{ad}X", SALT, ITERATIONS).unwrap();
    assert!(prepared.verify("IX") && prepared.verify("\u{2168}") && !prepared.verify("ix"));
    assert!(good.verify("pencil") && !good.verify("Pencil") && !good.verify(""));
    assert_eq!(format!("{good:?}"), "ScramKeys { hash: Sha256, iterations: 4096, .. }");
    let restored = ScramKeys::new(
        hash,
        good.salt().to_vec(),
        good.iterations(),
        good.stored_key().to_vec(),
        good.server_key().to_vec(),
    );
    assert!(restored.unwrap().verify("pencil"));
}

#[test]
fn mechanisms_have_their_registered_names() {
    for hash in ScramHash::ALL {
        assert_eq!(ScramHash::from_mechanism(hash.mechanism()), Some(hash));
        assert_eq!(hash.mechanism_plus(), format!("{}-PLUS", hash.mechanism()));
    }
    assert_eq!(ScramHash::from_mechanism("SCRAM-SHA-256-PLUS"), None);
    assert_eq!(ScramHash::from_mechanism("scram-sha-1"), None);
}

/// Messages near enough to real ones to get past the first check.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        "[nyp,=am]{0,6}(n=|r=|c=|s=|i=|p=|v=|m=|,|=2C|[a-zA-Z0-9+/=]){0,20}"
            .prop_map(String::into_bytes),
        "(n|y|p=tls-exporter),(a=[a-z=,]{0,4})?,n=\\PC{0,8},r=[!-~]{0,8}(,\\PC{0,8})?"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_makes_anybody_panic(message in messages(), plus: bool, bound: bool) {
        let there = if bound { bindings() } else { ChannelBindings::default() };
        let keys = ScramKeys::fake(ScramHash::Sha1, &[5; 32], "ann", ITERATIONS);
        if let Ok(server) = client_first(ScramHash::Sha1, plus, &there, &message) {
            let (_, server) = server.challenge(keys.clone(), "x", None).unwrap();
            prop_assert!(server.client_final(&message).is_err());
        }
        let first = client_first(ScramHash::Sha1, false, &ChannelBindings::default(), b"n,,n=a,r=b");
        let (_, server) = first.unwrap().challenge(keys, "x", None).unwrap();
        prop_assert!(server.client_final(&message).is_err());
        let client = Client::new(ScramHash::Sha1, "a", &Binding::Never, "r").unwrap();
        prop_assert!(client.server_first(&message).is_err() || message.starts_with(b"r="));
    }

    #[test]
    fn names_survive_escaping(name in "\\PC{1,40}") {
        prop_assert_eq!(message::unescape(&message::escape(&name)).unwrap(), name);
    }
}
