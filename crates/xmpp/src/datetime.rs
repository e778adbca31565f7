//! Dates and times as XMPP writes them.
//!
//! Spec: XEP-0082 §3.2; written always in UTC (`Z`). Pure arithmetic in the proleptic Gregorian
//! calendar.

const MICROS: u64 = 1_000_000;
const DAY: i64 = 86_400;

/// `unix` seconds as `2026-11-23T16:04:02Z`.
#[must_use]
pub fn utc(unix: u64) -> String {
    let (days, second) = (unix / 86_400, unix % 86_400);
    let (year, month, day) = civil(days);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

/// `micros` since 1970 as `2026-11-23T16:04:02.000001Z`.
#[must_use]
pub fn utc_micros(micros: u64) -> String {
    let mut text = utc(micros / MICROS);
    text.truncate(text.len() - 1);
    text + &format!(".{:06}Z", micros % MICROS)
}

/// Microseconds since 1970 of any XEP-0082 time, negative before; `None` if it is not one. What is
/// finer than that is dropped.
#[must_use]
pub fn parse_micros(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [year, month, day] = fixed(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fixed(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > length || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let seconds = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second - zone;
    Some(seconds * 1_000_000 + fraction)
}

/// Three numbers of so many digits.
fn fixed(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let right = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        *number = if right { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then_some(numbers)
}

/// The part of a second, in microseconds, and the offset from UTC, in seconds.
fn fraction(text: &str) -> Option<(i64, i64)> {
    let (part, zone) = match text.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", text),
    };
    if part.is_empty() {
        return None;
    }
    let micros = format!("{part:0<6}").get(..6)?.parse().ok()?;
    if zone == "Z" {
        return Some((micros, 0));
    }
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let [hour, minute, _] = fixed(&format!("{}:00", &zone[1..]), ':', [2, 2, 2])?;
    (hour <= 23 && minute <= 59).then_some((micros, sign * (hour * 3_600 + minute * 60)))
}

/// Days from 1970-01-01 to that day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * m + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of the day that many days after 1970-01-01. Counts in 400-year eras that
/// begin on a 1 March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Unix seconds of a XEP-0082 time in UTC; `None` if it is not one or lies before 1970.
/// Fractions of a second are dropped.
#[must_use]
pub fn parse_utc(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some((days.checked_sub(719_468)?) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|p| p.parse::<u64>().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_078_012_800, "2004-02-29T00:00:00Z"),
            (1_795_449_842, "2026-11-23T16:04:02Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(unix), text);
            assert_eq!(parse_utc(text), Some(unix));
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097 {
            assert_eq!(parse_utc(&utc(day * 86_400)), Some(day * 86_400));
        }
    }

    #[test]
    fn times_of_any_zone_are_read_to_the_microsecond() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500_000),
            ("1970-01-01T00:00:00.0000019Z", 1),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T18:30:00.000001-05:30", 1),
            ("1969-12-31T23:59:59.9Z", -100_000),
            ("2026-11-23T16:04:02Z", 1_795_449_842_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:60Z", 253_402_300_800_000_000),
        ] {
            assert_eq!(parse_micros(text), Some(micros), "{text}");
        }
        assert_eq!(utc_micros(1_795_449_842_000_070), "2026-11-23T16:04:02.000070Z");
        for day in (0..146_097).step_by(7) {
            let micros = day * 86_400_000_000 + 12_345_678;
            assert_eq!(parse_micros(&utc_micros(micros)), i64::try_from(micros).ok());
        }
    }

    #[test]
    fn what_is_no_time_of_any_zone_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-23",
            "2026-11-23T16:04:02",
            "2026-11-23 16:04:02Z",
            "2026-11-23T16:04:02z",
            "2026-11-23T16:04:02.Z",
            "2026-11-23T16:04:02.5",
            "2026-11-23T16:04:02,5Z",
            "2026-02-29T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T16:04:02+1:00",
            "2026-11-23T16:04:02+24:00",
            "2026-11-23T16:04:02+01",
            "2026-11-23T16:04:02+01:00:00",
            "2026-1-23T16:04:002Z",
            "+026-11-23T16:04:02Z",
            "2026-11-23T16:04:0½Z",
            "½½½½½½½½½½½½½½½½½½½",
        ] {
            assert_eq!(parse_micros(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in ["", "Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "a-b-cTd:e:fZ"] {
            assert_eq!(parse_utc(text), None, "{text}");
        }
    }
}
