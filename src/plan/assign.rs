//! Who builds a cell: the first runner whose toolset has the family and the arch, with an Apache
//! root that serves the label and a Python root. Where there is none: what they lack.
//!
//! What depends on the Apache alone is found once a label, so that a plan is linear in its cells.

use std::collections::{BTreeSet, HashMap};

use super::{Assignment, Build};
use crate::matrix::{Apache, Matrix};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::offer::{ApacheOffer, Offer, Serves};
use crate::model::python::PythonTag;
use crate::model::toolset::msvc_version;

/// Assigns the cells of a matrix to the runners on offer.
pub(super) struct Assigner<'a> {
    matrix: &'a Matrix,
    offers: Vec<Indexed<'a>>,
    by_label: HashMap<(usize, AbiFamily), Candidates<'a>>,
}

/// An offer with its Python roots by what they are.
struct Indexed<'a> {
    offer: &'a Offer,
    pythons: HashMap<(PythonTag, Arch), &'a str>,
}

/// Who can build for a label, by the place of the offer; or why no one can.
enum Candidates<'a> {
    Some(Vec<Candidate<'a>>),
    None { reason: String },
}

struct Candidate<'a> {
    offer: usize,
    apache_root: &'a str,
    warnings: Vec<String>,
    /// The Pythons of the label's arch that it has, for the reason where it lacks one.
    pythons: Vec<PythonTag>,
}

impl<'a> Assigner<'a> {
    pub(super) fn new(matrix: &'a Matrix, offers: &'a [Offer]) -> Self {
        let offers = offers
            .iter()
            .map(|offer| {
                let mut pythons = HashMap::new();
                for python in &offer.pythons {
                    pythons.entry((python.tag, python.arch)).or_insert(python.root.as_str());
                }
                Indexed { offer, pythons }
            })
            .collect();
        Self { matrix, offers, by_label: HashMap::new() }
    }

    /// The runner for the cell of an Apache and a Python, both by their places in the matrix.
    pub(super) fn assign(&mut self, apache: usize, python: usize) -> Build {
        let matrix = self.matrix;
        let (build, python) = (&matrix.apaches[apache], &matrix.pythons[python]);
        let offers = &self.offers;
        let candidates = self
            .by_label
            .entry((apache, python.abi))
            .or_insert_with(|| candidates(offers, build, python.abi));
        let candidates = match candidates {
            Candidates::Some(candidates) => candidates,
            Candidates::None { reason } => return Build::Nobody { reason: reason.clone() },
        };
        let arch = build.label.arch;
        let pinned = matrix.msvc.get(&python.compiler).map(String::as_str);
        let (fit, unfit): (Vec<&Candidate<'_>>, Vec<&Candidate<'_>>) = candidates
            .iter()
            .partition(|candidate| fits(&offers[candidate.offer].offer.toolset, pinned));
        if let (Some(pinned), true) = (pinned, fit.is_empty()) {
            let there =
                unfit.iter().map(|candidate| offers[candidate.offer].offer.toolset.as_str());
            let there: BTreeSet<&str> = there.collect();
            let there = listed(&Vec::from_iter(there), "none");
            let reason = format!(
                "no toolset is of msvc {pinned}, which the matrix asks for with {} (there are {there})",
                python.compiler
            );
            return Build::Nobody { reason };
        }
        for candidate in &fit {
            let indexed = &offers[candidate.offer];
            if let Some(root) = indexed.pythons.get(&(python.tag, arch)) {
                return Build::By(Assignment {
                    runner: indexed.offer.runner.clone(),
                    toolset: indexed.offer.toolset.clone(),
                    apache_root: candidate.apache_root.to_owned(),
                    python_root: (*root).to_owned(),
                    warnings: candidate.warnings.clone(),
                });
            }
        }
        Build::Nobody { reason: no_python(python.tag, arch, &fit) }
    }
}

fn candidates<'a>(offers: &[Indexed<'a>], apache: &Apache, abi: AbiFamily) -> Candidates<'a> {
    let arch = apache.label.arch;
    let none = |reason: String| Candidates::None { reason };
    if offers.is_empty() {
        return none("no runners".to_owned());
    }
    let links = |indexed: &Indexed<'a>| indexed.offer.families.contains(&abi);
    if !offers.iter().any(links) {
        return none(format!("no toolset links for {abi} (there are {})", who_links(offers)));
    }
    let compiles = |indexed: &Indexed<'a>| links(indexed) && indexed.offer.arches.contains(&arch);
    if !offers.iter().any(compiles) {
        return none(format!("no toolset compiles {abi} for {arch}"));
    }
    let found: Vec<Candidate<'a>> = offers
        .iter()
        .enumerate()
        .filter(|(_, indexed)| compiles(indexed))
        .filter_map(|(offer, indexed)| candidate(offer, indexed, apache))
        .collect();
    if found.is_empty() {
        return none(format!("no runner has an Apache {} {arch} root", apache.label.series));
    }
    Candidates::Some(found)
}

fn candidate<'a>(offer: usize, indexed: &Indexed<'a>, apache: &Apache) -> Option<Candidate<'a>> {
    let root = best_root(&indexed.offer.apaches, apache)?;
    Some(Candidate {
        offer,
        apache_root: &root.root,
        warnings: newer_than_label(root, apache).into_iter().collect(),
        pythons: tags(indexed, apache.label.arch),
    })
}

/// A root of the very label before one of its series; among equals the one that is preferred.
fn best_root<'a>(roots: &'a [ApacheOffer], apache: &Apache) -> Option<&'a ApacheOffer> {
    let of_arch = || roots.iter().filter(|root| root.arch == apache.label.arch);
    let of_label = |root: &&ApacheOffer| matches!(&root.serves, Serves::Label(label) if *label == apache.label);
    let of_series = |root: &&ApacheOffer| matches!(&root.serves, Serves::Series(series) if *series == apache.label.series);
    of_arch().find(of_label).or_else(|| of_arch().find(of_series))
}

/// Apache keeps its binary interface within a series towards newer servers only.
fn newer_than_label(root: &ApacheOffer, apache: &Apache) -> Option<String> {
    let (version, newest) = (root.version.as_ref()?, apache.newest.as_ref()?);
    let series = &apache.label.series;
    (version > newest).then(|| {
        format!(
            "built against Apache {version}'s headers; the newest Apache of this label is {newest}: \
             Apache promises that a module built for an older {series} loads into a newer one, not \
             the other way round"
        )
    })
}

/// What toolsets link for, without the runners that have them: a release over many runners says the same
/// as one over few.
fn who_links(offers: &[Indexed<'_>]) -> String {
    let families: BTreeSet<&str> = offers
        .iter()
        .flat_map(|indexed| indexed.offer.families.iter().map(|family| family.as_str()))
        .collect();
    let known = AbiFamily::ALL.iter().map(|family| family.as_str());
    let names: Vec<&str> = known.filter(|family| families.contains(family)).collect();
    listed(&names, "none")
}

/// Whether a toolset is of the version that is pinned; toolsets that are not Microsoft's are not meant.
fn fits(toolset: &str, pinned: Option<&str>) -> bool {
    match (msvc_version(toolset), pinned) {
        (Some(version), Some(pinned)) => version.starts_with(pinned),
        _ => true,
    }
}

fn no_python(tag: PythonTag, arch: Arch, candidates: &[&Candidate<'_>]) -> String {
    let tags: BTreeSet<PythonTag> =
        candidates.iter().flat_map(|candidate| candidate.pythons.iter().copied()).collect();
    let names: Vec<String> = tags.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("no runner has a Python {tag} {arch} root (there are {})", listed(&names, "none"))
}

fn tags(indexed: &Indexed<'_>, arch: Arch) -> Vec<PythonTag> {
    let of_arch = |(_, its): &&(PythonTag, Arch)| *its == arch;
    indexed.pythons.keys().filter(of_arch).map(|(tag, _)| *tag).collect()
}

/// Names with commas between them, the first dozen of many.
fn listed(names: &[&str], none: &str) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0 => none.to_owned(),
        count if count > SHOWN => {
            format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN)
        }
        _ => names.join(", "),
    }
}
