//! `requests`: many at once, each with its own answer.

use super::{Check, Server};

pub(super) static CHECK: Check = Check::new(
    "requests",
    "200 requests, 16 at a time, are each answered with what was asked",
    |server| Box::pin(check(server)),
);

const REQUESTS: usize = 200;
const AT_ONCE: usize = 16;

async fn check(server: &mut Server) -> Result<(), String> {
    let paths = (0..REQUESTS).map(|number| format!("/echo?{number}")).collect();
    for (path, answer) in server.many(paths, AT_ONCE).await? {
        let number = path.trim_start_matches("/echo?");
        let expected = format!("{{\"echo\": \"{number}\"}}");
        if answer.status != 200 || answer.body != expected {
            let status = answer.status;
            let what = format!("{path} is answered with status {status} and another's page");
            return Err(server.explain(&what).await);
        }
    }
    Ok(())
}
