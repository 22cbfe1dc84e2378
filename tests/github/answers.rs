//! The model as GitHub's JSON.

use serde_json::{Value, json};

use super::Addresses;
use super::model::{Asset, Permission, Release, Repository, Token};
use super::route::Style;

/// Where this asker finds the parts of GitHub: as it addressed the one it asked.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) api: String,
    pub(crate) web: String,
    pub(crate) uploads: String,
    pub(crate) objects: String,
}

impl Urls {
    /// For a request to this host, whether it was addressed itself or as the proxy of a domain.
    pub(crate) fn new(style: Style, host: &str, addresses: &Addresses) -> Self {
        let http = |place: &str| format!("{}://{place}", addresses.scheme);
        let objects = format!("http://{}", addresses.objects);
        let domain = host.strip_prefix("api.").or(host.strip_prefix("uploads."));
        match (style, domain) {
            (Style::Enterprise, _) => Self {
                api: http(&format!("{host}/api/v3")),
                web: http(host),
                uploads: http(&format!("{host}/api/uploads")),
                objects: if host.ends_with(".localhost") {
                    http(&format!("media.{host}"))
                } else {
                    objects
                },
            },
            (Style::Public, Some(domain)) => Self {
                api: http(&format!("api.{domain}")),
                web: http(domain),
                uploads: http(&format!("uploads.{domain}")),
                objects,
            },
            (Style::Public, None) => {
                let uploads = http(&format!("{host}/uploads"));
                Self { api: http(host), web: http(host), uploads, objects }
            }
        }
    }

    pub(crate) fn release(&self, repository: &str, release: &Release) -> Value {
        let url = format!("{}/repos/{repository}/releases/{}", self.api, release.id);
        let tag = page(release);
        let ball = |kind: &str| {
            let url = format!("{}/repos/{repository}/{kind}/{}", self.api, release.tag);
            (!release.draft).then_some(url)
        };
        let assets = release.assets.iter().map(|asset| self.asset(repository, &tag, asset));
        json!({
            "url": url,
            "assets_url": format!("{url}/assets"),
            "upload_url": format!(
                "{}/repos/{repository}/releases/{}/assets{{?name,label}}", self.uploads, release.id
            ),
            "html_url": format!("{}/{repository}/releases/tag/{tag}", self.web),
            "id": release.id,
            "author": self.user(&release.author),
            "node_id": format!("RE_{}", release.id),
            "tag_name": release.tag,
            "target_commitish": release.target,
            "name": release.name,
            "draft": release.draft,
            "immutable": release.immutable,
            "prerelease": release.prerelease,
            "created_at": time(release.created),
            "updated_at": time(release.created),
            "published_at": release.published.map(time),
            "assets": assets.collect::<Vec<_>>(),
            "tarball_url": ball("tarball"),
            "zipball_url": ball("zipball"),
            "body": release.body,
        })
    }

    /// An asset; `tag` is what its release's page is called.
    pub(crate) fn asset(&self, repository: &str, tag: &str, asset: &Asset) -> Value {
        let (web, name) = (&self.web, &asset.name);
        json!({
            "url": format!("{}/repos/{repository}/releases/assets/{}", self.api, asset.id),
            "id": asset.id,
            "node_id": format!("RA_{}", asset.id),
            "name": name,
            "label": asset.label.clone().unwrap_or_default(),
            "uploader": self.user(&asset.uploader),
            "content_type": asset.content_type,
            "state": asset.state,
            "size": asset.size,
            "digest": asset.digest,
            "download_count": asset.downloads,
            "created_at": time(asset.created),
            "updated_at": time(asset.created),
            "browser_download_url": format!("{web}/{repository}/releases/download/{tag}/{name}"),
        })
    }

    pub(crate) fn repository(
        &self,
        full_name: &str,
        repository: &Repository,
        token: Option<&Token>,
    ) -> Value {
        let (owner, name) = full_name.split_once('/').unwrap_or_default();
        let url = format!("{}/repos/{full_name}", self.api);
        let mut value = json!({
            "id": repository.id,
            "node_id": format!("R_{}", repository.id),
            "name": name,
            "full_name": full_name,
            "owner": self.user(owner),
            "private": repository.private,
            "visibility": if repository.private { "private" } else { "public" },
            "html_url": format!("{}/{full_name}", self.web),
            "url": url,
            "description": Value::Null,
            "homepage": Value::Null,
            "language": Value::Null,
            "license": Value::Null,
            "mirror_url": Value::Null,
            "default_branch": "main",
            "archived": repository.archived,
            "clone_url": format!("{}/{full_name}.git", self.web),
            "git_url": format!("git://github.localhost/{full_name}.git"),
            "ssh_url": format!("git@github.localhost:{full_name}.git"),
            "svn_url": format!("{}/{full_name}", self.web),
        });
        for (key, rest) in LINKS {
            value[key] = format!("{url}/{rest}").into();
        }
        for key in ["disabled", "fork", "has_pages", "has_discussions"] {
            value[key] = false.into();
        }
        for key in ["has_downloads", "has_issues", "has_projects", "has_wiki"] {
            value[key] = true.into();
        }
        for key in COUNTS {
            value[key] = 0.into();
        }
        for key in ["created_at", "updated_at", "pushed_at"] {
            value[key] = time(1_600_000_000).into();
        }
        if let Some(token) = token {
            value["permissions"] = permissions(token.permission);
        }
        value
    }

    pub(crate) fn user(&self, login: &str) -> Value {
        let url = format!("{}/users/{login}", self.api);
        let mut value = json!({
            "login": login,
            "id": 1,
            "node_id": "U_1",
            "avatar_url": format!("{}/{login}.png", self.web),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{}/{login}", self.web),
            "type": "User",
            "site_admin": false,
        });
        for (key, rest) in [
            ("followers_url", "followers"),
            ("following_url", "following{/other_user}"),
            ("gists_url", "gists{/gist_id}"),
            ("starred_url", "starred{/owner}{/repo}"),
            ("subscriptions_url", "subscriptions"),
            ("organizations_url", "orgs"),
            ("repos_url", "repos"),
            ("events_url", "events{/privacy}"),
            ("received_events_url", "received_events"),
        ] {
            value[key] = format!("{url}/{rest}").into();
        }
        value
    }

    /// The one who asks, as `GET /user` shows it.
    pub(crate) fn oneself(&self, login: &str) -> Value {
        let mut value = self.user(login);
        value["user_view_type"] = "public".into();
        for key in ["bio", "company", "email", "hireable", "location", "name"] {
            value[key] = Value::Null;
        }
        value["blog"] = "".into();
        for key in ["followers", "following", "public_gists", "public_repos"] {
            value[key] = 0.into();
        }
        for key in ["created_at", "updated_at"] {
            value[key] = time(1_600_000_000).into();
        }
        value
    }

    pub(crate) fn tag(&self, repository: &str, tag: &str, commit: &str) -> Value {
        let url = format!("{}/repos/{repository}/git", self.api);
        json!({
            "ref": format!("refs/tags/{tag}"),
            "node_id": format!("REF_{tag}"),
            "url": format!("{url}/refs/tags/{tag}"),
            "object": { "sha": commit, "type": "commit", "url": format!("{url}/commits/{commit}") },
        })
    }
}

/// The page that a release's assets are linked from.
pub(crate) fn page(release: &Release) -> String {
    if release.draft { format!("untagged-{:020x}", release.id) } else { release.tag.clone() }
}

/// A time as GitHub writes it.
pub(crate) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}

fn permissions(permission: Permission) -> Value {
    let push = permission >= Permission::Push;
    json!({ "admin": false, "maintain": false, "push": push, "triage": push, "pull": true })
}

const COUNTS: [&str; 10] = [
    "forks",
    "forks_count",
    "network_count",
    "open_issues",
    "open_issues_count",
    "size",
    "stargazers_count",
    "subscribers_count",
    "watchers",
    "watchers_count",
];

const LINKS: [(&str, &str); 36] = [
    ("archive_url", "{archive_format}{/ref}"),
    ("assignees_url", "assignees{/user}"),
    ("blobs_url", "git/blobs{/sha}"),
    ("branches_url", "branches{/branch}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("comments_url", "comments{/number}"),
    ("commits_url", "commits{/sha}"),
    ("compare_url", "compare/{base}...{head}"),
    ("contents_url", "contents/{+path}"),
    ("contributors_url", "contributors"),
    ("deployments_url", "deployments"),
    ("downloads_url", "downloads"),
    ("events_url", "events"),
    ("forks_url", "forks"),
    ("git_commits_url", "git/commits{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("hooks_url", "hooks"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("issue_events_url", "issues/events{/number}"),
    ("issues_url", "issues{/number}"),
    ("keys_url", "keys{/key_id}"),
    ("labels_url", "labels{/name}"),
    ("languages_url", "languages"),
    ("merges_url", "merges"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("pulls_url", "pulls{/number}"),
    ("releases_url", "releases{/id}"),
    ("stargazers_url", "stargazers"),
    ("statuses_url", "statuses/{sha}"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("tags_url", "tags"),
    ("teams_url", "teams"),
    ("trees_url", "git/trees{/sha}"),
];
