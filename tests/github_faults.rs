//! The stand-in for GitHub goes wrong as it is told, and keeps the rules that no client of the tests
//! tries: permissions, limits, immutability.

use std::time::{Duration, Instant};

use crate::github::actions::Script;
use crate::github::ask::with_token;
use crate::github::model::AssetState;
use crate::github::{Does, Fault, Limits, Operation, Options, Permission, REPOSITORY, StandIn};

/// What an upload that is struck by a fault answers, and what is left of it: nothing, an asset that
/// never came, or a whole one.
const STRUCK: [(Does, Option<u16>, Option<AssetState>); 15] = [
    (Does::Refuse(100), None, None),
    (Does::ResetBeforeBody, None, None),
    (Does::ResetAfterBody, None, None),
    (Does::LoseAnswer, None, Some(AssetState::Uploaded)),
    (Does::CutAnswer, None, Some(AssetState::Uploaded)),
    (Does::Status(500), Some(500), None),
    (Does::Status(503), Some(503), None),
    (Does::StarterAnd502, Some(502), Some(AssetState::Starter)),
    (Does::AlreadyExists, Some(422), None),
    (Does::Secondary(403, Some(60)), Some(403), None),
    (Does::Secondary(429, None), Some(429), None),
    (Does::Primary(60), Some(403), None),
    (Does::WrongDigest, Some(201), Some(AssetState::Uploaded)),
    (Does::NullDigest, Some(201), Some(AssetState::Uploaded)),
    (Does::Slow(50), Some(201), Some(AssetState::Uploaded)),
];

#[test]
fn each_fault_does_what_it_says() {
    let github = StandIn::start();
    for (number, (does, status, left)) in STRUCK.into_iter().enumerate() {
        let draft = github.draft(&format!("{number}"));
        github.no_more_faults();
        github.fault(Fault::on(Operation::UploadAsset, does.clone()));
        let start = Instant::now();
        let answer = github.upload(draft, "a.zip", "bytes");
        assert_eq!(answer.as_ref().ok().map(|(status, _)| *status), status, "{does:?}: {answer:?}");
        assert!(start.elapsed() >= does.delay() && github.struck() == 1, "{does:?}");
        let release = github.repository().releases.remove(&draft).expect("a draft");
        assert_eq!(release.assets.first().map(|asset| asset.state), left, "{does:?}");
        let refused = matches!(does, Does::Refuse(_));
        let again = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(if refused { 10 } else { 0 }));
            github.upload(draft, "b.zip", "bytes").ok()
        });
        assert_eq!(again.map(|(status, _)| status), Some(201), "after {does:?}");
    }
}

#[test]
fn digests_lists_and_clocks_can_be_wrong() {
    let github = StandIn::start();
    github.fault(Fault::on(Operation::UploadAsset, Does::NullDigest));
    github.fault(Fault::on(Operation::UploadAsset, Does::WrongDigest).nth(2));
    github.fault(Fault::on(Operation::CreateRelease, Does::Lag(2)).nth(2));
    let draft = github.draft("1");
    let digest =
        |name: &str| github.upload(draft, name, name).expect("an answer").1["digest"].clone();
    assert_eq!(digest("a"), serde_json::Value::Null);
    assert_eq!(digest("b"), format!("sha256:{:064x}", 0xbad));
    assert_eq!(digest("c"), format!("sha256:{}", modfarm::model::digest::Sha256::of(b"c")));
    github.draft("2");
    let listed = || {
        let path = format!("/repos/{REPOSITORY}/releases");
        github.ask("GET", &path, "").expect("an answer").1.as_array().map_or(0, Vec::len)
    };
    assert_eq!([listed(), listed(), listed()], [1, 1, 2]);
}

#[test]
fn permissions_are_kept() {
    let github = StandIn::start();
    let draft = github.draft("1");
    let url = |path: &str| format!("{}/repos/{REPOSITORY}{path}", github.api());
    let status = |token: &str, method: &str, path: &str, body: &str| {
        with_token(token, method, &url(path), body).expect("an answer").0
    };
    let (reader, nobody) =
        (github.add_token(Permission::Read, false), github.add_token(Permission::None, true));
    let release = format!("/releases/{draft}");
    assert_eq!(status(&reader, "GET", &release, ""), 404, "a draft is hidden from who cannot push");
    assert_eq!(status(github.token(), "GET", &release, ""), 200);
    assert_eq!(status(&reader, "POST", "/releases", r#"{"tag_name":"2"}"#), 403);
    assert_eq!(status("ghp_unknown", "GET", "", ""), 401);
    assert_eq!(status(&nobody, "GET", "", ""), 200, "the repository is public");
    github.change(|repository| repository.private = true);
    assert_eq!(status(&nobody, "GET", "", ""), 404);
    github.change(|repository| repository.archived = true);
    assert_eq!(status(github.token(), "POST", "/releases", r#"{"tag_name":"2"}"#), 403);
    let user = format!("{}/user", github.api());
    assert_eq!(with_token(&nobody, "GET", &user, "").expect("an answer").0, 403);
}

#[test]
fn limits_are_kept() {
    let limits =
        Limits { creating_a_minute: 3, minute: Duration::from_secs(1), ..Limits::default() };
    let github = StandIn::with(Options { limits, ..Options::default() });
    for tag in ["1", "2", "3"] {
        github.draft(tag);
    }
    let create = || {
        let path = format!("/repos/{REPOSITORY}/releases");
        github.ask("POST", &path, r#"{"tag_name":"4"}"#).expect("an answer").0
    };
    assert_eq!(create(), 403);
    assert!(github.log().last().is_some_and(|logged| logged.limited));
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(create(), 201);
}

#[test]
fn runs_go_as_their_scripts_say() {
    let github = StandIn::start();
    github.add_workflow("release.yml", &["version"]);
    github.next_run(Script::well(Vec::new()));
    let url = |rest: &str| format!("{}/repos/{REPOSITORY}/actions/{rest}", github.api());
    let ask = |method: &str, rest: &str, body: &str| {
        with_token(github.token(), method, &url(rest), body).expect("an answer")
    };
    let dispatches = "workflows/release.yml/dispatches";
    assert_eq!(ask("POST", dispatches, r#"{"ref":"gone"}"#).0, 422);
    assert_eq!(ask("POST", dispatches, r#"{"ref":"main","inputs":{"other":"1"}}"#).0, 422);
    assert_eq!(ask("POST", "workflows/other.yml/dispatches", r#"{"ref":"main"}"#).0, 404);
    let reader = github.add_token(Permission::Read, false);
    let refused = with_token(&reader, "POST", &url(dispatches), r#"{"ref":"main"}"#);
    assert_eq!(refused.expect("an answer").0, 403);
    assert!(github.repository().runs.is_empty());

    let (status, started) = ask("POST", dispatches, r#"{"ref":"main","return_run_details":true}"#);
    assert_eq!(status, 200, "{started}");
    let run = format!("runs/{}", started["workflow_run_id"]);
    let seen: Vec<String> = (0..7)
        .map(|_| ask("GET", &run, "").1["status"].as_str().unwrap_or_default().to_owned())
        .collect();
    let (queued, runs, over) = ("queued", "in_progress", "completed");
    assert_eq!(seen, [queued, runs, runs, runs, runs, over, over]);
    assert_eq!(ask("GET", &format!("{run}/jobs"), "").1["total_count"], 3);
    assert_eq!(ask("POST", &format!("{run}/cancel"), "").0, 409);
    assert_eq!(ask("POST", &format!("{run}/rerun-failed-jobs"), "").0, 403);
    // Without being asked, GitHub does not say which run it is.
    assert_eq!(ask("POST", dispatches, r#"{"ref":"main"}"#).0, 204);
}
