"""A release's whole life through PyGithub: `pygithub.py BASE_URL REPOSITORY FILE FOLDER`.

Prints what was seen as JSON. The token comes in the environment.
"""

import json
import os
import sys

import github


def main(base_url, repository, file, folder):
    client = github.Github(
        base_url=base_url,
        auth=github.Auth.Token(os.environ["TOKEN"]),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    seen = {"login": client.get_user().login}
    repo = client.get_repo(repository)
    seen["push"] = repo.permissions.push
    seen["tag"] = repo.get_git_ref("tags/1.0").object.sha

    release = repo.create_git_release("1.0", "One", "Notes", draft=True)
    asset = release.upload_asset(file, label="a label", content_type="application/zip")
    seen["uploaded"] = [asset.name, asset.label, asset.size, asset.state]
    seen["drafts"] = [r.tag_name for r in repo.get_releases() if r.draft]
    try:
        release.upload_asset(file)
    except github.GithubException as error:
        seen["again"] = [error.status, error.data["errors"][0]["code"]]
    release = release.update_release("One!", "Other notes", draft=False)
    seen["published"] = [release.draft, release.name, release.body]
    seen["by_tag"] = repo.get_release("1.0").name
    seen["latest"] = repo.get_latest_release().name
    asset = asset.update_asset("renamed.zip", "another label")
    seen["renamed"] = [asset.name, asset.label]
    asset.download_asset(os.path.join(folder, "pygithub.zip"))
    seen["assets"] = [a.name for a in release.get_assets()]
    asset.delete_asset()
    seen["assets_left"] = [a.name for a in release.get_assets()]
    release.delete_release()
    seen["releases_left"] = [r.tag_name for r in repo.get_releases()]
    try:
        repo.get_release("1.0")
    except github.UnknownObjectException as error:
        seen["gone"] = error.status
    print(json.dumps(seen))


main(*sys.argv[1:])
