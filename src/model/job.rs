//! Jobs: one distinct build, as an action of the Remote Execution API.

use std::collections::BTreeMap;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bytes::Bytes;
use prost::Message as _;

use super::cell::CellId;
use super::digest::Digest;
use super::tree::{Content, Tree, to_wire};

/// One distinct build. Cells whose inputs are the same share it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The cells that its output serves; never empty.
    pub cells: Vec<CellId>,
    /// The runner it was planned for.
    pub runner: String,
    /// The command and its inputs.
    pub action: Action,
}

impl Job {
    /// The job's name for people: its first cell.
    #[must_use]
    pub fn name(&self) -> String {
        self.cells[0].to_string()
    }
}

/// A command, its input tree and the one file it makes.
#[derive(Clone, Debug)]
pub struct Action {
    digest: Digest,
    inputs: Tree,
    messages: [(Digest, Bytes); 2],
    output: String,
    timeout: Duration,
}

/// What an [`Action`] is made of.
#[derive(Clone, Debug)]
pub struct ActionSpec {
    /// The program and its arguments, run in the folder of the input tree.
    pub arguments: Vec<String>,
    /// Its environment, all of it.
    pub environment: BTreeMap<String, String>,
    /// The path of the file it makes, relative to the folder.
    pub output: String,
    /// What the machine must be: part of the key.
    pub platform: BTreeMap<String, String>,
    /// The input tree.
    pub inputs: Tree,
    /// How long it may run.
    pub timeout: Duration,
}

impl Action {
    /// The action that the parts come to.
    #[must_use]
    pub fn new(spec: ActionSpec) -> Self {
        let platform = Some(reapi::Platform {
            properties: spec
                .platform
                .into_iter()
                .map(|(name, value)| reapi::platform::Property { name, value })
                .collect(),
        });
        let command = reapi::Command {
            arguments: spec.arguments,
            environment_variables: spec
                .environment
                .into_iter()
                .map(|(name, value)| reapi::command::EnvironmentVariable { name, value })
                .collect(),
            output_paths: vec![spec.output.clone()],
            ..Default::default()
        };
        let command = Bytes::from(command.encode_to_vec());
        let command_digest = Digest::of(&command);
        let action = reapi::Action {
            command_digest: Some(to_wire(command_digest)),
            input_root_digest: Some(to_wire(spec.inputs.digest())),
            timeout: Some(bazel_remote_apis::google::protobuf::Duration {
                seconds: i64::try_from(spec.timeout.as_secs()).unwrap_or(i64::MAX),
                nanos: 0,
            }),
            platform,
            ..Default::default()
        };
        let action = Bytes::from(action.encode_to_vec());
        let digest = Digest::of(&action);
        Self {
            digest,
            inputs: spec.inputs,
            messages: [(command_digest, command), (digest, action)],
            output: spec.output,
            timeout: spec.timeout,
        }
    }

    /// The action's digest: the key of its result.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The path of the file it makes.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// How long it may run.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Everything that must lie in the content store before the action can run.
    pub fn contents(&self) -> impl Iterator<Item = (Digest, Content)> {
        let messages =
            self.messages.iter().map(|(digest, bytes)| (*digest, Content::Bytes(bytes.clone())));
        messages.chain(self.inputs.contents().map(|(digest, content)| (digest, content.clone())))
    }
}
