//! `snug protection` against a fake daemon.

use crate::fake::{Fake, ok, problem};
use admin_api::protection::{Choice, Count, Mode, Person, Rules};
use admin_api::{ProblemKind, Reply, Request};

fn answer(request: &Request) -> Reply {
    match request {
        Request::ProtectionShow(_) | Request::ProtectionSet(_) => ok(Rules {
            mode: Mode::Encourage,
            rooms: false,
            days: 31,
            people: vec![Person {
                jid: "ann@home.example".to_owned(),
                own: Some(Mode::Require),
                mode: Mode::Require,
                count: Some(Count { protected: 12, plain: 3 }),
            }],
        }),
        _ => problem(ProblemKind::Invalid, "unexpected call"),
    }
}

#[test]
fn the_rules_are_shown_and_set() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["protection", "show"]).ok();
    assert!(out.contains("Household: encourage, not in rooms."), "{out}");
    assert!(out.contains("ann@home.example") && out.contains("require"), "{out}");
    assert!(out.contains("12") && out.contains('3'), "{out}");
    fake.snug(&["protection", "set", "require", "--rooms", "on"]).ok();
    fake.snug(&["protection", "set", "household", "--for", "bob", "--count", "off"]).ok();
    fake.snug(&["protection", "set", "--count", "off"]).failed(2);
    let heard = fake.heard();
    assert!(matches!(&heard[1], Request::ProtectionSet(s)
        if s.name.is_none() && s.mode == Some(Choice::Own(Mode::Require)) && s.rooms == Some(true)));
    assert!(matches!(&heard[2], Request::ProtectionSet(s)
        if s.name.as_deref() == Some("bob") && s.mode == Some(Choice::Household)
            && s.count == Some(false)));
    assert_eq!(heard.len(), 3);
}
