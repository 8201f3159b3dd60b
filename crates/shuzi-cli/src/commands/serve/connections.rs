//! Connections: accepted, served by hyper, cut when they stall, and ended in order when the server stops.
//!
//! In: a listener and what answers requests. There is room for so many connections; when it is used up, the one that has kept
//! the server waiting the longest makes place. So clients that send nothing, or a byte now and then, stop nobody else.

use super::{
    Server, api,
    guard::{MAX_HEADER_BYTES, MAX_HEADERS},
    metrics::Metrics,
    wire::Wire,
};
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// Serves connections until `stop`; then finishes what runs.
pub async fn serve(listener: TcpListener, server: Arc<Server>, stop: Arc<Notify>) {
    /// When the system has no more connections to give.
    const BREATH: Duration = Duration::from_millis(20);
    let (router, graceful) = (api::router(Arc::clone(&server)), GracefulShutdown::new());
    let clients = Clients::new(server.limits.connections, server.metrics.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.notified() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(_) => {
                clients.make_place();
                sleep(BREATH).await;
                continue;
            }
        };
        let Ok(reached) = stream.local_addr() else { continue }; // it is gone already
        let Some(client) = clients.admit(from.ip(), reached.ip()) else { continue };
        let _ = stream.set_nodelay(true); // without it answers are only later
        tokio::spawn(connection(stream, client, router.clone(), Arc::clone(&server), graceful.watcher()));
    }
    drop(listener);
    let _ = timeout(server.limits.stopping, graceful.shutdown()).await; // what has not ended by then is cut
}

/// Serves one connection until it ends, stalls, or has to make place.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    client: Arc<Client>,
    router: Router,
    server: Arc<Server>,
    watcher: Watcher,
) {
    let limits = server.limits;
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write));
    let wire = Wire::new(Box::pin(stream), Arc::new(move |status| api::unreadable(&server, status)));
    let hang_up = Arc::clone(&client.hang_up);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        client.wait_anew();
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&client));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(MAX_HEADERS)
        .max_buf_size(4 * MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(wire), service);
    tokio::select! {
        _ = watcher.watch(connection) => {} // broken or not, it has ended
        () = hang_up.notified() => {}
    }
}

/// What belongs to one client as a rule: an address of IPv4, or 64 bits of one of IPv6, behind which it may call itself anything.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// All connections that there are.
struct Clients {
    most: usize,
    metrics: Metrics,
    waiting: Mutex<Waiting>,
}

/// The connections that the server waits for, longest first.
#[derive(Default)]
struct Waiting {
    count: usize,
    next: u64,
    hang_ups: BTreeMap<u64, Arc<Notify>>,
}

impl Clients {
    fn new(most: usize, metrics: Metrics) -> Arc<Self> {
        Arc::new(Clients { most, metrics, waiting: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection; none if all others are being worked for.
    fn admit(self: &Arc<Self>, address: IpAddr, reached: IpAddr) -> Option<Arc<Client>> {
        let is_full = self.lock().count >= self.most;
        if is_full && !self.make_place() {
            return None;
        }
        let client = Client {
            address: network(address),
            reached,
            hang_up: Arc::default(),
            place: Mutex::new(None),
            clients: Arc::clone(self),
        };
        self.lock().count += 1;
        self.metrics.connections.inc();
        client.wait_anew();
        Some(Arc::new(client))
    }

    /// Ends the connection that the server has waited for the longest.
    fn make_place(&self) -> bool {
        let longest = self.lock().hang_ups.pop_first();
        if let Some((_, hang_up)) = &longest {
            hang_up.notify_one();
        }
        self.metrics.rejected("connections");
        longest.is_some()
    }
}

/// One connection.
pub struct Client {
    /// Where it comes from, as far as one client can be told from another.
    pub address: IpAddr,
    /// Our own address, by which it came.
    pub reached: IpAddr,
    hang_up: Arc<Notify>,
    /// Where it stands among those that the server waits for.
    place: Mutex<Option<u64>>,
    clients: Arc<Clients>,
}

impl Client {
    /// From now on the server waits for this client, after all others.
    fn wait_anew(&self) {
        self.change_place(|waiting| {
            waiting.next += 1;
            waiting.hang_ups.insert(waiting.next, Arc::clone(&self.hang_up));
            Some(waiting.next)
        });
    }

    /// While the guard lives, the client waits for the server, and need not make place.
    pub fn served(&self) -> Served<'_> {
        self.change_place(|_| None);
        Served(self)
    }

    fn change_place(&self, choose: impl FnOnce(&mut Waiting) -> Option<u64>) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.clients.lock();
        if let Some(place) = *place {
            waiting.hang_ups.remove(&place);
        }
        *place = choose(&mut waiting);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.change_place(|waiting| {
            waiting.count -= 1;
            None
        });
        self.clients.metrics.connections.dec();
    }
}

/// See [`Client::served`].
pub struct Served<'a>(&'a Client);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.wait_anew();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Limits;
    use axum::routing::get;
    use std::num::NonZeroUsize;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn start(clients: &Arc<Clients>, graceful: &GracefulShutdown) -> DuplexStream {
        let router = Router::new().route("/", get("hello"));
        let server = Server::new(Limits::default(), vec![], NonZeroUsize::new(1), true).unwrap();
        let (ours, theirs) = duplex(1 << 16);
        let client = clients.admit(HERE, HERE).unwrap();
        tokio::spawn(connection(theirs, client, router, server, graceful.watcher()));
        ours
    }

    async fn rest(mut stream: DuplexStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_send_no_whole_header_are_cut_off() {
        let (clients, graceful) = (Clients::new(9, Metrics::default()), GracefulShutdown::new());
        assert_eq!(rest(start(&clients, &graceful)).await, "", "not a byte");
        let mut slow = start(&clients, &graceful);
        slow.write_all(b"GET / HTTP/1.1\r\nHost: lo").await.unwrap();
        assert_eq!(rest(slow).await, "", "half a header");
        let mut idle = start(&clients, &graceful);
        idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let text = rest(idle).await;
        assert!(text.ends_with("hello"), "{text}: answered, then idle");
        assert_eq!(clients.lock().count, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_kept_the_server_waiting_longest_makes_place() {
        let (clients, graceful) = (Clients::new(3, Metrics::default()), GracefulShutdown::new());
        let working = clients.admit(HERE, HERE).unwrap();
        let served = working.served();
        let oldest = start(&clients, &graceful);
        let mut newer = start(&clients, &graceful);
        let newest = start(&clients, &graceful);
        assert_eq!(rest(oldest).await, "");
        newer.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(rest(newer).await.ends_with("hello"), "the others are still served");
        drop((newest, served));
    }

    #[test]
    fn nobody_makes_place_who_is_being_worked_for() {
        let clients = Clients::new(1, Metrics::default());
        let client = clients.admit(HERE, HERE).unwrap();
        let served = client.served();
        assert!(clients.admit(HERE, HERE).is_none());
        drop(served);
        assert!(clients.admit(HERE, HERE).is_some());
    }

    #[test]
    fn a_client_is_told_by_what_it_cannot_choose() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
