//! Deadlines, cancel scopes, shields and deferred clean-up.
