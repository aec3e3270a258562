//! Small programs as people write them around `select!`.

use filch::sync::{Notify, oneshot};
use filch::time::sleep;
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(3600);

/// A queue made of what every program has: a lock for the items, a `Notify` for their arrival.
struct Mailbox<T> {
    items: Mutex<VecDeque<T>>,
    arrived: Notify,
}

impl<T> Mailbox<T> {
    fn new() -> Arc<Self> {
        Arc::new(Mailbox { items: Mutex::new(VecDeque::new()), arrived: Notify::new() })
    }

    fn send(&self, item: T) {
        self.items.lock().expect("nobody panics under the lock").push_back(item);
        self.arrived.notify_one();
    }

    async fn receive(&self) -> T {
        loop {
            if let Some(item) = self.items.lock().expect("nobody panics under the lock").pop_front()
            {
                return item;
            }
            self.arrived.notified().await;
        }
    }
}

#[test]
fn a_worker_serves_requests_until_it_is_told_to_stop() {
    filch::block_on(async {
        let mailbox = Mailbox::<(u32, oneshot::Sender<u32>)>::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let worker = filch::spawn({
            let mailbox = mailbox.clone();
            async move {
                let mut served = 0;
                filch::pin!(stopped);
                loop {
                    filch::select! {
                        _ = &mut stopped => break served,
                        (n, reply) = mailbox.receive() => {
                            served += 1;
                            reply.send(n * n).expect("the client waits");
                        }
                    }
                }
            }
        });
        for n in 0..50 {
            let (reply, answer) = oneshot::channel();
            mailbox.send((n, reply));
            assert_eq!(answer.await.expect("the worker replies"), n * n);
        }
        stop.send(()).expect("the worker listens");
        assert_eq!(worker.await.expect("the worker does not panic"), 50);
    });
}

#[test]
fn a_deadline_ends_an_operation_that_does_not() {
    filch::block_on(async {
        let outcome = filch::select! {
            () = pending() => "done",
            _ = sleep(Duration::from_millis(1)) => "late",
        };
        assert_eq!(outcome, "late");
        let outcome = filch::select! {
            n = async { "done" } => n,
            _ = sleep(NEVER) => "late",
        };
        assert_eq!(outcome, "done");
    });
}

#[test]
fn one_timer_runs_across_the_turns_of_a_loop() {
    filch::block_on(async {
        let notify = Arc::new(Notify::new());
        let pacer = filch::spawn({
            let notify = notify.clone();
            async move {
                loop {
                    sleep(Duration::from_millis(1)).await;
                    notify.notify_one();
                }
            }
        });
        let deadline = sleep(Duration::from_millis(30));
        filch::pin!(deadline);
        let mut turns = 0;
        loop {
            filch::select! {
                _ = &mut deadline => break,
                _ = notify.notified() => turns += 1,
            }
        }
        assert!(turns > 0);
        pacer.abort();
    });
}

#[test]
fn the_fastest_of_three_replicas_answers() {
    async fn replica(delay: Duration, name: &'static str) -> Result<&'static str, ()> {
        sleep(delay).await;
        Ok(name)
    }

    async fn broken() -> Result<&'static str, ()> {
        Err(())
    }

    filch::block_on(async {
        let answer = filch::select! {
            Ok(name) = broken() => name,
            Ok(name) = replica(Duration::from_millis(1), "fast") => name,
            Ok(name) = replica(NEVER, "slow") => name,
            else => "nobody",
        };
        assert_eq!(answer, "fast");
    });
}

#[test]
fn two_producers_merge_until_both_have_ended() {
    async fn next(mailbox: &Mailbox<Option<u32>>) -> Option<u32> {
        mailbox.receive().await
    }

    filch::block_on(async {
        let (left, right) = (Mailbox::new(), Mailbox::new());
        for (mailbox, step) in [(left.clone(), 1), (right.clone(), 100)] {
            filch::spawn(async move {
                for _ in 0..20 {
                    mailbox.send(Some(step));
                    filch::task::yield_now().await;
                }
                mailbox.send(None);
            });
        }
        let (mut sum, mut left_open, mut right_open) = (0, true, true);
        loop {
            filch::select! {
                item = next(&left), if left_open => match item {
                    Some(n) => sum += n,
                    None => left_open = false,
                },
                item = next(&right), if right_open => match item {
                    Some(n) => sum += n,
                    None => right_open = false,
                },
                else => break,
            }
        }
        assert_eq!(sum, 20 * 101);
    });
}

#[test]
fn a_mutable_state_is_shared_by_the_handlers_of_a_loop() {
    filch::block_on(async {
        let mailbox = Mailbox::new();
        let (flush, mut flushed) = (Mailbox::new(), Vec::new());
        filch::spawn({
            let (mailbox, flush) = (mailbox.clone(), flush.clone());
            async move {
                for n in 0..6 {
                    mailbox.send(n);
                }
                flush.send(());
            }
        });
        let mut batch = Vec::new();
        while flushed.len() < 6 {
            filch::select! {
                biased;
                n = mailbox.receive() => {
                    batch.push(n);
                    if batch.len() == 4 {
                        flushed.append(&mut batch);
                    }
                }
                () = flush.receive() => flushed.append(&mut batch),
            }
        }
        assert_eq!(flushed, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn losers_of_a_race_release_what_they_held() {
    struct Held(Arc<AtomicU32>);

    impl Held {
        fn new(count: &Arc<AtomicU32>) -> Self {
            count.fetch_add(1, Ordering::Relaxed);
            Held(count.clone())
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn hold(held: Held, future: impl Future<Output = ()>) {
        future.await;
        drop(held);
    }

    filch::block_on(async {
        let count = Arc::new(AtomicU32::new(0));
        filch::select! {
            _ = hold(Held::new(&count), pending()) => {}
            _ = hold(Held::new(&count), sleep(NEVER)) => {}
            _ = hold(Held::new(&count), async {}) => assert_eq!(count.load(Ordering::Relaxed), 0),
        }
    });
}

#[test]
fn a_state_machine_changes_its_branches_by_conditions() {
    filch::block_on(async {
        let (mut connected, mut authorized, mut steps) = (false, false, Vec::new());
        loop {
            filch::select! {
                _ = async {}, if !connected => {
                    connected = true;
                    steps.push("connect");
                }
                _ = async {}, if connected && !authorized => {
                    authorized = true;
                    steps.push("authorize");
                }
                else => break,
            }
        }
        assert_eq!(steps, ["connect", "authorize"]);
    });
}

#[test]
fn a_join_handle_is_a_branch_like_any_other() {
    filch::block_on(async {
        let handle = filch::spawn(async {
            sleep(Duration::from_millis(2)).await;
            5
        });
        filch::pin!(handle);
        let mut waited = 0;
        let n = loop {
            filch::select! {
                result = &mut handle => break result.expect("the task does not panic"),
                _ = sleep(Duration::from_millis(1)) => waited += 1,
            }
        };
        assert_eq!(n, 5);
        assert!(waited < 1000);
    });
}

#[test]
fn many_tasks_select_at_once() {
    filch::block_on(async {
        let mailbox = Mailbox::new();
        let done = Arc::new(Notify::new());
        let sum = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (mailbox, done, sum) = (mailbox.clone(), done.clone(), sum.clone());
                filch::spawn(async move {
                    filch::select! {
                        biased;
                        n = mailbox.receive() => { sum.fetch_add(n, Ordering::Relaxed); }
                        _ = done.notified() => {}
                    }
                })
            })
            .collect();
        for n in 1..=8 {
            mailbox.send(n);
        }
        for task in tasks {
            task.await.expect("the task does not panic");
        }
        assert_eq!(sum.load(Ordering::Relaxed), 36);
    });
}
