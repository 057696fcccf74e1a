//! What has passed through each proxy, in the names and labels of the original. The counters move
//! while a connection is open.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use super::registry::Registry;

const NAME: &str = "toxiproxy_proxy_sent_bytes_total";

pub(super) fn page(registry: &Registry) -> String {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let addresses: BTreeMap<_, _> =
        registry.proxies().values().map(|proxy| (proxy.edge.clone(), nowhere)).collect();
    let edges = registry.control.report(&addresses, Vec::new()).edges;
    let mut page = format!(
        "# HELP {NAME} Bytes that were delivered to the upstream or to the client.\n\
         # TYPE {NAME} counter\n"
    );
    for proxy in registry.proxies().values() {
        let Some(edge) = edges.iter().find(|edge| edge.edge == proxy.edge) else { continue };
        for (direction, bytes) in [("upstream", edge.bytes_up), ("downstream", edge.bytes_down)] {
            let [listener, name, upstream] =
                [&proxy.listen, &proxy.name, &proxy.upstream].map(|text| escaped(text));
            writeln!(
                page,
                "{NAME}{{direction=\"{direction}\",listener=\"{listener}\",proxy=\"{name}\",\
                 upstream=\"{upstream}\"}} {bytes}"
            )
            .expect("a string takes everything");
        }
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
