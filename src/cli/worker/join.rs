//! `modfarm worker --join`: this machine as a worker of a BuildGrid.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::Equipment;
use crate::cli::Failure;
use crate::report::terminal;
use crate::sys::dial::{Access, Address};
use crate::sys::files;
use crate::worker::join::{self, Membership, News};

/// What a worker that joins is told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Over TCP")]
pub(super) struct Joining {
    /// Work for the BuildGrid whose server is there: grpc://HOST:PORT, or with TLS grpcs://HOST:PORT
    #[arg(long, value_name = "URL", group = "place")]
    pub(super) join: Option<Address>,

    /// The file of the certificates to trust, in PEM, where not the system's
    #[arg(long, value_name = "FILE", requires = "join")]
    authority: Option<Utf8PathBuf>,

    /// The name of the instance on the server, if it has one
    #[arg(long, value_name = "NAME", requires = "join", default_value = "")]
    instance: String,

    /// This worker's name, which no other may have [default: the machine's, and the process]
    #[arg(long, value_name = "NAME", requires = "join")]
    name: Option<String>,

    /// A platform property to announce besides the toolsets'; repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "join", value_parser = property)]
    property: Vec<(String, String)>,
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

pub(super) async fn run(args: Joining, equipment: Equipment) -> Result<(), Failure> {
    let Some(address) = args.join else { return Err(Failure::bad_input("nowhere to join")) };
    let Equipment { identity, token, store, options, toolsets } = equipment;
    let membership = Membership {
        address,
        access: Access { token, authority: args.authority, identity },
        instance: args.instance,
        name: args.name.unwrap_or_else(own_name),
        properties: args.property,
    };
    let tell = |news: News| match &news {
        News::Lost { .. } => terminal::warning(&news.to_string()),
        _ => terminal::line(&news.to_string()),
    };
    join::join(membership, store, options, toolsets, Arc::new(tell)).await.map_err(super::failure)
}

/// The machine's name and the process: several workers of one machine are told apart.
fn own_name() -> String {
    let machine = ["COMPUTERNAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok());
    let machine = machine
        .or_else(|| files::read_to_string(Utf8Path::new("/proc/sys/kernel/hostname")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "worker".to_owned());
    format!("{machine}-{}", std::process::id())
}
