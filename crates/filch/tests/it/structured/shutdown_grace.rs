//! What a runtime's end waits for.
