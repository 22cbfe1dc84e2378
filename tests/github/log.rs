//! What was asked and what was answered, for tests to look at.

use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use super::route::{Operation, Role};

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Logged {
    /// Its number, from 0, in the order in which their heads came.
    pub(crate) number: usize,
    /// When its head came.
    #[serde(skip)]
    pub(crate) at: Instant,
    pub(crate) host: Role,
    pub(crate) method: String,
    /// The path as on api.github.com, without a query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) operation: Operation,
    /// The `Authorization` header, as it came.
    pub(crate) authorization: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// The body, where it was JSON.
    pub(crate) body: Option<Value>,
    /// The bytes of the body.
    pub(crate) received: u64,
    /// The status of the answer; none where the connection was broken instead.
    pub(crate) status: Option<u16>,
    /// The answer, where it was JSON.
    pub(crate) answer: Option<Value>,
    /// The fault that struck it, in words.
    pub(crate) fault: Option<String>,
    /// Whether one of GitHub's limits refused it, and no fault.
    pub(crate) limited: bool,
}

impl Logged {
    /// The request on one line.
    pub(crate) fn line(&self) -> String {
        let status = self.status.map_or("broken".to_owned(), |status| status.to_string());
        let fault = self.fault.as_deref().map_or(String::new(), |fault| format!(" ({fault})"));
        let query: Vec<String> =
            self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{} {} {}{query} -> {status}{fault}", self.number, self.method, self.path)
    }
}
