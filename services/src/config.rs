//! What one service process is told at its start, and the check that it is enough.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use model::shop::{self, WEAKNESSES};

use crate::error::ServiceError;

/// Everything that one service process is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// One of [`model::shop::SERVICES`].
    pub name: String,
    /// Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Folder of the service's own file `NAME.db`; made when absent.
    pub data: PathBuf,
    /// Callee to the address of the gateway's listener for this edge.
    pub urls: BTreeMap<String, SocketAddr>,
    /// Planted flaws of the whole shop; a service acts on its own only.
    pub weaknesses: Vec<String>,
}

impl ServiceConfig {
    /// Who this service calls, as the shop's edges say.
    pub fn callees(service: &str) -> Vec<String> {
        shop::edges()
            .into_iter()
            .filter(|edge| edge.caller == service)
            .map(|edge| edge.callee)
            .collect()
    }

    /// Collects the callees' addresses from environment variables like
    /// `PAYMENTS_URL=http://127.0.0.1:4711`, read through `variable`.
    pub fn urls_from(
        service: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, SocketAddr>, ServiceError> {
        let mut urls = BTreeMap::new();
        for callee in Self::callees(service) {
            let name = shop::url_variable(&callee);
            let Some(value) = variable(&name) else {
                let service = service.to_owned();
                return Err(ServiceError::NoAddress { service, callee, variable: name });
            };
            let address = value
                .strip_prefix("http://")
                .and_then(|rest| rest.trim_end_matches('/').parse().ok());
            match address {
                Some(address) => urls.insert(callee, address),
                None => return Err(ServiceError::Address { variable: name, value }),
            };
        }
        Ok(urls)
    }

    /// Refuses what the service could not work with.
    pub(crate) fn check(&self) -> Result<(), ServiceError> {
        if !shop::SERVICES.contains(&self.name.as_str()) {
            return Err(ServiceError::UnknownService { name: self.name.clone() });
        }
        for weakness in &self.weaknesses {
            if !WEAKNESSES.iter().any(|(known, _)| known == weakness) {
                return Err(ServiceError::UnknownWeakness { name: weakness.clone() });
            }
        }
        Self::callees(&self.name).into_iter().try_for_each(|callee| self.url(&callee).map(drop))
    }

    pub(crate) fn url(&self, callee: &str) -> Result<SocketAddr, ServiceError> {
        self.urls.get(callee).copied().ok_or_else(|| ServiceError::NoAddress {
            service: self.name.clone(),
            callee: callee.to_owned(),
            variable: shop::url_variable(callee),
        })
    }

    pub(crate) fn has(&self, weakness: &str) -> bool {
        self.weaknesses.iter().any(|named| named == weakness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str) -> ServiceConfig {
        ServiceConfig {
            name: name.to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            data: PathBuf::new(),
            urls: BTreeMap::new(),
            weaknesses: Vec::new(),
        }
    }

    #[test]
    fn addresses_come_from_the_variables_of_the_shops_edges() {
        let read = |name: &str| (name == "CATALOG_URL").then(|| "http://127.0.0.1:81/".to_owned());
        let urls = ServiceConfig::urls_from("cart", read).unwrap();
        assert_eq!(urls, [("catalog".to_owned(), "127.0.0.1:81".parse().unwrap())].into());
        assert!(ServiceConfig::urls_from("catalog", |_| None).unwrap().is_empty());
    }

    #[test]
    fn a_missing_or_broken_address_names_its_variable() {
        let missing = ServiceConfig::urls_from("cart", |_| None).unwrap_err().to_string();
        assert!(missing.contains("CATALOG_URL") && missing.contains("catalog"), "{missing}");
        for value in ["127.0.0.1:81", "https://127.0.0.1:81", "http://catalog"] {
            let wrong = ServiceConfig::urls_from("cart", |_| Some(value.to_owned()));
            let message = wrong.unwrap_err().to_string();
            assert!(message.contains(value) && message.contains("CATALOG_URL"), "{message}");
        }
    }

    #[test]
    fn an_unknown_service_weakness_or_a_missing_callee_is_refused() {
        assert!(matches!(config("till").check(), Err(ServiceError::UnknownService { .. })));
        assert!(matches!(config("orders").check(), Err(ServiceError::NoAddress { .. })));
        let weak = ServiceConfig { weaknesses: vec!["payments.lazy".into()], ..config("payments") };
        assert!(matches!(weak.check(), Err(ServiceError::UnknownWeakness { .. })));
        assert!(config("payments").check().is_ok());
    }
}
