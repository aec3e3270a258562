//! Locks, permits, notifications, channels and the macros, across tasks.

use super::Cell;
use crate::tools::Witness;
use filch::spawn;
use filch::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use filch::task::{JoinSet, yield_now};
use filch::time::{Duration, sleep};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

pub(super) fn a_mutex_guards_across_awaits(cell: Cell) {
    let sum = cell.run(async {
        let sum = Arc::new(Mutex::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let sum = sum.clone();
            tasks.spawn(async move {
                for _ in 0..50 {
                    let mut sum = sum.lock().await;
                    let before = *sum;
                    yield_now().await;
                    *sum = before + 1;
                }
            });
        }
        tasks.join_all().await;
        *sum.lock().await
    });
    assert_eq!(sum, 1000);
}

pub(super) fn a_semaphore_lets_so_many_in(cell: Cell) {
    cell.run(async {
        let door = Arc::new(Semaphore::new(3));
        let inside = Arc::new(AtomicUsize::new(0));
        let mut visitors = JoinSet::new();
        for n in 0..60 {
            let (door, inside) = (door.clone(), inside.clone());
            visitors.spawn(async move {
                let _permit = door.acquire().await.expect("it is open");
                let n_inside = inside.fetch_add(1, SeqCst) + 1;
                if n % 2 == 0 {
                    sleep(Duration::from_micros(50)).await;
                } else {
                    yield_now().await;
                }
                inside.fetch_sub(1, SeqCst);
                n_inside
            });
        }
        let most = visitors.join_all().await.into_iter().max();
        assert!((1..=3).contains(&most.expect("there were visitors")));
        assert_eq!(door.available_permits(), 3);
    });
}

pub(super) fn notifications_go_round(cell: Cell) {
    const N_ROUNDS: usize = 100;
    cell.run(async {
        let ring: Vec<_> = (0..10).map(|_| Arc::new(Notify::new())).collect();
        let tasks: Vec<_> = (0..ring.len())
            .map(|n| {
                let (mine, next) = (ring[n].clone(), ring[(n + 1) % ring.len()].clone());
                spawn(async move {
                    for _ in 0..N_ROUNDS {
                        mine.notified().await;
                        next.notify_one();
                    }
                })
            })
            .collect();
        ring[0].notify_one();
        for task in tasks {
            task.await.expect("it does not panic");
        }
    });
}

pub(super) fn a_oneshot_crosses_tasks(cell: Cell) {
    cell.run(async {
        for n in 0..200 {
            let (send, receive) = oneshot::channel();
            let receiving = spawn(receive);
            if n % 2 == 0 {
                yield_now().await;
            }
            spawn(async move { send.send(n).expect("somebody waits for it") });
            assert_eq!(receiving.await.expect("it does not panic"), Ok(n));
        }
        let (send, receive) = oneshot::channel::<()>();
        let receiving = spawn(receive);
        drop(send);
        assert!(receiving.await.expect("it does not panic").is_err());
    });
}

pub(super) fn a_queue_crosses_tasks(cell: Cell) {
    cell.run(async {
        let (send, mut receive) = mpsc::channel(4);
        for sender in 0..8_u64 {
            let send = send.clone();
            spawn(async move {
                for n in 0..100 {
                    send.send(sender * 100 + n).await.expect("somebody receives");
                }
            });
        }
        drop(send);
        let mut latest = [None; 8];
        let mut n_received = 0;
        while let Some(n) = receive.recv().await {
            let of_sender = &mut latest[(n / 100) as usize];
            assert!(*of_sender < Some(n), "each sender's values come in order");
            *of_sender = Some(n);
            n_received += 1;
        }
        assert_eq!(n_received, 800);
    });
}

pub(super) fn join_waits_for_all(cell: Cell) {
    cell.run(async {
        let nap = |n: u64| async move {
            sleep(Duration::from_millis(n)).await;
            n
        };
        let (one, two, three) = filch::join!(nap(3), spawn(nap(1)), async { 2 });
        assert_eq!((one, two.expect("it does not panic"), three), (3, 1, 2));
    });
}

pub(super) fn select_takes_the_first_and_drops_the_rest(cell: Cell) {
    cell.run(async {
        for _ in 0..10 {
            let witness = Witness::default();
            let held = witness.clone();
            let never = async move {
                let _held = held;
                pending::<()>().await;
            };
            let won = filch::select! {
                () = never => "never",
                () = sleep(Duration::from_millis(1)) => "sleep",
                () = sleep(Duration::from_secs(3600)) => "long sleep",
            };
            assert_eq!(won, "sleep");
            assert_eq!(witness.n_alive(), 0);
        }
    });
}
