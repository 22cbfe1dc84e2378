//! `modfarm worker --listen`: the worker's services over TCP.

use camino::Utf8PathBuf;

use super::Equipment;
use crate::cli::Failure;
use crate::report::terminal;
use crate::sys::secret::Secret;
use crate::worker::listen::{Certificates, Door, ListenError, Listener};

/// What a worker that listens is told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Over TCP")]
pub(super) struct Listening {
    /// Serve clients over TCP: 127.0.0.1:8980, [::]:8980; port 0 is any, which the first line on
    /// standard error names
    #[arg(long, value_name = "HOST:PORT", group = "place", conflicts_with = "join")]
    pub(super) listen: Option<String>,

    /// Let in only clients with a certificate of the authority in this file, in PEM
    #[arg(long, value_name = "FILE", requires = "listen", requires = "certificate")]
    clients: Option<Utf8PathBuf>,

    /// Let in everybody who reaches the port: they can run any command on this machine
    #[arg(long, requires = "listen")]
    allow_anyone: bool,
}

pub(super) async fn run(args: Listening, equipment: Equipment) -> Result<(), Failure> {
    let Equipment { identity, token, store, options, toolsets } = equipment;
    let tls = identity
        .map(|identity| Certificates::load(identity, args.clients).map_err(Failure::bad_input));
    let token = token.as_deref().map(Secret::load).transpose().map_err(Failure::bad_input)?;
    let door = Door { tls: tls.transpose()?, token };
    let scheme = if door.tls.is_some() { "grpcs" } else { "grpc" };
    let address = args.listen.unwrap_or_default();
    let listener = Listener::bind(&address, door, args.allow_anyone).await;
    let listener = listener.map_err(|error| match error {
        ListenError::Bind { .. } => Failure::environment(error),
        ListenError::Anyone(_) => Failure::bad_input(error),
    })?;
    if listener.shows_token() {
        terminal::warning(
            "the token travels in the clear\nhint: --certificate and --key make it TLS",
        );
    }
    terminal::line(&format!("listening on {scheme}://{}", listener.address));
    listener.serve(store, options, toolsets).await.map_err(super::failure)
}
