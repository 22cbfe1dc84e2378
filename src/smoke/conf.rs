//! The `httpd.conf` of a run: as little as serves a page, with the lines that `mod_wsgi-express
//! module-config` prints for an administrator.

/// What the configuration says. Paths are as Apache shall read them.
#[derive(Debug)]
pub(super) struct Conf {
    /// The folder of the installation; modules are named relative to it.
    pub(super) server_root: String,
    /// Apache's own modules, by symbol and file.
    pub(super) modules: Vec<(&'static str, String)>,
    /// Directives for this system alone.
    pub(super) more: Vec<String>,
    /// The run's folder.
    pub(super) folder: String,
    /// The port on 127.0.0.1.
    pub(super) port: u16,
    /// The Python's DLL.
    pub(super) load_file: Option<String>,
    /// The module's symbol, `wsgi_module`, and its file.
    pub(super) module: (String, String),
    /// The Python's folder.
    pub(super) python_home: String,
}

/// As many as the requests that are made at once, and some more.
const THREADS: u8 = 25;

impl Conf {
    /// The text.
    pub(super) fn text(&self) -> String {
        let Self { server_root, folder, port, python_home, .. } = self;
        let mut lines = vec![
            "# Written by modfarm smoke.".to_owned(),
            format!("ServerRoot {}", quoted(server_root)),
            format!("DefaultRuntimeDir {}", quoted(&format!("{folder}/logs"))),
            format!("PidFile {}", quoted(&format!("{folder}/logs/httpd.pid"))),
            format!("ErrorLog {}", quoted(&format!("{folder}/logs/error.log"))),
            "LogLevel info".to_owned(),
            "ServerName 127.0.0.1".to_owned(),
            format!("Listen 127.0.0.1:{port}"),
            "ServerTokens Full".to_owned(),
            "KeepAlive Off".to_owned(),
            format!("ThreadsPerChild {THREADS}"),
            "AcceptFilter http none".to_owned(),
        ];
        lines.extend(self.more.iter().cloned());
        for (symbol, file) in &self.modules {
            lines.push(format!("LoadModule {symbol} {}", quoted(file)));
        }
        if let Some(file) = &self.load_file {
            lines.push(format!("LoadFile {}", quoted(file)));
        }
        let (symbol, file) = &self.module;
        lines.push(format!("LoadModule {symbol} {}", quoted(file)));
        lines.push(format!("WSGIPythonHome {}", quoted(python_home)));
        let script = |url: &str, name: &str| {
            format!("WSGIScriptAlias {url} {}", quoted(&format!("{folder}/scripts/{name}")))
        };
        lines.push(script("/reload", "reload.wsgi"));
        lines.push(script("/", "application.wsgi"));
        // Some extension modules work in a process's first interpreter alone.
        lines.push("<Location />\n    WSGIApplicationGroup %{GLOBAL}\n</Location>".to_owned());
        lines.push("<Location /reload>\n    WSGIApplicationGroup reload\n</Location>".to_owned());
        lines.join("\n") + "\n"
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "/").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_module_config() {
        let conf = Conf {
            server_root: "C:/Apache24".into(),
            modules: vec![("authz_core_module", "modules/mod_authz_core.so".into())],
            more: Vec::new(),
            folder: "C:/a run".into(),
            port: 8080,
            load_file: Some("C:/Python313/python313.dll".into()),
            module: ("wsgi_module".into(), "C:/a run/mod_wsgi-py313-VC14.so".into()),
            python_home: "C:\\Python313".into(),
        };
        let text = conf.text();
        let lines = "LoadFile \"C:/Python313/python313.dll\"\n\
                     LoadModule wsgi_module \"C:/a run/mod_wsgi-py313-VC14.so\"\n\
                     WSGIPythonHome \"C:/Python313\"\n";
        assert!(text.contains(lines), "{text}");
        assert!(text.contains("Listen 127.0.0.1:8080\n"), "{text}");
    }
}
