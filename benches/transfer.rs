//! A root of 500 MB on its way to a worker that OpenSSH reaches over loopback: half of it text as headers
//! are, half of it noise as DLLs nearly are. The peer is `scp -r` of the same tree; `scp` of one file of the
//! same bytes, which makes one file and not thousands, says what the connection itself could do. A second
//! job with the same root must bring nothing of it.
//!
//! `cargo bench --bench transfer`; `MODFARM_BENCH_QUICK=1` takes a tenth.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

mod measure;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::farm::{Connection, Farm, Outcome, Policy, Runner, Settings, Ssh};
use modfarm::model::event::{Event, Events};
use modfarm::model::job::{Action, ActionSpec, Job};
use modfarm::model::tree::{Content, Tree, TreeBuilder};
use modfarm::sys::files;
use tokio_util::sync::CancellationToken;

use measure::sshd::{self, Sshd};
use measure::{fresh_folder, has, quick, verdict};

/// What the inner run finds its server by.
const INNER: &str = "MODFARM_BENCH_SSHD";

fn main() {
    if !has("scp", "openssh-client") || !sshd::is_here() {
        return;
    }
    if let Ok(folder) = std::env::var(INNER) {
        return measure(&Sshd::running_in(Utf8Path::new(&folder)));
    }
    // modfarm finds `ssh` on its PATH; there is one that knows the server's port and keys.
    let sshd = Sshd::start(&fresh_folder("transfer"));
    let path = format!("{}:{}", sshd.programs(), std::env::var("PATH").unwrap_or_default());
    let this = std::env::current_exe().expect("a program");
    let ended = Command::new(this).env("PATH", path).env(INNER, sshd.folder()).status();
    assert!(ended.expect("it runs").success());
}

fn measure(sshd: &Sshd) {
    let megabytes = if quick() { 50 } else { 500 };
    let root = sshd.folder().join("root");
    let size = generate(&root, megabytes);
    let single = sshd.folder().join("single");
    one_file(&root, &single);
    let mib = |time: Duration| size as f64 / f64::from(1 << 20) / time.as_secs_f64();
    println!("a root of {megabytes} MB in {} files", files::walk(&root).expect("a folder").len());

    let one = scp(sshd, &single, false);
    println!("{:<42} {:>7.1} MiB/s", "scp, one file", mib(one));
    let tree = scp(sshd, &root, true);
    println!("{:<42} {:>7.1} MiB/s", "scp -r, the tree", mib(tree));

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let brought = runtime.block_on(bring(sshd, &root));
    println!("{:<42} {:>7.1} MiB/s", "modfarm, reached and brought", mib(brought.reached));
    println!(
        "{:<42} {:>7.1} MiB/s, {:.0} % of the bytes",
        "modfarm, brought",
        mib(brought.moved),
        100.0 * brought.sent as f64 / size as f64
    );
    let ratio = |peer: Duration| peer.as_secs_f64() / brought.moved.as_secs_f64();
    println!("{:.2} × scp of one file of the same bytes", ratio(one));
    let tree = ratio(tree);
    verdict(&format!("{tree:.2} × scp -r of the tree (target 0.8)"), tree >= 0.8);
    verdict(
        &format!("a second job with the same root brings {} bytes", brought.again),
        brought.again < 4096,
    );
}

/// Files as a root has them: headers of some KiB, and libraries of some MiB.
fn generate(root: &Utf8Path, megabytes: usize) -> u64 {
    let mut random = fastrand::Rng::with_seed(7);
    let half = megabytes * 1_000_000 / 2;
    let (mut made, mut number) = (0, 0);
    while made < half {
        let text = header(&mut random);
        write(&root.join(format!("include/{:02}/h{number}.h", number % 40)), text.as_bytes());
        made += text.len();
        number += 1;
    }
    let (mut made, mut total) = (0, made);
    while made < half {
        let size = (200_000 + random.usize(..8_000_000)).min(half - made);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u64(..).to_le_bytes())
            .take(size / 8 + 1)
            .flatten()
            .collect();
        write(&root.join(format!("lib/l{made}.dll")), &noise[..size]);
        made += size;
    }
    total += made;
    total as u64
}

fn header(random: &mut fastrand::Rng) -> String {
    let words =
        ["request", "server", "apr_pool_t", "status", "module", "table", "bucket", "filter"];
    let mut text = String::new();
    for _ in 0..random.usize(50..1500) {
        let word = |random: &mut fastrand::Rng| words[random.usize(..words.len())];
        let (a, b, c) = (word(random), word(random), word(random));
        text.push_str(&format!(
            "AP_DECLARE({a} *) ap_{b}_{c}_{}({a} *{b}, int {c});\n",
            random.u16(..)
        ));
    }
    text
}

fn write(path: &Utf8Path, bytes: &[u8]) {
    files::create_dir_all(files::parent(path)).expect("a folder");
    std::io::Write::write_all(&mut files::create(path).expect("a file"), bytes).expect("its bytes");
}

fn one_file(root: &Utf8Path, to: &Utf8Path) {
    let mut file = files::create(to).expect("a file");
    for path in files::walk(root).expect("a folder") {
        let mut part = files::open(&root.join(path)).expect("a file");
        std::io::copy(&mut part, &mut file).expect("its bytes");
    }
}

fn scp(sshd: &Sshd, from: &Utf8Path, tree: bool) -> Duration {
    let to = sshd.folder().join("copied");
    files::remove_dir_all(&to).expect("an old copy goes");
    files::create_dir_all(&to).expect("a folder");
    let mut command = Command::new("scp");
    command.args(["-q", "-F", sshd.config().as_str()]);
    if tree {
        command.arg("-r");
    }
    let taken = measure::time(command.args([from.as_str(), &format!("bench:{to}/")]));
    files::remove_dir_all(&to).expect("the copy goes");
    taken.wall
}

/// What it took to bring a root.
struct Brought {
    /// With the connection and the greeting.
    reached: Duration,
    moved: Duration,
    sent: u64,
    /// The bytes that a second job brought.
    again: u64,
}

async fn bring(sshd: &Sshd, root: &Utf8Path) -> Brought {
    let inputs = tree(root);
    let ssh = Ssh { host: "bench".to_owned(), program: sshd.modfarm().to_string(), config: None };
    let runner = Runner { name: "bench".to_owned(), slots: 1, connection: Connection::Ssh(ssh) };
    let settings = Settings {
        program: Utf8PathBuf::from(measure::MODFARM),
        ..Settings::new().expect("settings")
    };
    let begun = Instant::now();
    let farm = Farm::connect(vec![runner], settings, &Events::unheard()).await.expect("the runner");
    let greeted = begun.elapsed();
    let (moved, sent, _) = run(&farm, job(&inputs, "echo 1 > out")).await;
    let (_, _, again) = run(&farm, job(&inputs, "echo 2 > out")).await;
    farm.close().await;
    Brought { reached: greeted + moved, moved, sent, again }
}

/// Runs a job: how long it took to bring what it needs, what was sent for that, and how much that was.
async fn run(farm: &Farm, job: Job) -> (Duration, u64, u64) {
    let (events, heard) = Events::stream();
    let policy = Policy::default();
    let results = farm.run(vec![job], &policy, &events, &CancellationToken::new()).await;
    let outcome = results.expect("a run").remove(0).outcome;
    assert!(matches!(outcome, Outcome::Built { .. }), "{outcome:?}");
    drop(events);
    let all = heard.into_iter().filter_map(|event| match event {
        Event::Brought { bytes, sent, millis, .. } => {
            Some((Duration::from_millis(millis), sent, bytes))
        }
        _ => None,
    });
    all.fold(Default::default(), |(time, sent, bytes), more| {
        (time + more.0, sent + more.1, bytes + more.2)
    })
}

fn tree(root: &Utf8Path) -> Tree {
    let mut builder = TreeBuilder::default();
    for path in files::walk(root).expect("a folder") {
        let file = root.join(&path);
        builder.file(&path, files::digest(&file).expect("a digest"), Content::File(file));
    }
    builder.build()
}

fn job(inputs: &Tree, script: &str) -> Job {
    let mut top = TreeBuilder::default();
    top.subtree("root", inputs.clone());
    let action = Action::new(ActionSpec {
        arguments: ["sh", "-c", script].map(str::to_owned).into(),
        environment: BTreeMap::new(),
        output: "out".to_owned(),
        platform: BTreeMap::new(),
        inputs: top.build(),
        timeout: Duration::from_secs(60),
    });
    let cell = "Apache24-win64-VS17/py313-VC14".parse().expect("a cell");
    Job { cells: vec![cell], runner: "bench".to_owned(), action }
}
