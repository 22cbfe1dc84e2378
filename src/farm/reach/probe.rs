//! A runner that is only asked what it is.

use std::time::{Duration, Instant};

use camino::Utf8Path;

use super::Link;
use crate::farm::{FarmError, Runner};
use crate::model::toolset::Toolset;

/// What a runner answers when it is asked what it is.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The version of modfarm there; an engine of others says none.
    pub modfarm: Option<String>,
    /// What compiles there.
    pub toolsets: Vec<Toolset>,
    /// How many jobs it takes at once.
    pub jobs: usize,
    /// What its shell prints before the worker speaks, mostly nothing.
    pub banner: String,
    /// How long it took to reach it and to hear its answer.
    pub took: Duration,
}

/// Reaches a runner, asks it what it is, and leaves it. `program` is modfarm here.
pub async fn probe(runner: &Runner, program: &Utf8Path) -> Result<Answer, FarmError> {
    let begun = Instant::now();
    let mut link = Link::open(runner, program).await?;
    let took = begun.elapsed();
    let answer = Answer {
        modfarm: link.modfarm.take(),
        toolsets: std::mem::take(&mut link.toolsets),
        jobs: link.jobs,
        banner: std::mem::take(&mut link.banner),
        took,
    };
    link.close().await;
    Ok(answer)
}
