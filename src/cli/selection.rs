//! Which matrix, which version of which source, which cells: the arguments that `plan`, `makefile`, `build`,
//! `assemble` and `release` share.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::matrix::{self, Matrix};
use crate::model::tag::Asked;
use crate::model::version::Version;
use crate::pipeline::{self, Wanted};
use crate::plan::Request;

/// Which matrix, which version of which source, which cells.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// The matrix of combinations
    #[arg(long, value_name = "FILE", default_value = "matrix.yaml")]
    matrix: Utf8PathBuf,
    /// The version of the module; without it the source's, or the `release` of the matrix
    #[arg(long, value_name = "VERSION")]
    module_version: Option<Version>,
    /// The tag that names the version, such as mod_wsgi-6.1.1 or 6.1.1; the source must be of it
    #[arg(long, value_name = "TAG", conflicts_with = "module_version")]
    tag: Option<String>,
    /// The module's source, of which the version is: a checkout or an unpacked sdist; without it PyPI's
    #[arg(long, value_name = "DIR")]
    source: Option<Utf8PathBuf>,
    /// Only the cells whose name the glob matches, such as 'Apache24-win64-*/py313-*'; repeatable
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Not the cells whose name the glob matches; repeatable
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    /// Take a version although the matrix calls it broken on Windows
    #[arg(long)]
    even_if_broken: bool,
}

impl Selection {
    /// The version that was asked for, by itself or by a tag.
    pub(super) fn asked(&self, matrix: &Matrix) -> Result<Option<Asked>, Failure> {
        match &self.tag {
            Some(tag) => Asked::by_tag(&matrix.module, tag).map(Some).map_err(Failure::bad_input),
            None => Ok(self.module_version.clone().map(Asked::from)),
        }
    }

    /// The tag that was named.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The file of the matrix.
    pub(super) fn matrix(&self) -> &Utf8Path {
        &self.matrix
    }

    /// The matrix.
    fn read(&self) -> Result<Matrix, Failure> {
        matrix::load(&self.matrix).map_err(|error| {
            let place = error.place();
            Failure::bad_input(error).at(place)
        })
    }

    /// Reads the matrix, and says what of it is wanted.
    pub(super) fn wanted(&self) -> Result<Wanted, Failure> {
        let matrix = self.read()?;
        Ok(Wanted {
            version: self.asked(&matrix)?,
            matrix,
            only: self.only.clone(),
            skip: self.skip.clone(),
            even_if_broken: self.even_if_broken,
            source: self.source.clone(),
        })
    }

    /// Reads the matrix, and says what of it is planned: the version of the source, where one was named.
    pub(super) fn load(&self) -> Result<(Matrix, Request), Failure> {
        let matrix = self.read()?;
        let asked = self.asked(&matrix)?;
        let version = match &self.source {
            Some(folder) => {
                pipeline::version_of(&matrix, asked.as_ref(), folder).map_err(Failure::bad_input)?
            }
            None => asked.map_or_else(|| matrix.release.clone(), |asked| asked.version),
        };
        let request = Request {
            version,
            only: self.only.clone(),
            skip: self.skip.clone(),
            even_if_broken: self.even_if_broken,
        };
        Ok((matrix, request))
    }
}
