//! Times for people. In UTC and saying so: the board's time zone is seldom set.

use admin_api::UnixTime;
use xmpp::datetime;

/// `2026-11-23 16:04 UTC`
pub(crate) fn minute(at: UnixTime) -> String {
    let text = datetime::utc(at);
    match (text.get(..10), text.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time} UTC"),
        _ => text,
    }
}

/// `2026-11-23`
pub(crate) fn day(at: UnixTime) -> String {
    datetime::utc(at).split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_time() {
        assert_eq!(super::minute(1_795_449_842), "2026-11-23 16:04 UTC");
        assert_eq!(super::day(1_795_449_842), "2026-11-23");
    }
}
