//! Where a message of OTR for a person goes, if it names no device that is there: one pure
//! decision, kept whole in a table.
//!
//! State: none. Invariants: an encrypted message goes to one device or back, never to several and
//! never to the store; an error is never answered.

use super::kind::Kind;

/// What is known about the person's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// The one that has the session with the sender is connected.
    Owner,
    /// It is known and away; others are there.
    OwnerAway,
    /// None is known to have a session; some are there.
    Some,
    /// None is there.
    None,
}

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As words would.
    Usual,
    /// To the device that has the session.
    Owner,
    /// To one device, whichever.
    One,
    /// It waits for the device that has the session.
    Wait,
    /// Nowhere: nobody misses it.
    Ignore,
    /// Back, with these words.
    Back(&'static str),
}

/// To whom an invitation came too late.
const QUERY_BACK: &str = "This person is away, and a private conversation needs both of you. \
    Nothing was kept: try again when they are here.";

/// To whom an encrypted message cannot be brought.
const DATA_BACK: &str = "This person is away, and only the device that you had the private \
    conversation with could read this. It was not delivered and not kept: end the private \
    conversation, then write without it or wait until they are here.";

/// To whom an encrypted message cannot be brought, although the person is there.
const OWNER_BACK: &str = "The device that you had the private conversation with is away, and no \
    other can read this. It was not delivered: end the private conversation and start a new one.";

/// Decides.
#[must_use]
pub const fn decide(kind: Kind, devices: Devices) -> Way {
    use Devices as D;
    match (devices, kind) {
        (D::Owner, _) => Way::Owner,
        // An invitation has words and may be answered from anywhere.
        (D::OwnerAway | D::Some, Kind::Query) => Way::Usual,
        // It begins anew, so any device will do.
        (D::OwnerAway | D::Some, Kind::Commit) => Way::One,
        (D::Some, _) => Way::One,
        (D::OwnerAway | D::None, Kind::End) => Way::Wait,
        (D::OwnerAway | D::None, Kind::Error) => Way::Ignore,
        (D::OwnerAway, Kind::Exchange | Kind::Data) => Way::Back(OWNER_BACK),
        (D::None, Kind::Query | Kind::Commit) => Way::Back(QUERY_BACK),
        (D::None, Kind::Exchange | Kind::Data) => Way::Back(DATA_BACK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case() {
        use Way::{Back, Ignore, One, Owner, Usual, Wait};
        let kinds = [Kind::Query, Kind::Error, Kind::Commit, Kind::Exchange, Kind::Data, Kind::End];
        let (late, away, gone) = (Back(QUERY_BACK), Back(OWNER_BACK), Back(DATA_BACK));
        let rows = [
            (Devices::Owner, [Owner; 6]),
            (Devices::OwnerAway, [Usual, Ignore, One, away, away, Wait]),
            (Devices::Some, [Usual, One, One, One, One, One]),
            (Devices::None, [late, Ignore, late, gone, gone, Wait]),
        ];
        for (devices, expected) in rows {
            for (kind, way) in kinds.into_iter().zip(expected) {
                assert_eq!(decide(kind, devices), way, "{kind:?} {devices:?}");
            }
        }
    }
}
