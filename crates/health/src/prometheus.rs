//! The report and the numbers behind it, in Prometheus' text form (version 0.0.4).
//!
//! Invariants: each metric is announced once, with HELP and TYPE, before its samples; label
//! values are escaped; metric names never come from outside.

use std::fmt::Write;

use crate::checks::Status;
use crate::facts::Facts;
use crate::report::report;

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything known, for a scraper.
#[must_use]
pub fn text(facts: &Facts) -> String {
    let mut out = Text(String::new());
    let report = report(facts);
    out.announce("snug_health_status", "Checks: -1 skip, 0 pass, 1 warn, 2 fail.");
    for line in &report.checks {
        let value = match line.finding.status {
            Status::Skip => -1.0,
            Status::Pass => 0.0,
            Status::Warn => 1.0,
            Status::Fail => 2.0,
        };
        out.sample("snug_health_status", &[("check", line.id)], value);
    }
    host(&mut out, facts);
    daemon(&mut out, facts);
    out.0
}

fn host(out: &mut Text, facts: &Facts) {
    if let Some(disk) = &facts.host.disk {
        let labels = [("path", disk.path.as_str())];
        out.announce("snug_disk_free_bytes", "Free space on the disk of the store.");
        out.sample("snug_disk_free_bytes", &labels, number(disk.free_bytes));
        out.announce("snug_disk_size_bytes", "Size of the disk of the store.");
        out.sample("snug_disk_size_bytes", &labels, number(disk.total_bytes));
    }
    if let Some(memory) = &facts.host.memory {
        out.one("snug_memory_available_bytes", "Available memory.", memory.available_bytes);
        out.one("snug_memory_size_bytes", "Memory in all.", memory.total_bytes);
    }
    if let Some(load) = &facts.host.load {
        out.announce("snug_load5", "Load, average of five minutes.");
        out.sample("snug_load5", &[], load.five_minutes);
    }
    if !facts.host.sensors.is_empty() {
        out.announce("snug_temperature_celsius", "Temperature sensors.");
        for sensor in &facts.host.sensors {
            let celsius = signed(sensor.milli_celsius) / 1_000.0;
            out.sample("snug_temperature_celsius", &[("sensor", &sensor.name)], celsius);
        }
    }
    if let Some(low) = facts.host.under_voltage {
        out.one("snug_under_voltage", "1 while the supply voltage is too low.", u64::from(low));
    }
}

fn daemon(out: &mut Text, facts: &Facts) {
    out.one("snug_up", "1 if snugd answers.", u64::from(facts.daemon.is_ok()));
    let Ok(daemon) = &facts.daemon else { return };
    out.one("snug_store_bytes", "Size of the store.", daemon.store_bytes);
    out.one("snug_panics", "Tasks that crashed since the start.", daemon.panics);
    if let Some(Ok(ms)) = daemon.loopback_login {
        out.one("snug_login_milliseconds", "Time of a log-in on loopback.", u64::from(ms));
    }
    if let Some(Ok(ms)) = daemon.store_write {
        out.one("snug_store_write_milliseconds", "Time of a durable write.", u64::from(ms));
    }
    if let Some(certificate) = &daemon.certificate {
        let help = "When the certificate runs out, seconds since 1970.";
        out.one("snug_certificate_not_after_seconds", help, certificate.not_after);
    }
    if let Some(at) = daemon.last_backup {
        out.one("snug_last_backup_seconds", "Time of the last backup, seconds since 1970.", at);
    }
    if !daemon.ports.is_empty() {
        out.announce("snug_port_listening", "1 if the port is open.");
        for port in &daemon.ports {
            let labels = [("purpose", port.purpose.as_str()), ("address", port.address.as_str())];
            out.sample("snug_port_listening", &labels, f64::from(u8::from(port.listening)));
        }
    }
}

struct Text(String);

impl Text {
    fn announce(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (i, (label, content)) in labels.iter().enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(content));
        }
        self.0.push_str(if labels.is_empty() { "" } else { "}" });
        let _ = writeln!(self.0, " {value}");
    }

    fn one(&mut self, name: &str, help: &str, value: u64) {
        self.announce(name, help);
        self.sample(name, &[], number(value));
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Samples are 64-bit floats; sizes and times stay exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn number(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_precision_loss, reason = "thousandths of a degree")]
fn signed(n: i64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use std::collections::HashSet;

    #[test]
    fn shows_checks_and_numbers() {
        let text = text(&sample::facts());
        for line in [
            "# HELP snug_health_status Checks: -1 skip, 0 pass, 1 warn, 2 fail.",
            "# TYPE snug_health_status gauge",
            "snug_health_status{check=\"disk\"} 0",
            "snug_disk_free_bytes{path=\"/var/lib/snug\"} 20000000000",
            "snug_temperature_celsius{sensor=\"cpu-thermal\"} 48.312",
            "snug_port_listening{purpose=\"chat (STARTTLS)\",address=\"[::]:5222\"} 1",
            "snug_up 1",
            "snug_certificate_not_after_seconds 1805184000",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn is_well_formed_up_and_down() {
        let down = Facts { daemon: Err("x".to_owned()), ..sample::facts() };
        for facts in [sample::facts(), down] {
            let text = text(&facts);
            let mut announced = HashSet::new();
            for line in text.lines() {
                if let Some(rest) = line.strip_prefix("# TYPE ") {
                    let (name, ty) = rest.split_once(' ').unwrap();
                    assert_eq!(ty, "gauge");
                    assert!(announced.insert(name.to_owned()), "{name} announced twice");
                } else if !line.starts_with('#') {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    let name = series.split('{').next().unwrap();
                    assert!(announced.contains(name), "{name}");
                    value.parse::<f64>().unwrap();
                }
            }
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn escapes_labels() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }

    #[test]
    fn a_daemon_that_is_down_is_a_zero() {
        let down = Facts { daemon: Err("x".to_owned()), ..sample::facts() };
        assert!(text(&down).contains("\nsnug_up 0\n"));
        assert!(!text(&down).contains("snug_store_bytes"));
    }
}
