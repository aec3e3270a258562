//! One suite of behaviors, run on every flavor, with every stock driver, by the system's clock and by a virtual one.
//!
//! A behavior is a function of a [`Cell`], which makes its runtime. `matrix!` makes a test of each pair.

mod io;
mod sharing;
mod spawning;
mod timing;
mod turns;

use crate::random::Random;
use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use std::future::Future;

/// One kind of runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    flavor: Flavor,
    driver: Driver,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    Workers(usize),
    CurrentThread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    #[cfg(target_os = "linux")]
    Epoll,
    Polling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Real,
    Virtual,
}

impl Cell {
    fn builder(self) -> Builder {
        let mut builder = match self.flavor {
            Flavor::Workers(_) => Builder::new_multi_thread(),
            Flavor::CurrentThread => Builder::new_current_thread(),
        };
        if let Flavor::Workers(n) = self.flavor {
            builder.worker_threads(n);
        }
        match self.driver {
            #[cfg(target_os = "linux")]
            Driver::Epoll => builder.driver(filch_driver::Epoll::new),
            Driver::Polling => builder.driver(filch_driver::Polling::new),
        };
        builder.start_paused(self.clock == Clock::Virtual);
        builder
    }

    fn build(self) -> Runtime {
        self.builder().build().expect("the stock parts fit and the system has threads")
    }

    /// Runs `future` on a runtime of its own.
    fn run<F: Future>(self, future: F) -> F::Output {
        let _watchdog = Watchdog::new();
        self.build().block_on(future)
    }

    /// Runs `test` with a runtime of its own.
    fn with(self, test: impl FnOnce(Runtime)) {
        let _watchdog = Watchdog::new();
        test(self.build());
    }

    /// Whether tasks run in the order in which they were woken.
    fn is_ordered(self) -> bool {
        matches!(self.flavor, Flavor::Workers(1) | Flavor::CurrentThread)
    }

    fn is_virtual(self) -> bool {
        self.clock == Clock::Virtual
    }

    /// Random numbers that are the same in each run of this cell.
    fn random(self) -> Random {
        let n_workers = if let Flavor::Workers(n) = self.flavor { n } else { 0 };
        Random::new(1 + n_workers as u64)
    }
}

/// Makes a test of each behavior that follows the cell.
macro_rules! cell {
    ($cell:expr => $($topic:ident: $($behavior:ident)*;)*) => {
        const CELL: Cell = $cell;
        $($(
            #[test]
            fn $behavior() {
                $topic::$behavior(CELL);
            }
        )*)*
    };
}

/// Makes a module of each cell, with a test of each behavior.
macro_rules! matrix {
    ($($(#[$attribute:meta])* $name:ident = $flavor:expr, $driver:expr, $clock:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::{Cell, Clock::*, Driver::*, Flavor::*, io, sharing, spawning, timing, turns};

            cell! { Cell { flavor: $flavor, driver: $driver, clock: $clock } =>
                spawning:
                    a_task_is_joined_with_its_output
                    tasks_spawn_tasks
                    ten_thousand_tasks_end
                    a_detached_task_goes_on
                    a_task_spawned_by_a_foreign_thread_runs
                    a_wake_from_a_foreign_thread_arrives
                    wakes_from_many_threads_are_not_lost
                    an_aborted_task_drops_its_future_and_says_so
                    a_panic_comes_out_of_the_handle
                    a_panic_of_block_on_leaves_the_runtime_usable
                    block_on_may_be_called_again_and_again
                    block_on_of_two_threads_may_wait_for_each_other
                    many_threads_call_block_on_at_once
                    a_blocking_call_gives_its_output
                    blocking_calls_run_beside_each_other
                    what_is_left_is_dropped_at_the_end;
                timing:
                    sleepers_wake_in_the_order_of_their_deadlines
                    a_sleep_is_never_early
                    a_sleep_of_no_time_ends
                    a_timeout_gives_up_and_drops_its_future
                    a_future_that_is_done_in_time_passes_its_timeout
                    an_interval_keeps_its_pace
                    missed_ticks_burst
                    missed_ticks_delay
                    missed_ticks_skip
                    a_sleep_reset_to_later_waits_longer
                    a_sleep_reset_to_earlier_wakes_its_task
                    an_endless_sleep_never_ends
                    two_thousand_sleeps_end
                    a_dropped_sleep_wakes_nobody
                    tasks_that_move_between_workers_keep_their_timers
                    a_sleep_may_be_awaited_by_another_task
                    the_future_of_block_on_sleeps
                    a_thread_for_blocking_calls_sleeps_in_block_on;
                io:
                    tcp_echoes
                    unix_sockets_echo
                    udp_answers
                    fifty_connections_echo_at_once
                    a_read_waits_for_its_bytes
                    a_closed_connection_reads_as_its_end
                    a_read_may_be_given_up
                    a_foreign_thread_writes_to_a_task;
                sharing:
                    a_mutex_guards_across_awaits
                    a_semaphore_lets_so_many_in
                    notifications_go_round
                    a_oneshot_crosses_tasks
                    a_queue_crosses_tasks
                    join_waits_for_all
                    select_takes_the_first_and_drops_the_rest;
                turns:
                    a_task_that_yields_lets_others_run
                    a_task_that_acquires_for_ever_lets_others_run
                    a_task_that_receives_for_ever_lets_others_run
                    a_timeout_ends_a_task_that_is_always_ready
                    a_timeout_ends_a_block_on_that_is_always_ready
                    sockets_are_served_beside_tasks_that_yield;
            }
        }
    )*};
}

matrix! {
    #[cfg(target_os = "linux")]
    one_worker_epoll_real = Workers(1), Epoll, Real;
    #[cfg(target_os = "linux")]
    one_worker_epoll_virtual = Workers(1), Epoll, Virtual;
    one_worker_polling_real = Workers(1), Polling, Real;
    one_worker_polling_virtual = Workers(1), Polling, Virtual;
    #[cfg(target_os = "linux")]
    two_workers_epoll_real = Workers(2), Epoll, Real;
    #[cfg(target_os = "linux")]
    two_workers_epoll_virtual = Workers(2), Epoll, Virtual;
    two_workers_polling_real = Workers(2), Polling, Real;
    two_workers_polling_virtual = Workers(2), Polling, Virtual;
    #[cfg(target_os = "linux")]
    four_workers_epoll_real = Workers(4), Epoll, Real;
    #[cfg(target_os = "linux")]
    four_workers_epoll_virtual = Workers(4), Epoll, Virtual;
    four_workers_polling_real = Workers(4), Polling, Real;
    four_workers_polling_virtual = Workers(4), Polling, Virtual;
    #[cfg(target_os = "linux")]
    current_thread_epoll_real = CurrentThread, Epoll, Real;
    #[cfg(target_os = "linux")]
    current_thread_epoll_virtual = CurrentThread, Epoll, Virtual;
    current_thread_polling_real = CurrentThread, Polling, Real;
    current_thread_polling_virtual = CurrentThread, Polling, Virtual;
}
