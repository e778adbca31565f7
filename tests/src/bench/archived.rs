//! `archived`: as `chat`, with everything archived for both sides (XEP-0313). What a message costs
//! more than in `chat` is to stay below 40 µs; what it is made of stands in
//! `docs/adr/0011-groups-are-written-in-the-order-of-keys.md`.

use super::{Scenario, chat};

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "archived",
    about: "as chat, with everything archived for both sides",
    accounts: chat::ACCOUNTS,
    archive: true,
    run: |server| Box::pin(chat::measure(server, false)),
};
