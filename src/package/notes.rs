//! The release notes, in Markdown: a table that tells an administrator which file is his.

use std::collections::{BTreeMap, BTreeSet};

use super::{Names, built};
use crate::model::cell::Verdict;
use crate::model::manifest::{CellRecord, Manifest, ModuleRecord};
use crate::model::smoke::Smoke;

/// The notes of a release.
#[must_use]
pub fn render(manifest: &Manifest) -> String {
    let module = &manifest.module;
    let names = Names::new(&module.name, module.version.as_str());
    let mut text = format!("# {} {} for Apache on Windows\n", module.name, module.version);
    text += &format!(
        "\n{} modules for {} Apache builds, built from {} (SHA-256 of {}: `{}`).\n",
        built(manifest).count(),
        labels(manifest).len(),
        module.source,
        if module.source_sha256.is_some() { "the archive" } else { "the compiled files" },
        module.source_sha256.unwrap_or(module.source_tree)
    );
    text += "\n## Which file is mine?\n\n\
        Find your Apache build on the left (Apache Lounge's zip carries the label in its name) and \
        your Python at the top. Everything must be 32 bit (win32) or everything 64 bit (win64), and \
        Python must be installed for all users.\n\n";
    text += &which_table(manifest);
    text += &format!(
        "\nAll files are in `{}` and `{}`; the zips named after an Apache build hold just that \
         folder. `INSTALL.txt` inside says what to do; `{}` has the checksums.\n",
        names.zip(),
        names.tar_gz(),
        names.checksums()
    );
    text += &pip(manifest);
    text += &unsupported(manifest);
    text += &seen(manifest);
    text += &not_built(manifest);
    text += &limits(manifest);
    text += &made_from(manifest);
    text
}

fn labels(manifest: &Manifest) -> BTreeSet<String> {
    built(manifest).map(|(cell, _)| cell.apache.to_string()).collect()
}

/// A row an Apache build, a column a Python: the file's name without its extension.
fn which_table(manifest: &Manifest) -> String {
    let pythons: BTreeSet<_> = built(manifest).map(|(cell, _)| cell.python).collect();
    let mut text = "| Apache build | bits |".to_owned();
    for python in &pythons {
        text += &format!(" Python {python} |");
    }
    text += "\n| --- | --- |";
    text += &" --- |".repeat(pythons.len());
    text.push('\n');
    let mut order: Vec<String> = Vec::new();
    for (cell, _) in built(manifest) {
        let label = cell.apache.to_string();
        if order.last() != Some(&label) {
            order.push(label);
        }
    }
    for label in order {
        let row: Vec<_> =
            built(manifest).filter(|(cell, _)| cell.apache.to_string() == label).collect();
        let bits = row.first().map_or("", |(cell, _)| cell.arch.bits());
        text += &format!("| `{label}` | {bits} |");
        for python in &pythons {
            let cell = row.iter().find(|(cell, _)| cell.python == *python);
            text += &match cell {
                Some((cell, _)) => {
                    let mark = if cell.verdict == Verdict::Supported { "" } else { " ⚠" };
                    format!(" `{}`{mark} |", cell.id.file_name(&manifest.module.name))
                }
                None => " |".to_owned(),
            };
        }
        text.push('\n');
    }
    text
}

/// How pip gets its module, and which wheel is for whom.
fn pip(manifest: &Manifest) -> String {
    let wheels: BTreeMap<(_, &str), &CellRecord> = built(manifest)
        .filter_map(|(cell, built)| Some(((cell.python, built.wheel.as_deref()?), cell)))
        .collect();
    if wheels.is_empty() {
        return String::new();
    }
    let ModuleRecord { name, version, .. } = &manifest.module;
    let mut text = format!(
        "No compiler is needed: pip takes the wheel for its Python, and `{name}-express module-config` \
         then prints the lines for `httpd.conf`. WHERE is a folder with the wheels, or \
         `https://github.com/OWNER/REPO/releases/expanded_assets/TAG` of this page.\n\n    \
         pip install --only-binary {name} --find-links WHERE {name}=={}\n\n\
         | Python | bits | Apache | wheel |\n| --- | --- | --- | --- |\n",
        version.normalized()
    );
    for ((python, wheel), cell) in wheels {
        let (bits, series) = (cell.arch.bits(), &cell.apache.series);
        text += &format!("| {python} | {bits} | {series}, {} | `{wheel}` |\n", cell.abi);
    }
    if let Some(local) = text.split('`').find(|wheel| wheel.contains('+')) {
        let version = local.split('-').nth(1).unwrap_or_default();
        text += &format!(
            "\nWhere the name says which Apache a wheel is for, pip takes the one for the newest by \
             itself, and another when it is asked for by its whole version, as in `{name}=={version}`.\n"
        );
    }
    section("With pip", &text)
}

fn unsupported(manifest: &Manifest) -> String {
    let mut text = String::new();
    for (cell, _) in built(manifest) {
        if let Verdict::Unsupported { reason } = &cell.verdict {
            text += &format!("- ⚠ `{}`: {reason}\n", cell.id);
        }
    }
    section("Unsupported, but here", &text)
}

fn not_built(manifest: &Manifest) -> String {
    let mut text = String::new();
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for cell in manifest.cells.iter().filter(|cell| cell.built.is_none()) {
        let reason = cell
            .verdict
            .reason()
            .filter(|_| matches!(cell.verdict, Verdict::Excluded { .. }))
            .or(cell.not_built.as_deref())
            .unwrap_or("not asked for")
            .to_owned();
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, cells)) => cells.push(cell.id.to_string()),
            None => reasons.push((reason, vec![cell.id.to_string()])),
        }
    }
    for (reason, cells) in reasons {
        let shown = cells.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        text += &format!("- {reason}: {shown}\n");
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n<details><summary>Combinations that are not here, and why</summary>\n\n{text}\n</details>\n"
    )
}

fn limits(manifest: &Manifest) -> String {
    let lines: BTreeSet<String> = manifest.warnings.iter().cloned().collect();
    let mut warned: BTreeMap<&str, Vec<&CellRecord>> = BTreeMap::new();
    for (cell, built) in built(manifest) {
        for warning in &built.warnings {
            warned.entry(warning).or_default().push(cell);
        }
    }
    let mut text = lines.iter().fold(String::new(), |text, line| text + "- " + line + "\n");
    for (warning, cells) in warned {
        text += &format!("- {}: {warning}\n", about(manifest, &cells));
    }
    section("Known limits", &text)
}

/// What was seen of the files in a real Apache: a row an Apache build, a column a Python, and below what
/// each word means.
fn seen(manifest: &Manifest) -> String {
    let pythons: BTreeSet<_> = built(manifest).map(|(cell, _)| cell.python).collect();
    let mut results: Vec<String> = Vec::new();
    let mut rows: Vec<(String, BTreeMap<_, String>)> = Vec::new();
    for (cell, built) in built(manifest) {
        let (word, meaning) = result(&built.smoke);
        let known = results.iter().position(|known| *known == meaning);
        let number = known.unwrap_or_else(|| {
            results.push(meaning);
            results.len() - 1
        });
        let label = cell.apache.to_string();
        if rows.last().is_none_or(|(last, _)| *last != label) {
            rows.push((label, BTreeMap::new()));
        }
        if let Some((_, row)) = rows.last_mut() {
            row.insert(cell.python, format!("{word} ({})", number + 1));
        }
    }
    let mut text = "| Apache build |".to_owned();
    for python in &pythons {
        text += &format!(" Python {python} |");
    }
    text += &format!("\n| --- |{}\n", " --- |".repeat(pythons.len()));
    for (label, row) in &rows {
        text += &format!("| `{label}` |");
        for python in &pythons {
            text += &format!(" {} |", row.get(python).map_or("", String::as_str));
        }
        text.push('\n');
    }
    text.push('\n');
    for (number, meaning) in results.iter().enumerate() {
        text += &format!("{}. {meaning}\n", number + 1);
    }
    section("Seen to work", &text)
}

/// A word for a table, and what it means.
fn result(smoke: &Smoke) -> (&'static str, String) {
    match smoke {
        Smoke::Served { by, checks } => (
            "served",
            format!(
                "Served pages: {}, with {}, on {} ({}).",
                by.apache,
                by.python,
                by.system,
                checks.join(", ")
            ),
        ),
        Smoke::Failed { by, check, reason, .. } => (
            "**failed**",
            format!(
                "**Failed** at *{check}*: {reason}. Tried by {}, with {}, on {}.",
                by.apache, by.python, by.system
            ),
        ),
        Smoke::NotRun { reason } => ("not run", format!("Not run: {reason}.")),
    }
}

/// What some of the built cells have in common: their Apache builds, or, where that is all of them,
/// their Pythons.
fn about(manifest: &Manifest, cells: &[&CellRecord]) -> String {
    let apaches: BTreeSet<String> = cells.iter().map(|cell| format!("`{}`", cell.apache)).collect();
    let pythons: BTreeSet<_> = cells.iter().map(|cell| cell.python).collect();
    let names: Vec<String> = if apaches.len() == labels(manifest).len() {
        pythons.iter().map(|python| format!("Python {python}")).collect()
    } else {
        apaches.into_iter().collect()
    };
    names.join(", ")
}

fn made_from(manifest: &Manifest) -> String {
    let mut text = String::new();
    for toolset in &manifest.toolsets {
        text += &format!("- toolset `{}`: {}\n", toolset.name, toolset.version);
    }
    for root in &manifest.roots {
        text +=
            &format!("- `{}`: {} {}, {}", root.name, root.kind.as_str(), root.version, root.origin);
        for stand_in in &root.stand_ins {
            text += &format!("; {stand_in}");
        }
        text.push('\n');
    }
    text += &format!("- modfarm {}\n", manifest.modfarm);
    section("Made with", &text)
}

fn section(title: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n## {title}\n\n{text}") }
}
