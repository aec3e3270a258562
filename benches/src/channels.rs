//! What a workload may ask of a channel, and the channels that are compared.
//!
//! A runtime brings its own; a library of channels alone ([`Flume`], [`Kanal`]) runs on filch's runtime.
//! As in [`Rt`](crate::rt::Rt), each function is the library's own call.

use std::future::Future;

/// A channel of limited capacity from many senders to one receiver.
pub(crate) trait Channels: 'static {
    /// The sending half. Every sender has its own.
    type Sender: Clone + Send + 'static;
    /// The receiving half.
    type Receiver: Send + 'static;

    /// An empty channel.
    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver);

    /// Waits for room.
    fn send(sender: &Self::Sender, value: u64) -> impl Future<Output = ()> + Send;

    /// Waits for a value; `None` when all senders are gone.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send;
}

/// A channel of which every receiver gets every value.
pub(crate) trait Broadcast: 'static {
    /// The sending half.
    type Sender: Send + 'static;
    /// A receiving half.
    type Receiver: Send + 'static;

    /// An empty channel with that many receivers.
    fn broadcast(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>);

    /// Sends; the workloads never have more on the way than the channel holds.
    fn send(sender: &Self::Sender, value: u64) -> impl Future<Output = ()> + Send;

    /// Waits for a value.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = u64> + Send;
}

/// `filch::sync`.
pub(crate) struct Filch;

impl Channels for Filch {
    type Sender = filch::sync::mpsc::Sender<u64>;
    type Receiver = filch::sync::mpsc::Receiver<u64>;

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
        filch::sync::mpsc::channel(capacity)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receiver takes all");
    }

    #[inline]
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }
}

impl Broadcast for Filch {
    type Sender = filch::sync::broadcast::Sender<u64>;
    type Receiver = filch::sync::broadcast::Receiver<u64>;

    fn broadcast(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, _) = filch::sync::broadcast::channel(capacity);
        let receivers = (0..receivers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).expect("the receivers take all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("the sender stays, and nobody lags behind a burst")
    }
}

/// `tokio::sync`.
pub(crate) struct Tokio;

impl Channels for Tokio {
    type Sender = tokio::sync::mpsc::Sender<u64>;
    type Receiver = tokio::sync::mpsc::Receiver<u64>;

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
        tokio::sync::mpsc::channel(capacity)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receiver takes all");
    }

    #[inline]
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }
}

impl Broadcast for Tokio {
    type Sender = tokio::sync::broadcast::Sender<u64>;
    type Receiver = tokio::sync::broadcast::Receiver<u64>;

    fn broadcast(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, _) = tokio::sync::broadcast::channel(capacity);
        let receivers = (0..receivers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).expect("the receivers take all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("the sender stays, and nobody lags behind a burst")
    }
}

/// smol's family: `async-channel` and `async-broadcast`.
pub(crate) struct Smol;

impl Channels for Smol {
    type Sender = smol::channel::Sender<u64>;
    type Receiver = smol::channel::Receiver<u64>;

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
        smol::channel::bounded(capacity)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receiver takes all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

impl Broadcast for Smol {
    type Sender = async_broadcast::Sender<u64>;
    type Receiver = async_broadcast::Receiver<u64>;

    fn broadcast(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, receiver) = async_broadcast::broadcast(capacity);
        (sender, vec![receiver; receivers])
    }

    // Why the `_direct` functions: the plain ones allocate a box for each message.
    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.broadcast_direct(value).await.expect("the receivers take all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv_direct().await.expect("the sender stays, and nobody lags behind a burst")
    }
}

/// flume.
pub(crate) struct Flume;

impl Channels for Flume {
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
        flume::bounded(capacity)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send_async(value).await.expect("the receiver takes all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv_async().await.ok()
    }
}

/// kanal.
pub(crate) struct Kanal;

impl Channels for Kanal {
    type Sender = kanal::AsyncSender<u64>;
    type Receiver = kanal::AsyncReceiver<u64>;

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
        kanal::bounded_async(capacity)
    }

    #[inline]
    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receiver takes all");
    }

    #[inline]
    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}
