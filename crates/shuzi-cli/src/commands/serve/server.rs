//! What all requests share.

use super::{body, etag::Hashes, limits::Limits, log, metrics::Metrics, pool};
use crate::{machine, models};
use shuzi_engine::recognition::Reader;
use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc};
use tokio::sync::Semaphore;

/// The server, but for its connections.
pub struct Server {
    pub limits: Limits,
    /// Names besides the local ones that this server has.
    pub hosts: Vec<String>,
    /// Of the models inside the program, by name.
    pub readers: BTreeMap<&'static str, Reader>,
    /// The models inside the program, as JSON, which takes milliseconds to make.
    pub models: String,
    pub pool: pool::Pool,
    /// Of all bodies.
    pub memory: Arc<Semaphore>,
    pub metrics: Metrics,
    pub log: Option<log::Log>,
    pub hashes: Hashes,
}

impl Server {
    pub fn new(
        limits: Limits,
        hosts: Vec<String>,
        threads: Option<NonZeroUsize>,
        quiet: bool,
    ) -> anyhow::Result<Arc<Self>> {
        let processor = machine::processor(threads)?;
        let metrics = Metrics::default();
        Ok(Arc::new(Server {
            limits,
            hosts,
            readers: models::all()
                .map(|(name, model)| (name, Reader::new(&model, processor.level)))
                .collect(),
            models: format!("{}\n", models::list()),
            pool: pool::Pool::new(processor.threads, limits.queue, metrics.queue.clone())?,
            memory: body::memory(limits.memory),
            metrics,
            log: if quiet { None } else { Some(log::Log::to_standard_error()?) },
            hashes: Hashes::default(),
        }))
    }
}
