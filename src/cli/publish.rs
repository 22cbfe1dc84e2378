//! `modfarm publish`: a release that stands in a folder, to another folder or to GitHub.

use camino::{Utf8Path, Utf8PathBuf};

use super::place::{GitHubArgs, Place, means_nothing};
use super::show::{Format, Show};
use super::{Failure, actions, blame};
use crate::model::event::{Events, Stage};
use crate::publish::directory::Directory;
use crate::publish::github::{GitHub, Settings};
use crate::publish::protocol::{self, Difference, Place as _};
use crate::publish::{PublishError, Release};
use crate::report::terminal;
use crate::sys::digests::DigestCache;
use crate::sys::files;

/// Publish a release that stands in a folder, on GitHub or in another folder
///
/// Reads every file of the folder and compares it with its checksum first. Then one draft is made or
/// found, what is missing is sent, GitHub's own digests are compared with ours, and only then is the
/// draft published. Killed, throttled or disconnected at any moment, the next run goes on.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The release's folder, as `modfarm release` made it: dist/mod_wsgi-6.1.1
    folder: Utf8PathBuf,
    /// Where to: github:OWNER/REPO, or the folder that the release's own folder is made in
    #[arg(long, value_name = "PLACE")]
    to: Place,
    /// Say how far the release is there and change nothing; exit code 0 when it is published and
    /// complete, else 1
    #[arg(long, conflicts_with_all = ["abandon", "dry_run"])]
    status: bool,
    /// Remove the draft that modfarm made for the tag, and nothing else
    #[arg(long, conflicts_with = "dry_run")]
    abandon: bool,
    /// Look at everything, show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where `modfarm release` keeps the digests of the files that it made
    #[arg(long, value_name = "DIR", env = "MODFARM_STATE", default_value = ".modfarm")]
    state: Utf8PathBuf,
    /// The release's tag; without it mod_wsgi-VERSION or VERSION, whichever is there
    #[arg(long, value_name = "TAG", help_heading = "Publishing on GitHub")]
    tag: Option<String>,
    #[command(flatten)]
    github: GitHubArgs,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Publish,
    Status,
    Abandon,
    Rehearse,
}

/// How it ended: what to print, and whether all is well.
type Ended = Result<Option<(String, bool)>, PublishError>;

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let wish = match (args.status, args.abandon, args.dry_run) {
        (true, ..) => Wish::Status,
        (_, true, _) => Wish::Abandon,
        (.., true) => Wish::Rehearse,
        _ => Wish::Publish,
    };
    let settings = match &args.to {
        Place::GitHub(repository) => Some(args.github.settings(repository.clone(), args.tag)?),
        Place::Folder(folder) if args.tag.is_some() => {
            return Err(means_nothing("--tag", folder));
        }
        Place::Folder(folder) => {
            args.github.refuse_for(folder)?;
            None
        }
    };
    let release = read(&args.folder, &args.state)?;
    let show = Show::begin(args.format, None, Vec::new());
    let ended = show.work(async |events, cancel| {
        let work = async {
            match (settings, &args.to) {
                (Some(settings), _) => on_github(settings, &release, wish, events).await,
                (None, Place::Folder(parent)) => in_folder(parent, &release, wish, events).await,
                (None, Place::GitHub(_)) => Ok(None),
            }
        };
        tokio::select! {
            ended = work => Some(ended),
            () = cancel.cancelled() => None,
        }
    })?;
    let record = show.end().record;
    let hint = "interrupted\nhint: run the same command again; it goes on from here";
    let ended = ended.ok_or_else(|| Failure::interrupted(hint))?.map_err(blame::publishing)?;
    let Some((text, well)) = ended else {
        actions::made(Some(release.folder()), &record);
        return Ok(());
    };
    terminal::output(&text);
    if well { Ok(()) } else { Err(Failure::not_passed("")) }
}

/// The release, every file of it verified; the digests that were taken are remembered.
fn read(folder: &Utf8Path, state: &Utf8Path) -> Result<Release, Failure> {
    let mut digests = DigestCache::load(&state.join("digests.json"));
    let release =
        Release::read(folder, &mut digests).map_err(|error| blame::publishing(error.into()))?;
    if files::is_dir(state)
        && let Err(error) = digests.save()
    {
        tracing::warn!(%error, "digests are not remembered");
    }
    Ok(release)
}

async fn on_github(settings: Settings, release: &Release, wish: Wish, events: &Events) -> Ended {
    events.stage(Stage::Preflight);
    let module = &release.manifest().module;
    let mut github = GitHub::open(settings, &module.name, &module.version, events).await?;
    match wish {
        Wish::Status => {
            let status = github.status(release).await?;
            return Ok(Some((status.text, status.complete)));
        }
        Wish::Abandon => {
            if !github.abandon(events).await? {
                events.note(format!("{}: there is no draft of modfarm's", github.name()));
            }
        }
        Wish::Rehearse => return Ok(Some((github.rehearse(release).await?, true))),
        Wish::Publish => {
            github.check(release).await?;
            events.stage(Stage::Publish);
            protocol::publish(&mut github, release, events).await?;
        }
    }
    Ok(None)
}

async fn in_folder(parent: &Utf8Path, release: &Release, wish: Wish, events: &Events) -> Ended {
    let (folder, there) = Directory::look(parent, release)?;
    match wish {
        Wish::Publish => {
            let mut place = Directory::of(parent, release)?;
            events.stage(Stage::Publish);
            protocol::publish(&mut place, release, events).await?;
            Ok(None)
        }
        Wish::Abandon => {
            events.note(format!("{folder}: a folder has no draft; nothing is left over there"));
            Ok(None)
        }
        Wish::Status | Wish::Rehearse => {
            let difference = Difference::between(release, &there);
            let (right, of) = (difference.right, release.assets().len());
            let mut text = format!("{folder}: {right} of {of} files are right\n");
            for fault in difference.names() {
                text += &format!("  {fault}\n");
            }
            Ok(Some((text, matches!(wish, Wish::Rehearse) || difference.is_complete())))
        }
    }
}
