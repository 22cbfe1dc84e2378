//! Which runners may run a job: the one that it was planned for, and every other whose toolset for it is
//! the very same and whose labels allow it. Jobs that go to the same runners are of one class.

use std::collections::HashMap;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use prost::Message as _;

use super::Seat;
use crate::model::abi::AbiFamily;
use crate::model::job::{Action, Job};
use crate::model::toolset::Toolset;
use crate::model::tree::Content;

/// The classes of the jobs of a run.
#[derive(Debug)]
pub(super) struct Classes {
    classes: Vec<Class>,
    of_jobs: Vec<usize>,
}

#[derive(Debug, PartialEq)]
struct Class {
    wanted: Wanted,
    family: AbiFamily,
}

/// What a runner must have.
#[derive(Debug, PartialEq)]
enum Wanted {
    /// This toolset.
    Toolset(Toolset),
    /// These toolsets: the job does not say which it needs.
    All(Vec<Toolset>),
    /// A toolset of this name and digest: the runner that the job was planned for is not here.
    Named(String, String),
    /// Nothing: the same, and the job does not say what it needs.
    Anything,
}

impl Classes {
    /// The classes of some jobs, by the runners that are here.
    pub(super) fn of(jobs: &[Job], seats: &[Seat]) -> Self {
        let seats: HashMap<&str, &Seat> =
            seats.iter().map(|seat| (seat.runner.name.as_str(), seat)).collect();
        let mut known = HashMap::new();
        let mut classes: Vec<Class> = Vec::new();
        let mut of_jobs = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (toolset, family) = (toolset(&job.action), job.cells[0].abi);
            let key = (job.runner.as_str(), toolset.clone(), family);
            let class = *known.entry(key).or_insert_with(|| {
                let seat = seats.get(job.runner.as_str()).copied();
                let class = Class { wanted: wanted(seat, toolset), family };
                // Runners that have the same are planned for by name, and share what they get.
                classes.iter().position(|other| *other == class).unwrap_or_else(|| {
                    classes.push(class);
                    classes.len() - 1
                })
            });
            of_jobs.push(class);
        }
        Self { classes, of_jobs }
    }

    /// The class of a job.
    pub(super) fn of_job(&self, job: usize) -> usize {
        self.of_jobs[job]
    }

    /// The classes that a runner with these toolsets, and limited to these families if to any, may take.
    pub(super) fn open_to(
        &self,
        toolsets: &[Toolset],
        families: Option<&[AbiFamily]>,
    ) -> Vec<usize> {
        let allowed = |family| families.is_none_or(|families| families.contains(&family));
        let open = |class: &Class| allowed(class.family) && class.wanted.is_met_by(toolsets);
        (0..self.classes.len()).filter(|class| open(&self.classes[*class])).collect()
    }
}

impl Wanted {
    fn is_met_by(&self, toolsets: &[Toolset]) -> bool {
        match self {
            Self::Toolset(wanted) => toolsets.iter().any(|toolset| are_same(toolset, wanted)),
            Self::All(wanted) => toolsets == wanted,
            Self::Named(name, digest) => toolsets.iter().any(|it| is_named(it, name, digest)),
            Self::Anything => true,
        }
    }
}

/// The same bytes come of both: makefiles name the folders that are their settings.
fn are_same(one: &Toolset, other: &Toolset) -> bool {
    (&one.name, &one.version, one.digest, &one.settings)
        == (&other.name, &other.version, other.digest, &other.settings)
}

fn is_named(toolset: &Toolset, name: &str, digest: &str) -> bool {
    toolset.name == name && toolset.digest.to_string() == digest
}

fn wanted(seat: Option<&Seat>, toolset: Option<(String, String)>) -> Wanted {
    match (seat, toolset) {
        (Some(seat), Some((name, digest))) => {
            let its = seat.toolsets.iter().find(|its| is_named(its, &name, &digest));
            its.map_or(Wanted::Named(name, digest), |its| Wanted::Toolset(its.clone()))
        }
        (Some(seat), None) => Wanted::All(seat.toolsets.clone()),
        (None, Some((name, digest))) => Wanted::Named(name, digest),
        (None, None) => Wanted::Anything,
    }
}

/// The name and digest of the toolset that an action is for, as its platform says it.
fn toolset(action: &Action) -> Option<(String, String)> {
    let Some((_, Content::Bytes(bytes))) = action.contents().nth(1) else { return None };
    let properties = reapi::Action::decode(bytes).ok()?.platform?.properties;
    let value = |name: &str| {
        let property = properties.iter().find(|property| property.name == name)?;
        Some(property.value.clone())
    };
    value("toolset").zip(value("toolset-digest"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::slice::from_ref;
    use std::time::Duration;

    use super::*;
    use crate::farm::{Connection, Runner};
    use crate::model::digest::Sha256;
    use crate::model::job::ActionSpec;
    use crate::model::tree::TreeBuilder;

    fn toolset(version: &str, path: &str) -> Toolset {
        Toolset {
            name: "cross".to_owned(),
            version: version.to_owned(),
            digest: Sha256::of(version.as_bytes()),
            families: AbiFamily::ALL.to_vec(),
            arches: Vec::new(),
            settings: BTreeMap::from([("path".to_owned(), path.to_owned())]),
        }
    }

    fn seat(name: &str, toolsets: &[Toolset]) -> Seat {
        let connection = Connection::Local { store: "store".into() };
        let runner = Runner { name: name.to_owned(), slots: 1, connection };
        Seat { toolsets: toolsets.to_vec(), ..Seat::new(runner, Err(String::new())) }
    }

    fn job(runner: &str, cell: &str, toolset: Option<&Toolset>) -> Job {
        let platform = toolset.map_or_else(BTreeMap::new, |toolset| {
            BTreeMap::from([
                ("toolset".to_owned(), toolset.name.clone()),
                ("toolset-digest".to_owned(), toolset.digest.to_string()),
            ])
        });
        let action = Action::new(ActionSpec {
            arguments: vec!["true".to_owned()],
            environment: BTreeMap::new(),
            output: "out".to_owned(),
            platform,
            inputs: TreeBuilder::default().build(),
            timeout: Duration::from_secs(1),
        });
        Job { cells: vec![cell.parse().unwrap()], runner: runner.to_owned(), action }
    }

    #[test]
    fn a_runner_stands_in_with_the_very_same_toolset_only() {
        let (old, new) = (toolset("1", "/usr/bin"), toolset("2", "/usr/bin"));
        let elsewhere = toolset("1", "/opt/bin");
        let seats = [seat("a", &[old.clone(), new.clone()]), seat("b", from_ref(&new))];
        let cell = "Apache24-win64-VS17/py313-VC14";
        let jobs =
            [job("a", cell, Some(&old)), job("a", cell, Some(&new)), job("b", cell, Some(&new))];
        let classes = Classes::of(&jobs, &seats);
        assert_eq!([0, 1, 2].map(|job| classes.of_job(job)), [0, 1, 1]);
        assert_eq!(classes.open_to(&[old.clone(), new.clone()], None), [0, 1]);
        assert_eq!(classes.open_to(&[new], None), [1]);
        assert_eq!(classes.open_to(&[elsewhere], None), [0; 0]);
        // Where the runner is not here, nobody knows its folders.
        let classes = Classes::of(&[job("gone", cell, Some(&old))], &seats);
        assert_eq!(classes.open_to(&[toolset("1", "/opt/bin")], None), [0]);
        assert_eq!(classes.open_to(&[toolset("2", "/opt/bin")], None), [0; 0]);
        let classes = Classes::of(&[job("gone", cell, None), job("b", cell, None)], &seats);
        assert_eq!(classes.open_to(&[], None), [0]);
        assert_eq!(classes.open_to(&seats[1].toolsets, None), [0, 1]);
    }

    #[test]
    fn a_runner_with_labels_stands_in_for_their_families_only() {
        let cross = toolset("1", "/usr/bin");
        let seats = [seat("a", from_ref(&cross))];
        let jobs = ["Apache24-win64-VS17/py313-VC14", "Apache24-win64-VC9/py27-VC9"]
            .map(|cell| job("a", cell, Some(&cross)));
        let classes = Classes::of(&jobs, &seats);
        let open = |families| classes.open_to(from_ref(&cross), families);
        assert_eq!(open(None), [0, 1]);
        assert_eq!(open(Some(&[AbiFamily::Vc9][..])), [1]);
    }
}
