//! The checks: one file each, a table of all, in the order in which they are made.

use std::pin::Pin;

use super::server::Server;
use crate::model::inspection::CheckInfo;
use crate::model::smoke::Smoke;

mod failure;
mod libraries;
mod reload;
mod requests;
mod restart;
mod start;
mod stop;
mod threads;
mod upload;
mod versions;

/// What a check comes to: nothing, or what is wrong and its likely cause.
type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// One check.
struct Check {
    info: CheckInfo,
    check: for<'a> fn(&'a mut Server) -> Outcome<'a>,
}

static CHECKS: [&Check; 10] = [
    &start::CHECK,
    &versions::CHECK,
    &libraries::CHECK,
    &threads::CHECK,
    &requests::CHECK,
    &upload::CHECK,
    &failure::CHECK,
    &reload::CHECK,
    &restart::CHECK,
    &stop::CHECK,
];

/// What there is to check, for `--checks`.
pub fn list() -> impl Iterator<Item = CheckInfo> {
    CHECKS.iter().map(|check| check.info)
}

/// Makes every check; the first that fails is the result.
pub(super) async fn run(server: &mut Server) -> Smoke {
    for check in CHECKS {
        if let Err(reason) = (check.check)(server).await {
            let (by, log) = (server.host(), server.told());
            return Smoke::Failed { by, check: check.info.id.to_owned(), reason, log };
        }
    }
    let checks = list().map(|info| info.id.to_owned()).collect();
    Smoke::Served { by: server.host(), checks }
}

impl Check {
    const fn new(
        id: &'static str,
        description: &'static str,
        check: for<'a> fn(&'a mut Server) -> Outcome<'a>,
    ) -> Self {
        Self { info: CheckInfo { id, description }, check }
    }
}
