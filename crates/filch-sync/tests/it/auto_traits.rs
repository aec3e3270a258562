//! Which types may go to another thread, and which may be used by several at once: decided for each, and checked.
//!
//! The compiler derives most of it from fields, so a field can change it without anybody noticing. The table says what we
//! mean, for payloads of every kind; a check of each row asks the compiler.

use filch_sync::*;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// `Send` and `Sync`.
type Plain = u8;
/// `Send` only.
type Unshared = Cell<u8>;
/// `Sync` only.
type Homebound = std::sync::MutexGuard<'static, u8>;
/// Neither.
type Local = Rc<u8>;

/// For which payloads something holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum For {
    All,
    SendOnes,
    SyncOnes,
    SendAndSyncOnes,
    None,
}

use For::{All, SendAndSyncOnes, SendOnes, SyncOnes};

impl For {
    /// In the order of [`Row::is`].
    fn payloads(self) -> [bool; 4] {
        match self {
            All => [true, true, true, true],
            SendOnes => [true, true, false, false],
            SyncOnes => [true, false, true, false],
            SendAndSyncOnes => [true, false, false, false],
            For::None => [false, false, false, false],
        }
    }
}

/// A type, what it is meant to be, and what it is for [`Plain`], [`Unshared`], [`Homebound`] and [`Local`] payloads.
struct Row {
    name: &'static str,
    send: For,
    sync: For,
    is_send: [bool; 4],
    is_sync: [bool; 4],
    is_unpin: bool,
}

/// Whether a type has a trait, as a constant: an inherent constant, where its bounds hold, goes before a trait's.
macro_rules! has {
    ($type:ty: $trait:path) => {{
        #[allow(dead_code, reason = "the inherent one may be used in its place")]
        trait Otherwise {
            const HAS: bool = false;
        }
        struct Probe<T: ?Sized>(PhantomData<T>);
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "the trait's may be used in its place")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$type>>::HAS
    }};
}

macro_rules! table {
    ($($type:ty: $send:expr, $sync:expr;)*) => {
        vec![$({
            type Of<T> = ($type, PhantomData<fn() -> T>);
            Row {
                name: stringify!($type),
                send: $send,
                sync: $sync,
                is_send: [has!(Of<Plain>: Send), has!(Of<Unshared>: Send), has!(Of<Homebound>: Send), has!(Of<Local>: Send)],
                is_sync: [has!(Of<Plain>: Sync), has!(Of<Unshared>: Sync), has!(Of<Homebound>: Sync), has!(Of<Local>: Sync)],
                is_unpin: has!(Of<Plain>: Unpin),
            }
        }),*]
    };
}

#[rustfmt::skip] // A type is a row: the payloads for which it is `Send`, and those for which it is `Sync`.
fn table() -> Vec<Row> {
    table! {
        // A lock lends its value to one thread after the other, and an exclusive guard is the value for as long.
        Mutex<T>: SendOnes, SendOnes;
        MutexGuard<'static, T>: SendOnes, SendAndSyncOnes;
        OwnedMutexGuard<T>: SendOnes, SendAndSyncOnes;
        MappedMutexGuard<'static, T>: SendOnes, SyncOnes;
        // An owned guard may drop the whole value on the thread it was sent to, whatever it was narrowed to.
        OwnedMappedMutexGuard<T, u8>: SendOnes, SendOnes;
        OwnedMappedMutexGuard<u8, T>: SendOnes, SyncOnes;
        TryLockError: All, All;

        // Readers on several threads share the value.
        RwLock<T>: SendOnes, SendAndSyncOnes;
        RwLockReadGuard<'static, T>: SyncOnes, SyncOnes;
        OwnedRwLockReadGuard<T>: SendAndSyncOnes, SendAndSyncOnes;
        OwnedRwLockReadGuard<T, u8>: SendAndSyncOnes, SendAndSyncOnes;
        OwnedRwLockReadGuard<u8, T>: SyncOnes, SyncOnes;
        // These can become readers, beside others.
        RwLockWriteGuard<'static, T>: SendAndSyncOnes, SendAndSyncOnes;
        OwnedRwLockWriteGuard<T>: SendAndSyncOnes, SendAndSyncOnes;
        RwLockUpgradableReadGuard<'static, T>: SendAndSyncOnes, SendAndSyncOnes;
        OwnedRwLockUpgradableReadGuard<T>: SendAndSyncOnes, SendAndSyncOnes;
        // These cannot.
        RwLockMappedWriteGuard<'static, T>: SendOnes, SyncOnes;
        OwnedRwLockMappedWriteGuard<T, u8>: SendAndSyncOnes, SendAndSyncOnes;
        OwnedRwLockMappedWriteGuard<u8, T>: SendOnes, SyncOnes;

        Condition: All, All;
        Semaphore: All, All;
        SemaphorePermit<'static>: All, All;
        OwnedSemaphorePermit: All, All;
        AcquireError: All, All;
        TryAcquireError: All, All;
        BoundedSemaphore: All, All;
        BoundedSemaphorePermit<'static>: All, All;
        OwnedBoundedSemaphorePermit: All, All;
        OverReleaseError: All, All;
        CapacityLimiter: All, All;
        CapacityToken<'static>: All, All;
        OwnedCapacityToken: All, All;
        CapacityLimiterStatistics: All, All;
        AlreadyBorrowingError: All, All;
        TryBorrowError: All, All;

        Notify: All, All;
        futures::Notified<'static>: All, All;
        futures::OwnedNotified: All, All;
        Event: All, All;
        Barrier: All, All;
        BarrierWaitResult: All, All;
        BrokenBarrierError: All, All;
        WaitGroup: All, All;
        WaitGroupToken<'static>: All, All;
        OwnedWaitGroupToken: All, All;

        CancellationToken: All, All;
        WaitForCancellationFuture<'static>: All, All;
        WaitForCancellationFutureOwned: All, All;
        DropGuard: All, All;
        DropGuardRef<'static>: All, All;
        Reason: All, All;

        // Whoever shares a cell may set it, and whoever shares it may read it.
        OnceCell<T>: SendOnes, SendAndSyncOnes;
        SetError<T>: SendOnes, SyncOnes;
        SetOnce<T>: SendOnes, SendAndSyncOnes;
        SetOnceError<T>: SendOnes, SyncOnes;
        // Each who waits clones the outcome, on a thread of its own.
        Promise<T>: SendAndSyncOnes, SendAndSyncOnes;
        PromiseSetter<T>: SendAndSyncOnes, SendAndSyncOnes;
        futures::PromiseFuture<'static, T>: SendAndSyncOnes, SendAndSyncOnes;
        futures::OwnedPromiseFuture<T>: SendAndSyncOnes, SendAndSyncOnes;
        PromiseError: All, All;
        TooLate<T>: SendOnes, SyncOnes;
        CallbackId: All, All;

        // A message goes from one thread to another; nobody looks at one that is on its way.
        oneshot::Sender<T>: SendOnes, SendOnes;
        oneshot::Receiver<T>: SendOnes, SendOnes;
        oneshot::error::RecvError: All, All;
        oneshot::error::TryRecvError: All, All;

        mpsc::Sender<T>: SendOnes, SendOnes;
        mpsc::WeakSender<T>: SendOnes, SendOnes;
        mpsc::Permit<'static, T>: SendOnes, SendOnes;
        mpsc::PermitIterator<'static, T>: SendOnes, SendOnes;
        mpsc::OwnedPermit<T>: SendOnes, SendOnes;
        mpsc::Receiver<T>: SendOnes, SendOnes;
        mpsc::UnboundedSender<T>: SendOnes, SendOnes;
        mpsc::WeakUnboundedSender<T>: SendOnes, SendOnes;
        mpsc::UnboundedReceiver<T>: SendOnes, SendOnes;
        mpsc::error::SendError<T>: SendOnes, SyncOnes;
        mpsc::error::TrySendError<T>: SendOnes, SyncOnes;
        mpsc::error::TryRecvError: All, All;

        mpmc::Sender<T>: SendOnes, SendOnes;
        mpmc::WeakSender<T>: SendOnes, SendOnes;
        mpmc::Receiver<T>: SendOnes, SendOnes;
        mpmc::WeakReceiver<T>: SendOnes, SendOnes;
        mpmc::error::SendError<T>: SendOnes, SyncOnes;
        mpmc::error::TrySendError<T>: SendOnes, SyncOnes;
        mpmc::error::TryRecvError: All, All;
        rendezvous::Sender<T>: SendOnes, SendOnes;
        rendezvous::Receiver<T>: SendOnes, SendOnes;

        queue::OrderedQueue<T, queue::Fifo>: SendOnes, SendOnes;
        queue::OrderedQueue<T, queue::Lifo>: SendOnes, SendOnes;
        queue::Fifo: All, All;
        queue::Lifo: All, All;
        queue::Smallest: All, All;
        queue::QueueShutDown<T>: SendOnes, SyncOnes;
        queue::PutNowaitError<T>: SendOnes, SyncOnes;
        queue::GetNowaitError: All, All;

        // Receivers look at the value where it lies, several at a time. The lock they hold is the thread's.
        watch::Sender<T>: SendAndSyncOnes, SendAndSyncOnes;
        watch::Receiver<T>: SendAndSyncOnes, SendAndSyncOnes;
        watch::Ref<'static, T>: For::None, SendAndSyncOnes;
        watch::error::SendError<T>: SendOnes, SyncOnes;
        watch::error::RecvError: All, All;

        // Receivers clone a message where it lies, several at a time.
        broadcast::Sender<T>: SendAndSyncOnes, SendAndSyncOnes;
        broadcast::WeakSender<T>: SendAndSyncOnes, SendAndSyncOnes;
        broadcast::Receiver<T>: SendAndSyncOnes, SendAndSyncOnes;
        broadcast::error::SendError<T>: SendOnes, SyncOnes;
        broadcast::error::RecvError: All, All;
        broadcast::error::TryRecvError: All, All;
    }
}

#[test]
fn the_check_tells_one_from_the_other() {
    assert!(has!(Plain: Send) && has!(Plain: Sync));
    assert!(has!(Unshared: Send) && !has!(Unshared: Sync));
    assert!(!has!(Homebound: Send) && has!(Homebound: Sync));
    assert!(!has!(Local: Send) && !has!(Local: Sync));
}

#[test]
fn every_type_is_send_and_sync_for_the_payloads_it_is_meant_to_be() {
    let payloads = ["Send + Sync", "Send", "Sync", "neither"];
    for Row { name, send, sync, is_send, is_sync, .. } in table() {
        for (n, payload) in payloads.into_iter().enumerate() {
            assert_eq!(
                is_send[n],
                send.payloads()[n],
                "{name} is Send for a payload that is {payload}"
            );
            assert_eq!(
                is_sync[n],
                sync.payloads()[n],
                "{name} is Sync for a payload that is {payload}"
            );
        }
    }
}

/// What a task awaits travels with it: no future needs more of its payload than its primitive does.
#[test]
fn futures_may_travel_with_their_task() {
    fn is_send<F: Future + Send>(_: F) {}
    let value = || Cell::new(0_u8);

    let mutex = Arc::new(Mutex::new(value()));
    is_send(mutex.lock());
    is_send(mutex.clone().lock_owned());
    let rwlock = Arc::new(RwLock::new(0_u8));
    is_send(rwlock.read());
    is_send(rwlock.write());
    is_send(rwlock.upgradable_read());
    is_send(rwlock.clone().read_owned());
    is_send(rwlock.clone().write_owned());

    let semaphore = Arc::new(Semaphore::new(1));
    is_send(semaphore.acquire());
    is_send(semaphore.acquire_many(1));
    is_send(semaphore.clone().acquire_owned());
    let condition = Condition::new();
    is_send(async { condition.wait(mutex.lock().await).await });
    is_send(async { condition.wait_for(mutex.lock().await, |value| value.get() == 0).await });
    is_send(Notify::new().notified());
    is_send(Event::new().wait());
    is_send(Barrier::new(1).wait());
    is_send(WaitGroup::new().wait());
    is_send(OnceCell::new().get_or_init(async || 1_u8));
    is_send(SetOnce::<u8>::new().wait());

    let (mut sender, receiver) = oneshot::channel::<Cell<u8>>();
    is_send(sender.closed());
    is_send(receiver);
    let (sender, mut receiver) = mpsc::channel(1);
    is_send(sender.send(value()));
    is_send(sender.reserve());
    is_send(sender.reserve_many(1));
    is_send(sender.clone().reserve_owned());
    is_send(sender.closed());
    is_send(receiver.recv());
    is_send(receiver.recv_many(&mut Vec::new(), 1));
    let (sender, receiver) = mpmc::channel(1);
    is_send(sender.send(value()));
    is_send(receiver.recv());
    let (sender, receiver) = rendezvous::channel();
    is_send(sender.send(value()));
    is_send(receiver.recv());
    let (sender, mut receiver) = broadcast::channel::<u8>(1);
    is_send(sender.closed());
    is_send(receiver.recv());
    let (sender, mut receiver) = watch::channel(0_u8);
    is_send(sender.closed());
    is_send(receiver.changed());
    is_send(async { receiver.wait_for(|value| *value == 0).await.is_ok() });
    let queue = Queue::new(1);
    is_send(queue.put(value()));
    is_send(queue.get());
    is_send(queue.join());
}

/// Those that hold a place in a queue.
const PINNED: &[&str] = &[
    "futures::Notified<'static>",
    "futures::OwnedNotified",
    "futures::PromiseFuture<'static, T>",
    "futures::OwnedPromiseFuture<T>",
    "WaitForCancellationFuture<'static>",
    "WaitForCancellationFutureOwned",
];
/// Public by their word, but no path leads to them.
const HIDDEN: &[&str] = &["queue::Heap"];

#[test]
fn every_type_may_be_moved_but_those_that_stand_in_a_queue() {
    for Row { name, is_unpin, .. } in table() {
        assert_eq!(is_unpin, !PINNED.contains(&name), "{name} is Unpin");
    }
}

/// The table forgets no type: each `pub struct` and `pub enum` of the sources stands in it.
#[test]
fn every_public_type_stands_in_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = std::fs::read_to_string(source.join("lib.rs")).expect("the crate has a root");
    let modules: Vec<&str> =
        root.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let rows: Vec<&str> = table().iter().map(|row| row.name).collect();
    let mut missing = Vec::new();
    for (path, name) in public_types(&source) {
        let module = modules.iter().find(|module| path.starts_with(&format!("{module}/")));
        let name = match module {
            Some(module) if path.ends_with("error.rs") && *module != "queue" => {
                format!("{module}::error::{name}")
            }
            Some(module) => format!("{module}::{name}"),
            None => name,
        };
        let is_it = |row: &&str| {
            let rest = row.strip_prefix("futures::").unwrap_or(row).strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('<'))
        };
        if !rows.iter().any(is_it) && !HIDDEN.contains(&name.as_str()) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "not in the table of auto_traits.rs: {missing:?}");
}

/// File, seen from `folder`, and name of each type that is declared public.
fn public_types(folder: &Path) -> Vec<(String, String)> {
    fn visit(folder: &Path, prefix: &str, types: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            let name =
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if path.is_dir() {
                visit(&path, &format!("{prefix}{name}/"), types);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                types.extend(
                    text.lines().filter_map(declared).map(|t| (format!("{prefix}{name}"), t)),
                );
            }
        }
    }
    let mut types = Vec::new();
    visit(folder, "", &mut types);
    types
}

/// The type that a line declares public.
fn declared(line: &str) -> Option<String> {
    let line = line.trim_start();
    let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
    Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}
