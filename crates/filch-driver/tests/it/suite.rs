//! Both drivers pass the suite that every driver passes.

#[cfg(all(feature = "epoll", target_os = "linux"))]
mod epoll {
    filch_core::driver_suite!(filch_driver::Epoll::new);
}

#[cfg(feature = "polling")]
mod polling {
    filch_core::driver_suite!(filch_driver::Polling::new);
}
