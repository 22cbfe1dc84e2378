//! `vswhere`: which Visual Studios there are. It says what the file `instances.json` beside it says, once
//! it is asked as it must be to list them all.

/// Lists the installations; gives vswhere's exit code.
pub(crate) fn run(arguments: &[String]) -> i32 {
    match listed(arguments) {
        Ok(text) => {
            println!("{text}");
            0
        }
        Err(objection) => {
            println!("Error 0x57: {objection}");
            87
        }
    }
}

fn listed(arguments: &[String]) -> Result<String, String> {
    let (mut products, mut json, mut utf8) = ("", false, false);
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "-products" => products = arguments.next().ok_or("-products wants a value")?,
            "-format" => json = arguments.next() == Some("json"),
            "-utf8" => utf8 = true,
            "-nologo" | "-all" | "-prerelease" => {}
            other => return Err(format!("unknown parameter {other}")),
        }
    }
    // Without these the Build Tools are missing, or names are garbled.
    if products != "*" || !json || !utf8 {
        return Ok("[]".to_owned());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let file = own.with_file_name("instances.json");
    std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}
