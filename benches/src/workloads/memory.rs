//! Resident bytes per thing a runtime keeps for its user.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Context, Poll};
use std::time::Duration;

use super::load::Load;
use super::net::serve;
use super::scaled;
use crate::descriptors;
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// Per parked task with 32 bytes of state.
pub(super) fn mem_task<R: Rt>(rt: &R, scale: f64) -> Report {
    mem_parked::<R, 4>(rt, scaled(500_000, scale))
}

/// Per parked task with 296 bytes of state.
pub(super) fn mem_task_256<R: Rt>(rt: &R, scale: f64) -> Report {
    mem_parked::<R, 37>(rt, scaled(200_000, scale))
}

/// Parked tasks so far.
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// A future of `8 * WORDS` bytes that is pending for ever.
struct Park<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Future for Park<WORDS> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0[0], 1) == 0 {
            // ORDERING: Release pairs with the Acquire load of the spawner: what the poll allocated counts.
            PARKED.fetch_add(1, Release);
        }
        Poll::Pending
    }
}

fn mem_parked<R: Rt, const WORDS: usize>(rt: &R, tasks: usize) -> Report {
    /// Why batches: a queue of all tasks at once would be counted as theirs.
    const BATCH: usize = 500;

    async fn park<R: Rt, const WORDS: usize>(handles: &mut [Option<R::Join<()>>]) {
        for batch in handles.chunks_mut(BATCH) {
            let goal = PARKED.load(Acquire) + batch.len();
            batch.fill_with(|| Some(R::spawn(Park([0; WORDS]))));
            // ORDERING: Acquire pairs with the Release of the polls.
            while PARKED.load(Acquire) < goal {
                R::yield_now().await;
            }
        }
    }

    rt.run_inside(async move {
        // Filling the list writes to all of its pages, so that it is not counted.
        let [mut warm_up, mut handles] = [BATCH, tasks].map(|n| {
            let mut handles = Vec::with_capacity(n);
            handles.resize_with(n, || None);
            handles
        });
        park::<R, WORDS>(&mut warm_up).await;
        let meter = Meter::start();
        let before = resident_bytes();
        park::<R, WORDS>(&mut handles).await;
        let bytes = resident_bytes() - before;
        std::mem::forget((warm_up, handles));
        meter.stop(tasks).with("bytes", bytes / tasks as f64)
    })
}

/// Per pending boxed sleep, the box included.
pub(super) fn mem_sleep<R: Rt>(rt: &R, scale: f64) -> Report {
    let sleeps = scaled(200_000, scale);
    rt.run_inside(async move {
        let meter = Meter::start();
        let mut boxed = Vec::with_capacity(sleeps);
        boxed.resize_with(sleeps, || None);
        let before = resident_bytes();
        for (n, slot) in boxed.iter_mut().enumerate() {
            let sleep = slot.insert(Box::pin(R::sleep(Duration::from_secs(60))));
            poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
            if n % 64 == 0 {
                R::yield_now().await; // Why: see `timer_cancel`.
            }
        }
        let bytes = resident_bytes() - before;
        std::mem::forget(boxed);
        meter.stop(sleeps).with("bytes", bytes / sleeps as f64)
    })
}

/// Per idle TCP connection: its task, with a buffer of 1 KiB in it, and what the runtime keeps for its socket.
pub(super) fn mem_conn<R: Rt>(rt: &R, scale: f64) -> Report {
    /// What the task itself holds; everybody's does.
    const BUFFER: f64 = 1024.0;
    const WARM_UP: usize = 500;
    /// The last tasks have answered and are about to wait again.
    const SETTLE: Duration = Duration::from_millis(100);

    let wanted = scaled(10_000, scale);
    let room = descriptors::allow((wanted + 2 * WARM_UP) as u64) as usize;
    let connections = wanted.min(room - 2 * WARM_UP);
    let address = serve(rt, R::serve_echo);
    let mut load = Load::start(&["hold", &address, &WARM_UP.to_string(), &connections.to_string()]);
    load.expect("held");
    std::thread::sleep(SETTLE);
    let meter = Meter::start();
    let before = resident_bytes();
    load.go_on();
    load.expect("held");
    std::thread::sleep(SETTLE);
    let bytes = (resident_bytes() - before) / connections as f64;
    meter.stop(connections).with("bytes", bytes).with("own_bytes", bytes - BUFFER)
}

/// What the kernel counts as this process's memory.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.expect("the line VmRSS counts resident KiB") * 1024.0
}
