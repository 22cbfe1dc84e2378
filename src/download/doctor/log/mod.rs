//! Apache's error log, or what `httpd -t` printed: the messages that are known, in plain words. Of a large
//! file the end alone is read.

mod here;
mod messages;
mod text;
mod windows;

use camino::Utf8Path;

use super::Parts;
use crate::model::diagnosis::{Explanation, LogReading};
use crate::sys::files::{self, FileError};

use messages::{MESSAGES, Message};

/// So much of the end is read: what is wrong now stands there.
const MOST: u64 = 16 << 20;

/// More of a line is not shown.
const LONGEST_LINE: usize = 500;

/// Reads a log, and explains what in it is known by what the parts are.
pub fn read(file: &Utf8Path, parts: &Parts) -> Result<LogReading, FileError> {
    let (bytes, size) = files::tail(file, MOST)?;
    let explanations = explain(&text::decode(&bytes), parts);
    Ok(LogReading { file: file.to_string(), size, read: bytes.len() as u64, explanations })
}

/// What is known of a text, in the order of the table: what explains most comes first.
fn explain(text: &str, parts: &Parts) -> Vec<Explanation> {
    let mut seen: Vec<Option<(usize, &str)>> = vec![None; MESSAGES.len()];
    for line in text.lines() {
        let plain = text::unescaped(line);
        if let Some(at) = MESSAGES.iter().position(|message| (message.is)(&plain)) {
            let times = seen[at].map_or(0, |(times, _)| times);
            seen[at] = Some((times + 1, line));
        }
    }
    let found = MESSAGES.iter().zip(seen);
    found.filter_map(|(message, seen)| Some(explanation(message, seen?, parts))).collect()
}

fn explanation(message: &Message, (times, line): (usize, &str), parts: &Parts) -> Explanation {
    let plain = text::unescaped(line);
    Explanation {
        id: message.id.to_owned(),
        times,
        line: line.trim().chars().take(LONGEST_LINE).collect(),
        means: message.means.to_owned(),
        here: (message.here)(&plain, parts),
        remedy: message.remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;
