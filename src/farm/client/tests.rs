//! A liar is believed what is true and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Streaming};

use super::*;
use crate::model::digest::Digest;
use crate::model::job::ActionSpec;
use crate::model::tree::TreeBuilder;
use crate::sys::dial::over;

type Messages = ReceiverStream<Result<bytestream::ReadResponse, Status>>;

/// A worker that knows every result, and gives for the file of it what it likes.
#[derive(Clone)]
struct Liar {
    promised: Digest,
    inline: Vec<u8>,
    /// What it sends again and again, without end.
    endless: Vec<u8>,
}

#[tonic::async_trait]
impl reapi::action_cache_server::ActionCache for Liar {
    async fn get_action_result(
        &self,
        _: Request<reapi::GetActionResultRequest>,
    ) -> Result<Response<reapi::ActionResult>, Status> {
        let file = reapi::OutputFile {
            path: "out".to_owned(),
            digest: Some(to_wire(self.promised)),
            contents: self.inline.clone(),
            ..Default::default()
        };
        let output_files = vec![file];
        Ok(Response::new(reapi::ActionResult { output_files, ..Default::default() }))
    }

    async fn update_action_result(
        &self,
        _: Request<reapi::UpdateActionResultRequest>,
    ) -> Result<Response<reapi::ActionResult>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl bytestream::byte_stream_server::ByteStream for Liar {
    type ReadStream = Messages;

    async fn read(
        &self,
        _: Request<bytestream::ReadRequest>,
    ) -> Result<Response<Messages>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        let data = self.endless.clone();
        tokio::spawn(async move {
            while sender.send(Ok(bytestream::ReadResponse { data: data.clone() })).await.is_ok() {}
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn write(
        &self,
        _: Request<Streaming<bytestream::WriteRequest>>,
    ) -> Result<Response<bytestream::WriteResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn query_write_status(
        &self,
        _: Request<bytestream::QueryWriteStatusRequest>,
    ) -> Result<Response<bytestream::QueryWriteStatusResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// What is made of the liar's answer.
async fn believed(liar: Liar) -> Result<Option<Outcome>, Trouble> {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let (near, far) = tokio::io::duplex(1 << 16);
    let services = tonic::service::Routes::new(reapi::action_cache_server::ActionCacheServer::new(
        liar.clone(),
    ))
    .add_service(bytestream::byte_stream_server::ByteStreamServer::new(liar))
    .prepare();
    tokio::spawn(async move {
        let services = hyper_util::service::TowerToHyperService::new(services);
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(far), services).await);
    });
    let client = Client::new("liar", over(near).await.unwrap(), Terms::new(Peer::Remote, ""));
    let spec = ActionSpec {
        arguments: vec!["true".to_owned()],
        environment: BTreeMap::new(),
        output: "out".to_owned(),
        platform: BTreeMap::new(),
        inputs: TreeBuilder::default().build(),
        timeout: Duration::from_secs(1),
    };
    client.cached(&Action::new(spec)).await
}

fn liar(promised: Digest, inline: &[u8]) -> Liar {
    Liar { promised, inline: inline.to_vec(), endless: vec![0; 1 << 20] }
}

#[tokio::test]
async fn believes_what_is_true_and_nothing_else() {
    let outcome = believed(liar(Digest::of(b"right"), b"right")).await;
    assert!(matches!(outcome, Ok(Some(Outcome::Built { cached: true, .. }))), "{outcome:?}");
    let error = believed(liar(Digest::of(b"right"), b"wrong")).await.unwrap_err();
    assert!(error.to_string().starts_with("runner 'liar': it promised"), "{error}");
}

#[tokio::test]
async fn takes_no_more_than_was_promised() {
    let promised = Digest { size: 2 << 20, ..Digest::of(b"right") };
    let error = believed(liar(promised, b"")).await.unwrap_err();
    assert!(error.to_string().ends_with("it sends more than it promised"), "{error}");
    let promised = Digest { size: 1 << 40, ..Digest::of(b"right") };
    let error = believed(liar(promised, b"")).await.unwrap_err();
    assert!(error.to_string().contains("16 MiB is the most"), "{error}");
}
