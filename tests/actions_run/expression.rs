//! What stands between `${{` and `}}`, evaluated by GitHub's own packages in a process of Node.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::github_clients::node;

/// What `success()` and its like say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) success: bool,
    pub(crate) failure: bool,
}

impl Status {
    pub(crate) const WELL: Self = Self { success: true, failure: false };
}

/// The process.
#[derive(Debug)]
pub(crate) struct Expressions {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Expressions {
    pub(crate) fn start() -> Self {
        let mut child = node("expressions.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`make clients` installs node");
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, questions, answers }
    }

    /// A piece of a workflow with all its expressions evaluated. A panic if one is not known.
    #[track_caller]
    pub(crate) fn fill(&mut self, template: &Value, contexts: &Value, status: Status) -> Value {
        self.ask("template", template, contexts, status)
    }

    /// Whether an `if` holds; one that is not there does after success.
    #[track_caller]
    pub(crate) fn holds(&mut self, condition: &Value, contexts: &Value, status: Status) -> bool {
        let condition = if condition.is_null() { &json!("success()") } else { condition };
        self.ask("condition", condition, contexts, status) == json!(true)
    }

    #[track_caller]
    fn ask(&mut self, kind: &str, what: &Value, contexts: &Value, status: Status) -> Value {
        let Status { success, failure } = status;
        let status =
            json!({ "success": success, "failure": failure, "cancelled": false, "always": true });
        let question = json!({ kind: what, "contexts": contexts, "status": status });
        writeln!(self.questions.as_mut().expect("a pipe"), "{question}").expect("node listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("node answers");
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert!(answer["error"].is_null(), "{what}: {}", answer["error"]);
        answer["value"].take()
    }
}

impl Drop for Expressions {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ended = self.child.wait();
    }
}
