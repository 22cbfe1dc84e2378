// A release's whole life through Octokit: `octokit.mjs BASE_URL REPOSITORY FILE FOLDER`, with
// OCTOKIT the file to import it from. Prints what was seen as JSON.

import { readFileSync, writeFileSync } from "node:fs";

const [baseUrl, repository, file, folder] = process.argv.slice(2);
const { Octokit } = await import(`${process.env.MODULES}/@octokit/rest/dist-src/index.js`);
const octokit = new Octokit({ auth: process.env.TOKEN, baseUrl });
const [owner, repo] = repository.split("/");
const seen = {};

seen.login = (await octokit.rest.users.getAuthenticated()).data.login;
seen.push = (await octokit.rest.repos.get({ owner, repo })).data.permissions.push;
const refs = await octokit.rest.git.listMatchingRefs({ owner, repo, ref: "tags/1" });
seen.tags = refs.data.map((ref) => ref.ref);

const draft = (
  await octokit.rest.repos.createRelease({
    owner, repo, tag_name: "1.0", name: "One", body: "Notes", draft: true,
  })
).data;
const upload = (name) =>
  octokit.rest.repos.uploadReleaseAsset({
    owner, repo, release_id: draft.id, url: draft.upload_url, name, label: "a label",
    data: readFileSync(file),
  });
for (let number = 0; number < 33; number += 1) await upload(`asset ${number}.zip`);
seen.again = await upload("asset 0.zip").catch((error) => [
  error.status, error.response.data.errors[0].code,
]);
const everything = await octokit.paginate(octokit.rest.repos.listReleaseAssets, {
  owner, repo, release_id: draft.id, per_page: 10,
});
seen.assets = everything.length;
seen.first = [everything[0].name, everything[0].digest];
seen.hidden = await octokit.rest.repos
  .getReleaseByTag({ owner, repo, tag: "1.0" })
  .catch((error) => error.status);
const published = await octokit.rest.repos.updateRelease({
  owner, repo, release_id: draft.id, draft: false, make_latest: "true",
});
seen.published = [published.data.draft, published.data.immutable];
seen.latest = (await octokit.rest.repos.getLatestRelease({ owner, repo })).data.tag_name;
const asset_id = everything[0].id;
const bytes = await octokit.rest.repos.getReleaseAsset({
  owner, repo, asset_id, headers: { accept: "application/octet-stream" },
});
writeFileSync(`${folder}/octokit.zip`, Buffer.from(bytes.data));
await octokit.rest.repos.updateReleaseAsset({ owner, repo, asset_id, name: "renamed.zip" });
await octokit.rest.repos.deleteReleaseAsset({ owner, repo, asset_id: everything[1].id });
seen.release = (await octokit.rest.repos.getRelease({ owner, repo, release_id: draft.id })).data
  .assets.length;
await octokit.rest.repos.deleteRelease({ owner, repo, release_id: draft.id });
seen.releases = (await octokit.rest.repos.listReleases({ owner, repo })).data.length;
console.log(JSON.stringify(seen));
