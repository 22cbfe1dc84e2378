//! What is asked of a server over http: small answers, and files of a known size that are gone on with
//! where they broke off. The token goes to the API that it is for alone, and nowhere that it redirects to.

use std::io::{self, Read as _};
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use tokio_util::sync::CancellationToken;
use ureq::Body;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

use super::files::FileError;
use super::github::address::Api;
use super::github::token::Token;
use super::partial::Partial;
use crate::model::event::{Event, Events};

const USER_AGENT: &str = concat!("modfarm/", env!("CARGO_PKG_VERSION"));

/// So often in a row something is tried that comes no further, and how long is waited before the second
/// time; then twice that.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A server that cuts off more often than this is given up, however little came each time.
const MOST_TRIES: u32 = 200;

/// A server that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// How often one looks whether the run was given up.
const LOOK: Duration = Duration::from_millis(50);

/// How far a download is, is said after so many more bytes.
const STEP: u64 = 256 << 10;

/// Something that a server did not give.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The server could not be reached, or broke off again and again.
    #[error(
        "cannot download {url}: {reason}\nhint: look at the address, the network and the proxy (HTTPS_PROXY, NO_PROXY), then run the same command again: it goes on from what has come"
    )]
    Failed {
        /// From where.
        url: String,
        /// Why, in words.
        reason: String,
    },
    /// The server said no.
    #[error("cannot download {url}: the server answered {status}{}", hint_of(*status))]
    Refused {
        /// From where.
        url: String,
        /// Its status.
        status: u16,
    },
    /// More came than there should be.
    #[error(
        "cannot download {url}: more comes than the {limit} bytes that it may have\nhint: is this the address of a release? a proxy or a mirror may answer with something else"
    )]
    TooLarge {
        /// From where.
        url: String,
        /// The most that it may have.
        limit: u64,
    },
    /// The run was given up.
    #[error("interrupted\nhint: run the same command again; it goes on from here")]
    Stopped,
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

fn hint_of(status: u16) -> &'static str {
    match status {
        401 => "\nhint: it wants to know who asks: look at the token, or leave it out",
        403 | 429 => {
            "\nhint: either nobody may have it, or too much was asked for; wait, or set GH_TOKEN for GitHub"
        }
        404 => {
            "\nhint: is the address right? what is private is not there for those without a token"
        }
        407 => {
            "\nhint: the proxy wants a name and a password: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        }
        _ => "",
    }
}

/// One who asks.
#[derive(Clone, Debug)]
pub struct Web {
    agent: ureq::Agent,
    token: Option<(Api, Token)>,
    stop: CancellationToken,
}

/// A file to be had.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// Where it is.
    pub url: &'a Url,
    /// How large it must be.
    pub size: u64,
}

impl Web {
    /// One who asks without encryption only where `encrypted` is false: an address over TLS never leads to
    /// one without.
    #[must_use]
    pub fn new(encrypted: bool, token: Option<(Api, Token)>, stop: CancellationToken) -> Self {
        let roots = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .user_agent(USER_AGENT)
            .tls_config(roots)
            .https_only(encrypted)
            .http_status_as_error(false)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build()
            .new_agent();
        Self { agent, token, stop }
    }

    /// Whether anything is asked in somebody's name.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A small answer, whole.
    pub fn read(&self, url: &Url, accept: &str, limit: u64) -> Result<Vec<u8>, WebError> {
        self.end(url, accept, limit, usize::MAX)
    }

    /// The last `keep` bytes of an answer, or all of a shorter one.
    pub fn end(
        &self,
        url: &Url,
        accept: &str,
        limit: u64,
        keep: usize,
    ) -> Result<Vec<u8>, WebError> {
        let mut patience = Patience::default();
        loop {
            match self.try_end(url, accept, limit, keep) {
                Ok(bytes) => return Ok(bytes),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::MayPass(reason)) => {
                    let wait = patience.wait(0).ok_or_else(|| failed(url, reason))?;
                    self.rest(wait)?;
                }
            }
        }
    }

    fn try_end(
        &self,
        url: &Url,
        accept: &str,
        limit: u64,
        keep: usize,
    ) -> Result<Vec<u8>, Attempt> {
        let mut response = self.ask(url, accept, &HeaderMap::new())?;
        expect(url, response.status())?;
        let (mut bytes, mut came) = (Vec::new(), 0);
        self.receive(&mut response, |piece| {
            came += piece.len() as u64;
            bytes.extend_from_slice(piece);
            // Not with every piece: what stays has to be moved.
            if bytes.len() / 2 > keep {
                bytes.drain(..bytes.len() - keep);
            }
            Ok(came <= limit)
        })
        .and_then(|whole| if whole { Ok(()) } else { Err(too_large(url, limit)) })?;
        bytes.drain(..bytes.len().saturating_sub(keep));
        Ok(bytes)
    }

    /// Brings a file to its size, from what is there of it. What came in the end is for the caller to judge:
    /// a server may give something else, of another size.
    pub fn resume(
        &self,
        wanted: &Wanted<'_>,
        partial: &mut Partial,
        events: &Events,
    ) -> Result<(), WebError> {
        let (asset, size) = (wanted.name.to_owned(), wanted.size);
        events.emit(Event::AssetStarted { asset, size });
        let mut patience = Patience::default();
        loop {
            match self.try_resume(wanted, partial, events) {
                Ok(()) => return Ok(()),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::MayPass(reason)) => {
                    let wait = patience.wait(partial.size());
                    let wait = wait.ok_or_else(|| failed(wanted.url, reason.clone()))?;
                    let reason = format!("to go on with {}: {reason}", wanted.name);
                    events.emit(Event::Waiting { reason, millis: millis(wait) });
                    self.rest(wait)?;
                }
            }
        }
    }

    fn try_resume(
        &self,
        wanted: &Wanted<'_>,
        partial: &mut Partial,
        events: &Events,
    ) -> Result<(), Attempt> {
        if partial.size() >= wanted.size {
            return Ok(());
        }
        let mut response = self.ask(wanted.url, BYTES, &going_on(partial))?;
        begin(wanted.url, &response, partial)?;
        let (url, limit) = (wanted.url, wanted.size);
        let promised = response.body().content_length();
        let (before, mut said) = (partial.size(), 0);
        let whole = self.receive(&mut response, |piece| {
            if partial.size() + piece.len() as u64 > limit {
                return Ok(false);
            }
            partial.write(piece)?;
            if partial.size() >= said + STEP || partial.size() == limit {
                said = partial.size();
                events.emit(Event::AssetProgress { asset: wanted.name.to_owned(), sent: said });
            }
            Ok(true)
        })?;
        if !whole {
            partial.restart()?;
            return Err(too_large(url, limit));
        }
        // Where its length was not said, nobody knows whether that was all of it.
        let came = partial.size() - before;
        if partial.size() < limit && promised != Some(came) {
            return Err(Attempt::MayPass(format!(
                "it ended after {} of {limit} bytes",
                partial.size()
            )));
        }
        Ok(())
    }

    fn ask(&self, url: &Url, accept: &str, more: &HeaderMap) -> Result<Response<Body>, Attempt> {
        let mut request = self.agent.get(url.as_str()).header(header::ACCEPT, accept);
        for (name, value) in more {
            request = request.header(name, value);
        }
        if let Some((api, token)) = &self.token
            && api.is_here(url)
            && let Some(value) = token.header()
        {
            // Nothing that it redirects to gets this header: that is how ureq is made.
            request = request.header(header::AUTHORIZATION, value);
        }
        tracing::debug!(host = url.host_str(), path = url.path(), "asking");
        request.call().map_err(|error| lost(url, &error))
    }

    /// Gives all that comes to `take`, until that wants no more; whether it came to its end.
    fn receive(
        &self,
        response: &mut Response<Body>,
        mut take: impl FnMut(&[u8]) -> Result<bool, FileError>,
    ) -> Result<bool, Attempt> {
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if self.stop.is_cancelled() {
                return Err(Attempt::Final(WebError::Stopped));
            }
            match body.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(read) if take(&buffer[..read])? => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Attempt::MayPass(error.to_string())),
            }
        }
    }

    fn rest(&self, wait: Duration) -> Result<(), WebError> {
        let mut left = wait;
        while !left.is_zero() {
            if self.stop.is_cancelled() {
                return Err(WebError::Stopped);
            }
            let moment = left.min(LOOK);
            std::thread::sleep(moment);
            left -= moment;
        }
        Ok(())
    }
}

/// What is asked for where a file is wanted.
pub const BYTES: &str = "application/octet-stream";

/// How one attempt ended.
enum Attempt {
    MayPass(String),
    Final(WebError),
}

impl From<FileError> for Attempt {
    fn from(error: FileError) -> Self {
        Self::Final(error.into())
    }
}

/// How often something was tried without coming further.
#[derive(Debug)]
struct Patience {
    furthest: u64,
    in_vain: u32,
    tries: u32,
    wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { furthest: 0, in_vain: 0, tries: 0, wait: FIRST_WAIT }
    }
}

impl Patience {
    /// How long to wait before the next try, if there is one.
    fn wait(&mut self, size: u64) -> Option<Duration> {
        self.tries += 1;
        if size > self.furthest {
            (self.furthest, self.in_vain, self.wait) = (size, 0, FIRST_WAIT);
        }
        self.in_vain += 1;
        let wait = self.wait;
        self.wait *= 2;
        (self.in_vain < TRIES && self.tries < MOST_TRIES).then_some(wait)
    }
}

/// Asks for the rest of a file, of the same version as what is there.
fn going_on(partial: &Partial) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if partial.size() > 0 {
        let range = format!("bytes={}-", partial.size()).parse();
        headers.extend(range.ok().map(|range| (header::RANGE, range)));
        let etag = partial.etag.as_ref().and_then(|etag| etag.parse().ok());
        headers.extend(etag.map(|etag| (header::IF_RANGE, etag)));
    }
    headers
}

/// Whether the answer goes on from where the file ends; where it begins anew, so does the file.
fn begin(url: &Url, response: &Response<Body>, partial: &mut Partial) -> Result<(), Attempt> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let from = text(header::CONTENT_RANGE).and_then(begin_of_range);
            if from != Some(partial.size()) {
                partial.restart()?;
                return Err(Attempt::MayPass(
                    "it goes on from another place than was asked".to_owned(),
                ));
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            partial.restart()?;
            return Err(Attempt::MayPass("it has less than what is there already".to_owned()));
        }
        status => {
            expect(url, status)?;
            partial.restart()?;
        }
    }
    let strong = text(header::ETAG).filter(|etag| etag.starts_with('"'));
    partial.etag = strong.map(str::to_owned);
    Ok(())
}

/// The 5 of `bytes 5-9/10`.
fn begin_of_range(text: &str) -> Option<u64> {
    text.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn expect(url: &Url, status: StatusCode) -> Result<(), Attempt> {
    if status.is_success() {
        Ok(())
    } else if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        Err(Attempt::MayPass(format!("the server answered {}", status.as_u16())))
    } else {
        let (url, status) = (shown(url), status.as_u16());
        Err(Attempt::Final(WebError::Refused { url, status }))
    }
}

fn lost(url: &Url, error: &ureq::Error) -> Attempt {
    let passing = match error {
        ureq::Error::Io(error) => error.kind() != io::ErrorKind::InvalidInput,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
        _ => false,
    };
    if passing {
        Attempt::MayPass(error.to_string())
    } else {
        Attempt::Final(failed(url, error.to_string()))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn failed(url: &Url, reason: String) -> WebError {
    WebError::Failed { url: shown(url), reason }
}

fn too_large(url: &Url, limit: u64) -> Attempt {
    Attempt::Final(WebError::TooLarge { url: shown(url), limit })
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_further_is_waited_for() {
        let mut patience = Patience::default();
        for size in 1..MOST_TRIES {
            assert_eq!(patience.wait(size.into()), Some(FIRST_WAIT));
        }
        assert_eq!(patience.wait(1000), None);
        let mut patience = Patience::default();
        let waits = [5, 5, 4, 5].map(|size| patience.wait(size));
        let first = FIRST_WAIT;
        assert_eq!(waits, [Some(first), Some(first * 2), Some(first * 4), None]);
    }

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(begin_of_range("bytes 5-9/10"), Some(5));
        assert_eq!([begin_of_range("5-9"), begin_of_range("bytes x-9/10")], [None, None]);
    }

    #[test]
    fn what_is_signed_is_not_shown() {
        let url = Url::parse("https://x.example/a?sig=secret").unwrap();
        assert_eq!(shown(&url), "https://x.example/a");
    }
}
