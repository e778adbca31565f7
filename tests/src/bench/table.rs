//! What was measured, as a table.

use std::io::Write;

use super::failure::{Doing, Result};
use super::{Figure, Kind};

/// The figures of one scenario, run by run.
#[derive(Default)]
pub(super) struct Table {
    runs: Vec<(Kind, Vec<Figure>)>,
}

impl Table {
    /// Adds a run.
    pub(super) fn add(&mut self, kind: Kind, figures: Vec<Figure>) {
        self.runs.push((kind, figures));
    }

    /// Writes every figure: median, smallest and largest per server, and the ratio of medians.
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        let Some((_, first)) = self.runs.first() else { return Ok(()) };
        for Figure { name, unit, .. } in first {
            let mut line = format!("  {name:<36}");
            let mut medians = Vec::new();
            for kind in Kind::ALL {
                let values = self.values(kind, name);
                if let Some(median) = median(&values) {
                    let (least, most) = (values[0], values[values.len() - 1]);
                    line += &format!("  {kind} {median:.1} {unit} ({least:.1}–{most:.1})");
                    medians.push(median);
                }
            }
            if let [one, other] = medians[..]
                && other > 0.0
            {
                line += &format!("  ratio {:.2}", one / other);
            }
            writeln!(out, "{line}").doing(|| "writing".to_owned())?;
        }
        Ok(())
    }

    /// The values of a figure, smallest first.
    fn values(&self, kind: Kind, name: &str) -> Vec<f64> {
        let runs = self.runs.iter().filter(|(k, _)| *k == kind);
        let mut values: Vec<f64> = runs
            .flat_map(|(_, figures)| figures.iter().filter(|figure| figure.name == name))
            .map(|figure| figure.value)
            .collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// The middle of sorted values; the mean of the middle two where there are two.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 10.0]), Some(2.0));
    }

    #[test]
    fn a_table_compares_the_servers() {
        let figure = |value| vec![Figure { name: "CPU", value, unit: "µs" }];
        let mut table = Table::default();
        for (kind, value) in [
            (Kind::Snugd, 12.0),
            (Kind::Prosody, 40.0),
            (Kind::Snugd, 10.0),
            (Kind::Prosody, 44.0),
            (Kind::Snugd, 11.0),
        ] {
            table.add(kind, figure(value));
        }
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("snugd 11.0 µs (10.0–12.0)"), "{text}");
        assert!(text.contains("prosody 42.0 µs (40.0–44.0)  ratio 0.26"), "{text}");
    }
}
