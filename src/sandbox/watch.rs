//! The pool's eye on one job: CPU time, wall time and resident memory of its worker, every 25 ms.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::worker::Mishap;

/// How often a worker is looked at.
pub(super) const TICK: Duration = Duration::from_millis(25);

/// `/proc/PID/stat` counts in ticks of 1/100 s on every architecture that we build for (the kernel's USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// The limits of one job and what is known of it.
#[derive(Debug)]
pub(super) struct Watch {
    started: Instant,
    looked: Instant,
    cpu_limit: Duration,
    wall_limit: Duration,
    rss_limit: u64,
    cpu_before: Option<Duration>,
}

impl Watch {
    /// Starts the clock. `rss_limit` in bytes.
    pub(super) fn start(cpu_limit: Duration, wall_limit: Duration, rss_limit: u64) -> Self {
        let started = Instant::now();
        Self { started, looked: started, cpu_limit, wall_limit, rss_limit, cpu_before: None }
    }

    /// Wall time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Looks at the worker unless the last look was less than a tick ago.
    pub(super) fn look(&mut self, pid: Pid) -> Result<(), Mishap> {
        if self.looked.elapsed() < TICK {
            return Ok(());
        }
        self.looked = Instant::now();
        let wall = self.elapsed();
        if wall > self.wall_limit {
            return Err(Mishap::TimedOut(format!("no answer after {} s of wall time", self.wall_limit.as_secs())));
        }
        let rss = rss_bytes(pid).unwrap_or(0);
        if rss > self.rss_limit {
            return Err(Mishap::OverMemory(format!("{} MiB of memory in use, the limit is {}", rss >> 20, self.rss_limit >> 20)));
        }
        let Some(cpu) = cpu_time(pid) else { return Ok(()) };
        // A short job never pays for a reading: at the first look, one thread cannot have used more CPU than wall time.
        let before = *self.cpu_before.get_or_insert(cpu.saturating_sub(wall));
        if cpu.saturating_sub(before) > self.cpu_limit {
            return Err(Mishap::TimedOut(format!("no answer after {} s of CPU time", self.cpu_limit.as_secs())));
        }
        Ok(())
    }
}

/// Whether a process that lives shows what it uses: not where `/proc` hides those of others, as workers are to it that nobody may look into.
pub(super) fn can_see(pid: Pid) -> bool {
    rss_bytes(pid).is_some() && cpu_time(pid).is_some()
}

/// Resident memory in bytes; `None` when the process is gone.
fn rss_bytes(pid: Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// User and system time together; `None` when the process is gone.
fn cpu_time(pid: Pid) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name, in parentheses, may hold anything; fields are counted from its end. utime and stime are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_process() {
        let me = rustix::process::getpid();
        assert!(rss_bytes(me).unwrap() > 1 << 20);
        let before = cpu_time(me).unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        while cpu_time(me).unwrap() < before + Duration::from_millis(20) {
            assert!(Instant::now() < until, "the CPU clock stands still");
        }
    }
}
