//! Whose fault an error is: its exit code.

use super::Failure;
use crate::pipeline::{ReleaseError, ViaError};
use crate::publish::PublishError;
use crate::publish::github::GitHubError;
use crate::publish::github::actions::ActionsError;
use crate::publish::release::FolderError;
use crate::roots::SourceError;
use crate::roots::archive::ArchiveError;
use crate::roots::catalogue::CatalogueError;
use crate::roots::unpack::UnpackError;
use crate::smoke::SmokeError;
use crate::sys::staging::StagingError;
use crate::sys::web::WebError;

/// The exit code of an error: whose fault it is.
pub(super) fn failure(error: ReleaseError) -> Failure {
    match error {
        ReleaseError::Failed { .. }
        | ReleaseError::Refused { .. }
        | ReleaseError::PartFailed { .. }
        | ReleaseError::Incomplete { .. }
        | ReleaseError::NotServed { .. } => Failure::not_passed(error),
        ReleaseError::Cancelled | ReleaseError::Smoke(SmokeError::Cancelled) => {
            Failure::interrupted(error)
        }
        ReleaseError::Publish(error) => publishing(error),
        ReleaseError::Farm(_)
        | ReleaseError::File(_)
        | ReleaseError::Smoke(_)
        | ReleaseError::NothingToBuild { .. }
        | ReleaseError::Source(SourceError::NotHad { .. } | SourceError::Process(_))
        | ReleaseError::Root(CatalogueError::Archive(ArchiveError::Http(_))) => {
            Failure::environment(error)
        }
        ReleaseError::Plan(_)
        | ReleaseError::Excluded { .. }
        | ReleaseError::NoCell(_)
        | ReleaseError::Part(_)
        | ReleaseError::Label { .. }
        | ReleaseError::OnActions { .. }
        | ReleaseError::Source(_)
        | ReleaseError::Root(_)
        | ReleaseError::Lock(_)
        | ReleaseError::Running(_) => {
            if refused_by_the_system(&error) {
                Failure::environment(error)
            } else {
                Failure::bad_input(error)
            }
        }
    }
}

/// The exit code of an error of a release that is built on GitHub.
pub(super) fn via(error: ViaError) -> Failure {
    match error {
        ViaError::Failed { .. } | ViaError::NoRelease { .. } | ViaError::Other { .. } => {
            Failure::not_passed(error)
        }
        ViaError::Cancelled { .. } | ViaError::Left { .. } => Failure::interrupted(error),
        ViaError::Unpack(UnpackError::File(_)) | ViaError::File(_) => Failure::environment(error),
        ViaError::Unpack(_) => Failure::not_passed(error),
        ViaError::Publish(error) => publishing(error),
        ViaError::Actions(error) => of_actions(error),
    }
}

fn of_actions(error: ActionsError) -> Failure {
    match error {
        ActionsError::GitHub(error) => publishing(error.into()),
        ActionsError::Web(WebError::Stopped) => Failure::interrupted(error),
        ActionsError::Web(WebError::TooLarge { .. })
        | ActionsError::NoArtifact { .. }
        | ActionsError::Expired { .. }
        | ActionsError::TooLarge { .. }
        | ActionsError::Wrong { .. } => Failure::not_passed(error),
        ActionsError::Web(_)
        | ActionsError::File(_)
        | ActionsError::NotFound { .. }
        | ActionsError::NotBrought { .. }
        | ActionsError::OutOfPatience { .. } => Failure::environment(error),
        ActionsError::Forbidden { .. }
        | ActionsError::NoWorkflow { .. }
        | ActionsError::Disabled { .. }
        | ActionsError::NotStarted { .. }
        | ActionsError::NoRun { .. }
        | ActionsError::NotAgain { .. } => Failure::bad_input(error),
    }
}

/// The exit code of an error of publishing.
pub(super) fn publishing(error: PublishError) -> Failure {
    match &error {
        PublishError::NeverRight { .. } | PublishError::ReadBack { .. } => {
            Failure::not_passed(error)
        }
        PublishError::Folder(FolderError::File(file)) if !file.is_not_found() => {
            Failure::environment(error)
        }
        PublishError::Folder(_) | PublishError::Directory(StagingError::Foreign { .. }) => {
            Failure::bad_input(error)
        }
        PublishError::Directory(_) => Failure::environment(error),
        PublishError::GitHub(github) => match github {
            GitHubError::Overtaken { .. }
            | GitHubError::Renamed { .. }
            | GitHubError::FileChanged { .. }
            | GitHubError::OtherRelease { .. }
            | GitHubError::Moved { .. } => Failure::not_passed(error),
            GitHubError::Setup { .. }
            | GitHubError::File(_)
            | GitHubError::Answered { .. }
            | GitHubError::Unexpected { .. }
            | GitHubError::OutOfPatience { .. } => Failure::environment(error),
            _ => Failure::bad_input(error),
        },
    }
}

/// Whether the system said no, to something else than a name that is not there.
fn refused_by_the_system(error: &ReleaseError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() != std::io::ErrorKind::NotFound;
        }
        cause = error.source();
    }
    false
}
