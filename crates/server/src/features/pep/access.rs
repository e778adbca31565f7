//! Who may see a node: a pure decision.
//!
//! Spec: XEP-0060 §4.1 affiliations, §4.5 access models, §6.5.1 permissions and §6.5.9 their
//! errors. State: none. Invariant: no I/O; every cell is a line of the test.

use serde::{Deserialize, Serialize};
use xmpp::error::{StanzaCondition, StanzaError};

use super::errors;

/// Whom a node is for. §4.5, without `authorize`, which nobody's client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// For everybody.
    Open,
    /// For those who may see the owner's presence. XEP-0163 §5: the default.
    #[default]
    Presence,
    /// For those of them who are in certain groups of the roster.
    Roster,
    /// For the owner and those on a list.
    Whitelist,
}

impl Access {
    /// All, in the order they are offered.
    pub(super) const ALL: [Self; 4] = [Self::Open, Self::Presence, Self::Roster, Self::Whitelist];

    /// As in forms.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Presence => "presence",
            Self::Roster => "roster",
            Self::Whitelist => "whitelist",
        }
    }
}

/// What the owner has said about somebody at one node. §4.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Affiliation {
    /// May read, whatever the access model.
    Member,
    /// May not, whatever the access model.
    Outcast,
}

impl Affiliation {
    /// As on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Outcast => "outcast",
        }
    }
}

/// What somebody is to the owner of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The owner.
    Owner,
    /// Somebody else.
    Other {
        /// At this node.
        affiliation: Option<Affiliation>,
        /// May see the owner's presence: has a subscription `from` or `both`.
        sees_presence: bool,
        /// Is in one of the groups that the node is open to.
        in_group: bool,
    },
}

/// Why somebody may not see a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// The owner said so.
    Outcast,
    /// Does not see the owner's presence.
    Presence,
    /// Is in none of the groups.
    Group,
    /// Is not on the list.
    List,
}

impl From<Denied> for StanzaError {
    fn from(denied: Denied) -> Self {
        use StanzaCondition as C;
        match denied {
            // §6.5.9.11
            Denied::Outcast => errors::forbidden(),
            // §6.5.9.7
            Denied::Presence => errors::with(C::NotAuthorized, "presence-subscription-required"),
            // §6.5.9.8
            Denied::Group => errors::with(C::NotAuthorized, "not-in-roster-group"),
            // §6.5.9.9
            Denied::List => errors::with(C::NotAllowed, "closed-node"),
        }
    }
}

/// May somebody read the items of a node with that access model, and subscribe to it?
///
/// # Errors
/// Why not.
pub(super) const fn may_read(access: Access, standing: Standing) -> Result<(), Denied> {
    let Standing::Other { affiliation, sees_presence, in_group } = standing else { return Ok(()) };
    match (affiliation, access) {
        (Some(Affiliation::Outcast), _) => Err(Denied::Outcast),
        (Some(Affiliation::Member), _) | (None, Access::Open) => Ok(()),
        (None, Access::Presence) if sees_presence => Ok(()),
        (None, Access::Presence) => Err(Denied::Presence),
        // §6.5.1: both are needed.
        (None, Access::Roster) if sees_presence && in_group => Ok(()),
        (None, Access::Roster) => Err(Denied::Group),
        (None, Access::Whitelist) => Err(Denied::List),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: who asks; columns: open, presence, roster, whitelist.
    #[test]
    fn the_table() {
        use Affiliation::{Member, Outcast};
        use Denied as D;
        let other = |affiliation, sees_presence, in_group| Standing::Other {
            affiliation,
            sees_presence,
            in_group,
        };
        const OK: Result<(), Denied> = Ok(());
        let rows = [
            ("the owner", Standing::Owner, [OK; 4]),
            (
                "a stranger",
                other(None, false, false),
                [OK, Err(D::Presence), Err(D::Group), Err(D::List)],
            ),
            ("a contact", other(None, true, false), [OK, OK, Err(D::Group), Err(D::List)]),
            ("of the group", other(None, true, true), [OK, OK, OK, Err(D::List)]),
            (
                "of the group, but sees nothing",
                other(None, false, true),
                [OK, Err(D::Presence), Err(D::Group), Err(D::List)],
            ),
            ("a member", other(Some(Member), false, false), [OK; 4]),
            ("an outcast", other(Some(Outcast), true, true), [Err(D::Outcast); 4]),
        ];
        for (who, standing, row) in rows {
            for (access, expected) in Access::ALL.into_iter().zip(row) {
                assert_eq!(may_read(access, standing), expected, "{who}, {access:?}");
            }
        }
    }

    #[test]
    fn errors_as_specified() {
        let table = [
            (Denied::Outcast, "auth", "forbidden", None),
            (Denied::Presence, "auth", "not-authorized", Some("presence-subscription-required")),
            (Denied::Group, "auth", "not-authorized", Some("not-in-roster-group")),
            (Denied::List, "cancel", "not-allowed", Some("closed-node")),
        ];
        for (denied, ty, condition, app) in table {
            let error = StanzaError::from(denied);
            assert_eq!((error.ty.as_str(), error.condition.as_str()), (ty, condition));
            assert_eq!(error.app.as_ref().map(|e| e.name()), app);
        }
    }
}
