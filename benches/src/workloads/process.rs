//! Child processes.

use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// How many children a run has.
pub(super) const CHILDREN: usize = 2000;

/// Spawns `true` and awaits its end, one after another.
pub(super) fn process_spawn<R: Rt>(rt: &R, scale: f64) -> Report {
    spawn_from::<R>(rt, 1, scaled(CHILDREN, scale))
}

/// 8 tasks do so at a time.
pub(super) fn process_spawn_8<R: Rt>(rt: &R, scale: f64) -> Report {
    spawn_from::<R>(rt, 8, scaled(CHILDREN, scale))
}

/// `n` processes in all, from `tasks` tasks.
fn spawn_from<R: Rt>(rt: &R, tasks: usize, n: usize) -> Report {
    async fn run<R: Rt>(tasks: usize, n: usize) {
        let spawner = || {
            R::spawn(async move {
                for _ in 0..n {
                    R::run_true().await;
                }
            })
        };
        let spawners: Vec<_> = (0..tasks).map(|_| spawner()).collect();
        for spawner in spawners {
            spawner.await;
        }
    }
    let each = n.div_ceil(tasks);
    rt.run_inside(async move {
        run::<R>(tasks, scaled(each, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(tasks, each).await;
        meter.stop(each * tasks)
    })
}
