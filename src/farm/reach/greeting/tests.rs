//! Greetings of workers of other versions, over a real connection.

use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::*;
use crate::farm::client::Peer;

/// A worker that says of itself what it is told to.
struct Says(&'static str);

#[tonic::async_trait]
impl reapi::capabilities_server::Capabilities for Says {
    async fn get_capabilities(
        &self,
        _: Request<reapi::GetCapabilitiesRequest>,
    ) -> Result<Response<reapi::ServerCapabilities>, Status> {
        let sha256 = vec![reapi::digest_function::Value::Sha256.into()];
        let cache = reapi::CacheCapabilities { digest_functions: sha256, ..Default::default() };
        let mut response = Response::new(reapi::ServerCapabilities {
            cache_capabilities: Some(cache),
            ..Default::default()
        });
        if !self.0.is_empty() {
            let hello = MetadataValue::from_bytes(self.0.as_bytes());
            response.metadata_mut().insert_bin(HELLO, hello);
        }
        Ok(response)
    }
}

async fn greeted(says: &'static str) -> Result<Hello, String> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = reapi::capabilities_server::CapabilitiesServer::new(Says(says));
    let routes = hyper_util::service::TowerToHyperService::new(Routes::new(service).prepare());
    let serving = tokio::spawn(async move {
        hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new())
            .http2_only()
            .serve_connection(hyper_util::rt::TokioIo::new(theirs), routes)
            .await
            .map_err(|error| error.to_string())
    });
    let terms = Terms::new(Peer::Remote, "");
    let greeted = greet(ours, terms).await.map(|(_, _, hello)| hello);
    serving.abort();
    greeted.map_err(|wrong| match wrong {
        Wrong::Worker { reason, hint } => format!("{reason}\nhint: {}", hint.unwrap_or_default()),
        other => format!("{other:?}"),
    })
}

#[tokio::test]
async fn a_worker_of_another_version_is_served_by_what_both_know() {
    let newer = r#"{"format_version":1,"modfarm":"9.9.9","toolsets":[],"jobs":8,"mood":"good"}"#;
    let hello = greeted(newer).await.unwrap();
    assert_eq!((hello.modfarm.as_str(), hello.jobs), ("9.9.9", Some(8)));
    let older = r#"{"format_version":1,"modfarm":"0.0.1","toolsets":[]}"#;
    let hello = greeted(older).await.unwrap();
    assert_eq!((hello.modfarm.as_str(), hello.jobs), ("0.0.1", None));
}

#[tokio::test]
async fn a_worker_that_is_not_understood_is_refused_with_both_versions() {
    for says in [
        r#"{"format_version":2,"modfarm":"9.9.9","everything":"else"}"#,
        r#"{"format_version":0,"modfarm":"9.9.9","toolsets":[]}"#,
        r#"{"format_version":1,"modfarm":"9.9.9","toolsets":[{"name":"cross"}]}"#,
    ] {
        let error = greeted(says).await.unwrap_err();
        let ours = format!("its modfarm is 9.9.9, this one is {}", env!("CARGO_PKG_VERSION"));
        assert!(error.contains(&ours), "{error}");
        assert!(error.contains("\nhint: install the same version there"), "{error}");
    }
    let error = greeted("{}").await.unwrap_err();
    assert!(error.contains("its greeting cannot be read"), "{error}");
    let error = greeted("").await.unwrap_err();
    assert!(error.contains("does not say that it is a modfarm worker"), "{error}");
}
