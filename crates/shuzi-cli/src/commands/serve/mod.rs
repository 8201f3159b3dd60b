//! `shuzi serve`: the recogniser over HTTP, and the page, for this machine by default. The server is a crate of its own;
//! here are its options and what it says.

mod assets;
mod browser;

use crate::{ending::UsageError, machine, models, page, run::interrupt};
use rust_i18n::t;
use shuzi_engine::decode;
use shuzi_server::{BindError, Limits, Listening, Settings, is_host_name};
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
};

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
        let wanted = SocketAddr::new(self.host, self.port);
        let listening = Listening::bind(wanted, self.settings()?).map_err(|error| match error {
            BindError::Start(error) => error.into(),
            BindError::Address(error) => {
                anyhow::Error::from(error).context(t!("serve.bind", address = wanted).into_owned())
            }
        })?;
        let stop = listening.stop();
        interrupt::on_interrupt(move || stop.stop())?;
        let url = url(listening.address()?);
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
        listening.serve();
        Ok(())
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let bytes = self.max_megabytes.get().saturating_mul(1_000_000);
        let pixels = self.max_megapixels.get().saturating_mul(1_000_000);
        let default = Limits::default();
        let memory = default.memory.max(bytes.saturating_mul(4)); // the largest body grows by copying, and may be a form
        if let Some(name) = self.allow_host.iter().find(|name| !is_host_name(name)) {
            return Err(UsageError(t!("serve.host-name", found = name).into()).into());
        }
        Ok(Settings {
            limits: Limits { picture: decode::Limits { pixels, bytes }, memory, ..default },
            hosts: self.allow_host.iter().map(|name| name.strip_suffix('.').unwrap_or(name).into()).collect(),
            processor: machine::processor(self.threads)?,
            models: format!("{}\n", models::list()),
            page: assets::asset,
            log: !self.quiet,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_as_browsers_need_them() {
        assert_eq!(url("127.0.0.1:80".parse().unwrap()), "http://127.0.0.1:80/");
        assert_eq!(url("0.0.0.0:81".parse().unwrap()), "http://127.0.0.1:81/");
        assert_eq!(url("[::]:82".parse().unwrap()), "http://[::1]:82/");
    }
}
