//! The stand-in's own addresses, for one that is started by hand: `/_stand-in/state` shows everything,
//! `/_stand-in/log` what was asked, `/_stand-in/faults` shows, takes (POST) and forgets (DELETE) rules.

use serde_json::{Value, json};

use super::http::{Asked, Received};
use super::operations::Answer;
use super::refusal::Refusal;
use super::{Fault, Shared};

/// Answers a request to the stand-in itself.
pub(crate) fn answer(shared: &Shared, asked: &Asked, received: &Received) -> Answer {
    let mut state = shared.state();
    let shown = match (asked.method.as_str(), asked.route.path.as_str()) {
        ("GET", "/_stand-in/state") => serde_json::to_value(&state.world.repositories),
        ("GET", "/_stand-in/log") => serde_json::to_value(&state.log),
        ("GET", "/_stand-in/faults") => serde_json::to_value(&state.faults),
        ("DELETE", "/_stand-in/faults") => {
            state.faults.clear();
            Ok(json!([]))
        }
        ("POST", "/_stand-in/faults") => {
            let bytes = received.bytes.as_deref().unwrap_or_default();
            serde_json::from_slice::<Fault>(bytes).and_then(|fault| {
                state.faults.push(fault);
                serde_json::to_value(&state.faults)
            })
        }
        _ => return Answer::refused(Refusal::not_found()),
    };
    shown.map_or_else(
        |error| Answer::json(422, Value::String(error.to_string())),
        |shown| Answer::json(200, shown),
    )
}
