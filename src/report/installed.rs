//! What was put into an Apache or taken out of it, as text for people and as JSON for programs.

use std::fmt::Write as _;

use super::fetched::versioned;
use super::harmless;
use crate::model::fetched::Change;
use crate::model::installed::{Configured, Installed, Outcome, Uninstalled};

/// The versions of the JSON's formats.
const FORMAT_VERSION: u32 = 1;

/// For people: what became of the file, and the lines to paste.
#[must_use]
pub fn text(installed: &Installed) -> String {
    let Installed { module, version, source, manifest_sha256, cell, path, .. } = installed;
    let (path, source) = (harmless::line(path), harmless::line(source));
    let what = match installed.change {
        Change::New => "installed",
        Change::Replaced => "replaced",
        Change::Unchanged => "unchanged",
        Change::Planned => "planned",
    };
    let mut text = format!("{what:>9} {path}: {module} {version}, {cell}\n");
    if let Some(kept) = &installed.kept {
        _ = writeln!(text, "     kept {}, which was there before", harmless::line(kept));
    }
    if let Some(reason) = &installed.unsupported {
        _ = writeln!(text, "          not supported: {}", harmless::line(reason));
    }
    _ = writeln!(text, "     from {source}; its manifest has the SHA-256 {manifest_sha256}\n");
    match &installed.configured {
        Some(configured) => write_configured(&mut text, configured),
        None => {
            text.push_str("Add these lines to conf/httpd.conf, and test with bin\\httpd.exe -t:\n");
        }
    }
    text.push('\n');
    for line in &installed.lines {
        _ = writeln!(text, "    {}", harmless::line(line));
    }
    text
}

fn write_configured(text: &mut String, configured: &Configured) {
    let [include, main, kept, tested_by] =
        [&configured.include, &configured.main, &configured.kept, &configured.tested_by]
            .map(|part| harmless::line(part));
    _ = writeln!(text, "{include} has these lines, and {main} includes it.");
    _ = writeln!(text, "`httpd -t` takes it ({tested_by}). As it was before: {kept}.");
    text.push_str(
        "Restart Apache: httpd -k restart, or net stop Apache2.4 and net start Apache2.4\n",
    );
}

/// For programs.
#[must_use]
pub fn json(installed: &Installed) -> String {
    versioned(FORMAT_VERSION, installed)
}

/// For people: what became of each file.
#[must_use]
pub fn text_of_uninstalled(uninstalled: &Uninstalled) -> String {
    let mut text = String::new();
    for file in &uninstalled.files {
        let path = harmless::line(&file.path);
        let (what, more) = match file.outcome {
            Outcome::Removed => ("removed", ""),
            Outcome::Restored => ("restored", ", as it was before"),
            Outcome::Edited => ("edited", ": our line is gone, the rest is as it is"),
            Outcome::Missing => ("missing", ": it was gone already"),
        };
        _ = writeln!(text, "{what:>9} {path}{more}");
    }
    text
}

/// For programs.
#[must_use]
pub fn json_of_uninstalled(uninstalled: &Uninstalled) -> String {
    versioned(FORMAT_VERSION, uninstalled)
}
