//! Connections: taken, served, reset.

use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::http;
use super::route::Role;

/// Serves the API with the uploads, and the objects.
pub(crate) fn listen(runtime: &Runtime, listeners: [TcpListener; 2], shared: &Arc<Shared>) {
    let roles = [Role::Api, Role::Objects];
    for (listener, role) in listeners.into_iter().zip(roles) {
        runtime.spawn(accept(listener, role, Arc::clone(shared)));
    }
}

async fn accept(listener: TcpListener, role: Role, shared: Arc<Shared>) {
    let address = listener.local_addr().expect("an address");
    let mut away = shared.away.subscribe();
    let mut listener = listener;
    loop {
        tokio::select! {
            taken = listener.accept() => {
                if let Ok((stream, _)) = taken {
                    tokio::spawn(serve(stream, role, Arc::clone(&shared)));
                }
            }
            Ok(()) = away.changed() => {
                let until = *away.borrow_and_update();
                // Nobody listens on the port meanwhile.
                drop(listener);
                tokio::time::sleep_until(until.into()).await;
                listener = rebind(address).await;
            }
        }
    }
}

async fn rebind(address: std::net::SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn serve(stream: TcpStream, role: Role, shared: Arc<Shared>) {
    let Ok(stream) = stream.into_std() else { return };
    let (Ok(other), Ok(stream)) = (stream.try_clone(), TcpStream::from_std(stream)) else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let whole = match shared.options.tls.clone().filter(|_| role == Role::Api) {
        Some(tls) => match TlsAcceptor::from(tls.server).accept(stream).await {
            Ok(stream) => speak(stream, role, shared).await,
            Err(_) => false,
        },
        None => speak(stream, role, shared).await,
    };
    // What broke the connection on purpose resets it: the other end is told at once, and of no end.
    if !whole
        && let Ok(other) = TcpStream::from_std(other)
        && let Ok(()) = other.set_zero_linger()
    {
        drop(other);
    }
}

/// Answers what is asked over a stream; whether it came to a good end.
async fn speak<S>(stream: S, role: Role, shared: Arc<Shared>) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| http::answer(request, role, Arc::clone(&shared)));
    let connection = hyper::server::conn::http1::Builder::new();
    connection.serve_connection(TokioIo::new(stream), service).await.is_ok()
}
