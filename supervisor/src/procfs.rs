//! What the kernel says of a guest's process.

use ::procfs::process::Process;

/// The guest's process below its keeper: the last in the line of only children.
pub fn guest_of(keeper: u32) -> Option<u32> {
    let mut pid = keeper;
    loop {
        let main = Process::new(pid.try_into().ok()?).ok()?.task_main_thread().ok()?;
        match main.children().ok()?.first() {
            Some(child) => pid = *child,
            None => return Some(pid),
        }
    }
}

/// Bytes of memory that no other process shares.
pub fn private_memory(pid: u32) -> Option<u64> {
    let process = Process::new(pid.try_into().ok()?).ok()?;
    let rollup = process.smaps_rollup().ok()?;
    let map = &rollup.memory_map_rollup.0.first()?.extension.map;
    let field = |name: &str| map.get(name).copied().unwrap_or(0);
    Some(field("Private_Clean") + field("Private_Dirty"))
}

/// Milliseconds of processor time, in the kernel and outside.
pub fn cpu_time(pid: u32) -> Option<u64> {
    let stat = Process::new(pid.try_into().ok()?).ok()?.stat().ok()?;
    Some((stat.utime + stat.stime) * 1000 / ::procfs::ticks_per_second())
}

/// How many processes of this machine the kernel has killed because memory had ended (mm/oom_kill.c).
pub fn killed_for_memory() -> u64 {
    let counters = ::procfs::vmstat().unwrap_or_default();
    let count = counters.get("oom_kill").copied().unwrap_or(0);
    u64::try_from(count).unwrap_or(0)
}
