//! The timeline as a picture: inline SVG, in two columns, the names of the runners and their bars.

use super::timeline::{Bar, Row, Timeline};
use super::words;
use crate::report::harmless::html;
use crate::report::record::{AttemptKind, AttemptOutcome, StageRecord};
use crate::report::say::count;

/// What a run of a job is drawn like, and what that means.
const LEGEND: [(&str, &str); 5] = [
    ("built", "built"),
    ("failed", "failed: crossed"),
    ("dropped", "dropped, without an outcome: hatched"),
    ("cancelled", "cancelled or broken off: dashed outline"),
    ("cached", "there already"),
];

/// The timeline with its legend.
pub(super) fn timeline(timeline: &Timeline) -> String {
    let slots: usize = timeline.rows.iter().map(|row| row.lanes).sum();
    let alternative = format!(
        "{} on {} with {} over {}. The tables of runners, of jobs and of retries below hold the same.",
        count(timeline.rows.iter().flat_map(|row| &row.bars).map(|bar| bar.runs).sum(), "run"),
        count(timeline.rows.len(), "runner"),
        count(slots, "slot"),
        words::millis(timeline.axis.millis()),
    );
    let height = timeline.height;
    let names: String = timeline.rows.iter().map(name).collect();
    let ticks = timeline.axis.ticks();
    let words: String = ticks.iter().map(|(at, word)| tick_word(*at, word)).collect();
    let grid = ticks.iter().fold(String::new(), |grid, (at, _)| {
        grid + &format!("<line x1=\"{at:.2}%\" x2=\"{at:.2}%\" y2=\"{height}\"/>")
    });
    let breaks: String = timeline.axis.breaks().map(|(at, took)| gap(at, took, height)).collect();
    let rows: String = timeline.rows.iter().map(|row| row_of(row, timeline.lane)).collect();
    format!(
        "<div class=\"scroll picture\" role=\"region\" tabindex=\"0\" aria-label=\"Timeline\"><div class=\"grid\">\
         <div class=\"corner\"></div>\
         <svg class=\"axis\" height=\"22\" aria-hidden=\"true\">{words}</svg>\
         <svg class=\"names\" height=\"{height}\" aria-hidden=\"true\">{names}</svg>\n\
         <svg class=\"bars\" height=\"{height}\" role=\"img\" aria-label=\"{alternative}\">{PATTERNS}\n\
         <g class=\"ticks\">{grid}</g>\n{rows}{breaks}</svg></div></div>\n{}",
        legend(timeline)
    )
}

/// How the whole run's time was spent.
pub(super) fn stages(stages: &[StageRecord]) -> String {
    let whole: u64 = stages.iter().map(|stage| stage.span.millis()).sum::<u64>().max(1);
    let mut at = 0.0;
    let mut bars = String::new();
    let mut items = String::new();
    for StageRecord { stage, span } in stages {
        let width = share(span.millis(), whole);
        let (name, took) = (stage.as_str(), words::millis(span.millis()));
        let word = if width > 9.0 {
            format!("<text x=\"6\" y=\"15\">{name}</text>")
        } else {
            String::new()
        };
        bars += &format!(
            "<svg x=\"{at:.2}%\" width=\"{width:.2}%\" height=\"22\"><title>{name}: {took}</title>\
             <rect width=\"100%\" height=\"22\"/>{word}</svg>"
        );
        items += &format!("<li>{name} <b>{took}</b></li>");
        at += width;
    }
    format!(
        "<svg class=\"stages\" height=\"22\" aria-hidden=\"true\">{bars}</svg>\n\
         <ol class=\"stages\">{items}</ol>\n"
    )
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is enough")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}

/// A word at a tick; the last ones end where the axis does.
fn tick_word(at: f64, word: &str) -> String {
    let (class, at) = if at > 94.0 { ("last", at.min(100.0)) } else { ("", at) };
    format!("<text class=\"{class}\" x=\"{at:.2}%\" dx=\"2\" y=\"15\">{word}</text>")
}

fn gap(at: f64, took: u64, height: usize) -> String {
    let title = format!("interrupted here; taken up again {} later", words::millis(took));
    format!(
        "<line class=\"gap\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y2=\"{height}\"><title>{title}</title></line>"
    )
}

fn name(row: &Row) -> String {
    let middle = row.top + row.height / 2 + 4;
    let mut short: String = row.name.chars().take(20).collect();
    if short != row.name {
        short.pop();
        short.push('…');
    }
    let (name, short) = (html(&row.name), html(&short));
    format!("<text x=\"100%\" dx=\"-8\" y=\"{middle}\"><title>{name}</title>{short}</text>\n")
}

fn row_of(row: &Row, lane: usize) -> String {
    let Row { top, height, .. } = row;
    let mut text = format!("<rect class=\"row\" width=\"100%\" y=\"{top}\" height=\"{height}\"/>");
    for lost in &row.lost {
        text += &format!(
            "<rect class=\"lost\" x=\"{:.2}%\" width=\"{:.2}%\" y=\"{top}\" height=\"{height}\"><title>{}</title></rect>",
            lost.at,
            lost.width,
            html(&lost.title)
        );
    }
    text + &row.bars.iter().map(|bar| bar_of(bar, *top, lane)).collect::<String>() + "\n"
}

fn bar_of(bar: &Bar, top: usize, lane: usize) -> String {
    let (y, height) = (top + bar.lane * lane, lane - 1);
    let (at, width, class) = (bar.at, bar.width, class(bar.outcome));
    let title = html(&bar.title);
    let rect = format!(
        "<rect class=\"bar {class}\" x=\"{at:.2}%\" width=\"{width:.2}%\" y=\"{y}\" height=\"{height}\"><title>{title}</title></rect>"
    );
    let mark = match bar.kind {
        AttemptKind::First => String::new(),
        AttemptKind::Retry => {
            format!("<path class=\"mark\" d=\"M0 0l5 {}l-5 {}z\"/>", half(height), half(height))
        }
        AttemptKind::Second => format!(
            "<path class=\"mark\" d=\"M1 0v{height}h2v-{height}zM5 0v{height}h2v-{height}z\"/>"
        ),
    };
    let label = if lane >= 18 && width > 4.0 {
        let x = if mark.is_empty() { 4 } else { 10 };
        format!("<text class=\"on {class}\" x=\"{x}\" y=\"12\">{}</text>", html(&bar.label))
    } else {
        String::new()
    };
    if mark.is_empty() && label.is_empty() {
        return rect;
    }
    format!(
        "{rect}<svg class=\"over\" x=\"{at:.2}%\" width=\"{width:.2}%\" y=\"{y}\" height=\"{height}\">{mark}{label}</svg>"
    )
}

#[expect(clippy::cast_precision_loss, reason = "a few pixels")]
fn half(height: usize) -> f64 {
    height as f64 / 2.0
}

fn class(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Built => "built",
        AttemptOutcome::Cached => "cached",
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Dropped => "dropped",
        AttemptOutcome::Cancelled | AttemptOutcome::Unfinished => "cancelled",
    }
}

/// What is in the picture, and what it means.
fn legend(timeline: &Timeline) -> String {
    let bars = || timeline.rows.iter().flat_map(|row| &row.bars);
    let swatch = |inner: &str, word: &str| {
        format!(
            "<li><svg width=\"22\" height=\"12\" aria-hidden=\"true\">{inner}</svg> {word}</li>"
        )
    };
    let rect = |class: &str| {
        format!("<rect class=\"{class}\" x=\"1\" y=\"1\" width=\"20\" height=\"10\"/>")
    };
    let mut items = String::new();
    for (name, word) in LEGEND {
        if bars().any(|bar| class(bar.outcome) == name) {
            items += &swatch(&rect(&format!("bar {name}")), word);
        }
    }
    if timeline.rows.iter().any(|row| !row.lost.is_empty()) {
        items += &swatch(&rect("lost"), "runner not there: grey, hatched");
    }
    for (kind, mark, word) in [
        (AttemptKind::Retry, "M1 1l5 5l-5 5z", "a retry: a wedge"),
        (
            AttemptKind::Second,
            "M2 1v10h2v-10zM6 1v10h2v-10z",
            "a second run, beside one that took too long",
        ),
    ] {
        if bars().any(|bar| bar.kind == kind) {
            let mark = format!("<path class=\"mark\" d=\"{mark}\"/>");
            items += &swatch(&(rect("bar built") + &mark), word);
        }
    }
    format!("<ul class=\"legend\" aria-label=\"Legend\">{items}</ul>\n")
}

/// So that no colour alone tells an outcome.
const PATTERNS: &str = "<defs>\
<pattern id=\"crossed\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><rect class=\"failed\" width=\"7\" height=\"7\"/><path class=\"cross\" d=\"M0 0L7 7M7 0L0 7\"/></pattern>\
<pattern id=\"hatched\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"ground\" width=\"6\" height=\"6\"/><rect class=\"dropped\" width=\"3\" height=\"6\"/></pattern>\
<pattern id=\"absent\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\"><rect class=\"absent\" width=\"1.5\" height=\"5\"/></pattern>\
</defs>";
