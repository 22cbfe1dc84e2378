//! What a request asks for: the operation, by GitHub's own name for it, and what is named in the path.

use serde::{Deserialize, Serialize};

/// An operation of GitHub's API, under the name that GitHub's description of it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Operation {
    #[serde(rename = "repos/get")]
    GetRepository,
    #[serde(rename = "users/get-authenticated")]
    GetUser,
    #[serde(rename = "git/get-ref")]
    GetRef,
    #[serde(rename = "git/list-matching-refs")]
    MatchingRefs,
    #[serde(rename = "git/create-ref")]
    CreateRef,
    #[serde(rename = "git/delete-ref")]
    DeleteRef,
    #[serde(rename = "repos/list-releases")]
    ListReleases,
    #[serde(rename = "repos/create-release")]
    CreateRelease,
    #[serde(rename = "repos/get-release")]
    GetRelease,
    #[serde(rename = "repos/get-release-by-tag")]
    ReleaseByTag,
    #[serde(rename = "repos/get-latest-release")]
    LatestRelease,
    #[serde(rename = "repos/update-release")]
    UpdateRelease,
    #[serde(rename = "repos/delete-release")]
    DeleteRelease,
    #[serde(rename = "repos/list-release-assets")]
    ListAssets,
    #[serde(rename = "repos/upload-release-asset")]
    UploadAsset,
    #[serde(rename = "repos/get-release-asset")]
    GetAsset,
    #[serde(rename = "repos/update-release-asset")]
    UpdateAsset,
    #[serde(rename = "repos/delete-release-asset")]
    DeleteAsset,
    #[serde(rename = "repos/check-immutable-releases")]
    CheckImmutable,
    #[serde(rename = "repos/enable-immutable-releases")]
    EnableImmutable,
    #[serde(rename = "repos/disable-immutable-releases")]
    DisableImmutable,
    #[serde(rename = "rate-limit/get")]
    RateLimit,
    #[serde(rename = "meta/get")]
    Meta,
    #[serde(rename = "actions/list-repo-workflows")]
    ListWorkflows,
    #[serde(rename = "actions/get-workflow")]
    GetWorkflow,
    #[serde(rename = "actions/create-workflow-dispatch")]
    Dispatch,
    #[serde(rename = "actions/list-workflow-runs-for-repo")]
    ListRuns,
    #[serde(rename = "actions/list-workflow-runs")]
    ListRunsOfWorkflow,
    #[serde(rename = "actions/get-workflow-run")]
    GetRun,
    #[serde(rename = "actions/cancel-workflow-run")]
    CancelRun,
    #[serde(rename = "actions/re-run-workflow-failed-jobs")]
    RerunFailed,
    #[serde(rename = "actions/list-jobs-for-workflow-run")]
    ListJobs,
    #[serde(rename = "actions/get-job-for-workflow-run")]
    GetJob,
    #[serde(rename = "actions/download-job-logs-for-workflow-run")]
    JobLogs,
    #[serde(rename = "checks/list-annotations")]
    Annotations,
    #[serde(rename = "actions/list-workflow-run-artifacts")]
    ListArtifacts,
    #[serde(rename = "actions/download-artifact")]
    DownloadArtifact,
    /// The bytes of a log or an artifact, on a host of their own.
    #[serde(rename = "blob")]
    Blob,
    /// As far as `gh` needs it.
    #[serde(rename = "graphql")]
    GraphQl,
    /// The link of an asset on a release's page.
    #[serde(rename = "page-download")]
    PageDownload,
    /// The bytes of an asset, on a host of their own.
    #[serde(rename = "object")]
    Object,
    /// The stand-in's own: its state and its faults.
    #[serde(rename = "control")]
    Control,
    /// Nothing that is known here.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Operation {
    /// GitHub's name for it.
    pub(crate) fn id(self) -> String {
        let id = serde_json::to_value(self).expect("a name");
        id.as_str().expect("a text").to_owned()
    }
}

/// Which of GitHub's hosts was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Api,
    Uploads,
    Objects,
}

/// How the host was addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As api.github.com, with uploads on a host of their own; below `/uploads` where a port stands for
    /// all of them.
    Public,
    /// As an Enterprise server: `/api/v3`, with uploads below `/api/uploads`.
    Enterprise,
}

/// A request's meaning.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) role: Role,
    pub(crate) style: Style,
    /// The path without what stands before the API.
    pub(crate) path: String,
    /// `owner/name`.
    pub(crate) repository: String,
    /// The number of the release or asset.
    pub(crate) id: u64,
    /// The tag or ref.
    pub(crate) name: String,
}

impl Route {
    /// Reads a request's first line, as it came to a host of this role.
    pub(crate) fn of(role: Role, method: &str, path: &str) -> Self {
        let below = |prefix: &str| path.strip_prefix(prefix).map(str::to_owned);
        let (style, role, path) = if let Some(rest) = below("/api/v3") {
            (Style::Enterprise, Role::Api, rest)
        } else if let Some(rest) = below("/api/uploads") {
            (Style::Enterprise, Role::Uploads, rest)
        } else if let Some(rest) = below("/uploads") {
            (Style::Public, Role::Uploads, rest)
        } else if path == "/api/graphql" {
            (Style::Enterprise, Role::Api, "/graphql".to_owned())
        } else {
            (Style::Public, role, path.to_owned())
        };
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut route = Self {
            operation: Operation::Unknown,
            role,
            style,
            path: path.clone(),
            repository: String::new(),
            id: 0,
            name: String::new(),
        };
        // Asked for its head alone, a thing is the same thing.
        let method = if method == "HEAD" { "GET" } else { method };
        match role {
            Role::Api => route.api(method, &segments),
            Role::Uploads => route.upload(method, &segments),
            Role::Objects => route.object(method, &segments),
        }
        route
    }

    fn api(&mut self, method: &str, segments: &[&str]) {
        use Operation as Op;
        match (method, segments) {
            (_, ["_stand-in", ..]) => self.operation = Op::Control,
            ("POST", ["graphql"]) => self.operation = Op::GraphQl,
            ("GET", ["user"]) => self.operation = Op::GetUser,
            ("GET", ["rate_limit"]) => self.operation = Op::RateLimit,
            ("GET", [] | ["" | "meta"]) => self.operation = Op::Meta,
            (_, ["repos", owner, name, rest @ ..]) => {
                self.repository = format!("{owner}/{name}");
                self.below_repository(method, rest);
            }
            ("GET", [owner, name, "releases", "download", tag, asset]) => {
                self.operation = Op::PageDownload;
                self.repository = format!("{owner}/{name}");
                self.name = format!("{tag}/{asset}");
            }
            _ => {}
        }
    }

    fn below_repository(&mut self, method: &str, segments: &[&str]) {
        use Operation as Op;
        self.operation = match (method, segments) {
            ("GET", []) => Op::GetRepository,
            ("GET", ["immutable-releases"]) => Op::CheckImmutable,
            ("PUT", ["immutable-releases"]) => Op::EnableImmutable,
            ("DELETE", ["immutable-releases"]) => Op::DisableImmutable,
            ("POST", ["git", "refs"]) => Op::CreateRef,
            ("GET", ["git", "ref", name @ ..]) => self.named(Op::GetRef, name),
            ("DELETE", ["git", "refs", name @ ..]) => self.named(Op::DeleteRef, name),
            ("GET", ["git", "matching-refs", name @ ..]) => self.named(Op::MatchingRefs, name),
            ("GET", ["check-runs", id, "annotations"]) => self.numbered(Op::Annotations, id),
            (_, ["actions", rest @ ..]) => self.actions(method, rest),
            ("GET", ["releases"]) => Op::ListReleases,
            ("POST", ["releases"]) => Op::CreateRelease,
            ("GET", ["releases", "latest"]) => Op::LatestRelease,
            ("GET", ["releases", "tags", name @ ..]) => self.named(Op::ReleaseByTag, name),
            ("GET", ["releases", "assets", id]) => self.numbered(Op::GetAsset, id),
            ("PATCH", ["releases", "assets", id]) => self.numbered(Op::UpdateAsset, id),
            ("DELETE", ["releases", "assets", id]) => self.numbered(Op::DeleteAsset, id),
            ("GET", ["releases", id, "assets"]) => self.numbered(Op::ListAssets, id),
            ("GET", ["releases", id]) => self.numbered(Op::GetRelease, id),
            ("PATCH", ["releases", id]) => self.numbered(Op::UpdateRelease, id),
            ("DELETE", ["releases", id]) => self.numbered(Op::DeleteRelease, id),
            _ => Op::Unknown,
        };
    }

    fn actions(&mut self, method: &str, segments: &[&str]) -> Operation {
        use Operation as Op;
        match (method, segments) {
            ("GET", ["workflows"]) => Op::ListWorkflows,
            ("GET", ["workflows", name]) => self.named(Op::GetWorkflow, &[name]),
            ("POST", ["workflows", name, "dispatches"]) => self.named(Op::Dispatch, &[name]),
            ("GET", ["workflows", name, "runs"]) => self.named(Op::ListRunsOfWorkflow, &[name]),
            ("GET", ["runs"]) => Op::ListRuns,
            ("GET", ["runs", id]) => self.numbered(Op::GetRun, id),
            ("POST", ["runs", id, "cancel"]) => self.numbered(Op::CancelRun, id),
            ("POST", ["runs", id, "rerun-failed-jobs"]) => self.numbered(Op::RerunFailed, id),
            ("GET", ["runs", id, "jobs"]) => self.numbered(Op::ListJobs, id),
            ("GET", ["runs", id, "artifacts"]) => self.numbered(Op::ListArtifacts, id),
            ("GET", ["jobs", id]) => self.numbered(Op::GetJob, id),
            ("GET", ["jobs", id, "logs"]) => self.numbered(Op::JobLogs, id),
            ("GET", ["artifacts", id, "zip"]) => self.numbered(Op::DownloadArtifact, id),
            _ => Op::Unknown,
        }
    }

    fn upload(&mut self, method: &str, segments: &[&str]) {
        if let ("POST", ["repos", owner, name, "releases", id, "assets"]) = (method, segments) {
            self.repository = format!("{owner}/{name}");
            self.operation = self.numbered(Operation::UploadAsset, id);
        }
    }

    fn object(&mut self, method: &str, segments: &[&str]) {
        if let ("GET", ["objects", id, ..]) = (method, segments) {
            self.operation = self.numbered(Operation::Object, id);
        }
        if let ("GET", ["blobs", kind, id]) = (method, segments) {
            self.named(Operation::Blob, &[kind]);
            self.operation = self.numbered(Operation::Blob, id);
        }
    }

    fn named(&mut self, operation: Operation, name: &[&str]) -> Operation {
        self.name = name.join("/");
        operation
    }

    fn numbered(&mut self, operation: Operation, id: &str) -> Operation {
        match id.parse() {
            Ok(id) => {
                self.id = id;
                operation
            }
            Err(_) => Operation::Unknown,
        }
    }
}

/// A segment of a path without its percent signs.
fn decoded(segment: &str) -> String {
    // A `+` stands for itself in a path, and for a space in a query.
    let query = format!("x={}", segment.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[test]
fn paths_are_understood() {
    let route = Route::of(Role::Api, "GET", "/api/v3/repos/o/r/releases/tags/v%2F1+2");
    assert_eq!((route.operation, route.name.as_str()), (Operation::ReleaseByTag, "v/1+2"));
    assert_eq!((route.style, route.repository.as_str()), (Style::Enterprise, "o/r"));
    let route = Route::of(Role::Api, "POST", "/repos/o/r/releases/1/assets");
    assert_eq!(route.operation, Operation::Unknown, "uploads have a place of their own");
    let route = Route::of(Role::Uploads, "POST", "/repos/o/r/releases/1/assets");
    assert_eq!((route.operation, route.id), (Operation::UploadAsset, 1));
}
