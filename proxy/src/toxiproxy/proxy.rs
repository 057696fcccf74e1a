//! A proxy as the API takes and shows it.

use std::net::SocketAddr;

use model::edge::Edge;
use model::fault::{Direction, FaultSpec};
use model::plan::EdgePlan;
use model::policy::EdgePolicy;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::toxic::{self, Toxic};
use super::{address, mapping};

/// What a request says of a proxy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    name: Option<String>,
    pub(super) listen: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) enabled: Option<bool>,
    /// In force before the first connection is accepted.
    pub(super) toxics: Option<Vec<toxic::Wanted>>,
}

impl Wanted {
    /// Name and upstream, without which there is no proxy. `place` says which one of many it is.
    pub(super) fn needed(&self, place: &str) -> Result<(&str, &str), Failure> {
        let given = |field: &str, value: &'_ Option<String>| match value.as_deref() {
            None | Some("") => Err(Failure::missing_field(format!("{field}{place}"))),
            Some(_) => Ok(()),
        };
        given("name", &self.name)?;
        given("upstream", &self.upstream)?;
        Ok((self.name.as_deref().unwrap_or_default(), self.upstream.as_deref().unwrap_or_default()))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) name: String,
    /// Where it really listens, or where it was asked to as long as it never did.
    pub(super) listen: String,
    pub(super) upstream: String,
    /// Where the name of the upstream leads, once that is known.
    pub(super) endpoint: Option<SocketAddr>,
    pub(super) edge: Edge,
    pub(super) enabled: bool,
    pub(super) toxics: Vec<Toxic>,
}

impl Proxy {
    /// Is it another one than a request wants?
    pub(super) async fn differs(&self, listen: &str, upstream: &str) -> Result<bool, Failure> {
        let same =
            listen == self.listen || address::to_listen(listen).await?.to_string() == self.listen;
        Ok(!same || upstream != self.upstream)
    }

    pub(super) fn toxic(&self, name: &str) -> Result<&Toxic, Failure> {
        let found = self.toxics.iter().find(|toxic| toxic.name == name);
        found.ok_or_else(Failure::toxic_not_found)
    }

    pub(super) fn plan(&self) -> EdgePlan {
        EdgePlan {
            edge: self.edge.clone(),
            endpoints: self.endpoint.into_iter().collect(),
            policy: EdgePolicy::default(),
        }
    }

    /// The faults of its toxics, each under a key that sorts as the toxics came.
    pub(super) fn faults(&self) -> impl Iterator<Item = (String, FaultSpec)> + '_ {
        self.toxics.iter().flat_map(|toxic| {
            let faults = mapping::faults(&self.name, &self.edge, toxic);
            let key = |fault: FaultSpec| (format!("{:020} {}", toxic.number, fault.name), fault);
            faults.into_iter().map(key)
        })
    }

    /// Those of the way up come first, as the original has it.
    pub(super) fn shown_toxics(&self) -> Vec<Value> {
        let of = |way| {
            let toxics = self.toxics.iter().filter(move |toxic| toxic.way == way);
            toxics.map(Toxic::shown)
        };
        of(Direction::Up).chain(of(Direction::Down)).collect()
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": self.shown_toxics(),
        })
    }
}
