//! What may be put in through one handle comes out of another, so neither may change its type in between.
//!
//! If a `Sender<&'static str>` could be used as a `Sender<&'short str>`, it would send a string to a receiver that keeps it
//! for ever. The same holds for locks, guards that lend their value for writing, and cells. No test that compiles can show
//! what does not, so each row of the table is a doc test of the library that must fail. Beside it stands its twin, which
//! differs in one lifetime and must compile: so the reason of the failure is the one we mean.
//!
//! Guards for reading only may be shortened.
//!
//! Why not trybuild: it builds the crate and all it depends on a second time, and compares messages, which differ between
//! the compilers that run these tests.

macro_rules! invariant {
    ($($before:literal $after:literal;)*) => {$(
        #[doc = concat!(
            "```compile_fail\nuse filch_sync::*;\n",
            "fn change<'short>(it: ", $before, "&'static str", $after, ") -> ", $before, "&'short str", $after, " { it }\n```\n",
            "```\nuse filch_sync::*;\n",
            "fn change<'short>(it: ", $before, "&'static str", $after, ") -> ", $before, "&'static str", $after, " { it }\n```",
        )]
        const _: () = ();
    )*};
}

macro_rules! covariant {
    ($($before:literal $after:literal;)*) => {$(
        #[doc = concat!(
            "```\nuse filch_sync::*;\n",
            "fn change<'short>(it: ", $before, "&'static str", $after, ") -> ", $before, "&'short str", $after, " { it }\n```",
        )]
        const _: () = ();
    )*};
}

invariant! {
    "Mutex<" ">";
    "MutexGuard<'short, " ">";
    "OwnedMutexGuard<" ">";
    "MappedMutexGuard<'short, " ">";
    "OwnedMappedMutexGuard<" ", u8>";
    "OwnedMappedMutexGuard<u8, " ">";
    "RwLock<" ">";
    "RwLockUpgradableReadGuard<'short, " ">";
    "OwnedRwLockUpgradableReadGuard<" ">";
    "RwLockWriteGuard<'short, " ">";
    "OwnedRwLockWriteGuard<" ">";
    "RwLockMappedWriteGuard<'short, " ">";
    "OwnedRwLockMappedWriteGuard<" ", u8>";
    "OwnedRwLockMappedWriteGuard<u8, " ">";
    "OwnedRwLockReadGuard<" ", u8>";
    "OnceCell<" ">";
    "SetOnce<" ">";
    "Promise<" ">";
    "PromiseSetter<" ">";
    "oneshot::Sender<" ">";
    "mpsc::Sender<" ">";
    "mpsc::WeakSender<" ">";
    "mpsc::Permit<'short, " ">";
    "mpsc::PermitIterator<'short, " ">";
    "mpsc::OwnedPermit<" ">";
    "mpsc::UnboundedSender<" ">";
    "mpsc::WeakUnboundedSender<" ">";
    "mpmc::Sender<" ">";
    "mpmc::WeakSender<" ">";
    "rendezvous::Sender<" ">";
    "broadcast::Sender<" ">";
    "broadcast::WeakSender<" ">";
    "watch::Sender<" ">";
    "Queue<" ">";
    "PriorityQueue<" ">";
    "LifoQueue<" ">";
}

covariant! {
    "RwLockReadGuard<'short, " ">";
    "OwnedRwLockReadGuard<u8, " ">";
}
