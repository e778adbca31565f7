//! Temperature sensors (`/sys/class/thermal/thermal_zone*`).

use std::path::Path;

use super::{below, entries, read};

/// One sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// As the kernel calls it, such as `cpu-thermal`.
    pub name: String,
    /// Thousandths of a degree Celsius.
    pub milli_celsius: i64,
}

/// What a broken sensor may show; anything beyond is not a temperature of a running board.
const PLAUSIBLE: std::ops::RangeInclusive<i64> = -50_000..=150_000;

pub(super) fn gather(root: &Path) -> Vec<Sensor> {
    entries(&below(root, "/sys/class/thermal"), "thermal_zone")
        .iter()
        .filter_map(|zone| {
            let milli_celsius = read(&zone.join("temp"))?.trim().parse().ok()?;
            let name = read(&zone.join("type")).unwrap_or_default().trim().to_owned();
            PLAUSIBLE.contains(&milli_celsius).then_some(Sensor { name, milli_celsius })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_every_zone() {
        let tree = Tree::new(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/type", "broken\n"),
            ("sys/class/thermal/thermal_zone1/temp", "-274000\n"),
            ("sys/class/thermal/cooling_device0/temp", "99000\n"),
        ]);
        let wanted = Sensor { name: "cpu-thermal".to_owned(), milli_celsius: 48_312 };
        assert_eq!(gather(tree.root()), [wanted]);
    }
}
