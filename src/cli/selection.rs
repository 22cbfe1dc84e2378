//! Which matrix, which version, which cells: the arguments that `plan` and `release` share.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::matrix::{self, Matrix};
use crate::model::version::Version;
use crate::plan::Request;

/// Which matrix, which version, which cells.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// The matrix of combinations
    #[arg(long, value_name = "FILE", default_value = "matrix.yaml")]
    matrix: Utf8PathBuf,
    /// The version of the module; without it the source's, or the `release` of the matrix
    #[arg(long, value_name = "VERSION")]
    module_version: Option<Version>,
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
    /// Whether a version was named.
    pub(super) fn names_version(&self) -> bool {
        self.module_version.is_some()
    }

    /// The file of the matrix.
    pub(super) fn matrix(&self) -> &Utf8Path {
        &self.matrix
    }

    /// Reads the matrix, and says what of it is wanted.
    pub(super) fn load(&self) -> Result<(Matrix, Request), Failure> {
        let matrix = matrix::load(&self.matrix).map_err(|error| {
            let place = error.place();
            Failure::bad_input(error).at(place)
        })?;
        let request = Request {
            version: self.module_version.clone().unwrap_or_else(|| matrix.release.clone()),
            only: self.only.clone(),
            skip: self.skip.clone(),
            even_if_broken: self.even_if_broken,
        };
        Ok((matrix, request))
    }
}
