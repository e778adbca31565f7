//! Under-voltage, on boards that tell (`rpi_volt` below `/sys/class/hwmon`).

use std::path::Path;

use super::{below, entries, read};

/// The name of the Raspberry Pi's sensor.
const RPI_VOLT: &str = "rpi_volt";

pub(super) fn gather(root: &Path) -> Option<bool> {
    entries(&below(root, "/sys/class/hwmon"), "hwmon").iter().find_map(|monitor| {
        if read(&monitor.join("name"))?.trim() != RPI_VOLT {
            return None;
        }
        match read(&monitor.join("in0_lcrit_alarm"))?.trim() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_the_alarm() {
        for (alarm, wanted) in [("0\n", Some(false)), ("1\n", Some(true)), ("?\n", None)] {
            let tree = Tree::new(&[
                ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
                ("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n"),
                ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
                ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm),
            ]);
            assert_eq!(gather(tree.root()), wanted);
        }
    }
}
