//! The threads that serve, each with a runtime, listeners and connections of its own, so that
//! nothing of a request crosses from one core to another.
//!
//! Every listener exists once per thread on the same port, and the kernel spreads connections over
//! them (SO_REUSEPORT). Without threads of its own the proxy serves on the runtime that started it:
//! so tests can pause time.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::door::Door;
use super::{asked, listener};
use crate::timer::Timer;
use crate::worker::{Shared, Worker};

/// Orders that wait for a thread; more than listeners are made at once.
const ORDERS_MAX: usize = 1_024;
const BACKLOG: i32 = 4_096;

/// A listener that a thread shall serve.
#[derive(Debug)]
struct Order {
    door: Arc<Door>,
    listener: TcpListener,
    /// Closes it alone, whatever the proxy does.
    closing: watch::Receiver<bool>,
}

/// The threads, as those that open listeners see them.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    orders: Vec<mpsc::Sender<Order>>,
}

/// A listener that can be closed.
#[derive(Debug)]
pub(crate) struct OpenDoor {
    pub(crate) address: SocketAddr,
    /// Closes the listener and cuts off its connections when it turns true; all receivers are gone
    /// when that is done. Dropped, the listener stays as long as the proxy.
    pub(crate) closing: watch::Sender<bool>,
}

/// What ends when everything has been served.
pub(super) type Ends = JoinSet<()>;

impl Threads {
    /// Starts `count` threads, or serves here. `stopping` ends them.
    pub(super) fn start(
        count: Option<usize>,
        shared: &Shared,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<(Self, Vec<Arc<Worker>>, Ends)> {
        let mut ends = Ends::new();
        let (mut orders, mut workers) = (Vec::new(), Vec::new());
        for index in 0..count.unwrap_or(1).max(1) {
            let (sender, receiver) = mpsc::channel(ORDERS_MAX);
            orders.push(sender);
            if count.is_none() {
                let worker = Arc::new(Worker::new(index, shared, Timer::coarse()));
                workers.push(Arc::clone(&worker));
                ends.spawn(serve(worker, receiver, stopping.clone()));
                continue;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let timer = {
                // It is driven by a task of the thread's own runtime.
                let _inside = runtime.enter();
                Timer::precise()?
            };
            let worker = Arc::new(Worker::new(index, shared, timer));
            workers.push(Arc::clone(&worker));
            let serving = serve(worker, receiver, stopping.clone());
            let (ended, end) = tokio::sync::oneshot::channel();
            std::thread::Builder::new().name(format!("proxy-{index}")).spawn(move || {
                runtime.block_on(serving);
                // The supervisor may have given up waiting.
                let _late = ended.send(());
            })?;
            ends.spawn(async move {
                // An error means that the thread is gone, which is an end as well.
                let _ended = end.await;
            });
        }
        Ok((Self { orders }, workers, ends))
    }

    /// Opens a listener on every thread.
    pub(crate) async fn open(&self, address: SocketAddr, door: Door) -> io::Result<OpenDoor> {
        let door = Arc::new(door);
        let listeners = bind(address, self.orders.len())?;
        let bound = listeners.first().map_or(Ok(address), TcpListener::local_addr)?;
        let (closing, closed) = watch::channel(false);
        for (orders, listener) in self.orders.iter().zip(listeners) {
            let order = Order { door: Arc::clone(&door), listener, closing: closed.clone() };
            orders.send(order).await.map_err(|_ended| io::Error::other("the proxy is ending"))?;
        }
        Ok(OpenDoor { address: bound, closing })
    }
}

/// As many sockets on one address as there are threads.
fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(count);
    let mut address = address;
    for _ in 0..count {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if count > 1 {
            socket.set_reuse_port(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        // The first one chooses the port, if that is left open.
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

async fn serve(
    worker: Arc<Worker>,
    mut orders: mpsc::Receiver<Order>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut doors = JoinSet::new();
    let stop = stopping.clone();
    let mut asked = std::pin::pin!(asked(&mut stopping));
    let mut expiring = std::pin::pin!(worker.pool.expire());
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(order) = order else { break };
                doors.spawn(watch_door(Arc::clone(&worker), order, stop.clone()));
            },
            Some(_closed) = doors.join_next() => {},
            () = expiring.as_mut() => {},
            () = asked.as_mut() => break,
        }
    }
    orders.close();
    while doors.join_next().await.is_some() {}
}

/// Serves one listener until it is closed or the proxy ends.
async fn watch_door(worker: Arc<Worker>, order: Order, mut stopping: watch::Receiver<bool>) {
    let Order { door, listener, mut closing } = order;
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listener could not be served");
            return;
        },
    };
    let (stop, stopped) = watch::channel(false);
    let mut serving = std::pin::pin!(listener::serve(listener, worker, door, stopped));
    tokio::select! {
        () = serving.as_mut() => return,
        // With the future its connections are gone, too.
        () = asked(&mut closing) => return,
        () = asked(&mut stopping) => {},
    }
    stop.send_replace(true);
    serving.await;
}
