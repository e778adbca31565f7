//! Sizes and times in words for a person.

/// Seconds in a day.
pub(crate) const DAY: u64 = 86_400;

/// `3.4 GB`, in powers of ten as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

/// `3 days`, `5 hours`, `2 minutes`, `8 seconds`: the largest unit that fits, rounded down.
pub(crate) fn span(seconds: u64) -> String {
    let (n, unit) = match seconds {
        s if s >= 2 * DAY => (s / DAY, "day"),
        s if s >= 7_200 => (s / 3_600, "hour"),
        s if s >= 120 => (s / 60, "minute"),
        s => (s, "second"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// How many hundredths `part` is of `whole`, rounded down; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(1_999_999), "1.9 MB");
        assert_eq!(size(64_000_000_000), "64.0 GB");
        assert_eq!(size(u64::MAX), "18446744.0 TB");
    }

    #[test]
    fn spans() {
        assert_eq!(span(1), "1 second");
        assert_eq!(span(119), "119 seconds");
        assert_eq!(span(3_600), "60 minutes");
        assert_eq!(span(DAY), "24 hours");
        assert_eq!(span(14 * DAY + 5), "14 days");
    }

    #[test]
    fn percents() {
        assert_eq!(percent(1, 3), 33);
        assert_eq!(percent(1, 0), 100);
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }
}
