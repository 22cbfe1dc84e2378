//! What a `setup.py` says of its package in so many words: the arguments of its call of `setup` that are
//! texts, and lists and tables of them. None of it is run.

use std::collections::BTreeMap;

/// Lists in lists of no package are deeper.
const DEEPEST: u32 = 8;

/// The header of metadata for each argument that is one text.
const HEADERS: [(&str, &str); 9] = [
    ("description", "Summary"),
    ("url", "Home-page"),
    ("author", "Author"),
    ("author_email", "Author-email"),
    ("maintainer", "Maintainer"),
    ("maintainer_email", "Maintainer-email"),
    ("license", "License"),
    ("keywords", "Keywords"),
    ("python_requires", "Requires-Python"),
];

/// What one says of its package.
#[derive(Debug)]
pub(super) struct SetupPy(BTreeMap<String, Literal>);

impl SetupPy {
    /// Reads one; `None` where it has no such call at the beginning of a line.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (_, call) = text.split_once("\nsetup(")?;
        let mut reader = Reader { rest: call };
        let mut arguments = BTreeMap::new();
        while let Some(name) = reader.name() {
            let value = reader.value(&[',', ')'], 0);
            arguments.insert(name, value);
            reader.take(',');
        }
        Some(Self(arguments))
    }

    /// What an sdist would have as `PKG-INFO`.
    pub(super) fn metadata(&self, name: &str, version: &str, description: &str) -> String {
        let mut text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        let mut header = |name: &str, value: &str| {
            text += &format!("{name}: {}\n", value.replace(['\r', '\n'], " "));
        };
        for (argument, name) in HEADERS {
            if let Some(value) = self.0.get(argument).and_then(Literal::text) {
                header(name, value);
            }
        }
        for (label, address) in self.0.get("project_urls").into_iter().flat_map(Literal::entries) {
            if let Some(address) = address.text() {
                header("Project-URL", &format!("{label}, {address}"));
            }
        }
        for classifier in self.0.get("classifiers").into_iter().flat_map(Literal::texts) {
            header("Classifier", classifier);
        }
        text + "\n" + description
    }

    /// What an sdist would have as `entry_points.txt`.
    pub(super) fn entry_points(&self) -> String {
        let groups = self.0.get("entry_points").into_iter().flat_map(Literal::entries);
        let groups = groups.map(|(group, points)| {
            let lines = points.texts().map(|point| format!("{point}\n"));
            format!("[{group}]\n{}", lines.collect::<String>())
        });
        groups.collect::<Vec<_>>().join("\n")
    }
}

/// A value, as far as it is written down.
#[derive(Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    List(Vec<Literal>),
    Table(Vec<(Literal, Literal)>),
    /// It would have to be computed.
    Other,
}

impl Literal {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let list = if let Self::List(list) = self { list.as_slice() } else { &[] };
        list.iter().filter_map(Self::text)
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let table = if let Self::Table(table) = self { table.as_slice() } else { &[] };
        table.iter().filter_map(|(key, value)| Some((key.text()?, value)))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The name of the next argument.
    fn name(&mut self) -> Option<String> {
        self.space();
        let (name, rest) = self.rest.split_once('=')?;
        let name = name.trim_end();
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        self.rest = if is_name { rest } else { "" };
        is_name.then(|| name.to_owned())
    }

    /// A value, up to what ends it.
    fn value(&mut self, ends: &[char], depth: u32) -> Literal {
        self.space();
        let value = match self.rest.chars().next() {
            _ if depth > DEEPEST => Literal::Other,
            Some(quote @ ('\'' | '"')) => self.text(quote),
            Some('[') => self.list(depth),
            Some('{') => self.table(depth),
            _ => Literal::Other,
        };
        self.space();
        // An operator behind it makes something else of it.
        if self.rest.starts_with(ends) { value } else { self.skip(ends) }
    }

    fn text(&mut self, quote: char) -> Literal {
        let (mut text, mut characters) = (String::new(), self.rest[1..].char_indices());
        while let Some((at, found)) = characters.next() {
            match found {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, next)) => text.push(next),
                    None => {}
                },
                _ if found == quote => {
                    self.rest = &self.rest[at + 2..];
                    return Literal::Text(text);
                }
                _ => text.push(found),
            }
        }
        self.rest = "";
        Literal::Other
    }

    fn list(&mut self, depth: u32) -> Literal {
        let mut list = Vec::new();
        self.take('[');
        while !self.take(']') && !self.rest.is_empty() {
            list.push(self.value(&[',', ']'], depth + 1));
            self.take(',');
        }
        Literal::List(list)
    }

    fn table(&mut self, depth: u32) -> Literal {
        let mut table = Vec::new();
        self.take('{');
        while !self.take('}') && !self.rest.is_empty() {
            let key = self.value(&[':', '}'], depth + 1);
            self.take(':');
            table.push((key, self.value(&[',', '}'], depth + 1)));
            self.take(',');
        }
        Literal::Table(table)
    }

    /// Passes what nobody reads, brackets and texts in it as wholes.
    fn skip(&mut self, ends: &[char]) -> Literal {
        let mut open = 0_u32;
        while let Some(found) = self.rest.chars().next() {
            match found {
                _ if open == 0 && ends.contains(&found) => break,
                '\'' | '"' => {
                    self.text(found);
                    continue;
                }
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            self.rest = &self.rest[found.len_utf8()..];
        }
        Literal::Other
    }

    fn take(&mut self, what: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
        while let Some(comment) = self.rest.strip_prefix('#') {
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_and_nothing_else() {
        let setup = SetupPy::parse(
            "import x\n    setup(name='another')\nsetup(name = package_name,\n  version = _version(),\n\
             # A comment, with a comma.\n  description = 'It\\'s, \"one\".',\n  url = \"https://x/\" + y,\n\
             license = f(')', [1, {2: 3}]) or 'none',\n\
             project_urls = {\n 'Source': 'https://s/', 'Other': z,\n },\n\
             classifiers = [\n  'A :: B', # why\n  'C', d],\n  keywords = 'k \nl',\n\
             entry_points = { 'console_scripts':\n  ['one = a.b:main', 'two = c:d'],},\n\
             platforms = [], python_requires='>=3.10',\n)\nprint('more')\n",
        );
        let setup = setup.unwrap();
        assert_eq!(
            setup.metadata("mod_wsgi", "1.0", "Words\n"),
            "Metadata-Version: 2.1\nName: mod_wsgi\nVersion: 1.0\nSummary: It's, \"one\".\n\
             Keywords: k  l\nRequires-Python: >=3.10\nProject-URL: Source, https://s/\n\
             Classifier: A :: B\nClassifier: C\n\nWords\n"
        );
        assert_eq!(setup.entry_points(), "[console_scripts]\none = a.b:main\ntwo = c:d\n");
    }

    #[test]
    fn what_ends_anywhere_ends() {
        let whole =
            "\nsetup(a = 'b\\'c', d = ['e', {'f': ['g']}], h = i('j', [k]), # l\n m = \"n\")";
        for end in 0..whole.len() {
            SetupPy::parse(&whole[..end]);
        }
        let deep = format!("\nsetup(a = {}", "[".repeat(100_000));
        assert!(SetupPy::parse(&deep).unwrap().entry_points().is_empty());
        assert!(SetupPy::parse("setup_later(name='x')").is_none());
    }
}
