//! What has passed through each proxy, in the names and labels of the original. The counters move
//! while a connection is open.

use std::fmt::Write as _;

use super::registry::Registry;

const NAME: &str = "toxiproxy_proxy_sent_bytes_total";

pub(super) fn page(registry: &Registry) -> String {
    let mut page = format!(
        "# HELP {NAME} Bytes that were delivered to the upstream or to the client.\n\
         # TYPE {NAME} counter\n"
    );
    for proxy in registry.proxies().values() {
        let [up, down] = registry.control.carried(&proxy.edge);
        for (direction, bytes) in [("upstream", up), ("downstream", down)] {
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
