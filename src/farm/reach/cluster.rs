//! A server of the Remote Execution API over TCP: a worker that listens, or an engine with workers of its
//! own, which schedules and stores. What those can compile with is asked of them by a job.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::Utf8PathBuf;
use reapi::capabilities_client::CapabilitiesClient;

use super::Link;
use super::greeting::{GREETING, Wrong, is_described_in_text, understood};
use crate::farm::client::{Client, Peer, Terms, Trouble};
use crate::farm::{Outcome, harmless};
use crate::model::event::Events;
use crate::model::job::{Action, ActionSpec};
use crate::model::toolset::{Found, Toolset};
use crate::model::tree::TreeBuilder;
use crate::sys::dial::{self, Access, Address, Wire};
use crate::sys::tls::Identity;
use crate::worker::{HELLO, Hello};

/// A server, and how to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `grpc://host:port`, or with TLS `grpcs://host:port`.
    pub address: String,
    /// The instance's name in the protocol, mostly empty.
    pub instance: String,
    /// A file that holds the token for the header `authorization: Bearer`.
    pub token: Option<Utf8PathBuf>,
    /// The certificates to trust, in PEM, where not the system's.
    pub authority: Option<Utf8PathBuf>,
    /// A certificate to be known by, and its key, in PEM.
    pub identity: Option<(Utf8PathBuf, Utf8PathBuf)>,
    /// The toolset that its jobs ask for.
    pub toolset: String,
    /// Platform properties that every job asks for, besides its toolset.
    pub properties: BTreeMap<String, String>,
}

/// How many jobs are queued there at once, where the runner's file does not say: the engine schedules, and
/// with less it could not.
const SLOTS: usize = 64;

/// How long a machine may ask its compilers for their versions.
const LIMIT: Duration = Duration::from_secs(60);

/// The file that a machine answers in.
const ANSWER: &str = "toolsets.json";

/// Connects to a server and learns what its machines can compile with. The error says what is wrong and
/// what to do.
pub(super) async fn reach(runner: &str, cluster: &Cluster) -> Result<Link, String> {
    let address: Address = cluster.address.parse().map_err(text)?;
    let identity = cluster.identity.clone();
    let access = Access {
        token: cluster.token.clone(),
        authority: cluster.authority.clone(),
        identity: identity.map(|(certificate, key)| Identity { certificate, key }),
    };
    let wire = dial::connect(&address, &access).await.map_err(text)?;
    let terms = Terms::new(Peer::Cluster, &cluster.instance);
    let asked =
        tokio::time::timeout(GREETING, greet(&wire, &address, &cluster.instance, terms)).await;
    let silent = |_| format!("it did not answer within {} s", GREETING.as_secs());
    let greeted = asked.map_err(silent).and_then(|answer| answer);
    let (terms, hello) =
        greeted.map_err(|reason| harmless::message(&format!("{address}: {reason}")))?;
    let patience = terms.deadline(0);
    let client = Client::new(runner, wire, terms).of_engine(cluster.properties.clone());
    let (toolsets, jobs, modfarm) = match hello {
        Some(hello) => (hello.toolsets, hello.jobs.unwrap_or(1), Some(hello.modfarm)),
        None => (
            ask(&client, cluster, patience)
                .await
                .map_err(|reason| harmless::message(&format!("{address}: {reason}")))?,
            SLOTS,
            None,
        ),
    };
    if !toolsets.iter().all(is_described_in_text) {
        return Err(format!(
            "{address}: its toolsets are described in characters that are no text"
        ));
    }
    Ok(Link { client, toolsets, jobs, modfarm, banner: String::new(), child: None })
}

fn text(error: dial::DialError) -> String {
    error.to_string()
}

/// What the server is: a worker that says hello, or an engine that says nothing of compilers.
async fn greet(
    wire: &Wire,
    address: &Address,
    instance: &str,
    terms: Terms,
) -> Result<(Terms, Option<Hello>), String> {
    let request = reapi::GetCapabilitiesRequest { instance_name: instance.to_owned() };
    let answer = CapabilitiesClient::new(wire.clone()).get_capabilities(request).await;
    let answer = answer.map_err(|status| match status.code() {
        tonic::Code::Unimplemented => {
            "it is a server of gRPC, but not of the Remote Execution API".to_owned()
        }
        _ => dial::first_refusal(address, &status),
    })?;
    let terms = terms.with(answer.get_ref())?;
    let hello = answer.metadata().get_bin(HELLO).and_then(|hello| hello.to_bytes().ok());
    if let Some(hello) = hello {
        let hello = understood(&hello).map_err(Wrong::text)?;
        return Ok((terms, Some(hello)));
    }
    let runs = answer.into_inner().execution_capabilities;
    if !runs.is_some_and(|execution| execution.exec_enabled) {
        return Err(format!(
            "its instance '{instance}' does not run anything\nhint: `instance` in the runner's file names another"
        ));
    }
    Ok((terms, None))
}

/// Asks one of the machines that the jobs will go to. They have so long to take the question and to
/// answer it.
async fn ask(
    client: &Client,
    cluster: &Cluster,
    patience: Duration,
) -> Result<Vec<Toolset>, String> {
    let taken = AtomicBool::new(false);
    let unheard = Events::unheard();
    let action = question(&cluster.toolset);
    let asking = client.run(&action, &unheard, || taken.store(true, Ordering::SeqCst));
    let Ok(answer) = tokio::time::timeout(patience, asking).await else {
        return Err(late(cluster, patience, taken.load(Ordering::SeqCst)));
    };
    let bytes = match answer {
        Ok(Outcome::Built { bytes, .. }) => bytes,
        Ok(Outcome::Failed { reason, log }) => {
            return Err(format!(
                "a machine there does not say what it compiles with: {reason}\n{}{INSTALL_HINT}",
                log.trim_end()
            ));
        }
        Ok(Outcome::Cancelled) => return Err("the question for toolsets was cancelled".to_owned()),
        Err(Trouble::Forgotten(reason)) => return Err(format!("{reason}{PROPERTIES_HINT}")),
        Err(trouble) => return Err(trouble.to_string()),
    };
    let unreadable = |error: String| {
        format!("a machine there does not say what it compiles with: {error}{INSTALL_HINT}")
    };
    let found: Found =
        serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    if found.format_version != Found::FORMAT_VERSION {
        return Err(unreadable(format!("its modfarm is {}", found.modfarm)));
    }
    Ok(found.toolsets)
}

const INSTALL_HINT: &str =
    "\nhint: install this version of modfarm on the workers, or join them by modfarm worker --join";
const PROPERTIES_HINT: &str = "\nhint: an engine takes only properties that it knows: toolset, toolset-version, toolset-digest and those of the runner's file; BuildGrid has them in match-property-keys";

/// A job that tells what the machine it runs on can compile with.
fn question(toolset: &str) -> Action {
    let action = Action::new(ActionSpec {
        arguments: ["modfarm", "toolsets", "--output", ANSWER].map(str::to_owned).to_vec(),
        environment: BTreeMap::new(),
        output: ANSWER.to_owned(),
        platform: BTreeMap::from([("toolset".to_owned(), toolset.to_owned())]),
        inputs: TreeBuilder::default().build(),
        timeout: LIMIT,
    });
    action.anew(&format!("{:032x}", fastrand::u128(..)))
}

fn late(cluster: &Cluster, patience: Duration, taken: bool) -> String {
    let seconds = patience.as_secs();
    if taken {
        return format!(
            "a machine there was asked what it compiles with and did not say within {seconds} s"
        );
    }
    let asked = std::iter::once(("toolset", cluster.toolset.as_str()))
        .chain(cluster.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map(|(name, value)| format!("{name}={value}"));
    format!(
        "the question what its machines compile with waited in the queue for {seconds} s: no worker that is free has all of {}\nhint: is one running? `modfarm worker --join` announces the toolsets of a machine, and --property what else is asked for",
        asked.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_named() {
        let cluster = Cluster {
            address: String::new(),
            instance: String::new(),
            token: None,
            authority: None,
            identity: None,
            toolset: "cross".to_owned(),
            properties: BTreeMap::from([("pool".to_owned(), "fast".to_owned())]),
        };
        let late = |taken| late(&cluster, Duration::from_secs(60), taken);
        let said = late(false);
        assert!(said.contains("for 60 s") && said.contains("toolset=cross, pool=fast"), "{said}");
        assert!(late(true).contains("did not say within 60 s"));
    }

    #[test]
    fn each_question_is_another_action() {
        assert_ne!(question("cross").digest(), question("cross").digest());
    }
}
