//! `METADATA`: what the source's `PKG-INFO` says, as a wheel says it.

/// The oldest version in which the description stands below the headers and says what it is written in.
const OLDEST: (u32, u32) = (2, 1);

/// From this version on the files of the licence are named, and have a folder.
const NAMES_LICENCES: (u32, u32) = (2, 4);

/// The metadata of a wheel.
#[derive(Debug)]
pub(super) struct Metadata {
    format: (u32, u32),
    headers: Vec<(String, String)>,
    description: String,
}

impl Metadata {
    /// Those of a source, for a wheel of a version.
    pub(super) fn of(pkg_info: &str, version: &str) -> Self {
        let text = pkg_info.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut metadata =
            Self { format: OLDEST, headers: Vec::new(), description: body.to_owned() };
        for (name, value) in headers(head) {
            metadata.add(name, value, version);
        }
        metadata
    }

    fn add(&mut self, name: String, value: String, version: &str) {
        match name.as_str() {
            "Metadata-Version" => self.format = number(&value).max(OLDEST),
            "Version" => self.headers.push((name, version.to_owned())),
            // What old setuptools write where nothing is known.
            _ if value == "UNKNOWN" => {}
            "Description" => self.description = unfolded(&value),
            // Named anew, for the files that are there.
            "License-File" => {}
            // Not in the oldest formats, where newer tools wrote it nevertheless.
            "Dynamic" if self.format < (2, 2) => {}
            _ => self.headers.push((name, value)),
        }
    }

    /// Where the licence stands in the wheel's own folder.
    pub(super) fn licence_path(&self) -> &'static str {
        if self.format >= NAMES_LICENCES { "licenses/LICENSE" } else { "LICENSE" }
    }

    /// The text, of a wheel with or without the licence.
    pub(super) fn text(&self, has_licence: bool) -> String {
        let (major, minor) = self.format;
        let mut text = format!("Metadata-Version: {major}.{minor}\n");
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\n");
        }
        if has_licence && self.format >= NAMES_LICENCES {
            text += "License-File: LICENSE\n";
        }
        let says = self.headers.iter().any(|(name, _)| name == "Description-Content-Type");
        if !self.description.is_empty() && !says {
            // What everybody takes it for who is told nothing.
            text += "Description-Content-Type: text/x-rst\n";
        }
        text + "\n" + &self.description
    }
}

/// The headers, each with the lines that continue it.
fn headers(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split('\n') {
        match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => *value += &format!("\n{line}"),
            (false, _, Some((name, value))) => {
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => {}
        }
    }
    headers
}

/// The description as it was before it was made a header: the lines that continue it lose eight spaces.
fn unfolded(value: &str) -> String {
    let lines = value.split('\n').map(|line| line.strip_prefix("        ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
}

fn number(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_metadata_become_what_a_wheel_says() {
        let old = "Metadata-Version: 1.1\nName: mod_wsgi\nVersion: 4.5.8\nLicense-File: LICENSE\n\
                   Dynamic: license\nDescription: ====\n        TOP\n        ====\n        \n          in\n\
                   Platform: UNKNOWN\n";
        let metadata = Metadata::of(old, "4.5.8+ap24");
        assert_eq!(metadata.licence_path(), "LICENSE");
        assert_eq!(
            metadata.text(true),
            "Metadata-Version: 2.1\nName: mod_wsgi\nVersion: 4.5.8+ap24\n\
             Description-Content-Type: text/x-rst\n\n====\nTOP\n====\n\n  in\n"
        );
    }

    #[test]
    fn new_metadata_stay_and_name_the_licence() {
        let new = "Metadata-Version: 2.4\r\nName: mod_wsgi\r\nVersion: 6.1.1\r\n\
                   License-File: COPYING\r\nDynamic: license\r\n\r\nWords\r\n";
        let metadata = Metadata::of(new, "6.1.1");
        assert_eq!(metadata.licence_path(), "licenses/LICENSE");
        let head = "Metadata-Version: 2.4\nName: mod_wsgi\nVersion: 6.1.1\nDynamic: license\n";
        let rst = "Description-Content-Type: text/x-rst\n\nWords\n";
        assert_eq!(metadata.text(true), format!("{head}License-File: LICENSE\n{rst}"));
        assert_eq!(metadata.text(false), format!("{head}{rst}"));
    }
}
