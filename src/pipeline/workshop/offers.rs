//! What each runner offers to the plan: its toolsets, as far as its labels let it, and the roots at hand for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::farm::runner_file::RunnerFile;
use crate::farm::{Actions, Farm};
use crate::matrix::Matrix;
use crate::model::abi::AbiFamily;
use crate::model::event::Events;
use crate::model::offer::Offer;
use crate::model::toolset::{Toolset, what_to_install};
use crate::pipeline::ReleaseError;
use crate::roots::catalogue::Catalogue;

/// The families that the labels of each runner with labels come to: a label is a compiler of the matrix,
/// as `VS17`, or a family, as `VC14`.
pub(super) fn limits<'a>(
    runners: &'a [RunnerFile],
    matrix: &Matrix,
) -> Result<BTreeMap<&'a str, Vec<AbiFamily>>, ReleaseError> {
    let family = |runner: &str, label: &String| {
        let family = matrix.compilers.get(label).copied().or_else(|| label.parse().ok());
        family.ok_or_else(|| {
            let compilers = matrix.compilers.keys().cloned();
            let families = AbiFamily::ALL.iter().map(ToString::to_string);
            let known: BTreeSet<String> = compilers.chain(families).collect();
            let (runner, label) = (runner.to_owned(), label.clone());
            ReleaseError::Label { runner, label, known: known.into_iter().collect() }
        })
    };
    let labelled = runners.iter().filter(|file| !file.labels.is_empty());
    labelled
        .map(|file| {
            let families = file.labels.iter().map(|label| family(&file.name, label));
            Ok((file.name.as_str(), families.collect::<Result<Vec<_>, _>>()?))
        })
        .collect()
}

/// What a runner of GitHub Actions offers, as its file declares it. Whether the machine has it, the job there
/// will see.
pub(super) fn declared(
    file: &RunnerFile,
    actions: &Actions,
    limit: Option<&[AbiFamily]>,
    catalogue: &Catalogue,
) -> Offer {
    Offer {
        runner: file.name.clone(),
        toolset: file.toolset.clone(),
        families: limit.unwrap_or_default().to_vec(),
        arches: actions.arches.clone(),
        apaches: catalogue.apaches.clone(),
        pythons: catalogue.pythons.clone(),
    }
}

/// What a runner offers with each of its toolsets that its file means, of the families that its labels
/// limit it to; that its machine has none is a warning. One that was not reached was warned of already.
pub(super) fn offered(
    file: &RunnerFile,
    limit: Option<&[AbiFamily]>,
    farm: &Farm,
    catalogue: &Catalogue,
    events: &Events,
) -> Vec<Offer> {
    if !farm.runners().any(|runner| runner == file.name) {
        return Vec::new();
    }
    let toolsets = farm.toolsets(&file.name).iter().filter(|it| it.is_called(&file.toolset));
    let offers: Vec<Offer> =
        toolsets.map(|toolset| offer(file, limit, toolset, catalogue)).collect();
    if offers.is_empty() {
        events.warn(
            format!("runner {} does not have the toolset '{}'", file.name, file.toolset),
            what_to_install(&file.toolset).map(str::to_owned),
        );
    }
    offers
}

fn offer(
    file: &RunnerFile,
    limit: Option<&[AbiFamily]>,
    toolset: &Toolset,
    catalogue: &Catalogue,
) -> Offer {
    let families = toolset.families.iter().copied();
    Offer {
        runner: file.name.clone(),
        toolset: toolset.name.clone(),
        families: families
            .filter(|family| limit.is_none_or(|limit| limit.contains(family)))
            .collect(),
        arches: toolset.arches.clone(),
        apaches: catalogue.apaches.clone(),
        pythons: catalogue.pythons.clone(),
    }
}
