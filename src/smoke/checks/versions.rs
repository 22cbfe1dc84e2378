//! `versions`: what runs is what the file says.

use serde_json::Value;

use super::{Check, Server};
use crate::model::arch::Arch;

pub(super) static CHECK: Check = Check::new(
    "versions",
    "the versions of mod_wsgi and Python, the bitness and free threading are those of the file",
    |server| Box::pin(check(server)),
);

async fn check(server: &mut Server) -> Result<(), String> {
    let header = server.get("/about").await?.server;
    let about = server.json("/about").await?;
    let text = |name: &str| about.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (module, python) = (text("module"), text("python"));
    server.apache = in_header(&header, "Apache").map(str::to_owned);
    server.python = Some(python.clone());
    server.module.clone_from(&module);
    let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    let name = &server.trial.module;
    if let Some(claimed) = &server.trial.claim.version
        && module != numbers(claimed.as_str())
    {
        return Err(format!("{name} says it is {module}, and the file should be {claimed}"));
    }
    if let Some(claimed) = server.trial.claim.python
        && minor(&python) != format!("{}.{}", claimed.major, claimed.minor)
    {
        return Err(format!("Python {python} runs, and the file is for Python {claimed}"));
    }
    if let Some(compiled) = in_header(&header, "Python")
        && minor(compiled) != minor(&python)
    {
        return Err(format!(
            "{name} was compiled with the headers of Python {compiled} and runs with {python}: it \
             reads Python's objects wrongly"
        ));
    }
    bitness(server.trial.host.arch, &about)?;
    free_threading(server.trial.claim.python.map(|tag| tag.free_threaded), &about)
}

/// The version after a name in the header `Server`: `Apache/2.4.68 (Win64) mod_wsgi/6.1.1 Python/3.13`.
fn in_header<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('/'))
}

/// The module says its version in numbers: 5.0.1 of 5.0.1.rc1.
fn numbers(version: &str) -> String {
    let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    version.split('.').take_while(digits).take(3).collect::<Vec<_>>().join(".")
}

fn bitness(arch: Option<Arch>, about: &Value) -> Result<(), String> {
    let bits = about.get("bits").and_then(Value::as_u64).unwrap_or_default();
    let wanted = match arch {
        Some(Arch::Win32) => 32,
        Some(Arch::Win64) => 64,
        None => return Ok(()),
    };
    let largest = about.get("maxsize").and_then(Value::as_u64).unwrap_or_default();
    if bits == wanted && largest == (1 << (wanted - 1)) - 1 {
        return Ok(());
    }
    Err(format!(
        "Python has {bits} bit (sys.maxsize is {largest}), and the file is for {wanted} bit"
    ))
}

fn free_threading(claimed: Option<bool>, about: &Value) -> Result<(), String> {
    let is = about.get("free_threaded").and_then(Value::as_bool).unwrap_or_default();
    match claimed {
        Some(true) if !is => Err("the Python is not the free-threaded build".to_owned()),
        Some(false) if is => {
            Err("the Python is the free-threaded build, and the file is not for it".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_header() {
        let header = "Apache/2.4.68 (Win64) mod_wsgi/6.1.1 Python/3.13";
        assert_eq!(in_header(header, "Apache"), Some("2.4.68"));
        assert_eq!(in_header(header, "Python"), Some("3.13"));
        assert_eq!(in_header(header, "PHP"), None);
        assert_eq!(numbers("5.0.1.rc1"), "5.0.1");
    }
}
