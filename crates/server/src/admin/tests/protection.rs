//! The rule about encryption, over the socket.

use admin_api::ProblemKind;
use admin_api::accounts::Role;
use admin_api::protection::{Choice, Count, Mode, Set, Show};

use super::{add, done, kind};
use crate::testing::Home;

fn person(name: &str) -> Set {
    Set { name: Some(name.to_owned()), ..Set::default() }
}

#[tokio::test]
async fn household_and_people() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let rules = done(&home, Show {}).await;
    assert_eq!((rules.mode, rules.rooms, rules.people.len()), (Mode::Off, false, 2));
    assert_eq!(rules.people[0].count, Some(Count::default()));

    let require = Some(Choice::Own(Mode::Require));
    done(&home, Set { mode: require, ..Set::default() }).await;
    done(&home, Set { rooms: Some(true), ..Set::default() }).await;
    done(&home, Set { mode: Some(Choice::Own(Mode::Encourage)), ..person("bob") }).await;
    let rules = done(&home, Set { count: Some(false), ..person("bob") }).await;
    assert_eq!((rules.mode, rules.rooms), (Mode::Require, true));
    let [ann, bob] = &rules.people[..] else { panic!("two people") };
    assert_eq!((ann.own, ann.mode, ann.count), (None, Mode::Require, Some(Count::default())));
    assert_eq!((bob.own, bob.mode, bob.count), (Some(Mode::Encourage), Mode::Encourage, None));
    let rules = done(&home, Set { mode: Some(Choice::Household), ..person("bob") }).await;
    assert_eq!((rules.people[1].own, rules.people[1].mode), (None, Mode::Require));

    let operator = home.operator();
    for (call, expected) in [
        (Set { mode: require, ..person("cy") }, ProblemKind::NotFound),
        (Set { rooms: Some(true), ..person("bob") }, ProblemKind::Invalid),
        (Set { count: Some(true), ..Set::default() }, ProblemKind::Invalid),
        (Set { mode: Some(Choice::Household), ..Set::default() }, ProblemKind::Invalid),
    ] {
        assert_eq!(kind(operator.call(call).await), expected);
    }
    assert_eq!(kind(home.panel().call(Show {}).await), ProblemKind::SignIn);
}
