//! `managed`: as `chat`, with stream management (XEP-0198) as clients use it: each answers when it is
//! asked what it has handled, and asks nothing itself.

use super::{Scenario, chat};

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "managed",
    about: "as chat, with stream management",
    accounts: chat::ACCOUNTS,
    archive: false,
    run: |server| Box::pin(chat::measure(server, true)),
};
