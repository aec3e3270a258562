//! What tasks of a soak do, and what must hold while they do it.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use filch::fs::File;
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UnixStream};
use filch::process::Command;
use filch::runtime::{Handle, LocalRuntime};
use filch::sync::{Mutex, Notify, Semaphore, oneshot};
use filch::task::{JoinError, JoinHandle, JoinSet};
use filch::time::{Instant, sleep, timeout};

use crate::chance::Chance;
use crate::ledger::Ledger;

const PERMITS: usize = 3;
/// Tasks have children, and those have some; their children have none.
const MAX_DEPTH: u32 = 3;
/// How many tasks one round spawns at most, about.
const MAX_TASKS: u64 = 400;

/// What the tasks of one runtime share.
#[derive(Debug)]
pub(crate) struct Round {
    ledger: Arc<Ledger>,
    spawned: AtomicU64,
    permits: Semaphore,
    count: Mutex<u64>,
    bell: Notify,
}

/// A panic that was meant.
struct Planned;

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Round {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        let permits = Semaphore::new(PERMITS);
        Self {
            ledger,
            spawned: AtomicU64::new(0),
            permits,
            count: Mutex::new(0),
            bell: Notify::new(),
        }
    }

    /// When all tasks are gone, every permit is back and the lock is free.
    pub(crate) fn check_permits(&self) -> Result<(), String> {
        let left = self.permits.available_permits();
        if left != PERMITS {
            return Err(format!("{left} of {PERMITS} permits came back"));
        }
        self.count.try_lock().map(drop).map_err(|_| "a lock is held by nobody".to_owned())
    }

    fn spawn(
        self: &Arc<Self>,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.spawned.fetch_add(1, Relaxed);
        filch::spawn(self.ledger.track(future))
    }

    fn block(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let ticket = self.ledger.enter();
        filch::task::spawn_blocking(move || {
            work();
            ticket.finish();
        })
    }
}

/// Calls `fail` for every panic but the planned ones.
pub(crate) fn fail_on_unplanned_panics(fail: fn(&str)) {
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Planned>() {
            fail(&panic.to_string());
        }
    }));
}

/// The first task of a round: some acts, awaited or left to the shutdown.
pub(crate) async fn root(round: Arc<Round>, mut chance: Chance, to_the_end: bool) {
    let count = 1 + chance.below(12);
    let acts: Vec<_> =
        (0..count).map(|_| round.spawn(act(Arc::clone(&round), chance.fork(), 0))).collect();
    if !to_the_end {
        sleep(chance.micros(20_000)).await;
        return;
    }
    for act in acts {
        expect_done(act.await);
    }
}

fn act(round: Arc<Round>, mut chance: Chance, depth: u32) -> Act {
    let full = depth >= MAX_DEPTH || round.spawned.load(Relaxed) >= MAX_TASKS;
    match chance.below(if full { 10 } else { 20 }) {
        0 => Box::pin(yields(chance)),
        1 => Box::pin(naps(chance)),
        2 => Box::pin(deadlines(chance)),
        3 => Box::pin(permits(round, chance)),
        4 => Box::pin(locks(round, chance)),
        5 => Box::pin(rings(round, chance)),
        6 => Box::pin(selects(round, chance)),
        7 => Box::pin(blocks(round, chance)),
        8 | 9 => Box::pin(woken_from_outside(chance)),
        10 | 11 => Box::pin(children(round, chance, depth)),
        12 => Box::pin(sets(round, chance, depth)),
        13 => Box::pin(panics(round)),
        14 => Box::pin(echoes(round, chance)),
        15 => Box::pin(spawned_from_outside(round, chance)),
        16 => Box::pin(local_runtime_within(round, chance)),
        17 => Box::pin(files(chance)),
        18 => Box::pin(processes(chance)),
        _ => Box::pin(runtime_within(round, chance)),
    }
}

async fn yields(mut chance: Chance) {
    for _ in 0..chance.below(200) {
        filch::task::yield_now().await;
    }
}

/// A sleep is never early.
async fn naps(mut chance: Chance) {
    let (begin, nap) = (Instant::now(), chance.micros(5_000));
    sleep(nap).await;
    let took = begin.elapsed();
    assert!(took >= nap, "slept {took:?} instead of {nap:?}");
}

/// What is in time comes through; what is not elapses.
async fn deadlines(mut chance: Chance) {
    let far = Duration::from_secs(3600);
    assert!(timeout(far, filch::task::yield_now()).await.is_ok(), "an hour passed in a yield");
    assert!(
        timeout(chance.micros(3_000), sleep(far)).await.is_err(),
        "an hour passed in milliseconds"
    );
    // Either may win; both must be whole.
    let _ = timeout(chance.micros(2_000), sleep(chance.micros(2_000))).await;
}

async fn permits(round: Arc<Round>, mut chance: Chance) {
    for _ in 0..chance.below(10) {
        let limit = chance.micros(2_000);
        if let Ok(permit) = timeout(limit, round.permits.acquire()).await {
            let _permit = permit.expect("the semaphore is never closed");
            filch::task::yield_now().await;
        }
    }
}

async fn locks(round: Arc<Round>, mut chance: Chance) {
    for _ in 0..chance.below(20) {
        let mut count = round.count.lock().await;
        let before = *count;
        filch::task::yield_now().await;
        assert_eq!(*count, before, "two tasks held one lock");
        *count += 1;
    }
}

async fn rings(round: Arc<Round>, mut chance: Chance) {
    if chance.one_in(2) {
        round.bell.notify_one();
    } else {
        let _ = timeout(chance.micros(1_000), round.bell.notified()).await;
    }
}

/// Of three branches the one that is ready first wins; the others are dropped where they stand.
async fn selects(round: Arc<Round>, mut chance: Chance) {
    for _ in 0..chance.below(10) {
        let (nap, limit) = (chance.micros(300), chance.micros(300));
        filch::select! {
            () = round.bell.notified() => {}
            permit = round.permits.acquire() => drop(permit.expect("the semaphore is never closed")),
            () = sleep(nap), if nap < limit => {}
            () = sleep(limit) => {}
        }
        filch::task::yield_now().await;
    }
}

async fn blocks(round: Arc<Round>, mut chance: Chance) {
    let nap = chance.micros(2_000);
    let handle = round.block(move || std::thread::sleep(nap));
    if chance.one_in(2) {
        expect_done(handle.await);
    }
}

/// A wake that comes from a thread of nobody's, perhaps after the runtime ended.
async fn woken_from_outside(mut chance: Chance) {
    let (send, receive) = oneshot::channel();
    let nap = chance.micros(2_000);
    std::thread::spawn(move || {
        std::thread::sleep(nap);
        let _ = send.send(());
    });
    receive.await.expect("the thread sends");
}

async fn children(round: Arc<Round>, mut chance: Chance, depth: u32) {
    let count = chance.below(8);
    let children: Vec<_> = (0..count)
        .map(|_| round.spawn(act(Arc::clone(&round), chance.fork(), depth + 1)))
        .collect();
    for child in children {
        match chance.below(4) {
            0 => expect_done(child.await),
            1 => {
                child.abort();
                expect_done_or_canceled(child.await);
            }
            2 => drop(child),
            _ => {
                let aborter = child.abort_handle();
                if timeout(chance.micros(3_000), child).await.is_err() {
                    aborter.abort();
                }
            }
        }
    }
}

async fn sets(round: Arc<Round>, mut chance: Chance, depth: u32) {
    let mut set = JoinSet::new();
    for _ in 0..chance.below(8) {
        round.spawned.fetch_add(1, Relaxed);
        set.spawn(round.ledger.track(act(Arc::clone(&round), chance.fork(), depth + 1)));
    }
    let aborted = chance.one_in(2);
    if aborted {
        set.abort_all();
    }
    let mut left = chance.below(8);
    while let Some(result) = set.join_next().await {
        if aborted {
            expect_done_or_canceled(result)
        } else {
            expect_done(result)
        }
        left = left.saturating_sub(1);
        if left == 0 {
            return; // The rest is aborted with the set.
        }
    }
}

async fn panics(round: Arc<Round>) {
    let child = round.spawn(async {
        filch::task::yield_now().await;
        std::panic::panic_any(Planned);
    });
    let error = child.await.expect_err("it panicked");
    // A shutdown may have been faster.
    if error.is_panic() {
        let payload: Box<dyn Any + Send> = error.into_panic();
        assert!(payload.is::<Planned>(), "the payload is another's");
    }
}

/// Bytes go over a connection and back; the server or the client may be gone before the end.
async fn echoes(round: Arc<Round>, mut chance: Chance) {
    let result = echo(&round, &mut chance).await;
    if let Err(error) = result {
        use io::ErrorKind::{AddrNotAvailable, BrokenPipe, ConnectionReset, UnexpectedEof};
        // A hundred rounds a second may use up the ports; a server that was aborted hangs up.
        let expected =
            [AddrNotAvailable, BrokenPipe, ConnectionReset, UnexpectedEof].contains(&error.kind());
        assert!(expected, "echo: {error}");
    }
}

async fn echo(round: &Arc<Round>, chance: &mut Chance) -> io::Result<()> {
    if chance.one_in(3) {
        let (near, far) = UnixStream::pair()?;
        let server = round.spawn(async { drop(answer(far).await) });
        return talk(near, server, chance).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = round.spawn(async move {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream).await;
        }
    });
    talk(TcpStream::connect(address).await?, server, chance).await
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    server: JoinHandle<()>,
    chance: &mut Chance,
) -> io::Result<()> {
    let abort_at = if chance.one_in(4) { chance.below(10) } else { u64::MAX };
    for exchange in 0..chance.below(10) {
        if exchange == abort_at {
            server.abort();
        }
        let longest = if chance.one_in(4) { 100_000 } else { 500 };
        let length = chance.below(longest);
        let bytes: Vec<u8> = (0..length).map(|at| (at ^ exchange) as u8).collect();
        exchange_bytes(&mut stream, &bytes).await?;
    }
    if chance.one_in(2) {
        drop(stream);
        expect_done_or_canceled(server.await);
    }
    Ok(())
}

pub(crate) async fn exchange_bytes<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
) -> io::Result<()> {
    let mut answer = vec![0; 1000];
    // In pieces: a server that writes while nobody reads would fill both buffers.
    for piece in bytes.chunks(answer.len()) {
        stream.write_all(piece).await?;
        let answer = &mut answer[..piece.len()];
        stream.read_exact(answer).await?;
        assert_eq!(answer, piece, "the echo differs");
    }
    Ok(())
}

pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// What is written to a file is read from it.
async fn files(mut chance: Chance) {
    let name = format!("filch-soak-{}-{:x}", std::process::id(), chance.number());
    let file = Scratch(std::env::temp_dir().join(name));
    file.use_it(&mut chance).await.unwrap_or_else(|error| {
        // A shutdown may have been faster.
        assert!(error.to_string().contains("ended"), "a file: {error}");
    });
}

/// A file that is gone with this.
struct Scratch(PathBuf);

impl Scratch {
    async fn use_it(&self, chance: &mut Chance) -> io::Result<()> {
        let bytes: Vec<u8> = (0..chance.below(10_000)).map(|at| at as u8).collect();
        filch::fs::write(&self.0, &bytes).await?;
        let mut file = File::options().read(true).append(true).open(&self.0).await?;
        file.write_all(b"the end").await?;
        file.flush().await?;
        let read = filch::fs::read(&self.0).await?;
        assert!(read.starts_with(&bytes) && read.ends_with(b"the end"), "the file differs");
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A program that ends by itself, one that is killed, or one that is left to the end of its owner.
async fn processes(mut chance: Chance) {
    let program = if chance.one_in(2) { "true" } else { "false" };
    match chance.below(6) {
        0 => match Command::new(program).status().await {
            Ok(status) => assert_eq!(status.success(), program == "true"),
            // A shutdown may have been faster.
            Err(error) => assert!(error.to_string().contains("ended"), "a process: {error}"),
        },
        1 => {
            let mut child = Command::new("sleep")
                .arg("1000")
                .kill_on_drop(true)
                .spawn()
                .expect("there is a sleep");
            if timeout(chance.micros(3_000), child.wait()).await.is_err() && chance.one_in(2) {
                let _ = child.kill().await;
            }
        }
        _ => filch::task::yield_now().await, // Why: a process costs as much as all else of a round.
    }
}

/// A spawn that comes from a thread of nobody's, perhaps during the shutdown or after it.
async fn spawned_from_outside(round: Arc<Round>, mut chance: Chance) {
    let handle = Handle::current();
    let nap = chance.micros(3_000);
    let ticket = round.ledger.enter();
    std::thread::spawn(move || {
        std::thread::sleep(nap);
        drop(handle.spawn(round.ledger.track(yields(chance))));
        drop(round);
        ticket.finish();
    });
}

/// A small runtime on a blocking thread, which ends with tasks in it.
async fn runtime_within(round: Arc<Round>, mut chance: Chance) {
    let inner = Arc::clone(&round);
    let handle = round.block(move || {
        let runtime = crate::build(chance.below(3) as usize, chance.one_in(4));
        let root = root(Arc::clone(&inner), chance.fork(), false);
        inner.spawned.fetch_add(MAX_TASKS / 4, Relaxed);
        runtime.block_on(root);
    });
    expect_done(handle.await);
}

/// A runtime of one thread, whose tasks share what must not leave it.
async fn local_runtime_within(round: Arc<Round>, mut chance: Chance) {
    let inner = Arc::clone(&round);
    let handle = round.block(move || {
        let runtime = LocalRuntime::new().expect("a local runtime is built");
        let shared = Rc::new(());
        for _ in 0..chance.below(20) {
            let (shared, nap) = (Rc::clone(&shared), chance.micros(1_000));
            let local = inner.ledger.track(async move {
                sleep(nap).await;
                drop(shared);
            });
            drop(runtime.spawn_local(local));
        }
        let nap = chance.micros(2_000);
        // Why in a block: made outside, the sleep would belong to the runtime whose thread this is.
        runtime.block_on(async move { sleep(nap).await });
        drop(runtime);
        assert_eq!(Rc::strong_count(&shared), 1, "a local task outlived its runtime");
    });
    expect_done(handle.await);
}

/// The task came to its end, or the shutdown was faster.
fn expect_done(result: Result<(), JoinError>) {
    expect_done_or_canceled(result);
}

fn expect_done_or_canceled(result: Result<(), JoinError>) {
    if let Err(error) = result {
        assert!(error.is_cancelled(), "an act panicked: {error}");
    }
}
