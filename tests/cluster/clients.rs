//! Somebody else's client vouches for the protocol of a worker that listens: BuildGrid's own.

use modfarm::model::digest::Digest;
use modfarm::sys::files;
use serde_json::Value;

use super::bgd;
use super::tls::Authority;
use super::worker::Beside;
use crate::github::TOKEN_MARK;
use crate::program::{Ran, folder};

#[test]
fn buildgrids_client_stores_and_runs() {
    let (_worker, address) = Beside::listening(&["--jobs", "2"]);
    vouch(&address.replace("grpc://", "http://"), &[]);
}

#[test]
fn buildgrids_client_is_let_in_over_tls_with_a_token() {
    let (_keep, papers) = folder();
    let authority = Authority::new(&papers, "authority");
    let server = authority.vouch("server", "localhost");
    let client = authority.vouch("client", "bgd");
    let token = papers.join("token");
    files::write_atomic(&token, format!("bgd-{TOKEN_MARK}").as_bytes()).expect("a file");
    let (_worker, address) = Beside::listening(&[
        "--certificate",
        server.certificate.as_str(),
        "--key",
        server.key.as_str(),
        "--clients",
        authority.certificate.as_str(),
        "--token-file",
        token.as_str(),
    ]);
    let remote = address.replace("grpcs://127.0.0.1", "https://localhost");
    let known = [
        "--server-cert",
        authority.certificate.as_str(),
        "--client-cert",
        client.certificate.as_str(),
        "--client-key",
        client.key.as_str(),
    ];
    let (_keep, place) = folder();
    let stranger = [&["capabilities", "--remote", remote.as_str()], &known[..]].concat();
    let ran = Ran::of(&mut bgd(&place, &stranger));
    assert!(ran.said().contains("a valid token is required"), "{ran:?}");
    let let_in = [&known[..], &["--auth-token", token.as_str()]].concat();
    vouch(&remote, &let_in);
}

/// Everything that a build needs of a server.
fn vouch(remote: &str, let_in: &[&str]) {
    let (_keep, place) = folder();
    let run = |group: &[&str], arguments: &[&str]| {
        let all = [group, &["--remote", remote], let_in, arguments].concat();
        Ran::of(&mut bgd(&place, &all)).ended(0)
    };
    let capabilities = run(&["capabilities"], &[]).stdout;
    let told: Value = serde_json::from_str(&capabilities).expect(&capabilities);
    assert_eq!(told["executionCapabilities"]["execEnabled"], true, "{told}");
    assert_eq!(told["cacheCapabilities"]["digestFunctions"][0], "SHA256", "{told}");

    // A file that travels in a batch, one that travels in a stream, and a folder of both.
    let large: Vec<u8> = (0..6_000_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(6_000_000)
        .collect();
    let input = place.join("input");
    for (name, bytes) in [("small.txt", b"small\n".to_vec()), ("sub/large.bin", large.clone())] {
        files::write_atomic(&input.join(name), &bytes).expect("a file");
    }
    let said =
        run(&["cas"], &["upload-file", "--verify", "input/sub/large.bin", "input/small.txt"]);
    let digest = Digest::of(&large);
    assert!(said.stdout.contains(&digest.to_string()), "{said:?}");
    let said = run(&["cas"], &["upload-dir", "--verify", "input"]).stdout;
    // The folder itself comes after all that is in it.
    let (_, root) = said.trim_end().rsplit_once("digest=[").expect(&said);
    let root = root.trim_end_matches(']').to_owned();
    run(&["cas"], &["download-dir", &root, "fetched"]);
    assert_eq!(files::read(&place.join("fetched/sub/large.bin")).expect("it"), large);
    run(&["cas"], &["download-file", &digest.to_string(), "alone.bin"]);
    assert_eq!(files::read(&place.join("alone.bin")).expect("it"), large);

    let script = "cat input.txt; cp small.txt made; wc -c < sub/large.bin >> made";
    files::write_atomic(&input.join("input.txt"), b"the command ran\n").expect("a file");
    let command = ["command", "--output-file", "made", "--output-directory", "out", "input", "--"];
    let said = run(&["execute"], &[&command[..], &["sh", "-c", script]].concat()).stdout;
    assert!(said.contains("the command ran"), "{said}");
    let made = files::read_to_string(&place.join("out/made")).expect("it is fetched");
    assert_eq!(made, "small\n6000000\n");
}
