//! How GitHub says no.

use serde_json::{Value, json};

use super::model::Token;

/// An answer that is not what was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    message: String,
    errors: Vec<Value>,
    /// Headers that say when to come back.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A status and its message.
    pub(crate) fn new(status: u16, message: &str) -> Self {
        let (errors, headers) = (Vec::new(), Vec::new());
        Self { status, message: message.to_owned(), errors, headers }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    pub(crate) fn requires_authentication() -> Self {
        Self::new(401, "Requires authentication")
    }

    /// A token without the permission.
    pub(crate) fn not_accessible(token: &Token) -> Self {
        let by = if token.installation { "integration" } else { "personal access token" };
        Self::new(403, &format!("Resource not accessible by {by}"))
    }

    pub(crate) fn archived() -> Self {
        Self::new(403, "Repository was archived so is read-only.")
    }

    pub(crate) fn immutable(message: &str) -> Self {
        Self::new(422, message)
    }

    /// A field that does not pass, with GitHub's word for why.
    pub(crate) fn invalid(resource: &str, code: &str, field: &str) -> Self {
        let errors = vec![json!({ "resource": resource, "code": code, "field": field })];
        Self { errors, ..Self::new(422, "Validation Failed") }
    }

    /// A field that does not pass, with a sentence that says why.
    pub(crate) fn said(resource: &str, field: &str, message: &str) -> Self {
        let error = json!({
            "resource": resource, "code": "custom", "field": field, "message": message,
        });
        Self { errors: vec![error], ..Self::new(422, "Validation Failed") }
    }

    /// The limit that nobody can ask about.
    pub(crate) fn secondary(status: u16, retry_after: Option<u64>) -> Self {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before \
                       you try again. If you reach out to GitHub Support for help, please include \
                       the request ID.";
        let headers = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
        Self { headers: headers.into_iter().collect(), ..Self::new(status, message) }
    }

    /// The limit of an hour is used up.
    pub(crate) fn primary() -> Self {
        Self::new(
            403,
            "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the request ID.",
        )
    }

    /// What stands in front of GitHub answers for it: a page, not JSON.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.status, 500..=599)
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = self.errors.clone().into();
        }
        body
    }
}
