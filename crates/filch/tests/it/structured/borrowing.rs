//! Children over borrowed data.
