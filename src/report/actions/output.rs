//! The outputs of a step, as the file that `GITHUB_OUTPUT` names takes them.

/// The lines that give an output its value. Whatever the value holds, it ends where it should: the line that
/// ends it is made up anew, and is none of its own.
#[must_use]
pub fn assignment(name: &str, value: &str) -> String {
    let end = loop {
        let end = format!("end-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        if !value.contains(&end) {
            break end;
        }
    };
    format!("{name}<<{end}\n{value}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_sets_no_other_output() {
        let text = assignment("jobs", "a\nother<<x\nb\nx");
        let mut lines = text.lines();
        let end = lines.next().unwrap().strip_prefix("jobs<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        assert_eq!(value, ["a", "other<<x", "b", "x"]);
        assert_eq!(lines.next(), None);
        assert_ne!(assignment("a", "b"), assignment("a", "b"), "nobody can foresee the end");
    }
}
