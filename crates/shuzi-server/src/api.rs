//! What is answered: the routes, and what happens to every request on its way.

use crate::{
    api_error::{ApiError, wrong_method},
    assets,
    body::{self, Kind, Pictures},
    clients::Client,
    guard,
    log::Line,
    pool::PoolError,
    query::QueryParameters,
    response::{json, text},
    server::Server,
};
use axum::{
    Router,
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header::EXPECT},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use shuzi_engine::{
    decode,
    recognition::{Cancel, Cancelled, recognize_until},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

/// The description of the API, for programs: OpenAPI 3.1.
pub const OPEN_API: &str = include_str!("openapi.json");

pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/api/recognize", post(read))
        .route("/api/models", get(list_models))
        .route("/api/openapi.json", get(|| async { json(StatusCode::OK, OPEN_API) }))
        .route("/healthz", get(|| async { json(StatusCode::OK, "{\"status\":\"ok\"}\n") }))
        .route("/metrics", get(metrics))
        .fallback(assets::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&server), guard::check))
        .layer(from_fn_with_state(Arc::clone(&server), record))
        .with_state(server)
}

/// Counts and logs every request, and gives every answer its headers.
async fn record(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (time, start) = (SystemTime::now(), Instant::now());
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    let route = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some("/api/recognize") => "/api/recognize",
        Some("/api/models") => "/api/models",
        Some("/api/openapi.json") => "/api/openapi.json",
        Some("/healthz") => "/healthz",
        Some("/metrics") => "/metrics",
        _ => "page",
    };
    let mut response = next.run(request).await;
    response.headers_mut().extend(guard::HEADERS);
    let (status, took) = (response.status().as_u16(), start.elapsed());
    let error = response.extensions().get::<&'static str>().copied();
    server.metrics.answered(route, status, took);
    if let Some(reason) = error.filter(|_| response.status() == StatusCode::SERVICE_UNAVAILABLE) {
        server.metrics.rejected(reason);
    }
    if let Some(log) = &server.log {
        let bytes = response.body().size_hint().lower();
        log.write(Line { time, method: method.to_string(), path, status, took, bytes, error });
    }
    response
}

/// Why hyper could not make a request of what came. It is counted and logged as all others are.
pub fn unreadable(server: &Server, status: StatusCode) -> ApiError {
    let error = match status {
        StatusCode::URI_TOO_LONG => guard::long_address(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => guard::long_headers(),
        _ => ApiError::new(
            status,
            "bad_http",
            "this is no request of HTTP/1.1, or its header contradicts itself",
        ),
    };
    server.metrics.unreadable(status.as_u16());
    if let Some(log) = &server.log {
        let [method, path] = ["-", "-"].map(String::from); // nobody knows
        let (bytes, error) = (error.to_json().len() as u64, Some(error.code));
        let (time, status, took) = (SystemTime::now(), status.as_u16(), Duration::ZERO);
        log.write(Line { time, method, path, status, took, bytes, error });
    }
    error
}

async fn list_models(State(server): State<Arc<Server>>) -> Response {
    json(StatusCode::OK, server.models.clone())
}

async fn metrics(State(server): State<Arc<Server>>) -> Response {
    text("application/openmetrics-text; version=1.0.0; charset=utf-8", server.metrics.to_text())
}

/// `POST /api/recognize`: pictures in, what is written in them out.
async fn read(State(server): State<Arc<Server>>, request: Request) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let (parameters, kind) =
        (QueryParameters::parse(head.uri.query().unwrap_or_default()), Kind::of(&head.headers));
    let expects_continue = head.headers.contains_key(EXPECT);
    let (parameters, kind) = match (parameters, kind) {
        (Ok(parameters), Ok(kind)) => (Ok(parameters), kind),
        // Who waits for our word before the body hears it now; others send, and would not hear it while they do.
        (Err(error), _) | (_, Err(error)) if expects_continue => return Err(error),
        (Err(error), _) | (_, Err(error)) => (Err(error), Kind::Picture),
    };
    let pictures = body::read(kind, body, expects_continue, &server.limits, &server.memory).await;
    let (parameters, pictures) = (parameters?, pictures?);

    let client = head.extensions.get::<Arc<Client>>();
    let _served = client.map(|client| client.served());
    let address = client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |client| client.address);
    let answer = timeout(server.limits.answer, answer(&server, address, parameters, pictures)).await;
    Ok(json(StatusCode::OK, answer.map_err(|_| too_late())??))
}

/// What is written in pictures: for one the object of `shuzi recognize --json`, for several a list of them. Each picture waits
/// for its own turn.
async fn answer(
    server: &Arc<Server>,
    client: IpAddr,
    parameters: QueryParameters,
    pictures: Pictures,
) -> Result<String, ApiError> {
    let pictures = Arc::new(pictures); // with each of them the memory that they count as
    let count = pictures.pictures.len();
    let mut limits = server.limits.picture;
    let mut readings = vec![];
    for place in 0..count {
        let work = {
            let (server, pictures) = (Arc::clone(server), Arc::clone(&pictures));
            move |cancel: &Cancel| read_one(&server, &parameters, &pictures.pictures[place], limits, cancel)
        };
        let read = match server.pool.run(client, place, work).await {
            Ok(read) => read,
            Err(PoolError::Full) => {
                Err(ApiError::busy("queue_full", "too many pictures are waiting; try again"))
            }
            Err(PoolError::Failed) => Err(ApiError::internal()),
        };
        let (reading, pixels) =
            read.map_err(|error| if count > 1 { error.of_picture(place + 1, count) } else { error })?;
        limits.pixels -= pixels; // all of them together may have as many as one
        readings.push(reading);
    }
    Ok(match &readings[..] {
        [reading] => format!("{reading}\n"),
        readings => format!("{{\"pictures\":[{}]}}\n", readings.join(",")),
    })
}

/// A picture's reading as JSON, and how many pixels it has.
fn read_one(
    server: &Server,
    parameters: &QueryParameters,
    bytes: &[u8],
    limits: decode::Limits,
    cancel: &Cancel,
) -> Result<(String, u64), ApiError> {
    let picture = decode::decode(bytes, limits)?;
    let reading = recognize_until(&server.readers[parameters.model], &picture, parameters.options, cancel)
        .map_err(|Cancelled| too_late())?;
    server.metrics.recognized(parameters.model);
    Ok((reading.to_json(parameters.wording).to_string(), (picture.width() * picture.height()) as u64))
}

fn too_late() -> ApiError {
    ApiError::busy("too_late", "it took too long; try again, or send a smaller picture")
}
