//! The other side of the proxy's control API: what the runner and `shakedown fault` ask of it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use model::fault::{FaultKind, Token};
use model::plan::{
    ApiError, Applied, ArmRequest, ArmedFault, LeaseReply, LeaseRequest, Plan, ProxyState,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use telemetry::client::{Client, ClientError};
use telemetry::uri::encoded;

mod by_hand;

pub use by_hand::ByHand;

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
    token: Option<Token>,
}

impl Control {
    pub fn new(client: Client, address: SocketAddr) -> Self {
        Self { client, address, token: None }
    }

    /// Shows this token with every call.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
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

    pub async fn faults(&self) -> Result<Vec<ArmedFault>, ControlError> {
        self.call("GET /v1/faults", "GET", "/v1/faults", "").await
    }

    pub async fn arm(&self, request: &ArmRequest) -> Result<Applied, ControlError> {
        self.call("POST /v1/faults", "POST", "/v1/faults", &with_secret(request)).await
    }

    /// Disarms one fault that was armed, or all of them.
    pub async fn disarm(&self, name: Option<&str>) -> Result<Applied, ControlError> {
        match name {
            None => self.call("DELETE /v1/faults", "DELETE", "/v1/faults", "").await,
            Some(name) => {
                let path = format!("/v1/faults/{}", encoded(name));
                self.call("DELETE /v1/faults/{name}", "DELETE", &path, "").await
            },
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        call: &'static str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<T, ControlError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            let shown = format!("Bearer {}", token.expose());
            request = request.header(http::header::AUTHORIZATION, shown);
        }
        let request = request
            .body(body.to_owned().into())
            .expect("methods and headers are plain text, and names in paths are encoded");
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

/// A request as it is sent: what is hidden wherever it is written must be shown here.
fn with_secret(request: &ArmRequest) -> String {
    let mut value = serde_json::to_value(request).expect("requests have string keys");
    if let FaultKind::Caller { token, .. } = &request.fault.effect {
        value["fault"]["effect"]["token"] = token.expose().into();
    }
    value.to_string()
}

/// A token from a file of its own. What is wrong with it never repeats it.
pub fn token(path: &Path) -> Result<Token, String> {
    let shown = path.display();
    let text =
        crate::written::text(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{shown} must hold one line of visible ASCII characters"));
    }
    Ok(Token::new(secret))
}

#[cfg(test)]
mod tests {
    use model::edge::Edge;
    use model::fault::FaultSpec;

    use super::*;

    #[test]
    fn a_secret_is_sent_and_written_nowhere_else() {
        let effect = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: 1 };
        let fault = FaultSpec::new("a", vec![Edge::new("client", "orders")], effect);
        let request = ArmRequest { fault, for_ms: 1 };
        let sent = with_secret(&request);
        assert!(sent.contains("s3cret"));
        assert_eq!(serde_json::from_str::<ArmRequest>(&sent).unwrap(), request);
        assert!(!json(&request).contains("s3cret") && !format!("{request:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_is_one_line_and_what_is_wrong_with_it_does_not_repeat_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("token");
        for (text, good) in
            [("s3cret\n", true), ("s3cret", true), ("\n", false), ("s3 cret", false)]
        {
            std::fs::write(&path, text).unwrap();
            match token(&path) {
                Ok(token) => assert!(good && token.is(b"s3cret"), "{text:?}"),
                Err(said) => assert!(!good && !said.contains("cret"), "{said}"),
            }
        }
    }
}
