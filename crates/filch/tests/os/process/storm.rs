//! Processes that end, are ended and are left alone in every order.

use super::{exists, in_time, orphans::no_reaper, sh};
use crate::random::Random;
use crate::tools::{current_thread, eventually, workers};
use crate::watchdog::run_alone;
use filch::process::{Child, Command, run};
use std::time::Duration;

#[test]
fn whatever_is_done_with_children_nothing_is_left() {
    run_alone("process::storm::do_everything", &[]);
}

#[test]
#[ignore = "needs a process of its own"]
fn do_everything() {
    const SEED: u64 = 0x0F11_C401;

    for runtime in [workers(2), current_thread()] {
        runtime.block_on(in_time(async {
            one_task(SEED, 5).await; // What the first use makes stays: a signal's pipe.
            eventually(no_reaper);
            let n_before = n_descriptors();
            println!("seed {SEED}");
            let tasks = (1..=8).map(|task| filch::spawn(one_task(SEED + task, 40)));
            let tasks: Vec<_> = tasks.collect();
            let mut pids = Vec::new();
            for task in tasks {
                pids.extend(task.await.expect("no panic"));
            }
            eventually(|| pids.iter().all(|pid| !exists(*pid)));
            eventually(no_reaper);
            eventually(|| n_descriptors() <= n_before);
        }));
    }
}

fn n_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// Gives the numbers of the processes that it could learn.
async fn one_task(seed: u64, n_rounds: usize) -> Vec<u32> {
    let mut random = Random::new(seed);
    let mut pids = Vec::new();
    for _ in 0..n_rounds {
        let lasts =
            ["true", "sleep 0.001", "sleep 0.003 & sleep 0.002", "trap '' TERM; sleep 0.01"];
        let mut command = sh(lasts[random.below(lasts.len() as u64) as usize]);
        command.kill_on_drop(random.below(2) == 0).kill_tree_on_drop(random.below(2) == 0);
        if random.below(2) == 0 {
            command.terminate_timeout(Duration::from_millis(random.below(3)));
        }
        if random.below(4) == 0 {
            let limit = Duration::from_millis(random.below(4));
            let _ = run(command).timeout(limit).grace(limit / 2).await;
        } else {
            pids.extend(one_child(&mut random, &mut command).await);
        }
    }
    pids
}

async fn one_child(random: &mut Random, command: &mut Command) -> Option<u32> {
    let mut child = command.spawn().expect("below the limits");
    let pid = child.id();
    for _ in 0..random.below(4) {
        one_act(random, &mut child).await;
    }
    pid
}

async fn one_act(random: &mut Random, child: &mut Child) {
    let moment = Duration::from_micros(random.below(3000));
    match random.below(7) {
        0 => filch::time::sleep(moment).await,
        1 => drop(filch::time::timeout(moment, child.wait()).await),
        2 => drop(child.try_wait().expect("it is ours")),
        3 => child.start_kill().expect("it is ours"),
        4 => drop(child.terminate_timeout(moment).await.expect("it is ours")),
        5 => drop(child.wait().await.expect("it is ours")),
        // An error when it leads no group.
        _ => drop(child.start_kill_tree()),
    }
}
