//! Answers that are not a success, and bodies that are not what they should be.
//!
//! Every refusal is JSON with one sentence for people; what went wrong inside is logged and kept
//! out of the answer.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::plan::ApiError;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) error: String,
    /// Path of the field to blame.
    pub(crate) field: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), field: None }
    }

    pub(crate) fn of_field(field: &str, error: impl Into<String>) -> Self {
        let field = Some(field.to_owned());
        Self { status: StatusCode::BAD_REQUEST, error: error.into(), field }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(ApiError { error: self.error, field: self.field })).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "store failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store of this service failed")
    }
}

/// A JSON body; what does not fit is refused with the reason.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(refused) => Err(Problem::new(refused.status(), refused.body_text())),
        }
    }
}

/// Ids travel in paths, so they may hold only what needs no escape there.
pub(crate) fn check_id(field: &str, id: &str) -> Result<(), Problem> {
    let plain =
        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if plain && (1..=64).contains(&id.len()) && id.trim_matches('.') == id {
        return Ok(());
    }
    Err(Problem::of_field(
        field,
        format!("{field} must be 1 to 64 letters, digits, `-`, `_` or inner `.`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_needs_no_escape() {
        for id in ["u00000f-83", "a", "a.b_c"] {
            assert!(check_id("cart", id).is_ok(), "{id} was refused");
        }
        for id in ["", "a/b", "a b", "..", ".a", "ä", &"x".repeat(65)] {
            let refused = check_id("cart", id).unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.field.as_deref()), (400, Some("cart")));
        }
    }
}
