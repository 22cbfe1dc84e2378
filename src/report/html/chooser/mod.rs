//! The page on which an administrator finds his file: two questions, or the two programs dropped on it, and
//! below them every file in a table, for which no script is needed.

mod data;
mod table;

use super::Document;
use crate::model::manifest::Manifest;
use crate::report::harmless::html;

pub(super) const STYLE: &str = include_str!("chooser.css");

/// What the page does: reading binaries, deciding, asking and showing.
pub(super) const SCRIPTS: [&str; 3] =
    [include_str!("image.js"), include_str!("choice.js"), include_str!("page.js")];

/// A release and where its files lie.
#[derive(Clone, Debug)]
pub struct Offered {
    /// What it says of itself.
    pub release: Manifest,
    /// The begin of the files' addresses; without it they lie beside the page.
    pub files: Option<String>,
}

impl Offered {
    /// The address of a file.
    fn to(&self, name: &str) -> String {
        // What may stand in a file's name and means something else in an address.
        let name =
            name.replace('%', "%25").replace('+', "%2B").replace('#', "%23").replace('?', "%3F");
        match &self.files {
            Some(files) => format!("{}/{name}", files.strip_suffix('/').unwrap_or(files)),
            None => format!("./{name}"),
        }
    }
}

/// The page for some releases of one module, the newest first.
#[must_use]
pub fn chooser(offered: &[Offered]) -> String {
    let newest = offered.first().map(|offered| &offered.release);
    let module = html(newest.map_or("", |release| &release.module.name));
    let modfarm = html(newest.map_or("", |release| &release.modfarm));
    let versions = html(&versions(offered));
    let tables: String = offered.iter().map(table::section).collect();
    let content = format!(
        "<a class=\"skip\" href=\"#main\">To the files</a>\n\
         <header><p class=\"kind\">Windows binaries</p><h1>{module} for Apache on Windows</h1>\n\
         <p>{versions}. Find the one file for your Apache and your Python.</p></header>\n\
         <main id=\"main\">\n{QUESTIONS}{RULES}{tables}</main>\n\
         <footer><p>Written by modfarm {modfarm}. This page asks no server for anything; files that you show \
         it are read in your browser and go nowhere.</p></footer>\n\
         <script type=\"application/json\" id=\"releases\">{}</script>\n",
        data::embedded(offered),
    );
    Document {
        title: &format!("{module} for Apache on Windows: which file is mine?"),
        style: STYLE,
        script: Some(&SCRIPTS.concat()),
        content: &content,
    }
    .render()
}

fn versions(offered: &[Offered]) -> String {
    let mut versions = offered.iter().map(|offered| offered.release.module.version.to_string());
    let newest = versions.next().unwrap_or_default();
    let older: Vec<String> = versions.collect();
    match older.as_slice() {
        [] => format!("Version {newest}"),
        older => format!("Version {newest}; earlier ones: {}", older.join(", ")),
    }
}

/// Hidden until the script runs.
const QUESTIONS: &str = r#"<section id="questions" aria-labelledby="which" hidden>
<h2 id="which">Which file is mine?</h2>
<form id="form">
<div class="two">
<p><label for="apache">1. Which Apache is it?</label>
<select id="apache" aria-describedby="apache-hint"></select>
<small id="apache-hint">Apache Lounge writes it into the name of its zip: win64-VS17.</small></p>
<p><label for="python">2. Which Python is it?</label>
<select id="python" aria-describedby="python-hint"></select>
<small id="python-hint"><code>python -VV</code> tells the version and 32 or 64 bit.</small></p>
</div>
<p class="drop" id="drop"><label for="files">Or drop <b>httpd.exe</b> and <b>python3XY.dll</b> here, and a
module that you already have:</label>
<input type="file" id="files" multiple accept=".exe,.dll,.so,.pyd,.zip,.whl"></p>
<ul id="seen" aria-live="polite"></ul>
</form>
<div id="answer" aria-live="polite" aria-atomic="true"></div>
</section>
"#;

const RULES: &str = "<section aria-labelledby=\"rules\"><h2 id=\"rules\">Four rules</h2>\n\
    <ol><li>Apache, Python and the module are all 32 bit (win32) or all 64 bit (win64).</li>\n\
    <li>Python is installed for all users, for Apache runs as a service of another user.</li>\n\
    <li>Apache and Python are from compilers of one family: VC14, VC15, VS16, VS17 and VS18 are one, every \
    older one stands alone.</li>\n\
    <li>So is the module. The suffix of its name is the family.</li></ol></section>\n";
