//! The runner's side of the proxy's control API.

use std::net::SocketAddr;
use std::time::Duration;

use model::plan::{ApiError, Applied, LeaseReply, LeaseRequest, Plan, ProxyState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use telemetry::client::{Client, ClientError};

/// A control call is local and small; what takes longer is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the proxy does not answer {call}")]
    Unreachable { call: &'static str, source: ClientError },
    #[error("the proxy refuses {call} with status {status}: {error}{}", field_text(field.as_ref()))]
    Refused { call: &'static str, status: u16, error: String, field: Option<String> },
    #[error("the proxy answers {call} in a way that is not understood")]
    Answer { call: &'static str, source: serde_json::Error },
}

fn field_text(field: Option<&String>) -> String {
    field.map_or_else(String::new, |field| format!(" (field {field})"))
}

/// The control API of one proxy.
#[derive(Debug, Clone)]
pub struct Control {
    client: Client,
    address: SocketAddr,
}

impl Control {
    pub fn new(client: Client, address: SocketAddr) -> Self {
        Self { client, address }
    }

    pub async fn put_plan(&self, plan: &Plan) -> Result<Applied, ControlError> {
        self.call("PUT /v1/plan", "PUT", "/v1/plan", &json(plan)).await
    }

    /// Lets the plan's faults act for another while.
    pub async fn renew(&self, lease: Duration) -> Result<LeaseReply, ControlError> {
        let request =
            LeaseRequest { holder: "runner".to_owned(), lease_ms: lease.as_millis() as u64 };
        self.call("POST /v1/lease", "POST", "/v1/lease", &json(&request)).await
    }

    /// Disarms every fault at once.
    pub async fn release(&self) -> Result<LeaseReply, ControlError> {
        self.call("DELETE /v1/lease", "DELETE", "/v1/lease", "").await
    }

    pub async fn state(&self) -> Result<ProxyState, ControlError> {
        self.call("GET /v1/state", "GET", "/v1/state", "").await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        call: &'static str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<T, ControlError> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.to_owned().into())
            .expect("method and path are constants");
        let response = self
            .client
            .send(self.address, request, CALL_TIMEOUT)
            .await
            .map_err(|source| ControlError::Unreachable { call, source })?;
        let status = response.status().as_u16();
        if status >= 300 {
            let told: Option<ApiError> = serde_json::from_slice(response.body()).ok();
            let told = told.unwrap_or_else(|| ApiError {
                error: String::from_utf8_lossy(response.body()).into_owned(),
                field: None,
            });
            return Err(ControlError::Refused {
                call,
                status,
                error: told.error,
                field: told.field,
            });
        }
        serde_json::from_slice(response.body())
            .map_err(|source| ControlError::Answer { call, source })
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("values of the control API have string keys")
}
