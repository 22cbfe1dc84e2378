//! The model over HTTP: a request is read, counted, perhaps struck by a fault, done, and answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use modfarm::model::digest::Sha256;
use serde_json::Value;
use sha2::Digest as _;

use super::Shared;
use super::answers::Urls;
use super::faults::{Does, strike};
use super::log::Logged;
use super::model::AssetState;
use super::operations::{self, Answer};
use super::refusal::Refusal;
use super::route::{Operation, Role, Route};

/// The connection is broken on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken on purpose")]
pub(crate) struct Broken;

type Body = BoxBody<Bytes, Broken>;

/// A request's head, understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) route: Route,
    pub(crate) method: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) urls: Urls,
    pub(crate) authorization: Option<String>,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    /// The part of a file that is wanted, and of which version of it.
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
    user_agent: Option<String>,
    length: Option<u64>,
}

/// A request's body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) size: u64,
    pub(crate) digest: String,
    /// The bytes, unless they were too many to keep.
    pub(crate) bytes: Option<Bytes>,
    /// Whether all of it came.
    whole: bool,
}

/// Answers a request, or breaks the connection.
pub(crate) async fn answer(
    request: Request<Incoming>,
    role: Role,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Broken> {
    let (head, body) = request.into_parts();
    let asked = Asked::new(&head, role, &shared);
    if asked.route.operation == Operation::Control {
        let received = receive(body, shared.options.keep).await;
        return Ok(shared.response(&asked, super::control::answer(&shared, &asked, &received)));
    }
    let (running, refusal, fault) = Running::begin(&shared, &asked);
    let handled = handle(&shared, &asked, &running, body, refusal, fault).await;
    if handled.is_err() {
        running.note(|logged| logged.status = None);
    }
    handled
}

async fn handle(
    shared: &Shared,
    asked: &Asked,
    running: &Running<'_>,
    body: Incoming,
    refusal: Option<Refusal>,
    fault: Option<Does>,
) -> Result<Response<Body>, Broken> {
    match fault {
        Some(Does::ResetBeforeBody) => return Err(Broken),
        Some(Does::Refuse(millis)) => {
            shared.away.send_replace(Instant::now() + Duration::from_millis(millis));
            return Err(Broken);
        }
        _ => {}
    }
    let delay = fault.as_ref().map_or(Duration::ZERO, Does::delay);
    let received = receive(body, shared.options.keep).await;
    running.note(|logged| logged.received = received.size);
    if !received.whole {
        torn(shared, asked);
        return Err(Broken);
    }
    // Half of the way, and half of the way back: whoever is gone meanwhile has been heard or not.
    let half = shared.options.latency.max(delay) / 2;
    tokio::time::sleep(half).await;
    let json = received.json();
    running.note(|logged| logged.body.clone_from(&json));
    if fault == Some(Does::ResetAfterBody) {
        return Err(Broken);
    }
    let answer = match refusal {
        Some(refusal) => Answer::refused(refusal),
        None => perform(shared, asked, received, json, fault.as_ref()),
    };
    running.note(|logged| {
        logged.status = Some(answer.status);
        logged.answer.clone_from(&answer.json);
    });
    tokio::time::sleep(half).await;
    if fault == Some(Does::LoseAnswer) {
        return Err(Broken);
    }
    Ok(match fault {
        Some(Does::CutAnswer) => cut(shared.response(asked, answer)).await,
        _ => shared.response(asked, answer),
    })
}

/// What the fault says, or what was asked.
fn perform(
    shared: &Shared,
    asked: &Asked,
    received: Received,
    json: Option<Value>,
    fault: Option<&Does>,
) -> Answer {
    let mut state = shared.state();
    let refusal = match fault {
        Some(Does::Status(status)) => Some(Refusal::new(*status, "Server Error")),
        Some(Does::StarterAnd502) => {
            drop(state);
            starter(shared, asked);
            return Answer::refused(Refusal::new(502, "Server Error"));
        }
        Some(Does::AlreadyExists) if asked.route.operation == Operation::UploadAsset => {
            Some(Refusal::invalid("ReleaseAsset", "already_exists", "name"))
        }
        Some(Does::AlreadyExists) => {
            Some(Refusal::invalid("Release", "already_exists", "tag_name"))
        }
        Some(Does::Secondary(status, retry_after)) => {
            Some(Refusal::secondary(*status, *retry_after))
        }
        Some(Does::Primary(seconds)) => {
            let reset = state.world.now() + i64::try_from(*seconds).unwrap_or(0);
            let mut refusal = Refusal::primary();
            refusal.headers.push(("x-ratelimit-remaining", "0".to_owned()));
            refusal.headers.push(("x-ratelimit-reset", reset.to_string()));
            Some(refusal)
        }
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Answer::refused(refusal);
    }
    let done = operations::perform(&mut state, asked, received, json, fault);
    let mut answer = done.unwrap_or_else(Answer::refused);
    if let (Some(Does::ForeignUploads), Some(json)) = (fault, &mut answer.json) {
        send_uploads_to(&format!("http://{}", shared.addresses.objects), json);
    }
    answer
}

/// Says of a release, or of each in a list, that its uploads go to this place.
fn send_uploads_to(place: &str, json: &mut Value) {
    let releases = match json {
        Value::Array(releases) => releases.iter_mut().collect(),
        one => vec![one],
    };
    for release in releases {
        if release["upload_url"].is_string() {
            release["upload_url"] = format!("{place}/releases/1/assets{{?name,label}}").into();
        }
    }
}

/// An upload broke off.
fn torn(shared: &Shared, asked: &Asked) {
    if shared.options.torn_leaves_starter && asked.route.operation == Operation::UploadAsset {
        starter(shared, asked);
    }
}

/// Leaves an asset that never came, if the upload was one that would have been taken.
fn starter(shared: &Shared, asked: &Asked) {
    let mut state = shared.state();
    let token = asked.token().and_then(|text| state.world.tokens.get(text)).cloned();
    let upload = operations::upload_of(asked, Received { size: 1, ..Received::default() });
    let (name, id) = (asked.route.repository.clone(), asked.route.id);
    // An upload that would have been refused leaves nothing.
    state.world.upload(&name, token.as_ref(), id, upload, AssetState::Starter).ok();
}

async fn receive(mut body: Incoming, keep: u64) -> Received {
    let mut hash = sha2::Sha256::new();
    let (mut size, mut kept) = (0, Some(Vec::new()));
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        let Ok(data) = frame.into_data() else { continue };
        hash.update(&data);
        size += data.len() as u64;
        kept = kept.filter(|_| size <= keep);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&data);
        }
    }
    let digest = format!("sha256:{}", Sha256::finish(hash));
    Received { size, digest, bytes: kept.map(Bytes::from), whole }
}

impl Received {
    fn json(&self) -> Option<Value> {
        self.bytes.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok())
    }
}

impl Asked {
    fn new(head: &Parts, role: Role, shared: &Shared) -> Self {
        let header = |name: &str| {
            let value = head.headers.get(name)?;
            Some(value.to_str().unwrap_or_default().to_owned())
        };
        // A proxy is asked with the whole address.
        let host = head.uri.authority().map(ToString::to_string).or_else(|| header("host"));
        let host = host.unwrap_or_default().trim_end_matches(":80").to_owned();
        let role = match host.split('.').next() {
            Some("uploads") => Role::Uploads,
            Some("media") => Role::Objects,
            _ => role,
        };
        let route = Route::of(role, head.method.as_str(), head.uri.path());
        let query = head.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self {
            urls: Urls::new(route.style, &host, &shared.addresses),
            route,
            method: head.method.as_str().to_owned(),
            query,
            authorization: header("authorization"),
            accept: header("accept").unwrap_or_default(),
            content_type: header("content-type").unwrap_or_default(),
            range: header("range"),
            if_range: header("if-range"),
            if_none_match: header("if-none-match"),
            user_agent: header("user-agent"),
            length: header("content-length").and_then(|length| length.parse().ok()),
        }
    }

    /// The token it came with.
    pub(crate) fn token(&self) -> Option<&str> {
        let authorization = self.authorization.as_deref()?;
        let (_, token) = authorization.split_once(' ')?;
        Some(token.trim())
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path by which faults know it.
    fn path(&self) -> String {
        let name = self.parameter("name").map(|name| format!("/{name}")).unwrap_or_default();
        format!("{}{name}", self.route.path)
    }

    fn logged(&self, number: usize, fault: Option<&Does>) -> Logged {
        Logged {
            number,
            at: Instant::now(),
            host: self.route.role,
            method: self.method.clone(),
            path: self.route.path.clone(),
            query: self.query.clone(),
            operation: self.route.operation,
            authorization: self.authorization.clone(),
            user_agent: self.user_agent.clone(),
            body: None,
            received: 0,
            status: None,
            answer: None,
            fault: fault.map(|fault| format!("{fault:?}")),
            limited: false,
        }
    }
}

/// A request that is being answered: it counts among those that run at once, however it ends.
struct Running<'a> {
    shared: &'a Shared,
    key: String,
    number: usize,
}

impl<'a> Running<'a> {
    /// Counts and logs a request; says who refuses it, and which fault strikes it.
    fn begin(shared: &'a Shared, asked: &Asked) -> (Self, Option<Refusal>, Option<Does>) {
        let mut state = shared.state();
        let state = &mut *state;
        let key = asked.token().unwrap_or_default().to_owned();
        let fault = strike(&mut state.faults, asked.route.operation, &asked.method, &asked.path());
        let number = state.log.len();
        state.log.push(asked.logged(number, fault.as_ref()));
        let mut refusal = None;
        if asked.route.role != Role::Objects {
            let counted = state.meters.of(&key).count(&shared.options.limits, &asked.method);
            refusal = counted.err();
        }
        state.log[number].limited = refusal.is_some();
        if !key.is_empty() && !state.world.tokens.contains_key(&key) {
            refusal = Some(Refusal::bad_credentials());
        }
        if asked.route.operation == Operation::UploadAsset && asked.length.is_none() {
            refusal = Some(Refusal::new(400, "Bad Content-Length: "));
        }
        (Self { shared, key, number }, refusal, fault)
    }

    fn note(&self, note: impl FnOnce(&mut Logged)) {
        note(&mut self.shared.state().log[self.number]);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let meter = state.meters.of(&self.key);
        meter.running = meter.running.saturating_sub(1);
    }
}

impl Shared {
    fn response(&self, asked: &Asked, answer: Answer) -> Response<Body> {
        let mut response = Response::builder().status(answer.status);
        let headers = response.headers_mut().expect("a status");
        let mut set = |name: &'static str, value: &str| {
            headers.insert(name, value.parse().expect("a header's value"));
        };
        set("server", "github.com");
        set("x-github-request-id", "5A1D:1ED1:D00D");
        let mut state = self.state();
        let now = state.world.now();
        set("date", &date(now));
        if asked.route.role != Role::Objects {
            let meter = state.meters.of(asked.token().unwrap_or_default());
            let (limits, used) = (&self.options.limits, meter.used);
            let reset = meter.until_reset(limits).as_secs().cast_signed() + now;
            set("x-ratelimit-limit", &limits.primary.to_string());
            set("x-ratelimit-remaining", &limits.primary.saturating_sub(used).to_string());
            set("x-ratelimit-used", &used.to_string());
            set("x-ratelimit-reset", &reset.to_string());
            set("x-ratelimit-resource", "core");
        }
        drop(state);
        let bytes = match (&answer.json, answer.bytes) {
            (Some(json), _) => {
                set("content-type", "application/json; charset=utf-8");
                Bytes::from(json.to_string())
            }
            (None, Some((content_type, bytes))) => {
                set("content-type", &content_type);
                bytes
            }
            (None, None) => Bytes::new(),
        };
        for (name, value) in &answer.headers {
            set(name, value);
        }
        response.body(Full::new(bytes).map_err(|never| match never {}).boxed()).expect("a response")
    }
}

/// The same answer, of which the second half never comes.
async fn cut(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    head.headers.insert("content-length", bytes.len().into());
    let half = bytes.slice(..bytes.len() / 2);
    let rest = Box::pin(tokio::time::sleep(Duration::from_millis(5)));
    Response::from_parts(head, Half { half: Some(half), rest }.boxed())
}

/// A body that breaks off, once its half is on its way.
struct Half {
    half: Option<Bytes>,
    rest: Pin<Box<tokio::time::Sleep>>,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.half.take() {
            Some(half) => Poll::Ready(Some(Ok(Frame::data(half)))),
            None => self.rest.as_mut().poll(context).map(|()| Some(Err(Broken))),
        }
    }
}

/// A time as HTTP writes it.
fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).expect("a time");
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
