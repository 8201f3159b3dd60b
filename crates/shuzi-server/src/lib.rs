//! The recogniser over HTTP, and the page: for this machine, or for a network that is trusted.
//!
//! In: an address, limits, the page's files. Out: answers. One thread does the network (`connections`), others decode and
//! recognise (`pool`). In between each request passes the `guard`, and then goes to the API (`api`) or the page's files
//! (`assets`). Everything that strangers can make grow has a limit, and no path of the disk goes in or out. What it answers is
//! for programs, so in English only.
#![forbid(unsafe_code)]

mod api;
mod api_error;
mod assets;
mod body;
mod clients;
mod connections;
mod etag;
mod guard;
mod limits;
mod log;
mod metrics;
mod pool;
mod query;
mod response;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::{
    limits::Limits,
    settings::{Asset, Settings},
};

use crate::server::Server;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, runtime::Runtime, sync::Notify};

/// A server that listens. Clients wait until it [serves](Self::serve) them.
pub struct Listening {
    runtime: Runtime,
    listener: TcpListener,
    server: Arc<Server>,
    stop: Stop,
}

/// Stops a server from any thread.
#[derive(Clone, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Asks the server to finish what runs and to end; at once if it has not begun to serve.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

impl Listening {
    /// Makes a server and has it listen; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// If nobody can listen at this address, or the system has no threads to give.
    pub fn bind(address: SocketAddr, settings: Settings) -> Result<Self, BindError> {
        let server = Server::new(settings).map_err(BindError::Start)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BindError::Start)?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(BindError::Address)?;
        Ok(Listening { runtime, listener, server, stop: Stop::default() })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What stops it.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until it is stopped, and then until what runs has finished, see [`Limits::stopping`].
    pub fn serve(self) {
        let Listening { runtime, listener, server, stop } = self;
        runtime.block_on(connections::serve(listener, Arc::clone(&server), stop.0));
        runtime.shutdown_background();
        if let Some(log) = &server.log {
            log.finish();
        }
    }
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system has no threads to give, or none of its events.
    #[error("the server cannot be started")]
    Start(#[source] io::Error),
    /// The address is taken, or is not one of this machine.
    #[error("cannot listen at this address")]
    Address(#[source] io::Error),
}

/// Whether requests may call a server so: a name without scheme, port and path.
///
/// ```
/// assert!(shuzi_server::is_host_name("digits.example") && !shuzi_server::is_host_name("http://digits.example/"));
/// ```
pub fn is_host_name(name: &str) -> bool {
    name.parse::<axum::http::uri::Authority>().is_ok_and(|authority| authority.host() == name)
}
