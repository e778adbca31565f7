//! What a person may say about a fingerprint: pure.
//!
//! A mark is the household's and names who made it (docs/adr/0012). Invariants: owners confirm and
//! revoke, others compare; nobody compares a key of their own, nor one that is revoked; a
//! comparison is taken back by who made it only, and then all is as before.

use admin_api::fingerprints::{Compared, Entry, Mark, State};

/// Why a mark is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only the owner can say that.
    NotYours,
    /// Comparing takes two.
    Yours,
    /// The key is revoked.
    Revoked,
    /// Somebody else compared it, or nobody.
    NotYourMark,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotYours => "Only the owner of this key can say that.",
            Self::Yours => "Comparing takes two: somebody else marks your key as compared.",
            Self::Revoked => "This key is revoked: do not trust it.",
            Self::NotYourMark => "Only who compared this key can take that back.",
        })
    }
}

impl std::error::Error for Refusal {}

/// What becomes of `entry` when `who`, a bare JID, says `mark` about it at `now`.
///
/// # Errors
/// [`Refusal`].
pub fn marked(entry: Entry, who: &str, mark: Mark, now: u64) -> Result<Entry, Refusal> {
    let own = entry.jid == who;
    match mark {
        Mark::Mine | Mark::Revoked if !own => Err(Refusal::NotYours),
        Mark::Mine => {
            // What was only seen, or revoked by mistake, is declared by this very word.
            let state = match entry.state {
                State::Seen | State::Revoked => State::Declared,
                state => state,
            };
            Ok(Entry { state, confirmed: Some(now), ..entry })
        }
        Mark::Revoked => Ok(Entry { state: State::Revoked, ..entry }),
        Mark::Compared if own => Err(Refusal::Yours),
        Mark::Compared if entry.state == State::Revoked => Err(Refusal::Revoked),
        Mark::Compared => Ok(Entry { state: State::ComparedInPerson, ..entry }),
        Mark::NotCompared => match &entry.compared {
            Some(Compared { by, was, .. }) if by == who => Ok(Entry { state: *was, ..entry }),
            _ => Err(Refusal::NotYourMark),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ann@home.example";
    const BOB: &str = "bob@home.example";

    /// Rows: the mark and who makes it, about a key of ann's that bob compared where it is compared;
    /// columns: what becomes of each state.
    #[test]
    fn the_table() {
        use Refusal as R;
        use State::{Attested as A, ComparedInPerson as C, Declared as D, Revoked as X, Seen as S};
        const NO: Result<State, Refusal> = Err(R::NotYours);
        let own = Err(R::Yours);
        let not_hers = Err(R::NotYourMark);
        let rows = [
            // revoked, seen, declared, attested, compared
            (ANN, Mark::Mine, [Ok(D), Ok(D), Ok(D), Ok(A), Ok(C)]),
            (ANN, Mark::Revoked, [Ok(X); 5]),
            (ANN, Mark::Compared, [own; 5]),
            (ANN, Mark::NotCompared, [not_hers; 5]),
            (BOB, Mark::Mine, [NO; 5]),
            (BOB, Mark::Revoked, [NO; 5]),
            (BOB, Mark::Compared, [Err(R::Revoked), Ok(C), Ok(C), Ok(C), Ok(C)]),
            (BOB, Mark::NotCompared, [not_hers, not_hers, not_hers, not_hers, Ok(A)]),
            ("cid@home.example", Mark::NotCompared, [not_hers; 5]),
        ];
        for (who, mark, row) in rows {
            for (state, expected) in [X, S, D, A, C].into_iter().zip(row) {
                let compared = (state == C).then(|| Compared { by: BOB.to_owned(), at: 1, was: A });
                let entry = Entry { jid: ANN.to_owned(), state, compared, ..Entry::default() };
                let made = marked(entry, who, mark, 7);
                let confirmed = made.as_ref().ok().and_then(|e| e.confirmed);
                assert_eq!(made.map(|e| e.state), expected, "{who} {mark:?} {state:?}");
                assert_eq!(confirmed, (who == ANN && mark == Mark::Mine).then_some(7));
            }
        }
    }
}
