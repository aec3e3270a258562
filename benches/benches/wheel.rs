//! What the wheel costs, per entry.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use filch_timer::wheel::Wheel;
use std::hint::black_box;

const N: u64 = 10_000;
const MS: u64 = 1_000_000;

/// Deadlines spread over a second, in no order: a multiplicative hash of the index.
fn deadlines() -> impl Iterator<Item = u64> {
    (0..N).map(|n| 1 + n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (1_000 * MS))
}

fn insert_and_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("wheel");
    group.throughput(Throughput::Elements(N));
    group.bench_function("insert_cancel", |b| {
        b.iter_batched_ref(
            Wheel::new,
            |wheel| {
                for deadline in deadlines() {
                    let key = wheel.insert(deadline, 0u64);
                    black_box(wheel.remove(key));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("insert_all_cancel_all", |b| {
        b.iter_batched_ref(
            Wheel::new,
            |wheel| {
                let keys: Vec<_> =
                    deadlines().map(|deadline| wheel.insert(deadline, 0u64)).collect();
                keys.into_iter().for_each(|key| {
                    black_box(wheel.remove(key));
                });
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn insert_and_fire(c: &mut Criterion) {
    let mut group = c.benchmark_group("wheel");
    group.throughput(Throughput::Elements(N));
    for (name, step) in
        [("insert_fire_in_one_jump", 1_000 * MS), ("insert_fire_every_100_us", MS / 10)]
    {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                Wheel::new,
                |wheel| {
                    deadlines().for_each(|deadline| {
                        wheel.insert(deadline, 0u64);
                    });
                    let mut now = 0;
                    while !wheel.is_empty() {
                        now += step;
                        while let Some(due) = wheel.next_due(now) {
                            black_box(due.take());
                        }
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, insert_and_cancel, insert_and_fire);
criterion_main!(benches);
