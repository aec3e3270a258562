//! Tasks of tokio, tasks of smol and plain threads share one primitive at the same time.

use filch_sync::{Event, Mutex, Semaphore, mpsc, oneshot};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use tokio::runtime::{Builder, Runtime};

const EACH: u64 = 1000;

/// A tokio runtime of two workers and a smol executor of two threads.
struct Executors {
    tokio: Runtime,
    smol: Arc<smol::Executor<'static>>,
    /// Dropped to end the threads of `smol`.
    stop: Option<smol::channel::Sender<()>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Executors {
    fn new() -> Self {
        peers::watch();
        let tokio = Builder::new_multi_thread().worker_threads(2).build();
        let smol = Arc::new(smol::Executor::new());
        let (stop, stopped) = smol::channel::bounded(1);
        let run = || {
            let (smol, stopped) = (smol.clone(), stopped.clone());
            thread::spawn(move || {
                let ended = smol::block_on(smol.run(stopped.recv()));
                assert!(ended.is_err(), "nobody sends, the sender goes");
            })
        };
        Executors {
            tokio: tokio.expect("the system has threads to spare"),
            threads: (0..2).map(|_| run()).collect(),
            smol,
            stop: Some(stop),
        }
    }

    /// Runs `task` twice as a task of tokio and twice as one of smol, `thread` on two threads, all of them at once.
    fn run_six<F>(&self, task: impl Fn(u64) -> F, thread: impl Fn(u64) + Sync)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let of_tokio: Vec<_> = (0..2).map(|n| self.tokio.spawn(task(n))).collect();
        let of_smol: Vec<_> = (2..4).map(|n| self.smol.spawn(task(n))).collect();
        thread::scope(|scope| {
            for n in 4..6 {
                let thread = &thread;
                scope.spawn(move || thread(n));
            }
        });
        for task in of_tokio {
            self.tokio.block_on(task).expect("the task does not panic");
        }
        for task in of_smol {
            smol::block_on(task);
        }
    }
}

impl Drop for Executors {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("the executor's tasks do not panic");
        }
    }
}

#[test]
fn one_mutex_serves_them_all() {
    let executors = Executors::new();
    let count = Arc::new(Mutex::new(0));
    executors.run_six(
        |_| {
            let count = count.clone();
            async move {
                for round in 0..EACH {
                    let mut guard = count.lock().await;
                    let before = *guard;
                    if round % 16 == 0 {
                        smol::future::yield_now().await;
                    }
                    *guard = before + 1;
                }
            }
        },
        |_| {
            for _ in 0..EACH {
                *count.blocking_lock() += 1;
            }
        },
    );
    assert_eq!(*count.blocking_lock(), 6 * EACH);
}

#[test]
fn one_semaphore_limits_them_all() {
    let executors = Executors::new();
    let places = Arc::new(Semaphore::new(2));
    let inside = Arc::new(Semaphore::new(2));
    executors.run_six(
        |_| {
            let (places, inside) = (places.clone(), inside.clone());
            async move {
                for _ in 0..EACH {
                    let _place = places.acquire().await.expect("never closed");
                    let _inside = inside.try_acquire().expect("at most two are inside");
                    smol::future::yield_now().await;
                }
            }
        },
        |_| {
            for _ in 0..EACH {
                let _place = places.blocking_acquire().expect("never closed");
                let _inside = inside.try_acquire().expect("at most two are inside");
            }
        },
    );
    assert_eq!(places.available_permits(), 2);
}

/// The receiver goes from executor to executor while all of them send.
#[test]
fn one_channel_carries_for_them_all() {
    let executors = Executors::new();
    let (sender, receiver) = mpsc::channel(4);
    let received = receive_everywhere(&executors, receiver);
    executors.run_six(
        |n| {
            let sender = sender.clone();
            async move {
                for m in 0..EACH {
                    sender.send(n * EACH + m).await.expect("the receiver waits for all");
                }
            }
        },
        |n| {
            let sender = sender.clone();
            for m in 0..EACH {
                sender.blocking_send(n * EACH + m).expect("the receiver waits for all");
            }
        },
    );
    drop(sender);
    let received = received.join().expect("nobody panics");
    for n in 0..6 {
        let of_one = received.iter().filter(|value| **value / EACH == n);
        assert!(
            of_one.copied().eq(n * EACH..(n + 1) * EACH),
            "messages of sender {n} out of order"
        );
    }
}

/// Takes all messages: a third in a task of tokio, a third in one of smol, the rest on a thread.
fn receive_everywhere(
    executors: &Executors,
    receiver: mpsc::Receiver<u64>,
) -> thread::JoinHandle<Vec<u64>> {
    async fn some(
        mut receiver: mpsc::Receiver<u64>,
        mut received: Vec<u64>,
    ) -> (mpsc::Receiver<u64>, Vec<u64>) {
        for _ in 0..2 * EACH {
            received.push(receiver.recv().await.expect("there are more to come"));
        }
        (receiver, received)
    }
    let (to_smol, from_tokio) = oneshot::channel();
    let (to_thread, from_smol) = oneshot::channel();
    drop(executors.tokio.spawn(async move {
        let sent = to_smol.send(some(receiver, Vec::new()).await);
        assert!(sent.is_ok(), "the task of smol waits");
    }));
    let of_smol = executors.smol.spawn(async move {
        let (receiver, received) = from_tokio.await.expect("the task of tokio sends");
        let sent = to_thread.send(some(receiver, received).await);
        assert!(sent.is_ok(), "the thread waits");
    });
    of_smol.detach();
    thread::spawn(move || {
        let (mut receiver, mut received) =
            from_smol.blocking_recv().expect("the task of smol sends");
        while let Some(value) = receiver.blocking_recv() {
            received.push(value);
        }
        received
    })
}

#[test]
fn one_event_lets_them_all_go_on() {
    let executors = Executors::new();
    let (go, waiting) = (Arc::new(Event::new()), Arc::new(Semaphore::new(0)));
    // Sets the event when all six wait or are about to.
    let setting = executors.smol.spawn({
        let (go, waiting) = (go.clone(), waiting.clone());
        async move {
            waiting.acquire_many(6).await.expect("never closed").forget();
            assert!(!go.is_set());
            go.set();
        }
    });
    executors.run_six(
        |_| {
            let (go, waiting) = (go.clone(), waiting.clone());
            async move {
                let mut gone = pin!(go.wait());
                assert!(smol::future::poll_once(gone.as_mut()).await.is_none());
                waiting.add_permits(1);
                gone.await;
            }
        },
        |_| {
            waiting.add_permits(1);
            smol::future::block_on(go.wait());
        },
    );
    smol::block_on(setting);
    assert!(go.is_set());
}
