//! Every file of a release in a table, and what is not there with its reason.

use std::fmt::Write as _;

use super::{Offered, data};
use crate::model::cell::Verdict;
use crate::model::manifest::{BuiltRecord, CellRecord, Manifest};
use crate::report::harmless::html;
use crate::report::say::bytesize;

/// The section of a release.
pub(super) fn section(offered: &Offered) -> String {
    let release = &offered.release;
    let title = html(&format!("{} {}", release.module.name, release.module.version));
    let id = html(&format!("release-{}", release.module.version));
    let rows: String = release
        .cells
        .iter()
        .filter_map(|cell| Some(row(offered, cell, cell.built.as_ref()?)))
        .collect();
    format!(
        "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">All files of {title}</h2>\n{}\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Files of {title}\">\n\
         <table><caption class=\"unseen\">Every file of {title}, with its Apache and its Python</caption>\n\
         <thead><tr><th scope=\"col\">Apache</th><th scope=\"col\">Python</th><th scope=\"col\">Bits</th>\
         <th scope=\"col\">File</th><th scope=\"col\">Verdict</th><th scope=\"col\">In a real Apache</th>\
         <th scope=\"col\">SHA-256 of the file</th><th scope=\"col\" class=\"n\">Size</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n{}</section>\n",
        whole(offered),
        missing(release),
    )
}

fn row(offered: &Offered, cell: &CellRecord, built: &BuiltRecord) -> String {
    let release = &offered.release;
    let version = release.module.version.as_str();
    let name = html(&cell.id.file_name(&release.module.name));
    let link = |address: String, text: &str| format!("<a href=\"{}\">{text}</a>", html(&address));
    let zip = data::archive(release, cell).map(|zip| link(offered.to(&zip.name), "zip"));
    let wheel = data::wheel(release, built).map(|wheel| link(offered.to(&wheel.name), "wheel"));
    let from: Vec<String> = zip.into_iter().chain(wheel).collect();
    let verdict = match &cell.verdict {
        Verdict::Supported => "supported".to_owned(),
        other => format!(
            "<b class=\"warning\">{}</b>: {}",
            other.name(),
            html(other.reason().unwrap_or_default())
        ),
    };
    format!(
        "<tr id=\"{}\"><th scope=\"row\">{}</th><td>{}</td><td class=\"one\">{}</td><td class=\"one\"><code>{name}</code><br>{}</td>\
         <td class=\"wide\">{verdict}</td><td class=\"wide\">{}</td>\
         <td class=\"digest\"><code>{}</code></td><td class=\"n\">{}</td></tr>\n",
        html(&format!("{version}-{}", cell.id).replace('/', "-")),
        html(&cell.apache.to_string()),
        html(&cell.python.to_string()),
        cell.arch.bits(),
        from.join(", "),
        html(&data::smoke(&built.smoke)),
        built.sha256,
        bytesize(built.size),
    )
}

/// The archives, which have every file.
fn whole(offered: &Offered) -> String {
    let mut items = String::new();
    for archive in &offered.release.archives {
        _ = writeln!(
            items,
            "<li><a href=\"{}\">{}</a> ({}): {} <code class=\"digest\">{}</code></li>",
            html(&offered.to(&archive.name)),
            html(&archive.name),
            bytesize(archive.size),
            html(&archive.description),
            archive.sha256,
        );
    }
    details("Archives, with their SHA-256", &items)
}

/// What was not built, with its reason.
fn missing(release: &Manifest) -> String {
    let mut items = String::new();
    for cell in release.cells.iter().filter(|cell| cell.built.is_none()) {
        let reason = cell.verdict.reason().or(cell.not_built.as_deref()).unwrap_or("not asked for");
        _ = writeln!(items, "<li>{}: {}</li>", html(&cell.id.to_string()), html(reason));
    }
    details("Combinations that are not here, and why", &items)
}

fn details(summary: &str, items: &str) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!("<details><summary>{summary}</summary>\n<ul>\n{items}</ul></details>\n")
}
