//! A worker that joins a farm: it announces what it can compile with and asks for work by the Remote
//! Workers API, as BuildGrid's workers do. The farm's store has the inputs and takes the outputs.

mod contents;
mod leases;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bots::bots_client::BotsClient;
use googleapis_tonic_google_devtools_remoteworkers_v1test2::google::devtools::remoteworkers::v1test2 as bots;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use self::contents::Far;
use self::leases::Leases;
use super::work::Work;
use super::{MESSAGE_LIMIT, Options, ServeError, Store};
use crate::model::toolset::Toolset;
use crate::sys::dial::{self, Access, Address, Wire};

/// A farm, and what a worker says of itself there.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Where the farm's server is.
    pub address: Address,
    /// How to be let in.
    pub access: Access,
    /// The instance's name in the protocol, mostly empty.
    pub instance: String,
    /// The worker's own name, which no other may have. One that comes back under its name gets back at
    /// once what it was doing.
    pub name: String,
    /// What is announced besides the toolsets: names and values.
    pub properties: Vec<(String, String)>,
}

/// What there is to tell of a membership, in a line each.
#[derive(Clone, Debug)]
pub enum News {
    /// The farm knows the worker.
    Joined {
        /// The server.
        address: String,
        /// The worker's name.
        name: String,
        /// What is announced.
        properties: Vec<(String, String)>,
    },
    /// The farm is lost, or was not reached.
    Lost {
        /// Why, perhaps with a hint on a line of its own.
        reason: String,
        /// When it is tried again.
        pause: Duration,
    },
    /// An action has come.
    Begun {
        /// The lease that it came with.
        lease: String,
    },
    /// It is done with.
    Ended {
        /// The lease that it came with.
        lease: String,
        /// How.
        how: String,
    },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { address, name, properties } => {
                write!(f, "joined {address} as {name}")?;
                properties.iter().try_for_each(|(name, value)| write!(f, "\n  {name}: {value}"))
            }
            Self::Lost { reason, pause } => {
                write!(f, "{reason}\n  it is tried again in {} s", pause.as_secs())
            }
            Self::Begun { lease } => write!(f, "lease {lease}: begun"),
            Self::Ended { lease, how } => write!(f, "lease {lease}: {how}"),
        }
    }
}

/// Hears the news.
pub type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// How long the server may wait for work before it answers.
const POLL: Duration = Duration::from_secs(45);

/// How often a worker that has all the work it can do says that it is there, and asks what is cancelled.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The least time between two questions.
const PACE: Duration = Duration::from_millis(100);

/// How long a server may be silent before its leases are given up. It has given them to others by then.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the server has to hear that a worker leaves.
const FAREWELL: Duration = Duration::from_secs(5);

/// The longest pause before a server is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Works for a farm until it is stopped; then gives back what it has begun. A farm that is lost is tried
/// again, with growing pauses and without end.
pub async fn join(
    membership: Membership,
    store: Arc<Store>,
    options: Options,
    toolsets: Vec<Toolset>,
    tell: Tell,
) -> Result<(), ServeError> {
    let (stop, jobs) = (options.stop.clone(), options.jobs);
    let work =
        Arc::new(Work::new(store, options, toolsets.clone()).map_err(ServeError::Jobserver)?);
    let properties = announced(&toolsets, &membership.properties);
    let member = Member { membership, properties, jobs, work, tell, stop };
    let mut pause = Duration::ZERO;
    while !member.stop.is_cancelled() {
        let reached = Instant::now();
        let lost = tokio::select! {
            reached = member.reach() => match reached {
                Ok(session) => session.attend(&member).await,
                Err(reason) => Some(reason),
            },
            () = member.stop.cancelled() => None,
        };
        let Some(reason) = lost else { break };
        if reached.elapsed() > LONGEST_PAUSE {
            pause = Duration::ZERO;
        }
        pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        (member.tell)(News::Lost { reason, pause });
        tokio::select! {
            // Many that lost the same server do not come back in the same moment.
            () = tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
            () = member.stop.cancelled() => {}
        }
    }
    Ok(())
}

/// What a worker announces: its toolsets, as jobs ask for them, its system, and what else it was told.
fn announced(toolsets: &[Toolset], more: &[(String, String)]) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: String| properties.push((name.to_owned(), value));
    for toolset in toolsets {
        add("toolset", toolset.name.clone());
        add("toolset-version", toolset.version.clone());
        add("toolset-digest", toolset.digest.to_string());
    }
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x86-64",
        "x86" => "x86-32",
        other => other,
    };
    for (name, value) in [("OSFamily", std::env::consts::OS), ("ISA", machine)] {
        if !more.iter().any(|(told, _)| told == name) {
            add(name, value.to_owned());
        }
    }
    properties.extend_from_slice(more);
    properties
}

/// A worker, and the farm it works for.
struct Member {
    membership: Membership,
    properties: Vec<(String, String)>,
    jobs: usize,
    work: Arc<Work>,
    tell: Tell,
    stop: CancellationToken,
}

/// A session with the farm's server.
struct Session {
    bots: BotsClient<Wire>,
    /// What the server said of it last.
    state: bots::BotSession,
    leases: Leases,
}

impl Member {
    /// Connects and makes a session.
    async fn reach(&self) -> Result<Session, String> {
        let Membership { address, access, instance, .. } = &self.membership;
        let wire = dial::connect(address, access).await.map_err(|error| error.to_string())?;
        let mut bots = BotsClient::new(wire.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        // One that is not ready yet gets no work, and its answer at once.
        let session = self.session(bots::BotStatus::Initializing);
        let request =
            bots::CreateBotSessionRequest { parent: instance.clone(), bot_session: Some(session) };
        let created = bots.create_bot_session(within(request, POLL)).await;
        let refused = |status| {
            format!(
                "{address} does not take this worker: {}",
                dial::first_refusal(address, &status)
            )
        };
        let state = created.map_err(refused)?.into_inner();
        (self.tell)(News::Joined {
            address: address.to_string(),
            name: self.membership.name.clone(),
            properties: self.properties.clone(),
        });
        let far = Far::new(wire, instance.clone(), Arc::clone(&self.work.store));
        let leases =
            Leases::new(far, Arc::clone(&self.work), &self.membership.name, Arc::clone(&self.tell));
        Ok(Session { bots, state, leases })
    }

    /// What the worker says of itself.
    fn session(&self, status: bots::BotStatus) -> bots::BotSession {
        let property = |(key, value): &(String, String)| bots::device::Property {
            key: key.clone(),
            value: value.clone(),
        };
        let device = bots::Device {
            handle: self.membership.name.clone(),
            properties: self.properties.iter().map(property).collect(),
        };
        let capacity =
            bots::worker::Config { key: "capacity".to_owned(), value: self.jobs.to_string() };
        bots::BotSession {
            bot_id: self.membership.name.clone(),
            status: status.into(),
            worker: Some(bots::Worker {
                devices: vec![device],
                configs: vec![capacity],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn fault(&self, doing: &str, status: &Status) -> String {
        format!("{} does not {doing}: {}", self.membership.address, dial::refusal(status))
    }
}

impl Session {
    /// Works until the server is lost, which gives the reason, or until the worker is stopped.
    async fn attend(mut self, member: &Member) -> Option<String> {
        let mut heard = Instant::now();
        while !member.stop.is_cancelled() {
            let asked = Instant::now();
            let request = self.request(member, bots::BotStatus::Ok);
            // What has ended is told at once: a question that only waits is asked anew.
            let waits = !self.leases.have_ended();
            let answer = tokio::select! {
                answer = self.bots.update_bot_session(within(request, POLL)) => answer,
                () = self.leases.next_end(), if waits => continue,
                () = member.stop.cancelled() => break,
            };
            match answer {
                Ok(answer) => {
                    heard = Instant::now();
                    self.state = answer.into_inner();
                    let told = std::mem::take(&mut self.state.leases);
                    self.leases.agree(told);
                }
                Err(status) if may_pass(&status) && heard.elapsed() < SILENCE => {
                    tracing::warn!("{}", member.fault("answer", &status));
                    tokio::time::sleep(HEARTBEAT).await;
                }
                Err(status) => {
                    self.leases.end().await;
                    return Some(member.fault("keep this worker", &status));
                }
            }
            let rest = if self.leases.count() < member.jobs { PACE } else { HEARTBEAT };
            tokio::select! {
                () = tokio::time::sleep(rest.saturating_sub(asked.elapsed())) => {}
                () = self.leases.next_end() => {}
                () = member.stop.cancelled() => {}
            }
        }
        self.leave(member).await;
        None
    }

    fn request(&self, member: &Member, status: bots::BotStatus) -> bots::UpdateBotSessionRequest {
        let session = bots::BotSession {
            name: self.state.name.clone(),
            version: self.state.version.clone(),
            leases: self.leases.told(),
            ..member.session(status)
        };
        bots::UpdateBotSessionRequest {
            name: session.name.clone(),
            bot_session: Some(session),
            update_mask: None,
        }
    }

    /// Ends what runs, and gives it back for others to do at once.
    async fn leave(mut self, member: &Member) {
        self.leases.end().await;
        let request = self.request(member, bots::BotStatus::BotTerminating);
        if let Err(status) = self.bots.update_bot_session(within(request, FAREWELL)).await {
            tracing::warn!("{}", member.fault("hear that this worker leaves", &status));
        }
    }
}

/// A request and how long the server has for it.
fn within<T>(message: T, time: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

/// Whether the same question may be answered when it is asked again.
fn may_pass(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Sha256;

    #[test]
    fn a_worker_announces_what_jobs_ask_for() {
        let toolset = Toolset {
            name: "cross".to_owned(),
            version: "clang 19".to_owned(),
            digest: Sha256::of(b""),
            families: vec![],
            arches: vec![],
            settings: std::collections::BTreeMap::new(),
        };
        let more = [("OSFamily".to_owned(), "bsd".to_owned()), ("pool".to_owned(), "a".to_owned())];
        let announced = announced(&[toolset], &more);
        let names: Vec<&str> = announced.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["toolset", "toolset-version", "toolset-digest", "ISA", "OSFamily", "pool"];
        assert_eq!(names, expected);
        assert_eq!(announced[4].1, "bsd");
    }
}
