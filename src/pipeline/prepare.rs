//! What is wanted, and the plan and the source that it comes to: what is wrong with a request is said
//! here, before anything costs much.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::{ReleaseError, Workshop};
use crate::matrix::Matrix;
use crate::model::event::{Event, Events};
use crate::model::tag::Asked;
use crate::model::version::Version;
use crate::plan::{self, Build, Plan};
use crate::roots::{Source, SourceError};
use crate::sys::digests::DigestCache;

/// Which cells of which version, of which source.
#[derive(Debug)]
pub struct Wanted {
    /// The matrix.
    pub matrix: Matrix,
    /// Which version of the module; without one that of the source.
    pub version: Option<Asked>,
    /// See [`plan::Request`].
    pub only: Vec<String>,
    /// See [`plan::Request`].
    pub skip: Vec<String>,
    /// See [`plan::Request`].
    pub even_if_broken: bool,
    /// The module's source, where it does not come from PyPI.
    pub source: Option<Utf8PathBuf>,
}

impl Wanted {
    /// The plan, and the source where it is at hand.
    pub(super) fn plan(
        &self,
        workshop: &mut Workshop,
    ) -> Result<(Plan, Option<Source>), ReleaseError> {
        let given = match &self.source {
            Some(folder) => Some(workshop.source_in(&self.matrix.module, folder)?),
            None => None,
        };
        let version = match &given {
            Some(source) => agreed(&self.matrix.module, self.version.as_ref(), source)?,
            None => self.asked().version,
        };
        let wanted = plan::Request {
            version,
            only: self.only.clone(),
            skip: self.skip.clone(),
            even_if_broken: self.even_if_broken,
        };
        Ok((plan::plan(&self.matrix, &wanted, workshop.offers())?, given))
    }

    /// The source of a plan: the one at hand, or PyPI's; where it stands is said.
    pub(super) fn source(
        &self,
        given: Option<Source>,
        workshop: &mut Workshop,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Source, ReleaseError> {
        if let Some(folder) = &self.source {
            events.emit(Event::Sourced { folder: folder.to_string() });
        }
        match given {
            Some(source) => Ok(source),
            None => Ok(workshop.source_of(
                &self.matrix.module,
                &self.asked().version,
                events,
                cancel,
            )?),
        }
    }

    /// What is asked for where no source says its version.
    fn asked(&self) -> Asked {
        self.version.clone().unwrap_or_else(|| self.matrix.release.clone().into())
    }
}

/// The plan and the module's source, where somebody builds something of it.
pub fn prepare(
    wanted: &Wanted,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(Plan, Source), ReleaseError> {
    let (plan, given) = wanted.plan(workshop)?;
    if plan.assigned().next().is_none() {
        return Err(ReleaseError::nothing_to_build(&plan));
    }
    let source = wanted.source(given, workshop, events, cancel)?;
    warn(&plan, events);
    Ok((plan, source))
}

/// Says what a plan warns of.
pub(super) fn warn(plan: &Plan, events: &Events) {
    for warning in &plan.warnings {
        events.warn(warning.clone(), None);
    }
    warn_of_roots(plan, events);
}

/// Says what the plan warns of and what nobody builds, in a line each: `modfarm plan`, the manifest and
/// the notes have it cell by cell.
fn warn_of_roots(plan: &Plan, events: &Events) {
    let mut warned = plan.assigned().filter_map(|(cell, by)| Some((cell, by.warnings.first()?)));
    if let Some((cell, warning)) = warned.next() {
        let more = match warned.count() {
            0 => String::new(),
            more => format!(" (and {more} more cells with a warning)"),
        };
        let hint = "`modfarm plan`, the manifest and the notes name every cell with its warning";
        events.warn(format!("{}: {warning}{more}", cell.id), Some(hint.to_owned()));
    }
    let mut unbuilt = plan.cells.iter().filter_map(|cell| match &cell.build {
        Build::Nobody { reason } => Some((cell, reason)),
        Build::By(_) | Build::Never => None,
    });
    if let Some((cell, reason)) = unbuilt.next() {
        let more = match unbuilt.count() {
            0 => String::new(),
            more => format!(" (and {more} more cells)"),
        };
        events.warn(
            format!("nobody can build {}: {reason}{more}", cell.id),
            Some(
                "`modfarm plan` says why for each; --apache-root and --python-root name more roots"
                    .to_owned(),
            ),
        );
    }
}

/// The version to plan for the source in a folder: its own, which must be the one that was asked for.
pub fn version_of(
    matrix: &Matrix,
    asked: Option<&Asked>,
    folder: &Utf8Path,
) -> Result<Version, SourceError> {
    let mut digests = DigestCache::load(Utf8Path::new(""));
    let source = Source::from_directory(&matrix.module, folder, &mut digests)?;
    agreed(&matrix.module, asked, &source)
}

fn agreed(module: &str, asked: Option<&Asked>, source: &Source) -> Result<Version, SourceError> {
    match asked {
        Some(asked) if asked.version != source.version => Err(SourceError::OtherVersion {
            place: "the source".to_owned(),
            module: module.to_owned(),
            found: Box::new(source.version.clone()),
            wanted: Box::new(asked.clone()),
        }),
        _ => Ok(source.version.clone()),
    }
}
