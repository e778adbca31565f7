//! XEP-0474: the challenge says what was offered; XEP-0480: clients help to keys that are lacking.

use super::*;

// XEP-0474 §6: in both frames, with and without channel binding.
#[test]
fn the_challenge_says_what_was_offered() {
    let challenge = |bindings: ChannelBindings, opening: Input| {
        let inputs = vec![
            Input::TlsEstablished { bindings },
            opened(header()),
            opening,
            Input::Keys { found: Some(keys(ScramHash::Sha256)) },
        ];
        let text = sent(&after(config(), Transport::Direct, inputs).1);
        let data = Element::parse(&text).unwrap().text().into_owned();
        String::from_utf8(crate::sasl::decode_payload(&data).unwrap().unwrap().to_vec()).unwrap()
    };
    let first = "n,,n=ann,r=abc";
    let openings: [fn(&str) -> Input; 2] = [
        |first| auth("SCRAM-SHA-256", &encoded(first)),
        |first| authenticate("SCRAM-SHA-256", first, ""),
    ];
    for opening in openings {
        for bindings in [bindings(), ChannelBindings::default()] {
            let mechanisms = Mechanism::offered(&bindings, &ScramHash::ALL, true);
            let mechanisms: Vec<_> = mechanisms.into_iter().map(Mechanism::name).collect();
            let types: Vec<_> = bindings.types().map(crate::sasl::ChannelBinding::name).collect();
            let hash = crate::scram::offer_hash(ScramHash::Sha256, &mechanisms, &types);
            let text = challenge(bindings, opening(first));
            assert!(text.ends_with(&format!(",h={hash}")), "{text}");
        }
    }
}

const UPGRADES: &str = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>\
    <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>\
    <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>\
    <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-BLOOP</upgrade>";

fn next(task: &str) -> Input {
    stanza(&format!("<next xmlns='urn:xmpp:sasl:2' task='{task}'/>"))
}

fn task_data(hash: &str) -> Input {
    stanza(&format!(
        "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>{hash}</hash>\
         </task-data>"
    ))
}

// XEP-0480
#[test]
fn a_client_helps_to_keys_that_are_lacking() {
    let (mut negotiator, last) = entered(UPGRADES, vec![]);
    assert_eq!(last, [authenticated(), Output::AskUpgrades]);
    negotiator.feed(Input::Upgrades(vec![ScramHash::Sha256, ScramHash::Sha512]));
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let task = format!("UPGR-{}", hash.mechanism());
        let proposed = sent(&drain(&mut negotiator));
        let expected = format!("<tasks><task>{task}</task></tasks></continue>");
        assert!(proposed.ends_with(&expected), "{proposed}");
        assert_eq!(negotiator.wants(), Wants::Event);
        negotiator.feed(next(&task));
        let data = Element::parse(&sent(&drain(&mut negotiator))).unwrap();
        let salt = data.child("salt", crate::ns::SCRAM_UPGRADE).unwrap();
        assert_eq!(salt.attr("iterations"), Some(ITERATIONS_MIN.to_string().as_str()));
        let salt = crate::sasl::decode_payload(&salt.text()).unwrap().unwrap();
        let salted = vec![5; hash.bytes()];
        negotiator.feed(task_data(&crate::sasl::encode_payload(&salted)));
        let outputs = drain(&mut negotiator);
        let [Output::Upgrade { hash: of, salt: with, salted: made }] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!((*of, with, made.expose()), (hash, &salt.to_vec(), &salted[..]));
        assert!(!format!("{outputs:?}").contains("5, 5"), "a key in debug output");
        negotiator.feed(Input::Upgraded(true));
    }
    assert!(sent(&drain(&mut negotiator)).starts_with("<success "));
}

#[test]
fn keys_that_are_there_or_a_token_need_no_upgrade() {
    let (_, last) = entered(UPGRADES, vec![Input::Upgrades(vec![])]);
    assert!(sent(&last).starts_with("<success "), "{last:?}");
    let mut inputs = secured();
    let wishes = format!("{AGENT}{FAST}{UPGRADES}");
    inputs.push(authenticate("HT-SHA-256-NONE", &claim(TokenState::Good), &wishes));
    inputs.push(Input::Tokens(vec![token(TokenState::Good)]));
    let (_, last) = after(config(), Transport::Direct, inputs);
    assert!(matches!(last[..], [_, Output::Remember(_)]), "{last:?}");
    let mut all = plain(UPGRADES);
    all.push(Input::PlainChecked(true));
    let none = Config { upgrades: vec![], ..config() };
    let (_, last) = after(none, Transport::Direct, all);
    assert!(sent(&last).starts_with("<success "), "{last:?}");
}

#[test]
fn a_task_that_fails_ends_the_stream() {
    let begun = || vec![Input::Upgrades(vec![ScramHash::Sha256]), next("UPGR-SCRAM-SHA-256")];
    let short = crate::sasl::encode_payload(&[5; 31]);
    let whole = crate::sasl::encode_payload(&[5; 32]);
    let with = |mut inputs: Vec<Input>, more: Vec<Input>| {
        inputs.extend(more);
        inputs
    };
    let cases = [
        (
            vec![Input::Upgrades(vec![ScramHash::Sha256]), next("UPGR-SCRAM-SHA-512")],
            "malformed-request",
        ),
        (
            vec![
                Input::Upgrades(vec![ScramHash::Sha256]),
                stanza("<presence xmlns='jabber:client'/>"),
            ],
            "malformed-request",
        ),
        (with(begun(), vec![task_data(&short)]), "malformed-request"),
        (with(begun(), vec![task_data("!")]), "incorrect-encoding"),
        (with(begun(), vec![next("UPGR-SCRAM-SHA-256")]), "malformed-request"),
        (with(begun(), vec![stanza("<abort xmlns='urn:xmpp:sasl:2'/>")]), "aborted"),
        (with(begun(), vec![task_data(&whole), Input::Upgraded(false)]), "temporary-auth-failure"),
    ];
    for (inputs, condition) in cases {
        let (negotiator, last) = entered(UPGRADES, inputs);
        let text = sent(&last);
        let failure = format!("<failure xmlns='urn:xmpp:sasl:2'><{condition} ");
        assert!(text.starts_with(&failure), "{text}");
        assert!(text.contains("<policy-violation "), "{text}");
        assert_eq!(negotiator.wants(), Wants::Nothing);
    }
}
