//! `INSTALL.txt`: which file is mine, and what to do with it. For a Windows administrator, so with
//! the line ends of Windows.

use super::built;
use crate::model::cell::Verdict;
use crate::model::manifest::{BuiltRecord, CellRecord, Manifest};
use crate::model::smoke::Smoke;

/// The text for the cells of a manifest.
#[must_use]
pub fn render(manifest: &Manifest) -> String {
    let module = &manifest.module;
    let mut text = format!("{} {} for Apache on Windows\n", module.name, module.version);
    text += &"=".repeat(text.trim_end().chars().count());
    text += INTRODUCTION;
    text += &pip(manifest);
    let mut label = String::new();
    for (cell, built) in built(manifest) {
        let apache = cell.apache.to_string();
        if apache != label {
            text += &format!("\n\n{apache}\n{}\n", "-".repeat(apache.len()));
            label = apache;
        }
        text += &cell_text(cell, built);
    }
    if !manifest.warnings.is_empty() {
        text += "\n\nKNOWN LIMITS\n";
        for warning in &manifest.warnings {
            text += &format!("\n  * {warning}\n");
        }
    }
    text += CHECKSUMS;
    text.replace('\n', "\r\n")
}

const INTRODUCTION: &str = "

WHICH FILE

  1. The folder is the Apache you have. Apache Lounge's zip says it in its name
     (httpd-2.4.66-...-win64-VS17.zip is Apache24-win64-VS17).
  2. The file is the Python you have: py313 is Python 3.13, a t at the end
     (py313t) its free-threaded build.
  3. Apache, Python and this file are all 32 bit (win32) or all 64 bit (win64).
  4. Python is installed for all users, not for the one who installed it.

HOW TO INSTALL

  1. Copy the file into the modules folder of Apache.
  2. Add the lines below to conf\\httpd.conf, with the folder of your Python:

         LoadFile \"C:/Python313/python313.dll\"
         LoadModule wsgi_module modules/mod_wsgi-py313-VC14.so
         WSGIPythonHome \"C:/Python313\"

     The LoadModule line of every file stands beside it below.
  3. Test with: bin\\httpd.exe -t
";

/// The other way, where there are wheels.
fn pip(manifest: &Manifest) -> String {
    if built(manifest).all(|(_, built)| built.wheel.is_none()) {
        return String::new();
    }
    let (name, version) = (&manifest.module.name, manifest.module.version.normalized());
    format!(
        "
OR WITH PIP, WITHOUT A COMPILER

  1. pip install --only-binary {name} --find-links FOLDER {name}=={version}
     FOLDER is where the wheel is that stands beside your file below; it is on the
     page of the release.
  2. {name}-express module-config
     prints the lines for conf\\httpd.conf.
"
    )
}

const CHECKSUMS: &str = "

CHECKSUMS

  SHA256SUMS holds the SHA-256 of every file. PowerShell shows a file's with
  Get-FileHash FILE; on Linux: sha256sum -c SHA256SUMS
";

fn cell_text(cell: &CellRecord, built: &BuiltRecord) -> String {
    let mut text = format!(
        "\n  Python {} ({}), {}: {}\n      {}\n",
        cell.python,
        cell.python.dll(),
        cell.arch.bits(),
        built.path.replace('/', "\\"),
        built.load_module
    );
    if let Some(wheel) = &built.wheel {
        text += &format!("      pip: {wheel}\n");
    }
    if let Verdict::Unsupported { reason } = &cell.verdict {
        text += &format!("      UNSUPPORTED: {reason}\n");
    }
    text += &format!("      {}\n", seen(&built.smoke));
    for warning in &built.warnings {
        text += &format!("      Note: {warning}\n");
    }
    text
}

/// What was seen of the file in a real Apache.
fn seen(smoke: &Smoke) -> String {
    match smoke {
        Smoke::Served { by, .. } => {
            format!("Seen to serve pages: {}; {}; {}", by.apache, by.python, by.system)
        }
        Smoke::Failed { check, .. } => format!("FAILED when it was tried, at: {check}"),
        Smoke::NotRun { reason } => format!("Not tried in a running Apache: {reason}"),
    }
}
