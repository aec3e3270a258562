//! Values through channels: a runtime's own, and those of libraries that have nothing else.

use super::{WARM_UP, scaled};
use crate::channels::{Broadcast, Channels};
use crate::countdown::Countdown;
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// 2e6 messages from one sender through a channel of 128.
pub(super) fn mpsc_1_1<R: Rt, C: Channels>(rt: &R, scale: f64) -> Report {
    mpsc::<R, C>(rt, 1, scaled(2_000_000, scale))
}

/// 2e6 messages from four senders through a channel of 128.
pub(super) fn mpsc_4_1<R: Rt, C: Channels>(rt: &R, scale: f64) -> Report {
    mpsc::<R, C>(rt, 4, scaled(500_000, scale))
}

fn mpsc<R: Rt, C: Channels>(rt: &R, senders: usize, each: usize) -> Report {
    async fn run<R: Rt, C: Channels>(senders: usize, each: usize) {
        let (sender, mut receiver) = C::channel(128);
        for _ in 0..senders {
            let sender = sender.clone();
            R::detach(R::spawn(async move {
                for value in 0..each {
                    C::send(&sender, value as u64).await;
                }
            }));
        }
        drop(sender);
        let receiving = R::spawn(async move {
            let mut sum = 0;
            while let Some(value) = C::receive(&mut receiver).await {
                sum += value;
            }
            sum
        });
        let sum_of_each = each as u64 * (each as u64 - 1) / 2;
        assert_eq!(receiving.await, senders as u64 * sum_of_each, "messages were lost");
    }
    rt.run_inside(async move {
        run::<R, C>(senders, scaled(each, WARM_UP)).await;
        let meter = Meter::start();
        run::<R, C>(senders, each).await;
        meter.stop(senders * each)
    })
}

/// 1e6 messages to four receivers, in bursts of 64 that all of them take before the next begins.
pub(super) fn broadcast_4<R: Rt, B: Broadcast>(rt: &R, scale: f64) -> Report {
    const RECEIVERS: usize = 4;
    const BURST: usize = 64;

    async fn run<R: Rt, B: Broadcast>(bursts: usize) {
        let (sender, receivers) = B::broadcast(2 * BURST, RECEIVERS);
        let taken = Countdown::leaked();
        let receiving = |mut receiver: B::Receiver| {
            R::spawn(async move {
                let mut sum = 0;
                for _ in 0..bursts {
                    for _ in 0..BURST {
                        sum += B::receive(&mut receiver).await;
                    }
                    taken.done();
                }
                sum
            })
        };
        let handles: Vec<_> = receivers.into_iter().map(receiving).collect();
        let sending = R::spawn(async move {
            for _ in 0..bursts {
                taken.start(RECEIVERS);
                for value in 0..BURST {
                    B::send(&sender, value as u64).await;
                }
                taken.wait().await;
            }
        });
        sending.await;
        for handle in handles {
            assert_eq!(handle.await, (bursts * (BURST * (BURST - 1) / 2)) as u64);
        }
    }
    let bursts = scaled(1_000_000 / BURST, scale);
    rt.run_inside(async move {
        run::<R, B>(scaled(bursts, WARM_UP)).await;
        let meter = Meter::start();
        run::<R, B>(bursts).await;
        meter.stop(bursts * BURST)
    })
}

/// 100 pairs, each over two channels of one, round trip.
pub(super) fn pingpong_chan_100<R: Rt, C: Channels>(rt: &R, scale: f64) -> Report {
    const PAIRS: usize = 100;

    async fn run<R: Rt, C: Channels>(trips: usize) {
        let mut handles = Vec::with_capacity(2 * PAIRS);
        for _ in 0..PAIRS {
            let (there, mut here) = C::channel(1);
            let (back, mut home) = C::channel(1);
            handles.push(R::spawn(async move {
                for trip in 0..trips {
                    C::send(&there, trip as u64).await;
                    assert_eq!(C::receive(&mut home).await, Some(trip as u64));
                }
            }));
            handles.push(R::spawn(async move {
                while let Some(value) = C::receive(&mut here).await {
                    C::send(&back, value).await;
                }
            }));
        }
        for handle in handles {
            handle.await;
        }
    }
    let trips = scaled(20_000, scale);
    rt.run_inside(async move {
        run::<R, C>(scaled(trips, WARM_UP)).await;
        let meter = Meter::start();
        run::<R, C>(trips).await;
        meter.stop(PAIRS * trips)
    })
}
