//! The game loop keeps the seam's promises, and what is not the scheduler's business works as before.

use filch::runtime::{Builder, Runtime};
use filch::task;
use filch::time::{Duration, sleep};
use std::sync::{Arc, Mutex};
use swap_scheduler::GameLoop;

mod conformance {
    filch_core::scheduler_suite!(swap_scheduler::GameLoop::default);
}

const FRAME: Duration = Duration::from_millis(16);

fn game() -> (GameLoop, Runtime) {
    let game = GameLoop::default();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.scheduler({
        let game = game.clone();
        move || game.clone()
    });
    (game, runtime.build().expect("a game loop needs no thread"))
}

#[test]
fn input_comes_before_physics_and_both_before_the_rest() {
    let (game, runtime) = game();
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["music", "physics", "input", "physics", "music", "input"] {
        let order = Arc::clone(&order);
        let note = async move { order.lock().expect("no panic").push(name) };
        task::Builder::new().name(name).spawn_on(note, *runtime.handle()).expect("spawned");
    }
    assert!(order.lock().expect("no panic").is_empty(), "nothing runs before the frame");
    game.frame(FRAME);
    let order = order.lock().expect("no panic").clone();
    assert_eq!(order, ["input", "input", "physics", "physics", "music", "music"]);
}

#[test]
fn blocking_calls_and_the_list_of_tasks_stay() {
    let (game, runtime) = game();
    let level = runtime.spawn(async { filch::to_thread(|| "level 1").await });
    task::Builder::new()
        .name("music")
        .spawn_on(std::future::pending::<()>(), *runtime.handle())
        .expect("spawned");
    let names: Vec<_> =
        runtime.handle().tasks().iter().map(|task| task.name().map(str::to_owned)).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&Some("music".to_owned())));
    while !level.is_finished() {
        game.frame(FRAME);
    }
    assert_eq!(runtime.block_on(level).expect("it does not panic"), "level 1");
    let report = runtime.shutdown(Duration::from_secs(1));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn the_end_drops_every_task() {
    struct Dropped(Arc<Mutex<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            *self.0.lock().expect("no panic") += 1;
        }
    }
    let (game, runtime) = game();
    let n_dropped = Arc::new(Mutex::new(0));
    for wait in [Duration::ZERO, Duration::from_secs(3600)] {
        let dropped = Dropped(Arc::clone(&n_dropped));
        runtime.spawn(async move {
            sleep(wait).await;
            std::future::pending::<()>().await;
            drop(dropped);
        });
    }
    game.frame(FRAME);
    drop(runtime);
    assert_eq!(*n_dropped.lock().expect("no panic"), 2);
    game.frame(FRAME); // Nothing to run, nothing to panic about.
}

#[test]
fn frames_and_block_on_both_drive_sockets_and_timers() {
    use filch::io::{AsyncReadExt, AsyncWriteExt};
    use filch::net::{TcpListener, TcpStream};
    let (game, runtime) = game();
    let talk = async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let client = filch::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            sleep(Duration::from_millis(5)).await;
            stream.write_all(b"go").await
        });
        let (mut stream, _) = listener.accept().await?;
        let mut word = [0; 2];
        stream.read_exact(&mut word).await?;
        client.await??;
        std::io::Result::Ok(word)
    };
    assert_eq!(&runtime.block_on(talk).expect("they talk"), b"go");
    let nap = runtime.spawn(sleep(Duration::from_millis(5)));
    while !nap.is_finished() {
        game.frame(FRAME);
    }
}
