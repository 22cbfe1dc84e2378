//! A matrix of any size.

use std::fmt::Write as _;

use modfarm::model::arch::Arch;

/// The text of a matrix with so many Apache folders and Pythons.
pub(crate) fn matrix_text(apaches: usize, pythons: usize) -> String {
    let mut text = String::from("module: mod_wsgi\nrelease: \"6.1.1\"\ncompilers:\n");
    for label in 0..apaches.div_ceil(2) {
        writeln!(text, "  C{label}: {{ abi: VC14, visual_studio: {} }}", 2015 + label)
            .unwrap_or_default();
    }
    text.push_str("pythons:\n");
    for minor in 0..pythons {
        writeln!(text, "  - {{ version: \"3.{minor}\", compiler: C0 }}").unwrap_or_default();
    }
    text.push_str("apaches:\n");
    for label in 0..apaches {
        let arch = Arch::ALL[label % 2];
        writeln!(
            text,
            "  - {{ name: Apache24-{arch}-C{}, oldest: \"2.4.1\", newest: \"2.4.66\" }}",
            label / 2
        )
        .unwrap_or_default();
    }
    text.push_str("modules:\n  - { versions: \">=6, <7\", pythons: \"3.0 - 3.255\" }\n");
    text.push_str("exceptions:\n");
    for minor in (0..pythons).step_by(10) {
        writeln!(
            text,
            "  - {{ python: \"3.{minor}\", verdict: unsupported, reason: \"the tenth\" }}"
        )
        .unwrap_or_default();
    }
    text
}
