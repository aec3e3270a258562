//! Children over borrowed data, from synchronous code.
