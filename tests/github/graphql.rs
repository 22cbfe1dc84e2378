//! As much of GitHub's GraphQL as `gh release` asks for.

use serde_json::{Value, json};

use super::answers::time;
use super::model::{Release, Repository};
use super::operations::{Answer, Request};
use super::refusal::Refusal;

/// Answers a query about one repository, known by its name.
pub(crate) fn answer(request: &mut Request<'_>) -> Result<Answer, Refusal> {
    let body = request.json.clone().unwrap_or_default();
    let text = |key: &str| body["variables"][key].as_str().unwrap_or_default();
    let (name, push) = (format!("{}/{}", text("owner"), text("name")), request.may_push());
    let token = request.token.clone();
    let repository = request.state.world.seen(&name, token.as_ref())?;
    let query = body["query"].as_str().unwrap_or_default();
    let found = if query.starts_with("query RepositoryReleaseList(") {
        list(repository, push)
    } else if query.starts_with("query RepositoryReleaseByTag(") {
        by_tag(repository, text("tagName"), push)
    } else {
        let errors = json!([{ "message": format!("the stand-in does not know this: {query}") }]);
        return Ok(Answer::json(200, json!({ "data": null, "errors": errors })));
    };
    Ok(Answer::json(200, json!({ "data": { "repository": found } })))
}

fn list(repository: &mut Repository, push: bool) -> Value {
    let latest = repository.latest().map(|release| release.id);
    let releases = repository.listed(push);
    let nodes = releases.iter().map(|release| {
        json!({
            "name": release.name,
            "tagName": release.tag,
            "isDraft": release.draft,
            "isLatest": latest == Some(release.id),
            "isPrerelease": release.prerelease,
            "createdAt": time(release.created),
            "publishedAt": release.published.map(time),
        })
    });
    let nodes: Vec<Value> = nodes.collect();
    json!({ "releases": { "nodes": nodes, "pageInfo": { "hasNextPage": false, "endCursor": null } } })
}

/// Here, and only here, a draft is found by its tag.
fn by_tag(repository: &Repository, tag: &str, push: bool) -> Value {
    let seen = |release: &&Release| release.tag == tag && (push || !release.draft);
    let release = repository.releases.values().find(seen);
    let shown =
        release.map(|release| json!({ "databaseId": release.id, "isDraft": release.draft }));
    json!({ "release": shown })
}
