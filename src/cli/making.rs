//! How something is built, once it is known what and where: the arguments that `release` and `build` share.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::Failure;
use super::selection::Selection;
use super::site::Site;
use crate::pipeline::{BuildRequest, SmokeRequest};

/// How something is built.
#[derive(Debug, clap::Args)]
pub(super) struct Making {
    /// End at the first failure; without it the other jobs go on, so that one run shows every failure
    #[arg(long)]
    fail_fast: bool,
    /// How long one job may run
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    #[command(flatten)]
    smoke: Smoking,
}

/// What is tried in a real Apache, and with what.
#[derive(Debug, clap::Args)]
struct Smoking {
    /// Do not start an Apache to try the files with
    #[arg(long)]
    no_smoke: bool,
    /// Publish files that did not work in a real Apache as well, marked as such
    #[arg(long, conflicts_with = "no_smoke")]
    allow_failed_smoke: bool,
    /// An Apache that can run, to try files with before the kit's: the folder that has bin/httpd.exe
    #[arg(long, value_name = "DIR")]
    smoke_apache: Vec<Utf8PathBuf>,
    /// A Python that can run, to try files with before the kit's: the folder that has pythonXY.dll
    #[arg(long, value_name = "DIR")]
    smoke_python: Vec<Utf8PathBuf>,
    /// How long an Apache has to start, and to answer each request
    #[arg(long, value_name = "SECONDS", default_value_t = crate::smoke::PATIENCE.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    smoke_patience: u64,
}

impl Making {
    /// What of a matrix is built where, like this.
    pub(super) fn request(
        self,
        selection: &Selection,
        site: &Site,
    ) -> Result<BuildRequest, Failure> {
        let wanted = selection.wanted()?;
        Ok(BuildRequest {
            workshop: site.workshop(&wanted.matrix.file)?,
            wanted,
            smoke: self.smoke.request(),
            keep_going: !self.fail_fast,
            limit: Duration::from_secs(self.time_limit),
        })
    }
}

impl Smoking {
    fn request(self) -> SmokeRequest {
        SmokeRequest {
            wanted: !self.no_smoke,
            allow_failed: self.allow_failed_smoke,
            apaches: self.smoke_apache,
            pythons: self.smoke_python,
            patience: Duration::from_secs(self.smoke_patience),
        }
    }
}
