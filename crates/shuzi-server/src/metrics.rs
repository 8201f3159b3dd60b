//! What the server counts, for Prometheus: `GET /metrics`.

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{sync::Arc, time::Duration};

#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    recognitions: Family<Model, Counter>,
    rejected: Family<Reason, Counter>,
    /// Pictures that wait for a thread.
    pub queue: Gauge,
    pub connections: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// From the smallest answers to the longest wait, in seconds.
fn histogram() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::default();
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let (recognitions, rejected) = (Family::default(), Family::default());
        let (queue, connections) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("shuzi");
        registry.register("requests", "Requests answered, by route and status", requests.clone());
        registry.register("request_seconds", "From a request's header to its answer", seconds.clone());
        registry.register("recognitions", "Pictures read, by model", recognitions.clone());
        registry.register(
            "rejected",
            "Requests and connections turned away because of too many",
            rejected.clone(),
        );
        registry.register("queue_length", "Pictures that wait for a thread", queue.clone());
        registry.register("connections", "Connections that are open", connections.clone());
        Metrics {
            registry: Arc::new(registry),
            requests,
            seconds,
            recognitions,
            rejected,
            queue,
            connections,
        }
    }
}

impl Metrics {
    pub fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Request { route, status: status.into() }).inc();
        self.seconds.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }

    pub fn unreadable(&self, status: u16) {
        self.requests.get_or_create(&Request { route: "unreadable", status: status.into() }).inc();
    }

    pub fn recognized(&self, model: &'static str) {
        self.recognitions.get_or_create(&Model { model }).inc();
    }

    pub fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }

    /// In OpenMetrics' text format.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("strings take everything");
        out
    }
}
