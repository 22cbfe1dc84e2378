//! `mt`: Microsoft's manifest tool, as far as it puts a manifest into a DLL.

use crate::arguments::{here, option};
use crate::resource;

/// mt ends with this wherever it objects.
const FAILED: i32 = 31;

/// Puts the manifest into the file; gives mt's exit code.
pub(crate) fn run(arguments: Vec<String>) -> i32 {
    match embed(arguments) {
        Ok(()) => 0,
        Err(objection) => {
            println!("mt.exe : {objection}");
            FAILED
        }
    }
}

fn embed(arguments: Vec<String>) -> Result<(), String> {
    let order = Order::read(arguments)?;
    if !order.quiet {
        println!("Microsoft (R) Manifest Tool version 5.2.3790.2076");
    }
    let missing = "The system cannot find the file specified.";
    let manifest = std::fs::read(here(&order.manifest)).map_err(|_| {
        format!("general error c1010070: Failed to load and parse the manifest. {missing}")
    })?;
    if !String::from_utf8_lossy(&manifest).contains("<assembly") {
        return Err("general error c1010070: Failed to load and parse the manifest.".to_owned());
    }
    let unwritten = |why: &str| {
        let file = &order.file;
        format!(
            "general error c101008d: Failed to write the updated manifest to the resource of file \"{file}\". {why}"
        )
    };
    let file = here(&order.file);
    let mut bytes = std::fs::read(&file).map_err(|_| unwritten(missing))?;
    resource::add(&mut bytes, resource::MANIFEST, order.id, &manifest).map_err(unwritten)?;
    std::fs::write(&file, bytes).map_err(|error| unwritten(&error.to_string()))
}

struct Order {
    manifest: String,
    file: String,
    id: u32,
    quiet: bool,
}

impl Order {
    fn read(arguments: Vec<String>) -> Result<Self, String> {
        let (mut manifest, mut resource, mut quiet) = (None, None, false);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(name) = option(&argument) else {
                return Err(unrecognized(&argument));
            };
            match name.to_ascii_lowercase().as_str() {
                "nologo" => quiet = true,
                "manifest" => manifest = arguments.next(),
                lower if lower.starts_with("outputresource:") => {
                    resource = Some(name["outputresource:".len()..].to_owned());
                }
                _ => return Err(unrecognized(&argument)),
            }
        }
        let none = "command line error c10100a3: No input or output was specified.";
        let (Some(manifest), Some(resource)) = (manifest, resource) else {
            return Err(none.to_owned());
        };
        // A program's is resource 1, a DLL's 2; without a number mt takes the program's.
        let (file, id) = resource.rsplit_once(';').unwrap_or((&resource, "1"));
        let id = id.trim_start_matches('#').parse();
        let id = id.map_err(|_| unrecognized(&format!("-outputresource:{resource}")))?;
        Ok(Self { manifest, file: file.to_owned(), id, quiet })
    }
}

fn unrecognized(argument: &str) -> String {
    format!("command line error c10100a9: Unrecognized command line option \"{argument}\".")
}
