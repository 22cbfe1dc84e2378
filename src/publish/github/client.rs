//! Requests to one API: paced, asked again by one policy, the token with those that stay at home.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use octocrab::OctoBody;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::GitHubError;
use super::connection::{Activity, Connection, FileBody};
use super::headers::{location, reset_in, retry_after, server_time};
use super::pace::{Cost, Pace};
use super::retry::{Answer, Fault, Patience, Retry, Waits};
use crate::model::digest::Digest;
use crate::model::event::{Event, Events};
use crate::publish::release::Asset;
use crate::sys::github::address::Api;
use crate::sys::github::token::Token;

const USER_AGENT: &str = concat!("modfarm/", env!("CARGO_PKG_VERSION"));
const JSON: &str = "application/vnd.github+json";
const API_VERSION: &str = "2022-11-28";
const BYTES: &str = "application/octet-stream";

const A_PAGE: usize = 100;

/// So many redirects of a download are followed.
const REDIRECTS: usize = 5;

/// So often is asked where a file is; the patience ends before, but not with a server that leads in circles.
const MOST_LOOKS: usize = 1000;

/// Progress is not said more often.
const PROGRESS: Duration = Duration::from_millis(200);

/// A client of one API.
#[derive(Debug)]
pub(super) struct Client {
    api: Api,
    token: Token,
    connection: Connection,
    pace: Mutex<Pace>,
    patience: Mutex<Patience>,
    told: Mutex<Option<Instant>>,
    right: AtomicUsize,
    of: AtomicUsize,
    looked: AtomicBool,
    events: Events,
}

/// Something to ask.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    /// In words, after "cannot": `upload x.zip`.
    pub(super) what: String,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Content<'a>,
    /// What the server called the answer that is known: it need not give the same one again.
    pub(super) known: Option<String>,
}

/// What goes with it.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    Nothing,
    Json(Value),
    File(&'a Asset),
}

/// An answer that it was done.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn new(what: impl Into<String>, method: Method, url: Url) -> Self {
        Self { what: what.into(), method, url, body: Content::Nothing, known: None }
    }

    pub(super) fn with(mut self, body: Content<'a>) -> Self {
        self.body = body;
        self
    }

    pub(super) fn unless(mut self, known: Option<String>) -> Self {
        self.known = known;
        self
    }

    fn cost(&self) -> Cost {
        match self.method {
            Method::GET | Method::HEAD => Cost::Read,
            Method::DELETE => Cost::Write,
            _ => Cost::Content,
        }
    }
}

impl Client {
    pub(super) fn new(
        api: Api,
        token: Token,
        patience: Duration,
        silence: Duration,
        events: Events,
    ) -> Result<Self, GitHubError> {
        let connection = Connection::open(api.is_encrypted(), silence)?;
        Ok(Self {
            api,
            token,
            connection,
            pace: Mutex::new(Pace::new()),
            patience: Mutex::new(Patience::new(patience)),
            told: Mutex::new(None),
            right: AtomicUsize::new(0),
            of: AtomicUsize::new(0),
            looked: AtomicBool::new(false),
            events,
        })
    }

    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Remembers how far the release is, for the error when the patience ends.
    pub(super) fn reached(&self, right: usize, of: usize) {
        self.right.store(right, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
    }

    /// One more asset is there.
    pub(super) fn one_more(&self) {
        self.right.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what earlier runs created, by its age on the server's clock. That is what stands there at
    /// the first look: whatever is seen later this run has sent and counted itself.
    pub(super) fn remember(&self, ages: impl Iterator<Item = Duration>) {
        if self.looked.swap(true, Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        let mut pace = lock(&self.pace);
        ages.for_each(|age| pace.remember(age, now));
    }

    /// Asks until there is an answer. Only for what can be asked twice.
    pub(super) async fn call(&self, ask: &Ask<'_>) -> Result<Reply, GitHubError> {
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            match self.attempt(ask).await? {
                Ok(reply) => return Ok(reply),
                Err(fault) => self.pause(&mut waits, &fault, &ask.what, began).await?,
            }
        }
    }

    /// The same, for an answer in JSON. One that is cut off is asked for again.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        ask: &Ask<'_>,
    ) -> Result<(T, Reply), GitHubError> {
        let unchanged = || GitHubError::Unexpected {
            what: ask.what.clone(),
            reason: "it is said to be known".to_owned(),
        };
        self.read_if_new(ask).await?.ok_or_else(unchanged)
    }

    /// The same where it is not what is known already; `None` where it is. That costs nothing of the
    /// requests that may be made in an hour.
    pub(super) async fn read_if_new<T: DeserializeOwned>(
        &self,
        ask: &Ask<'_>,
    ) -> Result<Option<(T, Reply)>, GitHubError> {
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            let fault = match self.attempt(ask).await? {
                Ok(reply) if reply.status == StatusCode::NOT_MODIFIED => return Ok(None),
                Ok(reply) => match parse(&reply, &ask.what)? {
                    Ok(value) => return Ok(Some((value, reply))),
                    Err(fault) => fault,
                },
                Err(fault) => fault,
            };
            self.pause(&mut waits, &fault, &ask.what, began).await?;
        }
    }

    /// All pages of a list, and the server's time.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        what: &str,
        url: &Url,
    ) -> Result<(Vec<T>, Option<Timestamp>), GitHubError> {
        let mut all = Vec::new();
        for page in 1_u32.. {
            let mut url = url.clone();
            url.set_query(Some(&format!("per_page={A_PAGE}&page={page}")));
            let (items, reply): (Vec<T>, _) = self.read(&Ask::new(what, Method::GET, url)).await?;
            let more = match reply.headers.get(header::LINK).map(|link| link.to_str()) {
                Some(link) => link.unwrap_or_default().contains("rel=\"next\""),
                None => items.len() >= A_PAGE,
            };
            let empty = items.is_empty();
            all.extend(items);
            if !more || empty {
                return Ok((all, server_time(&reply.headers)));
            }
        }
        Ok((all, None))
    }

    /// The digest of what an asset holds, for a server that does not say it. Redirects are followed
    /// without the token.
    pub(super) async fn download(&self, what: &str, url: &Url) -> Result<Digest, GitHubError> {
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            match self.try_download(what, url.clone()).await? {
                Ok(digest) => return Ok(digest),
                Err(fault) => self.pause(&mut waits, &fault, what, began).await?,
            }
        }
    }

    /// Where a file is that the API redirects to. It is asked there without the token.
    pub(super) async fn leads_to(&self, ask: &Ask<'_>) -> Result<Url, GitHubError> {
        let mut ask = ask.clone();
        let mut waits = Waits::default();
        for _ in 0..MOST_LOOKS {
            let began = Instant::now();
            let Err(fault) = self.attempt(&ask).await? else { break };
            let Fault::Answer(Answer { location: Some(next), .. }) = &fault else {
                self.pause(&mut waits, &fault, &ask.what, began).await?;
                continue;
            };
            let next = ask.url.join(next).ok().filter(|next| self.api.may_lead_to(next));
            let next = next.ok_or_else(|| never(&fault, &ask.what))?;
            if !self.api.is_here(&next) {
                return Ok(next);
            }
            ask.url = next;
        }
        let answer = "it leads to no file".to_owned();
        Err(GitHubError::Redirected { what: ask.what, answer })
    }

    /// Where a request is redirected to on this very server; elsewhere the token does not go.
    pub(super) async fn redirected(&self, ask: &Ask<'_>) -> Result<Url, GitHubError> {
        match self.attempt(ask).await? {
            Err(fault @ Fault::Answer(Answer { location: Some(_), .. })) => {
                let Fault::Answer(answer) = &fault else { return Err(never(&fault, &ask.what)) };
                let next = answer.location.as_ref().and_then(|next| ask.url.join(next).ok());
                next.filter(|next| self.api.is_here(next)).ok_or_else(|| never(&fault, &ask.what))
            }
            Err(fault) => Err(never(&fault, &ask.what)),
            Ok(_) => Ok(ask.url.clone()),
        }
    }

    async fn try_download(
        &self,
        what: &str,
        mut url: Url,
    ) -> Result<Result<Digest, Fault>, GitHubError> {
        for _ in 0..=REDIRECTS {
            self.turn(Cost::Read, what).await?;
            let mut request = Request::get(url.as_str())
                .header(header::USER_AGENT, USER_AGENT)
                .header(header::ACCEPT, BYTES);
            if self.api.is_here(&url)
                && let Some(value) = self.token.header()
            {
                request = request.header(header::AUTHORIZATION, value);
            }
            let Ok(request) = request.body(OctoBody::empty()) else { break };
            let activity = Activity::new();
            let incoming = match self.connection.send(request, &activity).await {
                Ok(incoming) => incoming,
                Err(reason) => return Ok(Err(self.lost(reason))),
            };
            let (status, headers) = (incoming.status(), incoming.headers().clone());
            if status.is_success() {
                let digest = self.connection.digest(incoming, &activity).await;
                return Ok(digest.map_err(|reason| self.lost(reason)));
            }
            if !status.is_redirection() {
                let bytes = self.connection.collect(incoming, &activity).await.unwrap_or_default();
                return Ok(Err(Fault::Answer(self.answer(status, &headers, &bytes).await)));
            }
            let next = location(&headers).and_then(|next| url.join(next).ok());
            match next.filter(|next| self.api.may_lead_to(next)) {
                Some(next) => url = next,
                None => break,
            }
        }
        let answer = "it leads to no address that can be followed".to_owned();
        Err(GitHubError::Redirected { what: what.to_owned(), answer })
    }

    /// Asks once.
    pub(super) async fn attempt(&self, ask: &Ask<'_>) -> Result<Result<Reply, Fault>, GitHubError> {
        self.turn(ask.cost(), &ask.what).await?;
        let activity = Activity::new();
        let request = self.request(ask, &activity)?;
        tracing::debug!(method = %ask.method, host = ask.url.host_str(), path = ask.url.path(), "asking");
        let incoming = match self.connection.send(request, &activity).await {
            Ok(incoming) => incoming,
            Err(reason) => return Ok(Err(self.lost(reason))),
        };
        let (status, headers) = (incoming.status(), incoming.headers().clone());
        let bytes = match self.connection.collect(incoming, &activity).await {
            Ok(bytes) => bytes,
            Err(_) if status.is_client_error() => Bytes::new(),
            Err(reason) => return Ok(Err(self.lost(reason))),
        };
        tracing::debug!(status = status.as_u16(), bytes = bytes.len(), "answered");
        if status.is_success() || (status == StatusCode::NOT_MODIFIED && ask.known.is_some()) {
            self.heed(&headers);
            return Ok(Ok(Reply { status, headers, bytes }));
        }
        Ok(Err(Fault::Answer(self.answer(status, &headers, &bytes).await)))
    }

    fn request(
        &self,
        ask: &Ask<'_>,
        activity: &Arc<Activity>,
    ) -> Result<Request<OctoBody>, GitHubError> {
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(ask.url.as_str())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, JSON)
            .header("x-github-api-version", API_VERSION);
        if let Some(value) = self.token.header() {
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(known) = &ask.known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let body = match &ask.body {
            Content::Nothing => OctoBody::empty(),
            Content::Json(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                OctoBody::from(value.to_string())
            }
            Content::File(asset) => {
                request = request
                    .header(header::CONTENT_TYPE, content_type(&asset.name))
                    .header(header::CONTENT_LENGTH, asset.digest.size);
                OctoBody::new(self.file(asset, activity)?)
            }
        };
        request.body(body).map_err(|error| GitHubError::Unexpected {
            what: ask.what.clone(),
            reason: error.to_string(),
        })
    }

    fn file(&self, asset: &Asset, activity: &Arc<Activity>) -> Result<FileBody, GitHubError> {
        let (events, name, size) = (self.events.clone(), asset.name.clone(), asset.digest.size);
        let mut said = Instant::now();
        events.emit(Event::AssetStarted { asset: name.clone(), size });
        let sent = move |sent| {
            if said.elapsed() >= PROGRESS {
                said = Instant::now();
                events.emit(Event::AssetProgress { asset: name.clone(), sent });
            }
        };
        Ok(FileBody::open(&asset.path, size, Arc::clone(activity), sent)?)
    }

    /// Waits for its turn.
    async fn turn(&self, cost: Cost, what: &str) -> Result<(), GitHubError> {
        loop {
            let now = Instant::now();
            let taken = lock(&self.pace).take(cost, now);
            let Err(wait) = taken else { return Ok(()) };
            let until = now + wait;
            self.spend(now, until, what, "GitHub takes no more requests for now")?;
            self.tell(until, wait, "so as not to exceed GitHub's limits on requests");
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits before the next attempt, where there is to be one.
    pub(super) async fn pause(
        &self,
        waits: &mut Waits,
        fault: &Fault,
        what: &str,
        began: Instant,
    ) -> Result<(), GitHubError> {
        let retry = fault.retry();
        let Some(wait) = waits.next(retry, fastrand::f64()) else {
            return Err(never(fault, what));
        };
        let now = Instant::now();
        let until = now + wait;
        self.spend(began, until, what, &fault.words())?;
        if retry == Retry::Soon {
            let reason = format!("to {what} again: {}", fault.words());
            self.events.emit(Event::Waiting { reason, millis: millis(wait) });
        } else {
            lock(&self.pace).hold(until);
            self.tell(until, wait, &format!("to {what}: {}", fault.words()));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn spend(
        &self,
        from: Instant,
        to: Instant,
        what: &str,
        reason: &str,
    ) -> Result<(), GitHubError> {
        let mut patience = lock(&self.patience);
        if patience.spend(from, to) {
            return Ok(());
        }
        let of = self.of.load(Ordering::Relaxed);
        let reached = match self.right.load(Ordering::Relaxed) {
            _ if of == 0 => "no asset was sent".to_owned(),
            right => format!("{right} of {of} assets are there"),
        };
        Err(GitHubError::OutOfPatience {
            what: what.to_owned(),
            reason: reason.to_owned(),
            reached,
            limit: patience.limit(),
        })
    }

    /// Says that nothing is sent for a while: once, however many wait.
    fn tell(&self, until: Instant, wait: Duration, reason: &str) {
        let mut told = lock(&self.told);
        if told.is_none_or(|told| until > told + Duration::from_secs(1)) {
            *told = Some(until);
            self.events.emit(Event::Waiting { reason: reason.to_owned(), millis: millis(wait) });
        }
    }

    fn lost(&self, reason: String) -> Fault {
        Fault::Lost { reason: self.token.scrub(&reason) }
    }

    /// When nothing is left, the next request waits for the reset and does not ask first.
    fn heed(&self, headers: &HeaderMap) {
        if let Some(wait) = reset_in(headers) {
            lock(&self.pace).hold(Instant::now() + wait);
        }
    }

    async fn answer(&self, status: StatusCode, headers: &HeaderMap, bytes: &Bytes) -> Answer {
        let mut response = http::Response::new(Full::new(bytes.clone()));
        *response.status_mut() = status;
        let response = response
            .map(|body| body.map_err(|never: std::convert::Infallible| match never {}).boxed());
        let mut answer = Answer {
            status: status.as_u16(),
            retry_after: retry_after(headers),
            reset_in: reset_in(headers),
            location: location(headers).map(str::to_owned),
            ..Answer::default()
        };
        if let Err(octocrab::Error::GitHub { source, .. }) =
            octocrab::map_github_error(response).await
        {
            // What stands in front of GitHub answers with a page.
            let page = source.message.starts_with('<');
            answer.message = if page { String::new() } else { self.token.scrub(&source.message) };
            let errors = source.errors.unwrap_or_default();
            answer.codes = errors.iter().map(|error| self.token.scrub(&code(error))).collect();
        }
        answer
    }
}

/// What an error in the list of a 422 says: its code, its field, its message.
fn code(error: &Value) -> String {
    let Some(fields) = error.as_object() else {
        return error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    };
    let parts = ["resource", "field", "code", "message"].map(|name| fields.get(name));
    let parts: Vec<&str> = parts.into_iter().flatten().filter_map(Value::as_str).collect();
    parts.join(" ")
}

/// The value of an answer. One that breaks off was not whole; one of another shape never will be right.
pub(super) fn parse<T: DeserializeOwned>(
    reply: &Reply,
    what: &str,
) -> Result<Result<T, Fault>, GitHubError> {
    match serde_json::from_slice(&reply.bytes) {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_data() => {
            Err(GitHubError::Unexpected { what: what.to_owned(), reason: error.to_string() })
        }
        Err(error) => Ok(Err(Fault::Lost { reason: format!("the answer is cut off: {error}") })),
    }
}

/// The error of a request that is not asked again.
pub(super) fn never(fault: &Fault, what: &str) -> GitHubError {
    let what = what.to_owned();
    match fault {
        Fault::Answer(answer) if answer.location.is_some() => {
            GitHubError::Redirected { what, answer: answer.words() }
        }
        Fault::Answer(answer) => GitHubError::Answered { what, answer: Box::new(answer.clone()) },
        Fault::Lost { reason } => GitHubError::Unexpected { what, reason: reason.clone() },
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("zip" | "whl") => "application/zip",
        Some("gz") => "application/gzip",
        Some("json") => "application/json",
        Some("md") => "text/markdown",
        Some("SHA256SUMS" | "txt") => "text/plain",
        _ => BYTES,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_refusal_is_read() {
        let error = serde_json::json!({"resource": "ReleaseAsset", "field": "name", "code": "already_exists"});
        assert_eq!(code(&error), "ReleaseAsset name already_exists");
        assert_eq!(code(&serde_json::json!("tag_name was used")), "tag_name was used");
    }
}
