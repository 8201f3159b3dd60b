//! Connections: accepted, served by hyper, cut when they stall, and ended in order when the server stops.
//!
//! In: a listener and what answers requests. Only so many connections are open at once; of more, the one that has kept the
//! server waiting the longest is closed to admit another. So clients that send nothing, or a byte now and then, stop nobody else.

use crate::{
    api,
    clients::{Client, Clients},
    guard::{MAX_HEADER_BYTES, MAX_HEADERS},
    server::Server,
    wire::Wire,
};
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use std::{io::ErrorKind, sync::Arc, time::Duration};
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
                clients.close_longest_waiting();
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

#[cfg(test)]
mod tests {
    use super::{
        super::{metrics::Metrics, tests::settings},
        *,
    };
    use axum::routing::get;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn start(clients: &Arc<Clients>, graceful: &GracefulShutdown) -> DuplexStream {
        let router = Router::new().route("/", get("hello"));
        let server = Server::new(settings()).unwrap();
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
        assert_eq!(clients.count(), 0);
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
}
