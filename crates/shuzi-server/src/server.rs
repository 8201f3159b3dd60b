//! What all requests share.

use crate::{
    body,
    etag::Hashes,
    limits::Limits,
    log,
    metrics::Metrics,
    pool,
    settings::{Asset, Settings},
};
use shuzi_engine::{
    model::Model,
    recognition::{LineReader, Reader},
};
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::sync::Semaphore;

/// The server, but for its connections.
pub(crate) struct Server {
    pub limits: Limits,
    pub hosts: Vec<String>,
    /// Of the models inside the library, by name.
    pub readers: BTreeMap<&'static str, Reader>,
    pub models: String,
    pub page: fn(&str) -> Option<Asset>,
    pub pool: pool::Pool,
    /// Of all bodies.
    pub memory: Arc<Semaphore>,
    pub metrics: Metrics,
    pub log: Option<log::Log>,
    pub hashes: Hashes,
}

impl Server {
    /// Starts the threads that read pictures.
    pub fn new(settings: Settings) -> io::Result<Arc<Self>> {
        let Settings { limits, hosts, processor, models, page, log } = settings;
        let metrics = Metrics::default();
        let reader = |name, bytes| {
            let model = Model::from_bytes(bytes).expect("shipped models are tested");
            let reader = Reader::new(&model, processor.level);
            if name != shuzi::PICTURE_MODEL {
                return reader;
            }
            let lines = LineReader::from_bytes(shuzi::LINES_FILE, processor.level);
            reader.with_lines(lines.expect("shipped models are tested"))
        };
        Ok(Arc::new(Server {
            limits,
            hosts,
            readers: shuzi::MODEL_FILES.iter().map(|(name, bytes)| (*name, reader(*name, bytes))).collect(),
            models,
            page,
            pool: pool::Pool::new(processor.threads, limits.queue, metrics.queue.clone())?,
            memory: body::memory(limits.memory),
            metrics,
            log: if log { Some(log::Log::to_standard_error()?) } else { None },
            hashes: Hashes::default(),
        }))
    }
}
