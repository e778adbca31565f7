//! Points in time in words: "3 hours ago", "23 November 2026".
//!
//! Pure. Dates are UTC; with JavaScript on, the browser turns `<time>` titles into its own
//! zone. Civil dates follow the proleptic Gregorian calendar.

use std::time::{SystemTime, UNIX_EPOCH};

use admin_api::UnixTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The clock of this machine; 0 if it stands before 1970.
#[must_use]
pub fn now() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// A point in time, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// For people: "3 hours ago", "in 13 days".
    pub words: String,
    /// For people who want to know exactly: "23 November 2026, 15:59 UTC".
    pub exact: String,
    /// For programs (RFC 3339 §5.6).
    pub machine: String,
}

impl When {
    /// `at` as seen from `now`.
    #[must_use]
    pub fn new(at: UnixTime, now: UnixTime) -> Self {
        let (hour, minute, second) = (at % DAY / HOUR, at % HOUR / MINUTE, at % MINUTE);
        let (year, month, day) = civil(at);
        Self {
            words: words(at, now),
            exact: format!("{}, {hour:02}:{minute:02} UTC", date(at)),
            machine: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        }
    }

    /// A day of which no more is known: "today", "yesterday", "5 days ago".
    #[must_use]
    pub fn day(at: UnixTime, now: UnixTime) -> Self {
        let (year, month, day) = civil(at);
        let words = match (now / DAY).checked_sub(at / DAY) {
            Some(0) | None => "today".to_owned(),
            Some(1) => "yesterday".to_owned(),
            Some(days) if days < 60 => format!("{days} days ago"),
            Some(_) => date(at),
        };
        Self { words, exact: date(at), machine: format!("{year:04}-{month:02}-{day:02}") }
    }
}

fn words(at: UnixTime, now: UnixTime) -> String {
    if at > now {
        let span = at - now;
        return if span < MINUTE {
            "in a moment".to_owned()
        } else {
            format!("in {}", length(span))
        };
    }
    let span = now - at;
    match span {
        0..MINUTE => "just now".to_owned(),
        _ if span >= 60 * DAY => date(at),
        _ => format!("{} ago", length(span)),
    }
}

fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        DAY.. => (seconds / DAY, "day"),
        HOUR.. => (seconds / HOUR, "hour"),
        _ => (seconds / MINUTE, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// "23 November 2026".
#[must_use]
pub fn date(at: UnixTime) -> String {
    let (year, month, day) = civil(at);
    let name = MONTHS.get(usize::from(month).saturating_sub(1)).copied().unwrap_or("?");
    format!("{day} {name} {year}")
}

/// Year, month (1 to 12) and day (1 to 31) of a point in time, UTC. The calendar is counted in
/// eras of 400 years (146,097 days) that start on 1 March, so that the leap day comes last.
#[must_use]
pub fn civil(at: UnixTime) -> (u64, u8, u8) {
    const DAYS_FROM_0000_03_01: u64 = 719_468;
    let days = at / DAY + DAYS_FROM_0000_03_01;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates() {
        for (at, expected) in [
            (0, (1970, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (951_868_800, (2000, 3, 1)),
            (1_795_449_599, (2026, 11, 23)),
            (4_107_542_399, (2100, 2, 28)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(civil(at), expected, "{at}");
        }
        // Every day of a century follows the one before it.
        let mut before = civil(0);
        for day in 1..36_525 {
            let today = civil(day * DAY);
            let next = today.2 == before.2 + 1 && (today.0, today.1) == (before.0, before.1);
            let turn = today.2 == 1
                && before.2 >= 28
                && ((today.0, today.1) == (before.0, before.1 + 1)
                    || (today.0 == before.0 + 1 && today.1 == 1 && before.1 == 12));
            assert!(next || turn, "{before:?} {today:?}");
            before = today;
        }
    }

    #[test]
    fn words_people_use() {
        let now = 1_795_449_540;
        for (at, expected) in [
            (now, "just now"),
            (now - 59, "just now"),
            (now - 60, "1 minute ago"),
            (now - 3 * HOUR - 5, "3 hours ago"),
            (now - 36 * HOUR, "1 day ago"),
            (now - 59 * DAY, "59 days ago"),
            (now - 60 * DAY, "24 September 2026"),
            (now + 30, "in a moment"),
            (now + 13 * DAY + 1, "in 13 days"),
            (now + HOUR, "in 1 hour"),
        ] {
            assert_eq!(When::new(at, now).words, expected);
        }
        let when = When::new(now, now);
        assert_eq!(when.exact, "23 November 2026, 15:59 UTC");
        assert_eq!(when.machine, "2026-11-23T15:59:00Z");
        assert_eq!(When::day(now - now % DAY, now).words, "today");
        assert_eq!(When::day(now - DAY, now).words, "yesterday");
        assert_eq!(When::day(now - 5 * DAY, now).words, "5 days ago");
    }
}
