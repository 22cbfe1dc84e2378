//! Wheels: what `pip install` gives on Windows where there is a compiler, for those who have none. The
//! module as a Python extension, and the source's Python code around it.

mod choose;
mod metadata;
mod tag;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use camino::Utf8Path;

use self::choose::Wheel;
use self::metadata::Metadata;
use super::Contents;
use super::archives::Archive;
use crate::model::digest::Sha256;
use crate::model::manifest::Manifest;
use crate::roots::python_package::PythonPackage;

pub use choose::{assign, names};

/// What setup.py writes for the module's own code: where Apache is.
const CONFIGURATION: &str = include_str!("apxs_config.py");

/// The wheels of a release; none where its source has no package for pip.
#[must_use]
pub fn planned(contents: &Contents) -> Vec<Archive> {
    let Some(package) = &contents.package else { return Vec::new() };
    let made = choose::chosen(&contents.manifest).into_iter();
    made.filter_map(|wheel| archive(contents, package, &wheel)).collect()
}

/// The place of the module in each wheel of a release, by the wheel's name.
#[must_use]
pub fn modules(manifest: &Manifest) -> Vec<(String, String)> {
    let there = |name: &String| manifest.archives.iter().any(|archive| archive.name == *name);
    let named = choose::chosen(manifest).into_iter();
    let named = named.map(|wheel| (wheel.file_name(&manifest.module.name), wheel.module));
    named.filter(|(name, _)| there(name)).collect()
}

/// Whether a file of a release is a wheel, by its name.
#[must_use]
pub fn is_wheel(name: &str) -> bool {
    Utf8Path::new(name).extension() == Some("whl")
}

fn archive(contents: &Contents, package: &PythonPackage, wheel: &Wheel) -> Option<Archive> {
    let module = &contents.manifest.module.name;
    let bytes = contents.modules.get(&wheel.module)?.bytes().clone();
    let (python, arch) = (wheel.tag.python, wheel.tag.arch);
    let description = format!("for pip: Python {python}, {}, Apache {}", arch.bits(), wheel.series);
    let mut members: Vec<(String, Bytes)> =
        package.files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    members.push((format!("{module}/server/{}", wheel.tag.file_name(module)), bytes));
    let configuration = format!("{}/apxs_config.py", package.configuration);
    members.push((configuration, Bytes::from_static(CONFIGURATION.as_bytes())));
    members.sort_unstable();
    members.extend(about(contents, package, wheel));
    Some(Archive::zip(wheel.file_name(module), description, with_record(members, module, wheel)))
}

/// The files that say what the wheel is, in a folder of its own and after all else, as is recommended.
fn about(contents: &Contents, package: &PythonPackage, wheel: &Wheel) -> Vec<(String, Bytes)> {
    let folder = folder(&contents.manifest.module.name, wheel);
    let place = |name: &str| format!("{folder}/{name}");
    let metadata = Metadata::of(&package.metadata, &wheel.version);
    let mut files = vec![
        (place("METADATA"), metadata.text(contents.licence.is_some()).into()),
        (place("WHEEL"), wheel_text(wheel).into()),
        (place("entry_points.txt"), package.entry_points.clone()),
        (place("top_level.txt"), format!("{}\n", contents.manifest.module.name).into()),
    ];
    if let Some(licence) = &contents.licence {
        files.push((place(metadata.licence_path()), licence.clone().into()));
    }
    files.sort_unstable();
    files
}

fn folder(module: &str, wheel: &Wheel) -> String {
    format!("{module}-{}.dist-info", wheel.version)
}

fn wheel_text(wheel: &Wheel) -> String {
    format!(
        "Wheel-Version: 1.0\nGenerator: modfarm {}\nRoot-Is-Purelib: false\nTag: {}\n",
        env!("CARGO_PKG_VERSION"),
        wheel.tag.text()
    )
}

/// The members and, last, the record of them with their digests.
fn with_record(
    mut members: Vec<(String, Bytes)>,
    module: &str,
    wheel: &Wheel,
) -> Vec<(String, Bytes)> {
    let path = format!("{}/RECORD", folder(module, wheel));
    let mut record = String::new();
    for (path, bytes) in &members {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::of(bytes).bytes());
        record += &format!("{},sha256={digest},{}\n", field(path), bytes.len());
    }
    record += &format!("{},,\n", field(&path));
    members.push((path, record.into()));
    members
}

/// A field of a line of values that commas separate.
fn field(text: &str) -> String {
    if text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
