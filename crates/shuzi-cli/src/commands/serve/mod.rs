//! `shuzi serve`: the recogniser over HTTP, and the page, for this machine unless told otherwise.
//!
//! One thread does the network ([`connections`]), others decode and recognise ([`pool`]). In between each request passes the
//! [`guard`], and then goes to the API ([`api`]) or the page's files ([`assets`]). Everything that strangers can make grow has a
//! limit, and no path of the disk goes in or out.
#![forbid(unsafe_code)]

mod api;
mod api_error;
mod assets;
mod body;
mod browser;
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
#[cfg(test)]
mod tests;
mod wire;

use crate::{ending::UsageError, machine, page, run::interrupt};
use anyhow::Context;
use limits::Limits;
use rust_i18n::t;
use server::Server;
use shuzi_engine::decode;
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};
use tokio::sync::Notify;

#[derive(clap::Args)]
pub struct Serve {
    #[arg(long, value_name = "N", default_value = "8427", value_parser = port)]
    port: u16,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    host: IpAddr,
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    #[arg(long)]
    open: bool,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    threads: Option<NonZeroUsize>,
    #[arg(long, value_name = "N", default_value = "32")]
    max_megapixels: NonZeroU64,
    #[arg(long, value_name = "N", default_value = "32")]
    max_megabytes: NonZeroU64,
    #[arg(long, short)]
    quiet: bool,
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| t!("serve.port", max = u16::MAX).into())
}

fn address(text: &str) -> Result<IpAddr, String> {
    let text = if text == "localhost" { "127.0.0.1" } else { text };
    text.parse().map_err(|_| t!("serve.address", found = text).into())
}

impl Serve {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        machine::check_clock()?; // every answer has a date
        let bytes = self.max_megabytes.get().saturating_mul(1_000_000);
        let pixels = self.max_megapixels.get().saturating_mul(1_000_000);
        let default = Limits::default();
        let memory = default.memory.max(bytes.saturating_mul(4)); // the largest body grows by copying, and may be a form
        let limits = Limits { picture: decode::Limits { pixels, bytes }, memory, ..default };
        let hosts = self.allow_host.iter().map(|name| host_name(name)).collect::<Result<_, _>>()?;
        let server = Server::new(limits, hosts, self.threads, self.quiet)?;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let wanted = SocketAddr::new(self.host, self.port);
        let listening = runtime.block_on(tokio::net::TcpListener::bind(wanted));
        let listener = listening.with_context(|| t!("serve.bind", address = wanted).into_owned())?;
        let stop = stop_on_signal()?;
        let url = url(listener.local_addr()?);
        let mut words = format!("{}\n", t!("serve.at", url = url));
        if !page::is_built() && !self.quiet {
            // Not on standard error, where each line is one of the log.
            words += &format!("{}\n", t!("serve.without-page", reason = t!("page.missing")));
        }
        out.write_all(words.as_bytes())?; // at once: who only wants the address may hang up
        out.flush()?;
        if self.open {
            browser::open(&url);
        }
        runtime.block_on(connections::serve(listener, Arc::clone(&server), stop));
        runtime.shutdown_background();
        if let Some(log) = &server.log {
            log.finish();
        }
        Ok(())
    }
}

/// A name that requests may call this server by: without scheme, port and path.
fn host_name(name: &str) -> anyhow::Result<String> {
    let authority = name.parse::<axum::http::uri::Authority>().ok();
    match authority.filter(|authority| authority.host() == name) {
        Some(_) => Ok(name.strip_suffix('.').unwrap_or(name).to_string()),
        None => Err(UsageError(t!("serve.host-name", found = name).into()).into()),
    }
}

/// Where a browser on this machine finds the server.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    format!("http://{}/", SocketAddr::new(ip, address.port()))
}

/// Told by Ctrl-C and SIGTERM.
fn stop_on_signal() -> anyhow::Result<Arc<Notify>> {
    let stop = Arc::new(Notify::new());
    let told = Arc::clone(&stop);
    interrupt::on_interrupt(move || told.notify_one())?;
    Ok(stop)
}
