//! A scheduler for a game: tasks run on the game's own thread, between two frames, the important ones first.

use filch_core::seam::{Hint, Limit, Park, Scheduler};
use filch_core::{RuntimeRef, context, coop::Budget, task::Runnable};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};
use std::{cmp::Reverse, collections::BTreeMap, future::Future, io, mem, pin::Pin};

/// The game's hold on its tasks, and the scheduler: clones are the same.
#[derive(Clone, Default)]
pub struct GameLoop(Arc<State>);

#[derive(Default)]
struct State {
    runtime: OnceLock<(RuntimeRef, Arc<dyn Park>)>,
    queue: Mutex<Queue>,
    /// Held while tasks run, so that `shutdown` waits for that. Whether it was called.
    has_ended: Mutex<bool>,
}

/// How many tasks ever came, and those that wait: by importance, then in the order in which they came.
type Queue = (u64, BTreeMap<(Reverse<usize>, u64), Runnable>);

impl GameLoop {
    /// Looks for events, then runs tasks until none is left or `time` is used up. Call it once a frame.
    pub fn frame(&self, time: Duration) {
        self.turn(Limit::Zero);
        self.run_for(time);
    }

    fn run_for(&self, time: Duration) {
        let (_entered, end) = (self.runtime().0.enter(), Instant::now() + time);
        let has_ended = self.0.has_ended.lock().unwrap();
        while !*has_ended && Instant::now() < end {
            let Some((_, task)) = self.0.queue.lock().unwrap().1.pop_first() else { break };
            context::set_budget(Budget::new(128)); // A task that never waits yields after so many operations.
            task.run().into_iter().for_each(|again| self.schedule(again, Hint::Yield));
        }
        context::set_budget(Budget::UNLIMITED);
    }

    /// Waits for sockets, timers and unparks.
    fn turn(&self, limit: Limit) {
        let (runtime, park) = self.runtime();
        let mut wakes = runtime.wake_batch(); // Woken when dropped.
        if park.try_hold() {
            park.turn(limit, &|| self.is_idle(), &mut wakes);
            park.release();
        }
    }

    fn is_idle(&self) -> bool {
        self.0.queue.lock().unwrap().1.is_empty()
    }

    fn runtime(&self) -> &(RuntimeRef, Arc<dyn Park>) {
        self.0.runtime.get().expect("Builder::scheduler was given this game loop")
    }
}

impl Scheduler for GameLoop {
    fn start(self: Arc<Self>, runtime: RuntimeRef, park: Arc<dyn Park>) -> io::Result<()> {
        self.0.runtime.set((runtime, park)).map_err(|_| io::Error::other("one loop, one runtime"))
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        let importance = ["", "physics", "input"].iter().position(|name| task.name() == Some(name));
        let mut queue = self.0.queue.lock().unwrap();
        let key = (Reverse(importance.unwrap_or(0)), queue.0);
        queue.0 += 1;
        queue.1.insert(key, task);
        drop(queue);
        self.runtime().1.unpark();
    }

    fn block_on(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        let waker = Arc::new(Root(Arc::clone(&self.runtime().1))).into();
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.run_for(Duration::from_millis(1));
            self.turn(if self.is_idle() { Limit::Forever } else { Limit::Zero });
        }
    }

    fn shutdown(&self) {
        *self.0.has_ended.lock().unwrap() = true;
        let queue = mem::take(&mut *self.0.queue.lock().unwrap());
        drop(queue); // Unlocked: a task's drop may wake another one.
    }

    fn n_workers(&self) -> usize {
        1
    }
}

/// Wakes the future of `block_on`, which is polled after each turn.
struct Root(Arc<dyn Park>);

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
