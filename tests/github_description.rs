//! GitHub's own description of its API vouches for the stand-in, and for what is asked of it: every
//! request that was logged and every answer that was given are checked against it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use modfarm::sys::files;
use serde_json::{Map, Value, json};

use crate::github::log::Logged;
use crate::github::route::Role;
use crate::github::{Operation, StandIn};
use crate::github_clients::clients;

/// Panics unless all that was asked and answered is as GitHub describes it.
#[track_caller]
pub(crate) fn assert_agrees(github: &StandIn) {
    let wrong = objections(&github.log());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What disagrees with the description, in words.
pub(crate) fn objections(log: &[Logged]) -> Vec<String> {
    let described = log.iter().filter(|logged| {
        let own = [Operation::GraphQl, Operation::PageDownload, Operation::Control];
        // A head is asked for in place of the whole, which is not described.
        logged.host != Role::Objects && logged.method != "HEAD" && !own.contains(&logged.operation)
    });
    described
        .flat_map(|logged| {
            DESCRIPTION
                .objections(logged)
                .into_iter()
                .map(|wrong| format!("{}: {wrong}", logged.line()))
        })
        .collect()
}

#[test]
fn what_github_does_not_describe_is_seen() {
    let github = StandIn::start();
    let ask = |method: &str, path: &str, body: &str| github.ask(method, path, body).ok();
    ask("GET", "/repos/grey-owl/mod_wsgi/releases?per_page=100", "");
    assert_agrees(&github);
    ask("GET", "/repos/grey-owl/mod_wsgi/releases?tag=1.0", "");
    ask("GET", "/repos/grey-owl/mod_wsgi/no-such-thing", "");
    ask("POST", "/repos/grey-owl/mod_wsgi/releases", r#"{"name":"x","draft":"yes"}"#);
    let wrong = objections(&github.log());
    let has = |words: &str| assert!(wrong.iter().any(|line| line.contains(words)), "{wrong:#?}");
    has("no parameter tag");
    has("not described");
    has("tag_name");
    has(r#""yes" is not of type"#);
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(Description::load);

/// The description, and what was compiled of it so far.
struct Description {
    whole: Value,
    /// Operation id -> path and method.
    operations: BTreeMap<String, (String, String)>,
    validators: Mutex<BTreeMap<String, &'static Validator>>,
}

impl Description {
    fn load() -> Self {
        let folder = clients().join("node/node_modules/@octokit/openapi/generated");
        let bytes = files::read(&folder.join("api.github.com.json")).expect("the description");
        let mut whole: Value = serde_json::from_slice(&bytes).expect("JSON");
        // The description forgets it; GitHub's text on failed uploads has it.
        let states = &mut whole["components"]["schemas"]["release-asset"]["properties"]["state"];
        states["enum"].as_array_mut().expect("the states").push("starter".into());
        let mut operations = BTreeMap::new();
        for (path, methods) in whole["paths"].as_object().expect("the paths") {
            for (method, operation) in methods.as_object().expect("the methods") {
                let id = operation["operationId"].as_str().expect("an id").to_owned();
                operations.insert(id, (path.clone(), method.clone()));
            }
        }
        Self { whole, operations, validators: Mutex::default() }
    }

    fn objections(&self, logged: &Logged) -> Vec<String> {
        let id = logged.operation.id();
        let Some((path, method)) = self.operations.get(&id) else {
            return vec!["not described".to_owned()];
        };
        let mut wrong = Vec::new();
        if !fits(path, &logged.path) || !method.eq_ignore_ascii_case(&logged.method) {
            wrong.push(format!("{method} {path} is described"));
        }
        let operation = &self.whole["paths"][path][method];
        wrong.extend(self.parameters(operation, logged));
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if let (Some(given), false) = (&logged.body, body.is_null()) {
            wrong.extend(self.schema(&format!("{id} body"), body, given));
        } else if operation["requestBody"]["required"] == true && logged.status.is_some() {
            wrong.push("a body is required".to_owned());
        }
        wrong.extend(self.answer(&id, operation, logged));
        wrong
    }

    fn parameters(&self, operation: &Value, logged: &Logged) -> Vec<String> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|one| self.resolved(one));
        let query: Vec<&Value> = parameters.filter(|one| one["in"] == "query").collect();
        let mut wrong = Vec::new();
        for (key, _) in &logged.query {
            if !query.iter().any(|one| one["name"] == key.as_str()) {
                wrong.push(format!("no parameter {key} is described"));
            }
        }
        for one in query.iter().filter(|one| one["required"] == true) {
            if !logged.query.iter().any(|(key, _)| one["name"] == key.as_str()) {
                wrong.push(format!("the parameter {} is required", one["name"]));
            }
        }
        wrong
    }

    /// The answer, if it is one that is described in full: a success.
    fn answer(&self, id: &str, operation: &Value, logged: &Logged) -> Vec<String> {
        let (Some(status), None) = (logged.status, &logged.fault) else { return Vec::new() };
        // What is known already is described nowhere: any GET may be answered so.
        if status >= 400 || status == 304 {
            return Vec::new();
        }
        let response = &operation["responses"][status.to_string()];
        if response.is_null() {
            return vec![format!("no answer {status} is described")];
        }
        let schema = &self.resolved(response)["content"]["application/json"]["schema"];
        match (&logged.answer, schema.is_null()) {
            (Some(answer), false) => self.schema(&format!("{id} {status}"), schema, answer),
            _ => Vec::new(),
        }
    }

    fn schema(&self, name: &str, schema: &Value, instance: &Value) -> Vec<String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = *validators
            .entry(name.to_owned())
            .or_insert_with(|| Box::leak(Box::new(self.compiled(schema))));
        drop(validators);
        let errors = validator.iter_errors(instance);
        errors.map(|error| format!("{name}: {}: {error}", error.instance_path())).collect()
    }

    /// A schema with all that it refers to, in the words of JSON Schema.
    fn compiled(&self, schema: &Value) -> Validator {
        let mut needed = BTreeMap::new();
        let mut open = vec![schema.clone()];
        while let Some(next) = open.pop() {
            for name in references(&next) {
                let found = &self.whole["components"]["schemas"][&name];
                if let Entry::Vacant(place) = needed.entry(name) {
                    open.push(found.clone());
                    place.insert(nullable(found.clone()));
                }
            }
        }
        let root = json!({
            "allOf": [nullable(schema.clone())],
            "components": { "schemas": needed },
        });
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&root).expect("a schema")
    }

    /// What a reference refers to, or the thing itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.whole.pointer(pointer).expect("what is referred to"),
            None => value,
        }
    }
}

/// Whether a path is one of these: `{owner}` stands for one segment, `{ref}` for the rest.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    let fits = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    let rest = template.last() == Some(&"{ref}") && path.len() >= template.len();
    (rest || template.len() == path.len()) && template.iter().zip(&path).all(fits)
}

/// The schemas that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|own| own.strip_prefix("#/components/schemas/"));
            own.map(str::to_owned).into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// `nullable: true` in the words of JSON Schema.
fn nullable(schema: Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: Map<String, Value> = fields
                .into_iter()
                .filter(|(key, _)| {
                    !matches!(key.as_str(), "example" | "examples" | "discriminator")
                })
                .map(|(key, value)| (key, nullable(value)))
                .collect();
            if fields.remove("nullable") == Some(Value::Bool(true)) {
                return json!({ "anyOf": [fields, { "type": "null" }] });
            }
            Value::Object(fields)
        }
        Value::Array(items) => items.into_iter().map(nullable).collect(),
        other => other,
    }
}
