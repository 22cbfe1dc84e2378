//! `modfarm publish` to GitHub: what it asks, and that whatever goes wrong at whichever request, one
//! complete release is there after at most one more run.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::Instant;

use crate::github::route::Role;
use crate::github::{Does, Fault, Operation, StandIn};
use crate::github_description as description;
use crate::made::releases::{self, VERSION};
use crate::program::{Ran, folder};
use crate::publishing::{self, Site, in_parallel};

/// So many runs at a time: they wait for most of theirs.
const SIDE_BY_SIDE: usize = 24;

/// Every fault that any request may meet. What GitHub says of when to come back is short, for a test.
const FAULTS: [Does; 16] = [
    Does::Refuse(300),
    Does::ResetBeforeBody,
    Does::ResetAfterBody,
    Does::LoseAnswer,
    Does::CutAnswer,
    Does::Status(500),
    Does::Status(502),
    Does::Status(503),
    Does::Secondary(403, Some(1)),
    Does::Secondary(429, Some(1)),
    Does::Primary(2),
    Does::Slow(300),
    Does::StarterAnd502,
    Does::AlreadyExists,
    Does::WrongDigest,
    Does::NullDigest,
];

/// So many scenarios have several faults, drawn by chance.
const BY_CHANCE: usize = 60;

/// A request of the protocol: the nth of its operation.
type Request = (Operation, u32);

#[test]
fn every_fault_at_every_request_ends_in_one_whole_release() {
    let site = Site::new();
    let requests = requests(&site);
    assert!(requests.len() >= 10, "{requests:?}");
    let pairs =
        requests.iter().flat_map(|request| FAULTS.iter().map(move |fault| (request, fault)));
    let matrix = pairs.filter(|((operation, _), does)| fits(*operation, does));
    let matrix = matrix.map(|((operation, nth), does)| Scenario {
        faults: vec![Fault::on(*operation, does.clone()).nth(*nth)],
        ..Scenario::default()
    });
    let by_chance = (0..BY_CHANCE).map(|_| by_chance(&requests));
    let scenarios: Vec<Scenario> = others().into_iter().chain(matrix).chain(by_chance).collect();
    let start = Instant::now();
    let count = scenarios.len();
    let wrong = in_parallel(scenarios, SIDE_BY_SIDE, |scenario| {
        let survived = scenario.survived(&site);
        survived.map_err(|wrong| format!("{scenario:?}: {wrong}"))
    });
    println!("{count} scenarios in {:.1} s", start.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is asked stays asked as GitHub describes it.
#[test]
fn all_that_is_asked_is_described() {
    let site = Site::new();
    let github = publishing::github();
    site.publish(&github).ended(0);
    site.publish(&github).ended(0);
    github.assert_published(VERSION, &site.release.assets);
    description::assert_agrees(&github);
}

/// Below GitHub's limits nothing waits for them: 60 assets are 62 of the 80 requests of a minute.
#[test]
fn sixty_assets_are_sent_without_a_pause() {
    let (_keep, folder) = folder();
    let release = releases::release(&folder.join("many"), 57, 100, 1);
    let (site, github, start) = (Site::new(), publishing::github(), Instant::now());
    Ran::of(&mut site.command(&release, &github)).ended(0);
    github.assert_published(VERSION, &release.assets);
    assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
    assert!(github.log().iter().all(|logged| !logged.limited));
}

/// Whatever a server says, the token is for hosts of the API.
#[test]
fn nothing_is_uploaded_to_another_host() {
    let site = Site::new();
    let github = publishing::github();
    github.fault(Fault::any(Does::ForeignUploads).times(1000));
    let refused = site.publish(&github);
    assert!(refused.code != 0 && refused.stderr.contains("127.0.0.2"), "{}", refused.told());
    assert!(github.log().iter().all(|logged| logged.host != Role::Objects));
    github.no_more_faults();
    site.publish(&github).ended(0);
    github.assert_published(VERSION, &site.release.assets);
}

/// One thing or another that goes wrong.
#[derive(Clone, Debug, Default)]
struct Scenario {
    faults: Vec<Fault>,
    /// Seconds that GitHub's clock is ahead.
    skew: i64,
    /// Whether what is published can no more be changed.
    immutable: bool,
    /// Whether some of it may strike nothing.
    chance: bool,
}

impl Scenario {
    /// Whether all that goes wrong passes by itself, so that one run is enough.
    fn passes(&self) -> bool {
        let stays =
            [Does::AlreadyExists, Does::Redirect(String::new())].map(|does| discriminant(&does));
        !self.faults.iter().any(|fault| stays.contains(&discriminant(&fault.does)))
    }

    /// Publishes while this goes wrong, and once more if that did not end well.
    fn survived(&self, site: &Site) -> Result<(), String> {
        let github = publishing::github();
        github.skew(self.skew);
        github.change(|repository| repository.immutable_releases = self.immutable);
        for fault in &self.faults {
            github.fault(fault.clone());
        }
        let first = site.publish(&github);
        if let Some(unused) = github.unused_fault().filter(|_| !self.chance) {
            return Err(format!("{unused:?} struck nothing"));
        }
        if first.code != 0 {
            if self.passes() {
                return Err(format!("the first run gave up: {}", first.told()));
            }
            let second = site.publish(&github);
            if second.code != 0 {
                return Err(format!("a second run ended with {}: {}", second.code, second.told()));
            }
        }
        github.published(VERSION, &site.release.assets)?;
        shown_elsewhere(&github)?;
        match description::objections(&github.log()).as_slice() {
            [] => Ok(()),
            wrong => Err(wrong.join("; ")),
        }
    }
}

/// The token is for the API and its uploads alone.
fn shown_elsewhere(github: &StandIn) -> Result<(), String> {
    let shown = github.asked(Operation::Object).into_iter().find(|it| it.authorization.is_some());
    shown.map_or(Ok(()), |it| Err(format!("a token went to another host: {}", it.line())))
}

/// The requests of a run in which nothing goes wrong.
fn requests(site: &Site) -> Vec<Request> {
    let github = publishing::github();
    site.publish(&github).ended(0);
    github.assert_published(VERSION, &site.release.assets);
    let mut seen: BTreeMap<Operation, u32> = BTreeMap::new();
    let count = |operation: Operation| {
        let nth = seen.entry(operation).or_default();
        *nth += 1;
        (operation, *nth)
    };
    github.log().iter().map(|logged| logged.operation).map(count).collect()
}

/// What does not belong to one request: clocks, lists that are behind, and limits that do not say when
/// they end.
fn others() -> Vec<Scenario> {
    let one = |fault: Fault| Scenario { faults: vec![fault], ..Scenario::default() };
    let limit = |skew: i64| Scenario {
        faults: vec![Fault::on(Operation::UploadAsset, Does::Primary(2)).nth(2)],
        skew,
        ..Scenario::default()
    };
    let null = || Fault::on(Operation::UploadAsset, Does::NullDigest).times(9);
    let download = |does: Does| Scenario {
        faults: vec![null(), Fault::on(Operation::GetAsset, does)],
        ..Scenario::default()
    };
    vec![
        // These take a minute each, and are begun first.
        one(Fault::on(Operation::CreateRelease, Does::Secondary(403, None))),
        one(Fault::on(Operation::UploadAsset, Does::Secondary(429, None))),
        one(Fault::on(Operation::CreateRelease, Does::Lag(1))),
        one(Fault::on(Operation::CreateRelease, Does::Lag(3))),
        Scenario {
            faults: vec![
                Fault::on(Operation::CreateRelease, Does::LoseAnswer),
                Fault::on(Operation::ListReleases, Does::Slow(100)),
            ],
            ..Scenario::default()
        },
        Scenario { skew: 3600, ..Scenario::default() },
        Scenario { skew: -3600, ..Scenario::default() },
        Scenario { immutable: true, ..Scenario::default() },
        limit(3600),
        limit(-3600),
        one(null()),
        download(Does::Redirect("127.0.0.1:1".to_owned())),
        download(Does::Status(503)),
        download(Does::ResetAfterBody),
        one(Fault::on(Operation::UploadAsset, Does::WrongDigest).times(2)),
        one(Fault::on(Operation::UploadAsset, Does::StarterAnd502).times(3)),
        one(Fault::any(Does::Status(503)).nth(3).times(4)),
    ]
}

/// Several things at once, whichever.
fn by_chance(requests: &[Request]) -> Scenario {
    let count = fastrand::usize(2..6);
    let fault = || {
        let (operation, nth) = requests[fastrand::usize(..requests.len())];
        let does = FAULTS[fastrand::usize(..FAULTS.len())].clone();
        fits(operation, &does).then(|| Fault::on(operation, does).nth(nth))
    };
    let faults = std::iter::repeat_with(fault).flatten().take(count).collect();
    Scenario { faults, skew: 0, immutable: fastrand::bool(), chance: true }
}

/// Whether a fault can happen to an operation.
fn fits(operation: Operation, does: &Does) -> bool {
    let upload = operation == Operation::UploadAsset;
    match does {
        Does::StarterAnd502 | Does::WrongDigest | Does::NullDigest => upload,
        Does::AlreadyExists => upload || operation == Operation::CreateRelease,
        _ => true,
    }
}
