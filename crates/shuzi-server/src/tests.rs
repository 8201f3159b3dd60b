//! The server in this process, where its threads can be kept busy on purpose. Everything else is tested through the program, in
//! `shuzi-cli/tests/all/serve.rs`.

use crate::{
    Limits, Settings,
    api::{OPEN_API, router},
    guard, is_host_name,
    server::Server,
};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use serde_json::Value;
use shuzi_engine::{Processor, recognition::Cancel};
use std::{
    future::poll_fn,
    net::Ipv4Addr,
    pin::pin,
    sync::{Arc, mpsc},
    task::Poll,
};
use tower::ServiceExt;

/// A server of one thread, without a page and a log.
pub fn settings() -> Settings {
    Settings {
        limits: Limits::default(),
        hosts: vec![],
        processor: Processor::with_threads(1),
        models: "{}".into(),
        page: |_| None,
        log: false,
    }
}

fn server(queue: usize) -> (Arc<Server>, Router) {
    let limits = Limits { queue, ..Limits::default() };
    let server = Server::new(Settings { limits, ..settings() }).unwrap();
    (Arc::clone(&server), router(server))
}

/// A grey picture with a dark stroke in it.
fn picture() -> Vec<u8> {
    let mut pixels = vec![b"\xff"[0]; 28 * 28];
    (5..23).for_each(|y| pixels[y * 28 + 12..][..4].fill(0));
    [b"P5 28 28 255\n", &pixels[..]].concat()
}

async fn ask(router: &Router, method: Method, path: &str, body: impl Into<Body>) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn object(response: Response<Body>) -> Value {
    serde_json::from_slice(&body(response).await).unwrap()
}

/// Keeps the one thread busy until the sender is used or dropped.
async fn occupy(server: &Arc<Server>) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let server = Arc::clone(server);
    tokio::spawn(async move {
        let work = move |_: &Cancel| {
            let _ = started.send(());
            let _ = released.recv();
        };
        server.pool.run(Ipv4Addr::LOCALHOST.into(), 0, work).await
    });
    has_started.await.unwrap();
    release
}

#[tokio::test]
async fn beyond_the_queue_a_picture_is_refused_until_there_is_space_again() {
    let (server, router) = server(1);
    let busy = occupy(&server).await;
    let mut queued = pin!(ask(&router, Method::POST, "/api/recognize", picture()));
    // As far as into the queue.
    poll_fn(|context| {
        let _ = queued.as_mut().poll(context);
        if server.metrics.queue.get() == 1 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let refused = ask(&router, Method::POST, "/api/recognize", picture()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(object(refused).await["error"]["code"], "queue_full");
    // What needs no thread is answered all the while.
    assert_eq!(ask(&router, Method::GET, "/healthz", "").await.status(), StatusCode::OK);
    let counted = body(ask(&router, Method::GET, "/metrics", "").await).await;
    let counted = String::from_utf8(counted.to_vec()).unwrap();
    assert!(counted.contains("shuzi_queue_length 1\n"), "{counted}");
    assert!(counted.contains("shuzi_rejected_total{reason=\"queue_full\"} 1\n"), "{counted}");
    drop(busy);
    assert_eq!(queued.await.status(), StatusCode::OK);
    let again = ask(&router, Method::POST, "/api/recognize", picture()).await;
    assert_eq!(again.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let (server, router) = server(9);
    let busy = occupy(&server).await;
    let late = ask(&router, Method::POST, "/api/recognize", picture()).await;
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(object(late).await["error"]["code"], "too_late");
    drop(busy);
}

#[tokio::test]
async fn the_description_is_of_this_server() {
    let (_, router) = server(9);
    let described: Value = serde_json::from_str(OPEN_API).unwrap();
    assert_eq!(described["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, operations) in described["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let status = ask(&router, method.clone(), path, picture()).await.status();
            assert_eq!(status, StatusCode::OK, "{method} {path}");
        }
    }
    let names = &described["paths"]["/api/recognize"]["post"]["parameters"][0]["schema"]["enum"];
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let shipped: Vec<&str> = shuzi::model_names().collect();
    assert_eq!(names, [&["default"][..], &shipped].concat());
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let (_, router) = server(9);
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/none"),
        (Method::PUT, "/metrics"),
        (Method::POST, "/api/recognize"),
    ] {
        let response = ask(&router, method, path, "").await;
        for (name, value) in guard::HEADERS {
            assert_eq!(response.headers().get(&name), Some(&value), "{path}: {name}");
        }
    }
}

#[test]
fn names_stand_alone() {
    for (name, sound) in [
        ("digits.example", true),
        ("[fe80::1]", true),
        ("a:80", false),
        ("http://a", false),
        ("a/b", false),
        ("", false),
    ] {
        assert_eq!(is_host_name(name), sound, "{name}");
    }
}
