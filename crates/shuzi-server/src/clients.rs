//! Who is connected: so many at most, and who has kept the server waiting the longest makes place.

use crate::metrics::Metrics;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What belongs to one client as a rule: an address of IPv4, or 64 bits of one of IPv6, behind which it may call itself anything.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// All connections that there are.
pub struct Clients {
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
    pub fn new(most: usize, metrics: Metrics) -> Arc<Self> {
        Arc::new(Clients { most, metrics, waiting: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// A new connection; none if all others are being worked for.
    pub fn admit(self: &Arc<Self>, address: IpAddr, reached: IpAddr) -> Option<Arc<Client>> {
        let is_full = self.count() >= self.most;
        if is_full && !self.close_longest_waiting() {
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
    pub fn close_longest_waiting(&self) -> bool {
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
    /// Where it comes from, as far as one client can be distinguished from another.
    pub address: IpAddr,
    /// Our own address, by which it came.
    pub reached: IpAddr,
    /// Notified when the connection is to end.
    pub hang_up: Arc<Notify>,
    /// Where it stands among those that the server waits for.
    place: Mutex<Option<u64>>,
    clients: Arc<Clients>,
}

impl Client {
    /// From now on the server waits for this client, after all others.
    pub fn wait_anew(&self) {
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
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

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
