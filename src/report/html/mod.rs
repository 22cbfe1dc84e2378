//! Pages: what all have in common. Each is one file that fetches nothing; its one style and its one script
//! are named in its policy by their digests, so that a browser runs nothing else.

mod chooser;
mod run;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::model::digest::Sha256;

pub use chooser::{Offered, chooser};
pub use run::page;

/// What all pages look like.
const BASE: &str = include_str!("base.css");

/// A page.
struct Document<'a> {
    /// Its title, as HTML.
    title: &'a str,
    /// What it looks like beside what all do.
    style: &'a str,
    /// What it does, if anything.
    script: Option<&'a str>,
    /// All that is seen, as HTML.
    content: &'a str,
}

impl Document<'_> {
    fn render(&self) -> String {
        let Self { title, content, .. } = self;
        let style = format!("{BASE}{}", self.style);
        let mut policy = format!(
            "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'",
            source(&style)
        );
        let mut script = String::new();
        if let Some(text) = self.script {
            policy += &format!("; script-src {}", source(text));
            script = format!("<script>{text}</script>\n");
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n{content}{script}</body>\n</html>\n"
        )
    }
}

/// How a policy names a text that may stand in the page.
fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::of(text.as_bytes()).bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_scripts_cannot_end_themselves() {
        for style in [BASE, run::STYLE, chooser::STYLE] {
            assert!(!style.contains('<') && style.is_ascii());
            assert!(!style.contains("http") && !style.contains("@import"));
        }
        for script in chooser::SCRIPTS {
            assert!(!script.contains("</") && !script.contains("<!--") && script.is_ascii());
        }
    }
}
