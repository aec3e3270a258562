//! Memory that is asked for before it is used.
//!
//! What a turn of the driver wakes was last used some hundred polls ago and lies in no cache that is near. Asked for all
//! at once, it arrives in the time of one line; used one after the other, each line is waited for.

/// The line of memory with `address` will be used soon. Nothing is read; any address will do.
#[inline]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction; where nothing can be read, it does nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above; it changes neither memory, nor flags, nor the stack.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}
