//! Why a job failed: the step that did, what the job said of places in files, and the end of its log.
//! Whatever of this cannot be had is left out; the job has failed all the same.

use http::Method;

use super::wire::{AnnotationReply, JobReply};
use super::{Actions, ActionsError, SOON, name_of};
use crate::model::event::{Event, Events};
use crate::model::finding::{Finding, Severity};
use crate::publish::github::client::Ask;
use crate::sys::web::{BYTES, WebError};

/// So many lines of a log are shown.
const LINES: usize = 40;

/// They stand within so many of its last bytes: cleaning up says little after what went wrong.
const KEEP: usize = 256 << 10;

/// No log is larger.
const LONGEST: u64 = 256 << 20;

/// The most annotations of a job; GitHub takes few more.
const ANNOTATIONS: usize = 50;

/// The longest message of one, in characters.
const MESSAGE: usize = 1000;

/// A log is there a moment after its job has ended.
const LOOKS: u32 = 3;

impl Actions {
    /// The reason in one line, and the end of the log.
    pub(super) async fn explain(
        &self,
        job: &JobReply,
        name: &str,
        events: &Events,
    ) -> (String, String) {
        match self.annotations(job).await {
            Ok(annotations) => {
                for annotation in annotations {
                    let subject = name.to_owned();
                    events.emit(Event::Found { subject, finding: finding(&annotation) });
                }
            }
            // Fine-grained tokens may have no permission for them.
            Err(error) => tracing::debug!(%error, "no annotations of {name}"),
        }
        let log = match self.log(job).await {
            Ok(log) => log,
            Err(error) => format!("its log cannot be had: {error}"),
        };
        (reason(job), log)
    }

    async fn annotations(&self, job: &JobReply) -> Result<Vec<AnnotationReply>, ActionsError> {
        // A job's check run has its number, and another one on servers that say so.
        let check =
            job.check_run_url.as_deref().and_then(|url| url.rsplit('/').next()?.parse().ok());
        let check: u64 = check.unwrap_or(job.id);
        let mut url = self.site.url(&["check-runs", &check.to_string(), "annotations"]);
        url.set_query(Some(&format!("per_page={ANNOTATIONS}")));
        let ask = Ask::new("list the annotations", Method::GET, url);
        let (mut found, _) = self.site.client.read::<Vec<AnnotationReply>>(&ask).await?;
        found.truncate(ANNOTATIONS);
        Ok(found)
    }

    async fn log(&self, job: &JobReply) -> Result<String, ActionsError> {
        for look in 1.. {
            match self.try_log(job).await {
                Err(error) if look < LOOKS && is_missing(&error) => tokio::time::sleep(SOON).await,
                result => return result,
            }
        }
        Ok(String::new())
    }

    async fn try_log(&self, job: &JobReply) -> Result<String, ActionsError> {
        let url = self.site.url(&["actions", "jobs", &job.id.to_string(), "logs"]);
        let ask = Ask::new(format!("read the log of {}", name_of(&job.name)), Method::GET, url);
        let url = self.site.client.leads_to(&ask).await?;
        self.on_web(move |web| Ok(end_of(&web.end(&url, BYTES, LONGEST, KEEP)?))).await
    }
}

fn is_missing(error: &ActionsError) -> bool {
    use crate::publish::github::GitHubError;
    match error {
        ActionsError::GitHub(GitHubError::Answered { answer, .. }) => answer.status == 404,
        ActionsError::Web(WebError::Refused { status, .. }) => *status == 404,
        _ => false,
    }
}

/// What went wrong, in one line.
fn reason(job: &JobReply) -> String {
    let how = job.conclusion.as_deref().unwrap_or("without a conclusion");
    let how = match how {
        "failure" => "failed".to_owned(),
        "timed_out" => "took too long".to_owned(),
        other => format!("ended as '{}'", name_of(other)),
    };
    let well = ["success", "skipped", "neutral"];
    let steps = job.steps.as_deref().unwrap_or_default();
    let bad = steps.iter().find(|step| {
        step.conclusion.as_deref().is_some_and(|conclusion| !well.contains(&conclusion))
    });
    match bad {
        Some(step) => format!("its step '{}' {how}", name_of(&step.name)),
        None => format!("it {how}"),
    }
}

fn finding(annotation: &AnnotationReply) -> Finding {
    let severity = match annotation.annotation_level.as_deref() {
        Some("notice") => Severity::Note,
        Some("warning") => Severity::Warning,
        _ => Severity::Error,
    };
    let title = annotation.title.as_deref().filter(|title| !title.is_empty());
    let title = title.map_or(String::new(), |title| format!("{title}: "));
    let text = format!("{title}{}", annotation.message.as_deref().unwrap_or_default());
    let mut message: String = text.chars().take(MESSAGE).collect();
    // What belongs to no file is given this place.
    if annotation.path != ".github" {
        let line = annotation.start_line.unwrap_or(1);
        message = format!("{}:{line}: {message}", name_of(&annotation.path));
    }
    Finding { check: "github".to_owned(), severity, message, hint: None }
}

/// The lines before the last error, without the times and colours of a job's log. What stands below it is
/// said by steps that clean up.
fn end_of(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().map(without_time).collect();
    let last = lines.iter().rposition(|line| line.starts_with("##[error]"));
    let end = last.map_or(lines.len(), |last| last + 1);
    let shown = lines[end.saturating_sub(LINES)..end].iter();
    let plain = |line: &&str| {
        let line = line.strip_prefix("##[error]").unwrap_or(line);
        console::strip_ansi_codes(line).chars().take(MESSAGE).collect::<String>()
    };
    shown.filter(|line| !line.starts_with("##[endgroup]")).map(plain).collect::<Vec<_>>().join("\n")
}

/// `text` of `2026-11-22T22:49:08.1234567Z text`.
fn without_time(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => rest,
        None if is_time(line) => "",
        _ => line,
    }
}

fn is_time(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 20
        && word.ends_with('Z')
        && bytes[0].is_ascii_digit()
        && bytes[4] == b'-'
        && bytes[10] == b'T'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> JobReply {
        serde_json::from_str(&format!(r#"{{"id":1,"name":"build","status":"completed",{text}}}"#))
            .unwrap()
    }

    #[test]
    fn the_step_that_failed_is_named() {
        let failed =
            job(r#""conclusion":"failure","steps":[{"name":"Set up","conclusion":"success"},
               {"name":"Build","conclusion":"failure"},{"name":"Upload","conclusion":"skipped"}]"#);
        assert_eq!(reason(&failed), "its step 'Build' failed");
        assert_eq!(reason(&job(r#""conclusion":"timed_out""#)), "it took too long");
        assert_eq!(reason(&job(r#""conclusion":"odd""#)), "it ended as 'odd'");
    }

    #[test]
    fn the_end_of_a_log_is_where_the_error_is() {
        let mut log = String::from("\u{feff}2026-11-22T22:49:08.1234567Z ##[group]Run\n");
        for line in 0..60 {
            log += &format!("2026-11-22T22:49:08.1234567Z \u{1b}[31mline {line}\u{1b}[0m\r\n");
        }
        log += "2026-11-22T22:49:09.1234567Z ##[error]Process completed with exit code 2.\n";
        log += "2026-11-22T22:49:09.1234567Z \n2026-11-22T22:49:09.1234567Z Cleaning up\n";
        let end = end_of(log.as_bytes());
        assert!(end.starts_with("line 21\n"), "{end}");
        assert!(end.ends_with("line 59\nProcess completed with exit code 2."), "{end}");
        assert_eq!(end_of(b"a\nb"), "a\nb");
        assert_eq!(end_of(b""), "");
    }

    #[test]
    fn an_annotation_says_its_place() {
        let parse = |text: &str| finding(&serde_json::from_str(text).unwrap());
        let one = parse(
            r#"{"path":"matrix.yaml","start_line":3,"annotation_level":"warning","title":"t","message":"m"}"#,
        );
        assert_eq!(
            (one.severity, one.message.as_str()),
            (Severity::Warning, "matrix.yaml:3: t: m")
        );
        let none = parse(r#"{"path":".github","annotation_level":"odd","message":"exit code 2"}"#);
        assert_eq!((none.severity, none.message.as_str()), (Severity::Error, "exit code 2"));
    }
}
