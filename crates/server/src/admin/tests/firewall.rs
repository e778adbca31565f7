//! The choice of who may chat from where.

use admin_api::ProblemKind;
use admin_api::firewall::{ChatFrom, Choose, Show};
use firewall::CHOICE_FILE;

use super::{done, kind};
use crate::testing::Home;

#[tokio::test]
async fn the_choice_is_kept_where_the_rules_are_made_from() {
    let (home, token) = Home::set_up().await;
    let table = done(&home, Show {}).await;
    assert!(table.chat_from == ChatFrom::Lan && !table.by_settings);
    assert!(table.incoming.iter().any(|row| row.traffic == "UDP 5353 (mDNS)"));
    assert!(table.outgoing.iter().any(|row| row.traffic == "UDP 123"));
    let file = home.daemon().config.server.data_dir.join(CHOICE_FILE);
    assert!(!file.exists());
    for (chat_from, word) in [(ChatFrom::Everywhere, "everywhere\n"), (ChatFrom::Lan, "lan\n")] {
        let chosen = home.panel().call_as(token.clone(), Choose { chat_from }).await.unwrap();
        assert_eq!(chosen.chat_from, chat_from);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), word);
        assert_eq!(done(&home, Show {}).await.chat_from, chat_from);
    }
    std::fs::write(&file, "everywhere or so").unwrap();
    assert_eq!(done(&home, Show {}).await.chat_from, ChatFrom::Lan);
    std::fs::write(&file, [0xff; 10_000]).unwrap();
    assert_eq!(done(&home, Show {}).await.chat_from, ChatFrom::Lan);
}

#[tokio::test]
async fn only_an_administrator_chooses() {
    let (home, _) = Home::set_up().await;
    let call = || Choose { chat_from: ChatFrom::Everywhere };
    assert_eq!(kind(home.panel().call(call()).await), ProblemKind::SignIn);
    assert_eq!(kind(home.panel().call(Show {}).await), ProblemKind::SignIn);
    assert!(!home.daemon().config.server.data_dir.join(CHOICE_FILE).exists());
}
