//! All proxies with their toxics: what the API shows, and the only writer of what the control holds
//! for it.
//!
//! A change is made on a copy and published in one epoch: every edge and every fault at once, or
//! nothing. Listeners come after that, so that nobody is accepted before the toxics are in force,
//! and go after that, so that nothing leads to a proxy that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use model::edge::Edge;
use model::plan::Protocol;

use super::failure::Failure;
use super::proxy::{Proxy, Wanted};
use super::toxic::{self, Toxic};
use super::{address, names};
use crate::control::Control;
use crate::control::parts::Armed;
use crate::server::door::Door;
use crate::server::threads::{OpenDoor, Threads};

/// A listener is closed within this time; its thread is stuck otherwise, and nobody waits for it.
const CLOSE_MAX: Duration = Duration::from_secs(2);

pub(super) type Proxies = BTreeMap<String, Proxy>;

#[derive(Debug)]
pub(super) struct Registry {
    pub(super) control: Arc<Control>,
    threads: Threads,
    proxies: Proxies,
    /// Of those that are enabled.
    doors: BTreeMap<String, OpenDoor>,
    /// Toxics so far.
    toxics: u64,
}

impl Registry {
    pub(super) fn new(control: Arc<Control>, threads: Threads) -> Self {
        let (proxies, doors) = (Proxies::new(), BTreeMap::new());
        Self { control, threads, proxies, doors, toxics: 0 }
    }

    pub(super) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    pub(super) fn proxy(&self, name: &str) -> Result<&Proxy, Failure> {
        self.proxies.get(name).ok_or_else(Failure::proxy_not_found)
    }

    pub(super) async fn create(&mut self, wanted: Wanted) -> Result<&Proxy, Failure> {
        let (name, _) = wanted.needed("")?;
        let name = name.to_owned();
        if self.proxies.contains_key(&name) {
            return Err(Failure::proxy_already_exists());
        }
        let mut proxies = self.proxies.clone();
        let proxy = self.fresh(&wanted, &proxies).await?;
        proxies.insert(name.clone(), proxy);
        self.publish(proxies)?;
        if wanted.enabled.unwrap_or(true)
            && let Err(failure) = self.start(&name).await
        {
            self.forget(&name)?;
            return Err(failure);
        }
        self.proxy(&name)
    }

    pub(super) async fn update(&mut self, name: &str, wanted: Wanted) -> Result<&Proxy, Failure> {
        let mut proxy = self.proxy(name)?.clone();
        let enabled = wanted.enabled.unwrap_or(proxy.enabled);
        let listen = wanted.listen.unwrap_or_else(|| proxy.listen.clone());
        let upstream = wanted.upstream.unwrap_or_else(|| proxy.upstream.clone());
        if proxy.differs(&listen, &upstream).await? {
            proxy.endpoint = address::upstream(&upstream).await;
            (proxy.listen, proxy.upstream) = (listen, upstream);
            let mut proxies = self.proxies.clone();
            proxies.insert(name.to_owned(), proxy);
            self.publish(proxies)?;
            self.stop(name).await;
        }
        if enabled {
            self.start(name).await?;
        } else {
            self.stop(name).await;
        }
        self.proxy(name)
    }

    pub(super) async fn delete(&mut self, name: &str) -> Result<(), Failure> {
        self.proxy(name)?;
        self.forget(name)?;
        self.stop(name).await;
        Ok(())
    }

    /// Creates proxies, and replaces those that are there and lead elsewhere. One that cannot
    /// listen is left out, and its failure is told when all others are done.
    pub(super) async fn populate(
        &mut self,
        wanted: Vec<Wanted>,
    ) -> Result<(Vec<&Proxy>, Option<Failure>), Failure> {
        let mut seen = BTreeSet::new();
        for (index, wanted) in wanted.iter().enumerate() {
            let (name, _) = wanted.needed(&format!(" at proxy {}", index + 1))?;
            if !seen.insert(name) {
                return Err(Failure::bad_body(format!("duplicate proxy name {name:?}")));
            }
        }
        let mut proxies = self.proxies.clone();
        let mut changed = Vec::new();
        for wanted in &wanted {
            let (name, upstream) = wanted.needed("")?;
            let listen = wanted.listen.as_deref().unwrap_or_default();
            if let Some(known) = self.proxies.get(name)
                && !known.differs(listen, upstream).await?
            {
                continue;
            }
            proxies.remove(name);
            let proxy = self.fresh(wanted, &proxies).await?;
            proxies.insert(name.to_owned(), proxy);
            changed.push((name, wanted.enabled.unwrap_or(true)));
        }
        self.publish(proxies)?;
        for (name, _) in &changed {
            self.stop(name).await;
        }
        let mut failed = None;
        for (name, enabled) in changed {
            if enabled && let Err(failure) = self.start(name).await {
                failed.get_or_insert(failure);
                self.forget(name)?;
            }
        }
        let made = wanted.iter().filter_map(|wanted| self.proxies.get(wanted.needed("").ok()?.0));
        Ok((made.collect(), failed))
    }

    /// Everything enabled, no toxics.
    pub(super) async fn reset(&mut self) -> Result<(), Failure> {
        let mut proxies = self.proxies.clone();
        for proxy in proxies.values_mut() {
            proxy.toxics.clear();
        }
        self.publish(proxies)?;
        let names: Vec<String> = self.proxies.keys().cloned().collect();
        for name in names {
            self.start(&name).await?;
        }
        Ok(())
    }

    pub(super) fn add_toxic(
        &mut self,
        proxy: &str,
        wanted: toxic::Wanted,
    ) -> Result<Toxic, Failure> {
        let mut changed = self.proxy(proxy)?.clone();
        let toxic = self.fresh_toxic(wanted, &changed.toxics)?;
        changed.toxics.push(toxic.clone());
        self.publish_one(changed)?;
        Ok(toxic)
    }

    pub(super) fn update_toxic(
        &mut self,
        (proxy, name): (&str, &str),
        wanted: toxic::Wanted,
    ) -> Result<Toxic, Failure> {
        let mut changed = self.proxy(proxy)?.clone();
        let updated = changed.toxic(name)?.updated(wanted)?;
        let same = changed.toxics.iter_mut().filter(|toxic| toxic.name == name);
        same.for_each(|toxic| *toxic = updated.clone());
        self.publish_one(changed)?;
        Ok(updated)
    }

    pub(super) fn remove_toxic(&mut self, proxy: &str, name: &str) -> Result<(), Failure> {
        let mut changed = self.proxy(proxy)?.clone();
        changed.toxic(name)?;
        changed.toxics.retain(|toxic| toxic.name != name);
        self.publish_one(changed)
    }

    /// Upstreams whose names nobody knew yet.
    pub(super) fn unresolved(&self) -> BTreeSet<String> {
        let lost = self.proxies.values().filter(|proxy| proxy.endpoint.is_none());
        lost.map(|proxy| proxy.upstream.clone()).collect()
    }

    /// An upstream has got an address.
    pub(super) fn resolved(&mut self, upstream: &str, endpoint: SocketAddr) {
        let mut proxies = self.proxies.clone();
        let lost = |proxy: &&mut Proxy| proxy.endpoint.is_none() && proxy.upstream == upstream;
        proxies.values_mut().filter(lost).for_each(|proxy| proxy.endpoint = Some(endpoint));
        if let Err(failure) = self.publish(proxies) {
            tracing::warn!(%failure, upstream, "an upstream cannot be used");
        }
    }

    /// A proxy that does not listen yet, beside those of `proxies`.
    async fn fresh(&mut self, wanted: &Wanted, proxies: &Proxies) -> Result<Proxy, Failure> {
        let (name, upstream) = wanted.needed("")?;
        let known = self.control.known_edges();
        let taken = known.iter().chain(proxies.values().map(|proxy| &proxy.edge));
        // Its own edge of before is free again when it is replaced.
        let own = self.proxies.get(name).map(|proxy| &proxy.edge);
        let taken: BTreeSet<&Edge> = taken.filter(|edge| Some(*edge) != own).collect();
        let mut toxics = Vec::new();
        for wanted in wanted.toxics.iter().flatten() {
            let toxic = self.fresh_toxic(wanted.clone(), &toxics)?;
            toxics.push(toxic);
        }
        Ok(Proxy {
            name: name.to_owned(),
            listen: wanted.listen.clone().unwrap_or_default(),
            upstream: upstream.to_owned(),
            endpoint: address::upstream(upstream).await,
            edge: names::edge_of(name, &taken),
            enabled: false,
            toxics,
        })
    }

    fn fresh_toxic(&mut self, wanted: toxic::Wanted, others: &[Toxic]) -> Result<Toxic, Failure> {
        let toxic = Toxic::new(wanted, self.toxics)?;
        if others.iter().any(|other| other.name == toxic.name) {
            return Err(Failure::toxic_already_exists());
        }
        self.toxics += 1;
        Ok(toxic)
    }

    fn forget(&mut self, name: &str) -> Result<(), Failure> {
        let mut proxies = self.proxies.clone();
        proxies.remove(name);
        self.publish(proxies)
    }

    fn publish_one(&mut self, proxy: Proxy) -> Result<(), Failure> {
        let mut proxies = self.proxies.clone();
        proxies.insert(proxy.name.clone(), proxy);
        self.publish(proxies)
    }

    /// Makes `proxies` what there is. What a toxic that stays has drawn and counted goes on.
    fn publish(&mut self, proxies: Proxies) -> Result<(), Failure> {
        let now_unix_ms = self.control.clock().unix_ms();
        self.control.change("toxiproxy", |parts| {
            for edge in std::mem::take(&mut parts.made_edges).keys() {
                parts.protocols.remove(edge);
            }
            let before = std::mem::take(&mut parts.toxics);
            for proxy in proxies.values() {
                parts.protocols.insert(proxy.edge.clone(), Protocol::Tcp);
                parts.made_edges.insert(proxy.edge.clone(), proxy.plan());
                let armed = |(key, spec)| {
                    let armed = match before.get(&key) {
                        Some(was) => was.changed(spec),
                        None => Armed::new(spec, now_unix_ms, None),
                    };
                    (key, armed)
                };
                parts.toxics.extend(proxy.faults().map(armed));
            }
            Ok(())
        })?;
        self.proxies = proxies;
        Ok(())
    }

    async fn start(&mut self, name: &str) -> Result<(), Failure> {
        let Some(proxy) = self.proxies.get_mut(name).filter(|proxy| !proxy.enabled) else {
            return Ok(());
        };
        let address = address::to_listen(&proxy.listen).await?;
        let opened = open(&self.threads, address, &proxy.edge).await;
        let door = opened.map_err(|error| address::cannot_listen(&proxy.listen, &error))?;
        proxy.listen = door.address.to_string();
        proxy.enabled = true;
        self.control.listens(&proxy.edge, Some(door.address));
        self.doors.insert(name.to_owned(), door);
        Ok(())
    }

    /// Waits until the address is free again.
    async fn stop(&mut self, name: &str) {
        if let Some(proxy) = self.proxies.get_mut(name) {
            proxy.enabled = false;
            self.control.listens(&proxy.edge, None);
        }
        let Some(door) = self.doors.remove(name) else { return };
        door.closing.send_replace(true);
        if tokio::time::timeout(CLOSE_MAX, door.closing.closed()).await.is_err() {
            tracing::warn!(proxy = name, "a listener could not be closed in time");
        }
    }
}

/// Everywhere means both kinds of addresses, or the older one where there is no other.
async fn open(threads: &Threads, address: SocketAddr, edge: &Edge) -> io::Result<OpenDoor> {
    let door = || Door::of(edge.clone(), Protocol::Tcp);
    match threads.open(address, door()).await {
        Err(error)
            if address.is_ipv6()
                && address.ip().is_unspecified()
                && error.kind() != io::ErrorKind::AddrInUse =>
        {
            let older = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            threads.open(older, door()).await
        },
        opened => opened,
    }
}
