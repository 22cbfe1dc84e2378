//! What was asked is done to the model, and what came of it is told.

use bytes::Bytes;
use serde_json::{Value, json};

use super::State;
use super::answers::page;
use super::faults::Does;
use super::http::{Asked, Received};
use super::model::{Asset, AssetState, Permission, ReleaseFields, Token, Upload};
use super::refusal::Refusal;
use super::route::Operation;

/// An answer, still without what all answers have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Option<Value>,
    /// The media type and the bytes of what is not JSON.
    pub(crate) bytes: Option<(String, Bytes)>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn json(status: u16, json: Value) -> Self {
        Self { status, json: Some(json), ..Self::default() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn redirect(to: String) -> Self {
        Self { headers: vec![("location", to)], ..Self::empty(302) }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let headers = refusal.headers.clone();
        if refusal.is_page() {
            let page = format!("<html><head><title>{}</title></head></html>", refusal.status);
            let bytes = Some(("text/html".to_owned(), Bytes::from(page)));
            return Self { bytes, headers, ..Self::empty(refusal.status) };
        }
        Self { headers, ..Self::json(refusal.status, refusal.body()) }
    }
}

/// Does what was asked.
pub(crate) fn perform(
    state: &mut State,
    asked: &Asked,
    received: Received,
    json: Option<Value>,
    fault: Option<&Does>,
) -> Result<Answer, Refusal> {
    let token = asked.token().and_then(|text| state.world.tokens.get(text)).cloned();
    let mut request = Request { state, asked, token, json, fault };
    match asked.route.operation {
        Operation::GetRepository
        | Operation::GetUser
        | Operation::CheckImmutable
        | Operation::EnableImmutable
        | Operation::DisableImmutable
        | Operation::RateLimit
        | Operation::Meta => request.about(),
        Operation::GetRef
        | Operation::MatchingRefs
        | Operation::CreateRef
        | Operation::DeleteRef => request.refs(),
        Operation::GraphQl => super::graphql::answer(&mut request),
        Operation::UploadAsset => request.upload(received),
        Operation::GetAsset | Operation::PageDownload | Operation::Object => request.download(),
        Operation::ListAssets | Operation::UpdateAsset | Operation::DeleteAsset => request.assets(),
        Operation::ListWorkflows
        | Operation::GetWorkflow
        | Operation::Dispatch
        | Operation::ListRuns
        | Operation::ListRunsOfWorkflow
        | Operation::GetRun
        | Operation::CancelRun
        | Operation::RerunFailed
        | Operation::ListJobs
        | Operation::GetJob
        | Operation::JobLogs
        | Operation::Annotations
        | Operation::ListArtifacts
        | Operation::DownloadArtifact
        | Operation::Blob => request.actions(),
        Operation::Control | Operation::Unknown => Err(Refusal::not_found()),
        _ => request.releases(),
    }
}

/// What an upload's address and headers say.
pub(crate) fn upload_of(asked: &Asked, received: Received) -> Upload {
    Upload {
        name: asked.parameter("name").unwrap_or_default().to_owned(),
        label: asked.parameter("label").map(str::to_owned),
        content_type: asked.content_type.clone(),
        size: received.size,
        digest: received.digest,
        bytes: received.bytes,
    }
}

/// A request at work.
pub(crate) struct Request<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) asked: &'a Asked,
    pub(crate) token: Option<Token>,
    pub(crate) json: Option<Value>,
    pub(crate) fault: Option<&'a Does>,
}

impl Request<'_> {
    fn about(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let world = &mut self.state.world;
        match self.asked.route.operation {
            Operation::GetRepository => {
                let repository = world.seen(&name, token.as_ref())?;
                Ok(Answer::json(200, self.asked.urls.repository(&name, repository, token.as_ref())))
            }
            Operation::GetUser => match token {
                None => Err(Refusal::requires_authentication()),
                Some(token) if token.installation => Err(Refusal::not_accessible(&token)),
                Some(token) => Ok(Answer::json(200, self.asked.urls.oneself(&token.login))),
            },
            Operation::CheckImmutable => {
                let enabled = world.changed(&name, token.as_ref())?.immutable_releases;
                let answer = json!({ "enabled": true, "enforced_by_owner": false });
                if enabled { Ok(Answer::json(200, answer)) } else { Err(Refusal::not_found()) }
            }
            Operation::EnableImmutable | Operation::DisableImmutable => {
                let enabled = self.asked.route.operation == Operation::EnableImmutable;
                world.changed(&name, token.as_ref())?.immutable_releases = enabled;
                Ok(Answer::empty(204))
            }
            Operation::RateLimit => Ok(Answer::json(200, json!({ "resources": {}, "rate": {} }))),
            _ => Ok(Answer::json(200, json!({ "verifiable_password_authentication": false }))),
        }
    }

    fn refs(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let tag = self.asked.route.name.trim_start_matches("tags/").to_owned();
        let urls = &self.asked.urls;
        let world = &mut self.state.world;
        match self.asked.route.operation {
            Operation::GetRef => {
                let repository = world.seen(&name, token.as_ref())?;
                let commit = repository.tags.get(&tag).ok_or_else(Refusal::not_found)?;
                Ok(Answer::json(200, urls.tag(&name, &tag, commit)))
            }
            Operation::MatchingRefs => {
                let tags = world.seen(&name, token.as_ref())?.tags.iter();
                let matching = tags.filter(|(known, _)| known.starts_with(&tag));
                let shown = matching.map(|(tag, commit)| urls.tag(&name, tag, commit));
                Ok(Answer::json(200, shown.collect()))
            }
            Operation::CreateRef => {
                let text = |key: &str| {
                    let json = self.json.as_ref();
                    json.and_then(|json| json[key].as_str()).unwrap_or_default().to_owned()
                };
                let (tag, commit) = (text("ref").replace("refs/tags/", ""), text("sha"));
                let repository = world.changed(&name, token.as_ref())?;
                if repository.tags.contains_key(&tag) {
                    return Err(Refusal::new(422, "Reference already exists"));
                }
                repository.tags.insert(tag.clone(), commit.clone());
                Ok(Answer::json(201, urls.tag(&name, &tag, &commit)))
            }
            _ => {
                let repository = world.changed(&name, token.as_ref())?;
                let locked = repository.by_tag(&tag).is_some_and(|release| release.immutable);
                match repository.tags.remove(&tag).filter(|_| !locked) {
                    Some(_) => Ok(Answer::empty(204)),
                    None => Err(Refusal::new(422, "Reference does not exist")),
                }
            }
        }
    }

    fn releases(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let id = self.asked.route.id;
        let push = self.may_push();
        let world = &mut self.state.world;
        let release = match self.asked.route.operation {
            Operation::ListReleases => {
                let listed = world.seen(&name, token.as_ref())?.listed(push);
                return Ok(self.paged(&listed, |release| self.asked.urls.release(&name, release)));
            }
            Operation::DeleteRelease => {
                world.delete_release(&name, token.as_ref(), id)?;
                return Ok(Answer::empty(204));
            }
            Operation::CreateRelease => {
                let fields = self.fields()?;
                let lag = if let Some(Does::Lag(lists)) = self.fault { *lists } else { 0 };
                let release =
                    self.state.world.create_release(&name, token.as_ref(), fields, lag)?;
                let shown = self.asked.urls.release(&name, &release);
                let location = shown["url"].as_str().unwrap_or_default().to_owned();
                return Ok(Answer {
                    headers: vec![("location", location)],
                    ..Answer::json(201, shown)
                });
            }
            Operation::UpdateRelease => {
                let fields = self.fields()?;
                Some(self.state.world.update_release(&name, token.as_ref(), id, &fields)?)
            }
            Operation::ReleaseByTag => {
                world.seen(&name, token.as_ref())?.by_tag(&self.asked.route.name).cloned()
            }
            Operation::LatestRelease => world.seen(&name, token.as_ref())?.latest().cloned(),
            _ => {
                let release = world.seen(&name, token.as_ref())?.releases.get(&id);
                release.filter(|release| push || !release.draft).cloned()
            }
        };
        let release = release.ok_or_else(Refusal::not_found)?;
        Ok(Answer::json(200, self.asked.urls.release(&name, &release)))
    }

    fn upload(&mut self, received: Received) -> Result<Answer, Refusal> {
        let name = self.asked.route.repository.clone();
        let mut upload = upload_of(self.asked, received);
        if self.fault == Some(&Does::WrongDigest) {
            upload.digest = format!("sha256:{:064x}", 0xbad);
            upload.bytes = Some(Bytes::from_static(b"something else"));
        }
        let (token, id) = (self.token.clone(), self.asked.route.id);
        let world = &mut self.state.world;
        let mut asset = world.upload(&name, token.as_ref(), id, upload, AssetState::Uploaded)?;
        let repository = world.seen(&name, token.as_ref())?;
        let release = repository.release_of(asset.id)?;
        if self.fault == Some(&Does::NullDigest) {
            asset.digest = None;
            if let Some(last) = release.assets.last_mut() {
                last.digest = None;
            }
        }
        Ok(Answer::json(201, self.asked.urls.asset(&name, &page(release), &asset)))
    }

    fn assets(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let (id, push) = (self.asked.route.id, self.may_push());
        let world = &mut self.state.world;
        match self.asked.route.operation {
            Operation::ListAssets => {
                let release = world.seen(&name, token.as_ref())?.releases.get(&id);
                let release = release.filter(|release| push || !release.draft).cloned();
                let release = release.ok_or_else(Refusal::not_found)?;
                let tag = page(&release);
                Ok(self.paged(&release.assets, |asset| self.asked.urls.asset(&name, &tag, asset)))
            }
            Operation::DeleteAsset => {
                world.delete_asset(&name, token.as_ref(), id)?;
                Ok(Answer::empty(204))
            }
            _ => {
                let json = self.json.clone().unwrap_or_default();
                let (new, label) = (json["name"].as_str(), json["label"].as_str());
                let asset = world.update_asset(&name, token.as_ref(), id, new, label)?;
                let tag = page(world.seen(&name, token.as_ref())?.release_of(id)?);
                Ok(Answer::json(200, self.asked.urls.asset(&name, &tag, &asset)))
            }
        }
    }

    /// An asset: what is said of it, where its bytes are, or the bytes.
    fn download(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let (id, push) = (self.asked.route.id, self.may_push());
        let world = &mut self.state.world;
        match self.asked.route.operation {
            Operation::Object => self.object(),
            Operation::PageDownload => {
                let (tag, file) = self.asked.route.name.split_once('/').unwrap_or_default();
                let release = world.seen(&name, token.as_ref())?.by_tag(tag);
                let assets = release.map(|release| release.assets.as_slice()).unwrap_or_default();
                let asset = assets.iter().find(|asset| asset.name == file);
                let asset = asset.cloned().ok_or_else(Refusal::not_found)?;
                Ok(Answer::redirect(self.object_url(&asset)))
            }
            _ => {
                let release = world.seen(&name, token.as_ref())?.release_of(id)?.clone();
                if release.draft && !push {
                    return Err(Refusal::not_found());
                }
                let asset = release.assets.iter().find(|asset| asset.id == id);
                let asset = asset.ok_or_else(Refusal::not_found)?;
                if self.asked.accept.contains("application/octet-stream") {
                    return Ok(Answer::redirect(self.object_url(asset)));
                }
                let tag = page(&release);
                Ok(Answer::json(200, self.asked.urls.asset(&name, &tag, asset)))
            }
        }
    }

    /// The bytes of an asset.
    fn object(&mut self) -> Result<Answer, Refusal> {
        let id = self.asked.route.id;
        let mut releases =
            self.state.world.repositories.values_mut().map(|repository| repository.release_of(id));
        let release = releases.find_map(Result::ok).ok_or_else(Refusal::not_found)?;
        let asset = release.assets.iter_mut().find(|asset| asset.id == id);
        let asset = asset.ok_or_else(Refusal::not_found)?;
        asset.downloads += 1;
        let Some(bytes) = asset.bytes.clone() else {
            return Err(Refusal::new(501, "these bytes were not kept"));
        };
        let (content_type, name) = (asset.content_type.clone(), asset.name.clone());
        self.serve(bytes, &content_type, &name)
    }

    /// Bytes, or those of them that are wanted. Whoever shows a token here has shown it to the wrong host.
    pub(crate) fn serve(
        &self,
        bytes: Bytes,
        content_type: &str,
        name: &str,
    ) -> Result<Answer, Refusal> {
        if self.asked.authorization.is_some() {
            return Err(Refusal::new(400, "Only one authentication mechanism allowed"));
        }
        let etag = format!("\"sha256:{}\"", modfarm::model::digest::Sha256::of(&bytes));
        let mut headers = vec![
            ("content-disposition", format!("attachment; filename={name}")),
            ("accept-ranges", "bytes".to_owned()),
            ("etag", etag.clone()),
        ];
        let (content_type, whole) = (content_type.to_owned(), bytes.len());
        match self.rest_from(&etag) {
            Some(from) if from >= whole => Err(Refusal::new(416, "InvalidRange")),
            Some(from) => {
                headers.push(("content-range", format!("bytes {from}-{}/{whole}", whole - 1)));
                let bytes = Some((content_type, bytes.slice(from..)));
                Ok(Answer { bytes, headers, ..Answer::empty(206) })
            }
            None => {
                Ok(Answer { bytes: Some((content_type, bytes)), headers, ..Answer::empty(200) })
            }
        }
    }

    /// From which byte on a file is wanted, where not all of it is.
    fn rest_from(&self, etag: &str) -> Option<usize> {
        let same = self.asked.if_range.as_deref().is_none_or(|known| known == etag);
        let range = self.asked.range.as_deref().filter(|_| same)?;
        range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    fn object_url(&self, asset: &Asset) -> String {
        self.elsewhere(&format!("objects/{}", asset.id))
    }

    /// An address on the host that has the bytes, or on the one that the fault names.
    pub(crate) fn elsewhere(&self, path: &str) -> String {
        let host = match self.fault {
            Some(Does::Redirect(host)) => format!("http://{host}"),
            _ => self.asked.urls.objects.clone(),
        };
        format!("{host}/{path}?sig=x")
    }

    pub(crate) fn may_push(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.permission >= Permission::Push)
    }

    /// The fields of a release in the request's body.
    fn fields(&self) -> Result<ReleaseFields, Refusal> {
        let mut json =
            self.json.clone().ok_or_else(|| Refusal::new(400, "Problems parsing JSON"))?;
        // A null is a field that is left as it is; Octokit and others send them.
        if let Some(fields) = json.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        serde_json::from_value(json)
            .map_err(|error| Refusal::new(422, &format!("Invalid request.\n\n{error}")))
    }

    /// A page of a list, with the links to the others.
    pub(crate) fn paged<T>(&self, all: &[T], show: impl Fn(&T) -> Value) -> Answer {
        let number = |name: &str, default: usize| {
            let given = self.asked.parameter(name).and_then(|value| value.parse().ok());
            given.unwrap_or(default).max(1)
        };
        let (per_page, page) = (number("per_page", 30).min(100), number("page", 1));
        let last = all.len().div_ceil(per_page).max(1);
        let shown = all.iter().skip((page - 1) * per_page).take(per_page).map(show);
        let link = |to: usize, rel: &str| {
            let (api, path) = (&self.asked.urls.api, &self.asked.route.path);
            format!("<{api}{path}?per_page={per_page}&page={to}>; rel=\"{rel}\"")
        };
        let mut links = Vec::new();
        if page > 1 {
            links.extend([link(page - 1, "prev"), link(1, "first")]);
        }
        if page < last {
            links.extend([link(page + 1, "next"), link(last, "last")]);
        }
        let headers = if links.is_empty() { vec![] } else { vec![("link", links.join(", "))] };
        Answer { headers, ..Answer::json(200, shown.collect()) }
    }
}
