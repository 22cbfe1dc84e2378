//! Where a file is in the repository that a workflow runs in: annotations name files from there.

/// The variable that names the folder of the workspace which that repository is checked out in, where it is
/// not the workspace itself: a workflow that another repository calls checks out its own as well.
const CHECKOUT: &str = "MODFARM_CHECKOUT";

/// A file's path in the repository, with slashes; nothing where it is elsewhere.
pub(super) fn in_repository(file: &str) -> Option<String> {
    let here = std::env::current_dir().ok()?.to_string_lossy().into_owned();
    let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let workspace = given("GITHUB_WORKSPACE").unwrap_or_else(|| here.clone());
    let root = match given(CHECKOUT) {
        Some(folder) => format!("{workspace}/{folder}"),
        None => workspace,
    };
    below(&root, &here, file)
}

/// The path of a file below a root; the file is named from a folder, unless it says where it is itself.
fn below(root: &str, here: &str, file: &str) -> Option<String> {
    let parts = |path: &str| -> Vec<String> {
        path.split(['/', '\\']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let is_absolute = file.starts_with(['/', '\\']) || file.get(1..2) == Some(":");
    let mut path = if is_absolute { Vec::new() } else { parts(here) };
    for part in parts(file) {
        match part.as_str() {
            "." => {}
            ".." => drop(path.pop()?),
            _ => path.push(part),
        }
    }
    let root = parts(root);
    // Windows does not tell letters of a path apart, and programs write its drives either way.
    let same = |(one, other): (&String, &String)| {
        if root[0].ends_with(':') { one.eq_ignore_ascii_case(other) } else { one == other }
    };
    let inside = path.len() > root.len() && root.iter().zip(&path).all(same);
    inside.then(|| path[root.len()..].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_said_from_the_root_of_the_repository() {
        let unix = |file| below("/w/repo", "/w/repo/sub", file);
        assert_eq!(unix("matrix.yaml").as_deref(), Some("sub/matrix.yaml"));
        assert_eq!(unix("../x/./a.c").as_deref(), Some("x/a.c"));
        assert_eq!(unix("/w/repo/a.c").as_deref(), Some("a.c"));
        for elsewhere in
            ["/w/other/a.c", "../../other/a.c", "/w/repo", "../../../../../a", "/W/repo/a"]
        {
            assert_eq!(unix(elsewhere), None, "{elsewhere}");
        }
        let windows = |file| below("D:\\a\\repo", "D:\\a\\repo", file);
        assert_eq!(windows("src\\server\\x.c").as_deref(), Some("src/server/x.c"));
        assert_eq!(windows("d:/A/repo/x.c").as_deref(), Some("x.c"));
        assert_eq!(windows("C:\\x.c"), None);
    }
}
