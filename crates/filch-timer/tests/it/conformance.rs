//! The core's suites on the stock timers and the stock clock, also standing still.

mod wheel_timers {
    filch_core::timers_suite!(filch_timer::WheelTimers::new);
}

mod stock_clock {
    filch_core::clock_suite!(filch_timer::StockClock::new);
}

mod paused_clock {
    filch_core::clock_suite!(filch_timer::StockClock::paused);
}
