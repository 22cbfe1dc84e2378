//! A server on this machine that answers as it is told, and archives for it to serve.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use modfarm::sys::files;

/// What is answered to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The same, said to be of a type.
    Typed(&'static str, Vec<u8>),
    /// Half of these bytes, where all were promised.
    Half(Vec<u8>),
    /// These bytes, from where they are asked for.
    Ranged(Vec<u8>),
    /// Half of what is asked for, from where it is asked for.
    RangedHalf(Vec<u8>),
    /// This status and a page that says so.
    Status(u16),
    /// Nothing, for ever.
    Silence,
}

/// The server. It ends with the test's process.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The answers to each path; the last one stays.
    answers: BTreeMap<String, Vec<Answer>>,
    asked: Vec<String>,
    /// The heads of the requests.
    heads: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { address, state: Arc::default() };
        let state = Arc::clone(&server.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever asks may go before the answer has come.
                drop(answer(stream, &state));
            }
        });
        server
    }

    /// Serves these answers, one after the other, and gives their address.
    pub(crate) fn serve(&self, path: &str, answers: &[Answer]) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = answers.to_vec();
        answers.reverse();
        state.answers.insert(path.to_owned(), answers);
        format!("{}{path}", self.address)
    }

    /// An index of packages for pip, below this server's `/simple`.
    pub(crate) fn index(&self) -> String {
        format!("{}/simple", self.address)
    }

    /// The heads of all requests, with the names in small letters.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heads.clone()
    }

    /// How often anything was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.len()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut head = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head += &(line.to_ascii_lowercase() + "\n");
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.push(path.clone());
        state.heads.push(head.clone());
        match state.answers.get_mut(&path) {
            Some(answers) if answers.len() > 1 => answers.pop(),
            Some(answers) => answers.last().cloned(),
            None => None,
        }
    };
    let mut kind = String::new();
    let (status, bytes, sent) = match answer.unwrap_or(Answer::Status(404)) {
        Answer::Typed(of, bytes) => {
            kind = format!("Content-Type: {of}\r\n");
            (200, bytes.clone(), bytes.len())
        }
        Answer::Bytes(bytes) => (200, bytes.clone(), bytes.len()),
        Answer::Half(bytes) => (200, bytes.clone(), bytes.len() / 2),
        Answer::Ranged(bytes) => return ranged(stream, &head, &bytes, 1),
        Answer::RangedHalf(bytes) => return ranged(stream, &head, &bytes, 2),
        Answer::Silence => {
            std::mem::forget(stream);
            return Ok(());
        }
        Answer::Status(status) => {
            let page = format!("<!DOCTYPE html><title>{status}</title>").into_bytes();
            (status, page.clone(), page.len())
        }
    };
    let length = bytes.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&bytes[..sent])
}

/// Answers with the rest of these bytes, or with the first part of that.
fn ranged(mut stream: TcpStream, head: &str, bytes: &[u8], part: usize) -> std::io::Result<()> {
    let range = head.split_once("range: bytes=").and_then(|(_, rest)| rest.split_once('-'));
    let from = range.and_then(|(from, _)| from.parse().ok()).filter(|from| *from < bytes.len());
    let (status, rest) = (if from.is_some() { 206 } else { 200 }, &bytes[from.unwrap_or(0)..]);
    let (whole, length) = (bytes.len(), rest.len());
    let range = from.map_or_else(String::new, |from| {
        format!("Content-Range: bytes {from}-{}/{whole}\r\n", whole - 1)
    });
    write!(
        stream,
        "HTTP/1.1 {status} x\r\n{range}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&rest[..length / part])
}

/// A zip of these members.
pub(crate) fn zip_of<'a>(members: impl IntoIterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).expect("a member");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("a zip").into_inner()
}

/// A root of the kit as others pack theirs: below a top folder, with more than is needed, and without
/// the kit's own description.
pub(crate) fn packed(root: &Utf8Path, top: &str) -> Vec<u8> {
    let paths = files::walk(root).expect("a root");
    let read = |path: &String| files::read(&root.join(path)).expect("a file");
    let contents: Vec<(String, Vec<u8>)> = paths
        .iter()
        .filter(|path| *path != "modfarm-root.json")
        .map(|path| (format!("{top}/{path}"), read(path)))
        .chain([("Read me first.txt".to_owned(), b"hello".to_vec())])
        .collect();
    zip_of(contents.iter().map(|(path, bytes)| (path.clone(), bytes.as_slice())))
}
