//! What the operating system gives a program: files, processes, signals, standard streams; and its faults.

#[cfg(target_os = "linux")]
#[path = "../shared/drivers.rs"]
mod drivers;
#[cfg(target_os = "linux")]
#[path = "../shared/random.rs"]
mod random;
#[path = "../shared/tools.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod tools;
#[path = "../shared/watchdog.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod watchdog;

#[cfg(target_os = "linux")]
mod faults;
mod forks;
mod fs;
#[cfg(target_os = "linux")]
mod process;
mod programs;
mod signals;
mod stdio;
#[cfg(target_os = "linux")]
mod tracer;
