//! CPU time and memory of a process and its children, from `/proc`.
//!
//! Spec: proc(5). CPU time has the resolution of the kernel's clock ticks (10 ms), so a measured
//! section has to use much more than that.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{SysconfVar, sysconf};

use super::failure::{Doing, Failure, Result};

/// Depth of the tree of processes that is followed.
const GENERATIONS_MAX: usize = 4;

/// A process by its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// CPU time so far: user and system, all threads, children dead and alive.
    pub(super) fn cpu(self) -> Result<Duration> {
        let ticks: u64 = self.family()?.into_iter().map(|p| p.ticks()).sum::<Result<u64>>()?;
        let per_second = sysconf(SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| *n > 0)
            .ok_or_else(|| Failure::new("the kernel's clock tick is unknown"))?;
        Ok(Duration::from_millis(ticks * 1000 / per_second))
    }

    /// Proportional set size, children included: memory that is its own, and its share of what
    /// it has in common with others. In bytes.
    pub(super) fn pss(self) -> Result<u64> {
        self.family()?.into_iter().map(Self::own_pss).sum()
    }

    fn family(self) -> Result<Vec<Self>> {
        let mut family = vec![self];
        let mut generation = vec![self];
        for _ in 0..GENERATIONS_MAX {
            let mut next = Vec::new();
            for process in generation {
                next.extend(process.children()?);
            }
            family.extend(&next);
            generation = next;
        }
        Ok(family)
    }

    fn children(self) -> Result<Vec<Self>> {
        let tasks = format!("/proc/{}/task", self.0);
        let mut children = Vec::new();
        for task in fs::read_dir(&tasks).doing(|| tasks.clone())? {
            let path = task.doing(|| tasks.clone())?.path().join("children");
            // A thread may have ended since the folder was read.
            let text = fs::read_to_string(path).unwrap_or_default();
            children.extend(text.split_whitespace().filter_map(|id| id.parse().ok()).map(Self));
        }
        Ok(children)
    }

    fn ticks(self) -> Result<u64> {
        let path = format!("/proc/{}/stat", self.0);
        ticks(&fs::read_to_string(&path).doing(|| path.clone())?)
            .ok_or_else(|| Failure::new(format!("{path} was not understood")))
    }

    fn own_pss(self) -> Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        pss(&fs::read_to_string(&path).doing(|| path.clone())?)
            .ok_or_else(|| Failure::new(format!("{path} was not understood")))
    }
}

/// utime + stime + cutime + cstime of a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, so count from its end: field 3 comes next.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let times = fields.get(14 - 3..=17 - 3)?;
    times.iter().map(|n| n.parse::<u64>().ok()).sum()
}

/// The `Pss` of a `smaps_rollup`, in bytes.
fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Lets this process and those it starts open `files` files.
pub(super) fn allow_open_files(files: u64) -> Result<()> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).doing(|| "the limit of open files".to_owned())?;
    if soft >= files {
        return Ok(());
    }
    if hard < files {
        return Err(Failure::new(format!(
            "{files} open files are needed and {hard} allowed; raise the limit with ulimit -n"
        )));
    }
    setrlimit(Resource::RLIMIT_NOFILE, files, hard)
        .doing(|| "raising the limit of open files".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_whatever_the_name_holds() {
        let stat = "12 (a) b ((c) S 1 12 12 0 -1 4194560 5 6 7 8 100 20 3 4 20 0 1 0 99 1 1";
        assert_eq!(ticks(stat), Some(127));
        assert_eq!(ticks("12 (a) S 1"), None);
        assert_eq!(ticks("12 (a) S 1 2 3 4 5 6 7 8 9 10 x 20 3 4 20"), None);
    }

    #[test]
    fn proportional_set_size_is_read() {
        let rollup = "00400000-7fff [rollup]\nRss:    900 kB\nPss:      512 kB\nPss_Anon: 1 kB\n";
        assert_eq!(pss(rollup), Some(512 * 1024));
        assert_eq!(pss("Rss: 1 kB\n"), None);
    }

    #[test]
    fn a_busy_process_uses_time_and_memory() {
        let own = Process(std::process::id());
        let before = own.cpu().unwrap();
        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; sleep 30"])
            .spawn()
            .unwrap();
        let mut used = Duration::ZERO;
        for _ in 0..400 {
            used = own.cpu().unwrap() - before;
            if used >= Duration::from_millis(20) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(own.family().unwrap().len() > 1, "the child was not seen");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used >= Duration::from_millis(20), "{used:?}");
        assert!(own.pss().unwrap() > 100 * 1024);
    }
}
