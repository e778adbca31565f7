//! The board is not too hot.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "temperature", title: "Temperature", judge };

/// A Raspberry Pi slows itself down from 80 °C; this is close to it.
const WARN_MILLI_CELSIUS: i64 = 75_000;

/// It is slowing down, and wears.
const FAIL_MILLI_CELSIUS: i64 = 82_000;

fn judge(facts: &Facts) -> Finding {
    let Some(hottest) = facts.host.sensors.iter().max_by_key(|s| s.milli_celsius) else {
        return Finding::skip("This machine has no temperature sensor.");
    };
    let sentence = format!("{} °C ({}).", hottest.milli_celsius / 1_000, hottest.name);
    let remedy = "Give the board air or a heat sink, and keep it out of the sun.";
    if hottest.milli_celsius >= FAIL_MILLI_CELSIUS {
        Finding::fail(sentence, remedy)
    } else if hottest.milli_celsius >= WARN_MILLI_CELSIUS {
        Finding::warn(sentence, remedy)
    } else {
        Finding::pass(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::facts::Sensor;
    use crate::sample;

    #[test]
    fn judges_the_hottest() {
        let sensor = |milli_celsius| Sensor { name: "cpu-thermal".to_owned(), milli_celsius };
        for (sensors, status) in [
            (vec![], Status::Skip),
            (vec![sensor(-4_000)], Status::Pass),
            (vec![sensor(74_999), sensor(40_000)], Status::Pass),
            (vec![sensor(40_000), sensor(75_000)], Status::Warn),
            (vec![sensor(82_000)], Status::Fail),
        ] {
            assert_eq!(judge(&sample::on(|h| h.sensors = sensors)).status, status);
        }
        let finding = judge(&sample::facts());
        assert_eq!(finding.sentence, "48 °C (cpu-thermal).");
    }
}
