//! `archived`: as `chat`, with everything archived for both sides (XEP-0313).

use super::{Scenario, chat};

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "archived",
    about: "as chat, with everything archived for both sides",
    accounts: chat::ACCOUNTS,
    archive: true,
    run: |server| Box::pin(chat::measure(server, false)),
};
