//! Children over borrowed data, within one task.
