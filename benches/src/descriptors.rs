//! The limit on open descriptors, for programs that hold thousands of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to `wanted`, as far as the system lets this process; returns how many it may have open then.
pub(crate) fn allow(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        // Why two tries: only a privileged process may raise the maximum.
        let far = Rlimit { current: Some(wanted), maximum: maximum.map(|most| most.max(wanted)) };
        let near = Rlimit { current: maximum.map(|most| most.min(wanted)), maximum };
        let _ = setrlimit(Resource::Nofile, far).or_else(|_| setrlimit(Resource::Nofile, near));
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
