//! What the headers of GitHub's answers say: where it leads, how long to wait, what time it is there.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;

/// Where an answer leads.
pub(super) fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::LOCATION)?.to_str().ok()
}

/// The time that the server has, by which ages and resets are measured: clocks differ.
pub(super) fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(header::DATE)?.to_str().ok()?)
}

/// How long to wait, where the server says so: in seconds, or until when.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    if let Some(seconds) = number(headers, "retry-after") {
        return Some(seconds_from(seconds));
    }
    let until = http_date(headers.get("retry-after")?.to_str().ok()?)?;
    let now = server_time(headers).unwrap_or_else(Timestamp::now);
    Some(seconds_from(until.as_second() - now.as_second()))
}

/// How long until there is something left, where nothing is. The reset is in whole seconds: one more.
pub(super) fn reset_in(headers: &HeaderMap) -> Option<Duration> {
    if number(headers, "x-ratelimit-remaining")? > 0 {
        return None;
    }
    let reset = number(headers, "x-ratelimit-reset")?;
    let now = server_time(headers).unwrap_or_else(Timestamp::now);
    Some(seconds_from(reset - now.as_second() + 1))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp())
}

fn seconds_from(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn waits_are_measured_by_the_servers_clock() {
        // The server is in 1994; this machine is not.
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let known =
            headers(&[date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111787")]);
        assert_eq!(reset_in(&known), Some(Duration::from_secs(11)));
        let left =
            headers(&[date, ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "784111787")]);
        assert_eq!(reset_in(&left), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        let later = headers(&[date, ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")]);
        assert_eq!(retry_after(&later), Some(Duration::from_secs(3)));
        let past = headers(&[date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")]);
        assert_eq!(reset_in(&past), Some(Duration::ZERO));
    }
}
