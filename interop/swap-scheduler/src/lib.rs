//! A scheduler for a game loop: tasks run between two frames, on the game's own thread, the important ones first.

use filch_core::seam::{Hint, Limit, Park, Scheduler};
use filch_core::{RuntimeRef, task::Runnable};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

/// The scheduler and the game's hold on it; clones are the same.
#[derive(Clone, Default)]
pub struct GameLoop(Arc<State>);

#[derive(Default)]
struct State {
    /// By importance, then by arrival.
    queue: Mutex<BTreeMap<(Reverse<u8>, u64), Runnable>>,
    started: OnceLock<(RuntimeRef, Arc<dyn Park>)>,
    /// Held while tasks run; tells whether the runtime has ended.
    playing: Mutex<bool>,
}

/// A task's name decides how important it is.
fn importance(task: &Runnable) -> u8 {
    match task.name() {
        Some("input") => 2,
        Some("physics") => 1,
        _ => 0,
    }
}

impl GameLoop {
    /// Looks for events and runs tasks until none is left or `time` is used up. Call it once a frame.
    pub fn frame(&self, time: Duration) {
        let end = Instant::now() + time;
        self.turn(Limit::Zero);
        self.run_until(|| Instant::now() >= end);
    }

    fn run_until(&self, is_over: impl Fn() -> bool) {
        let has_ended = self.0.playing.lock().unwrap();
        while !*has_ended && !is_over() {
            let Some((_, task)) = self.0.queue.lock().unwrap().pop_first() else { break };
            if let Some(again) = task.run() {
                self.schedule(again, Hint::Yield);
            }
        }
    }

    /// Waits for sockets, timers and wakes.
    fn turn(&self, limit: Limit) {
        let (runtime, park) = self.0.started.get().expect("the builder has made a runtime of it");
        let mut wakes = runtime.wake_batch();
        if park.try_hold() {
            park.turn(limit, &|| self.0.queue.lock().unwrap().is_empty(), &mut wakes);
            park.release();
        }
        wakes.wake_all();
    }
}

impl Scheduler for GameLoop {
    fn start(self: Arc<Self>, runtime: RuntimeRef, park: Arc<dyn Park>) -> io::Result<()> {
        let started = self.0.started.set((runtime, park));
        started.map_err(|_| io::Error::other("one game loop, one runtime"))
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        let importance = Reverse(importance(&task));
        self.0.queue.lock().unwrap().insert((importance, arrival()), task);
        self.0.started.get().into_iter().for_each(|(_, park)| park.unpark());
    }

    fn block_on(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        let (runtime, park) = self.0.started.get().expect("the runtime has started");
        let root = Arc::new(Root { is_woken: true.into(), park: Arc::clone(park) });
        let waker = Arc::clone(&root).into();
        loop {
            if root.is_woken.swap(false, Ordering::Acquire) {
                if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    return;
                }
            }
        }
    }

    fn shutdown(&self) {}

    fn n_workers(&self) -> usize {
        1
    }
}
