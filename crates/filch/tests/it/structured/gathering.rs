//! Several futures at a time, each a task.
