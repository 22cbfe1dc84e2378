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

/// The name of the file that the log of a cell's job is kept in.
#[must_use]
pub fn log_name(cell: &str) -> String {
    format!("{}.log", cell.replace(['/', '\\'], "_"))
}

/// The last lines of a log, and no more bytes than a page can bear.
#[must_use]
pub fn log_end(log: &str) -> String {
    let mut from = log.len().saturating_sub(LOG_BYTES);
    while !log.is_char_boundary(from) {
        from += 1;
    }
    let lines: Vec<&str> = log[from..].lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// So many lines of a log are its end.
const LOG_LINES: usize = 40;

/// And so many bytes at most.
const LOG_BYTES: usize = 8 << 10;

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

    /// The same action for machines that have these properties, too. Another machine is another key,
    /// though not other bytes.
    #[must_use]
    pub fn asking_for(&self, properties: &BTreeMap<String, String>) -> Self {
        if properties.is_empty() {
            return self.clone();
        }
        self.changed(|action| {
            let asked = action.platform.get_or_insert_default();
            asked.properties.retain(|property| !properties.contains_key(&property.name));
            asked.properties.extend(properties.iter().map(|(name, value)| {
                reapi::platform::Property { name: name.clone(), value: value.clone() }
            }));
            // The protocol wants them in order.
            asked
                .properties
                .sort_by(|one, other| (&one.name, &one.value).cmp(&(&other.name, &other.value)));
        })
    }

    /// The same action, to be run anew each time: its result is not kept, and no other run is taken for
    /// this one.
    #[must_use]
    pub fn anew(&self, salt: &str) -> Self {
        self.changed(|action| {
            action.do_not_cache = true;
            action.salt = salt.as_bytes().to_vec();
        })
    }

    fn changed(&self, change: impl FnOnce(&mut reapi::Action)) -> Self {
        // Its own bytes, so that they can be read.
        let mut action = reapi::Action::decode(self.messages[1].1.clone()).unwrap_or_default();
        change(&mut action);
        let action = Bytes::from(action.encode_to_vec());
        let digest = Digest::of(&action);
        let messages = [self.messages[0].clone(), (digest, action)];
        Self { digest, messages, ..self.clone() }
    }

    /// The action's digest: the key of its result.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of its command: arguments, environment, outputs.
    #[must_use]
    pub fn command(&self) -> Digest {
        self.messages[0].0
    }

    /// The digest of its whole input tree.
    #[must_use]
    pub fn input_root(&self) -> Digest {
        self.inputs.digest()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::TreeBuilder;

    fn platform(action: &Action) -> Vec<String> {
        let action = reapi::Action::decode(action.messages[1].1.clone()).unwrap();
        let properties = action.platform.unwrap().properties;
        properties.iter().map(|it| format!("{}={}", it.name, it.value)).collect()
    }

    #[test]
    fn properties_join_the_platform_and_the_key() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let action = Action::new(ActionSpec {
            arguments: vec!["true".to_owned()],
            environment: BTreeMap::new(),
            output: "out".to_owned(),
            platform: map(&[("toolset", "cross")]),
            inputs: TreeBuilder::default().build(),
            timeout: Duration::from_secs(1),
        });
        assert_eq!(action.asking_for(&BTreeMap::new()).digest(), action.digest());
        let asking = action.asking_for(&map(&[("pool", "a"), ("zone", "b")]));
        assert_eq!(platform(&asking), ["pool=a", "toolset=cross", "zone=b"]);
        assert_ne!(asking.digest(), action.digest());
        let [digests, asked] = [&action, &asking].map(|it| it.contents().count());
        assert_eq!(digests, asked);
        assert!(asking.contents().any(|(digest, _)| digest == asking.digest()));
        assert_ne!(action.anew("1").digest(), action.anew("2").digest());
    }
}
