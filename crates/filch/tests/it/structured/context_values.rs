//! Context values, task locals, parents.
