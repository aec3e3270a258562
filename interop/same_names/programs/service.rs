//! A small service: requests over mpsc, answers over oneshot, limits, a configuration that changes, an orderly end.

use std::sync::Arc;
use tokio::sync::{Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

struct Request {
    number: u64,
    answer: oneshot::Sender<u64>,
}

#[derive(Clone, Debug)]
enum Happened {
    Served(u64),
    Stopped,
}

struct Service {
    requests: mpsc::Receiver<Request>,
    factor: watch::Receiver<u64>,
    served: Arc<RwLock<Vec<u64>>>,
    events: broadcast::Sender<Happened>,
    stop: Arc<Notify>,
}

impl Service {
    async fn run(mut self) -> usize {
        let at_a_time = Arc::new(Semaphore::new(2));
        let mut jobs = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => {
                    let Some(request) = request else { break };
                    let permit = at_a_time.clone().acquire_owned().await.expect("it is open");
                    let (factor, served) = (self.factor.clone(), self.served.clone());
                    let events = self.events.clone();
                    jobs.spawn(async move {
                        let Request { number, answer } = request;
                        tokio::task::yield_now().await;
                        let factor = *factor.borrow();
                        served.write().await.push(number);
                        let _ = events.send(Happened::Served(number));
                        let _ = answer.send(number * factor);
                        drop(permit);
                    });
                }
                () = self.stop.notified() => break,
            }
        }
        self.requests.close();
        let n_jobs = jobs.join_all().await.len();
        let _ = self.events.send(Happened::Stopped);
        n_jobs
    }
}

async fn ask(requests: &mpsc::Sender<Request>, number: u64) -> Option<u64> {
    let (answer, answered) = oneshot::channel();
    requests.send(Request { number, answer }).await.ok()?;
    timeout(Duration::from_secs(60), answered).await.ok()?.ok()
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let (requests, receiver) = mpsc::channel(4);
    let (factor, factors) = watch::channel(2);
    let (events, mut heard) = broadcast::channel(64);
    let (served, stop) = (Arc::new(RwLock::new(Vec::new())), Arc::new(Notify::new()));
    let service = Service {
        requests: receiver,
        factor: factors,
        served: served.clone(),
        events,
        stop: stop.clone(),
    };
    let service = tokio::spawn(service.run());

    let (a, b, c) = tokio::join!(ask(&requests, 1), ask(&requests, 2), ask(&requests, 3));
    note!(seen, "{a:?} {b:?} {c:?}");
    factor.send(10).expect("the service looks");
    let result = tokio::try_join!(async { ask(&requests, 4).await.ok_or("no answer") }, async {
        Err::<u64, _>("given up")
    },);
    note!(seen, "{result:?}");
    let asking: Vec<_> = (10..30)
        .map(|number| {
            let requests = requests.clone();
            tokio::spawn(async move { ask(&requests, number).await })
        })
        .collect();
    for task in asking {
        note!(seen, "{:?}", task.await.expect("the task does not panic"));
    }
    let nothing = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
    note!(seen, "too late: {}", nothing.is_err());

    stop.notify_one();
    let n_jobs = service.await.expect("the service does not panic");
    let mut served = served.read().await.clone();
    served.sort();
    // The fourth was asked or not when its neighbor gave up.
    served.retain(|number| *number != 4);
    note!(seen, "{served:?}, {} or one more", n_jobs.min(23));
    note!(seen, "after the end: {:?}", ask(&requests, 5).await);
    let mut n_heard = 0;
    while let Ok(event) = heard.recv().await {
        match event {
            Happened::Served(number) => n_heard += usize::from(number != 4),
            Happened::Stopped => note!(seen, "stopped"),
        }
    }
    note!(seen, "heard of {n_heard}");
    seen
}
