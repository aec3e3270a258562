//! Replaces a whole stock crate by `[patch]`: see `app/`, `thin-driver/` and the test that builds them.
//!
//! Cargo patches what comes from a registry or a git repository, not what comes from a path. The test therefore puts
//! this very tree into a git repository of its own and writes the two manifests that a stranger would write with the
//! public address in them.
