//! The simplest of clients, for tests of the stand-in itself.

use std::time::Duration;

use serde_json::Value;

use super::{REPOSITORY, StandIn};

impl StandIn {
    /// Asks with the token that may push, once; gives the status and the JSON, or why there is none.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<(u16, Value), String> {
        with_token(self.token(), method, &format!("{}{path}", self.api()), body)
    }

    /// Makes a draft and gives its number.
    pub(crate) fn draft(&self, tag: &str) -> u64 {
        let body = format!(r#"{{"tag_name":"{tag}","draft":true}}"#);
        let path = format!("/repos/{REPOSITORY}/releases");
        let (status, release) = self.ask("POST", &path, &body).expect("an answer");
        assert_eq!(status, 201, "{release}");
        release["id"].as_u64().expect("a number")
    }

    /// Uploads a file to a release.
    pub(crate) fn upload(
        &self,
        release: u64,
        name: &str,
        body: &str,
    ) -> Result<(u16, Value), String> {
        let url = format!(
            "{}/uploads/repos/{REPOSITORY}/releases/{release}/assets?name={name}",
            self.api()
        );
        with_token(self.token(), "POST", &url, body)
    }
}

/// Asks this address once with this token.
pub(crate) fn with_token(
    token: &str,
    method: &str,
    url: &str,
    body: &str,
) -> Result<(u16, Value), String> {
    let request = http::Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/octet-stream")
        .body(body.to_owned())
        .expect("a request");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
}
