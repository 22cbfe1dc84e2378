//! Who is let in over TLS, and the words for everybody else.

use camino::Utf8PathBuf;
use modfarm::sys::dial::{self, Access};
use modfarm::sys::files;
use modfarm::sys::tls::{self, Identity};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::tls::Authority;
use super::worker::Beside;
use super::{QUICK, cluster, digests, locally, quick};
use crate::github::TOKEN_MARK;
use crate::program::{Ran, folder};

/// Certificates and tokens, in a folder that no site has.
struct Papers {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
    authority: Authority,
}

impl Papers {
    fn new() -> Self {
        let (keep, folder) = folder();
        let authority = Authority::new(&folder, "authority");
        Self { _keep: keep, folder, authority }
    }

    fn token(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        files::write_atomic(&path, text.as_bytes()).expect("a file");
        path.into_string()
    }
}

fn secret(end: &str) -> String {
    format!("farm-{TOKEN_MARK}-{end}")
}

/// A release through this connection, which fails; the words of the failure.
#[track_caller]
fn refused(connection: &str, words: &[&str]) -> Ran {
    let site = quick(connection);
    let mut command = site.command(&QUICK);
    // Not even who looks closely sees a token.
    command.env("MODFARM_LOG", "modfarm=debug,h2=info,hyper=info");
    let ran = Ran::of(&mut command).refused(3, words);
    let told = ran.told();
    assert!(told.contains("runner 'cross'"), "{told}");
    ran
}

#[test]
fn a_release_over_tls_with_a_token_and_a_certificate() {
    let papers = Papers::new();
    let server = papers.authority.vouch("server", "localhost");
    let client = papers.authority.vouch("client", "orchestrator");
    let token = papers.token("token", &secret("right"));
    let (worker, address) = Beside::listening(&[
        "--certificate",
        server.certificate.as_str(),
        "--key",
        server.key.as_str(),
        "--clients",
        papers.authority.certificate.as_str(),
        "--token-file",
        &token,
    ]);
    let address = address.replace("127.0.0.1", "localhost");
    assert!(address.starts_with("grpcs://localhost:"), "{address}");
    let trusting = format!("{}\nauthority: {}", cluster(&address), papers.authority.certificate);
    let known = format!("{trusting}\ncertificate: {}\nkey: {}", client.certificate, client.key);
    let right = format!("{known}\ntoken: {token}");

    let site = quick(&right);
    let ran = site.run(&QUICK).ended(0);
    assert_eq!(digests(&site), locally(&QUICK, quick("connection: local")), "{}", ran.stderr);

    let wrong = papers.token("wrong", &secret("wrong"));
    let words =
        ["it does not let this machine in: a valid token is required", "hint: is the right token"];
    refused(&format!("{known}\ntoken: {wrong}"), &words);
    refused(&known, &words);
    let none = "it lets nobody in without a certificate";
    refused(&format!("{trusting}\ntoken: {token}"), &[none, "`certificate` and `key`"]);
    let strangers = Authority::new(&papers.folder, "strangers");
    let stranger = strangers.vouch("stranger", "orchestrator");
    let stranger =
        format!("{trusting}\ncertificate: {}\nkey: {}\n", stranger.certificate, stranger.key);
    refused(&format!("{stranger}token: {token}"), &["does not accept this machine's certificate"]);
    let past = papers.authority.vouch_until("past", "orchestrator", 2002);
    let past = format!("{trusting}\ncertificate: {}\nkey: {}\n", past.certificate, past.key);
    refused(&format!("{past}token: {token}"), &["does not accept this machine's certificate"]);
    // Whoever knows the address by another name, or trusts others, or speaks without TLS.
    let numbered = right.replace("localhost", "127.0.0.1");
    refused(&numbered, &["its certificate is not for the name '127.0.0.1'", "hint: write one of"]);
    let trusted = papers.authority.certificate.as_str();
    let distrusting = right.replace(trusted, strangers.certificate.as_str());
    let words = ["from an authority that is not trusted here", "hint: name the certificate of its"];
    refused(&distrusting, &words);
    let clear = cluster(&address.replace("grpcs", "grpc"));
    refused(
        &format!("{clear}\ntoken: {token}"),
        &["hint: a server behind TLS is reached with grpcs://"],
    );
    assert!(!worker.said().contains("panicked"), "{}", worker.said());
}

#[test]
fn servers_that_are_not_what_they_should_be() {
    let papers = Papers::new();
    let expired = papers.authority.vouch_until("expired", "localhost", 2002);
    let (_worker, address) = Beside::listening(&[
        "--certificate",
        expired.certificate.as_str(),
        "--key",
        expired.key.as_str(),
    ]);
    let address = address.replace("127.0.0.1", "localhost");
    let trusting = format!("{}\nauthority: {}", cluster(&address), papers.authority.certificate);
    refused(&trusting, &["its certificate has expired", "hint: it must be renewed there"]);
    let system = cluster(&address);
    refused(&system, &[&format!("{address}: its certificate")]);

    let (_worker, address) = Beside::listening(&[]);
    let tls = cluster(&address.replace("grpc://", "grpcs://"));
    refused(&tls, &["hint: a server without TLS is reached with grpc://"]);
    refused(
        "connection: cluster\naddress: grpc://no-such-host.invalid:8980",
        &["the host of grpc://no-such-host.invalid:8980 is not found", "hint: is its name right"],
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = nobody.local_addr().expect("an address");
    drop(nobody);
    let words = ["takes no connection: ", "hint: is the server running there"];
    refused(&cluster(&format!("grpc://{free}")), &words);
    refused(&cluster("http://farm:80"), &["'http://farm:80' is no address of a server"]);
    let missing = format!("{}\ntoken: /no/such/token", cluster(&address));
    refused(&missing, &["/no/such/token"]);
}

/// A token that everybody can read is used, and warned of.
#[test]
#[cfg(unix)]
fn a_token_that_lies_open_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let papers = Papers::new();
    let token = papers.token("token", &secret("open"));
    let (_worker, address) = Beside::listening(&["--token-file", &token]);
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).expect("its owner");
    let site = quick(&format!("{}\ntoken: {token}", cluster(&address)));
    let ran = site.run(&QUICK).ended(0);
    let warned = ran.events().iter().any(|event| {
        event["event"] == "warning"
            && event["message"].to_string().contains("can be read by others")
    });
    assert!(warned, "{}", ran.stdout);
    let (other, _) = Beside::listening(&["--token-file", &token]);
    other.hear("can be read by others");
}

#[tokio::test]
async fn a_server_that_goes_when_it_has_seen_the_certificate() {
    let papers = Papers::new();
    let own = papers.authority.vouch("server", "localhost");
    let client = papers.authority.vouch("client", "orchestrator");
    let authority = Some(papers.authority.certificate.clone());
    let identity = Identity { certificate: own.certificate, key: own.key };
    let config = tls::server(&identity, authority.as_deref()).expect("certificates");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = async {
        let (stream, _) = listener.accept().await.expect("a client");
        drop(TlsAcceptor::from(config).accept(stream).await.expect("TLS"));
    };
    let identity = Some(Identity { certificate: client.certificate, key: client.key });
    let access = Access { token: None, authority, identity };
    let address = format!("grpcs://localhost:{port}").parse().expect("an address");
    let (dialed, ()) = tokio::join!(dial::connect(&address, &access), serving);
    let error = dialed.expect_err("a refusal").to_string();
    assert!(error.contains("it ended the connection when it had asked for a"), "{error}");
    assert!(error.contains("hint: the server wants a certificate of an authority"), "{error}");
}
