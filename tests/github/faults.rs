//! What goes wrong, and when: rules that match a request by its operation or its method and path, from
//! the nth on, so many times. Each is used up by the requests it strikes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::route::Operation;

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The operation it strikes, by GitHub's own name for it: `repos/create-release`. Any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Operation>,
    /// The method it strikes. Any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// A piece of the path it strikes; the name of the asset counts as the end of an upload's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The first matching request that is struck, from 1.
    #[serde(default = "one")]
    pub(crate) nth: u32,
    /// How many are struck from there on.
    #[serde(default = "one")]
    pub(crate) times: u32,
    /// What happens to it.
    pub(crate) does: Does,
    /// How many it has struck.
    #[serde(default)]
    pub(crate) struck: u32,
    #[serde(default)]
    matched: u32,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Does {
    /// The connection is reset, and for so many milliseconds nobody listens: connections are refused.
    Refuse(u64),
    /// The connection is reset before the body is read.
    ResetBeforeBody,
    /// The connection is reset after the body was read; nothing was done.
    ResetAfterBody,
    /// What was asked is done, and the connection reset before the answer.
    LoseAnswer,
    /// What was asked is done, and the connection reset in the middle of the answer.
    CutAnswer,
    /// A page of what stands in front of GitHub; nothing was done.
    Status(u16),
    /// A 502, and an asset that has begun and never ends.
    StarterAnd502,
    /// 422: it already exists. Nothing was done.
    AlreadyExists,
    /// The secondary limit, with this status and perhaps a `retry-after` in seconds.
    Secondary(u16, Option<u64>),
    /// The primary limit is used up, and will be for so many seconds.
    Primary(u64),
    /// The bytes of an upload are not those that were sent.
    WrongDigest,
    /// GitHub does not say the digest of an upload.
    NullDigest,
    /// The answer comes after so many milliseconds.
    Slow(u64),
    /// The release or run made by this request is missing from so many lists.
    Lag(u32),
    /// A download is sent to this host (and port).
    Redirect(String),
    /// Releases are said to have their uploads on another host.
    ForeignUploads,
}

impl Fault {
    /// The first request of an operation is struck.
    pub(crate) fn on(operation: Operation, does: Does) -> Self {
        Self { operation: Some(operation), ..Self::any(does) }
    }

    /// The first request of all is struck.
    pub(crate) fn any(does: Does) -> Self {
        Self {
            operation: None,
            method: None,
            path: None,
            nth: 1,
            times: 1,
            does,
            struck: 0,
            matched: 0,
        }
    }

    /// The nth request, not the first.
    pub(crate) fn nth(self, nth: u32) -> Self {
        Self { nth, ..self }
    }

    /// So many in a row.
    pub(crate) fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    fn strikes(&mut self, operation: Operation, method: &str, path: &str) -> bool {
        let matches = self.operation.is_none_or(|wanted| wanted == operation)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|wanted| path.contains(wanted));
        if !matches {
            return false;
        }
        self.matched += 1;
        let struck = self.matched >= self.nth && self.struck < self.times;
        self.struck += u32::from(struck);
        struck
    }
}

/// The first rule that strikes a request.
pub(crate) fn strike(
    faults: &mut [Fault],
    operation: Operation,
    method: &str,
    path: &str,
) -> Option<Does> {
    let mut struck = None;
    for fault in faults {
        // Every rule counts the requests it matches, whether or not another one struck.
        if fault.strikes(operation, method, path) && struck.is_none() {
            struck = Some(fault.does.clone());
        }
    }
    struck
}

impl Does {
    /// How long the answer is held back.
    pub(crate) fn delay(&self) -> Duration {
        match self {
            Self::Slow(millis) => Duration::from_millis(*millis),
            _ => Duration::ZERO,
        }
    }
}

fn one() -> u32 {
    1
}
