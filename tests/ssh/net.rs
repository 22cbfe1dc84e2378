//! A network of its own for a host: a namespace and a cable to it, which can be cut.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::Ran;

/// A namespace of the network. It goes, with its cable, when this does.
pub(crate) struct Net {
    name: String,
    /// The address in it.
    pub(crate) address: String,
}

impl Net {
    /// Makes one. Its name and addresses are of this process alone, as far as 32,768 of them go.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let name = format!("modfarm-{process}-{count}");
        // 198.18.0.0/15 is for tests of networks; each cable takes four addresses of it.
        let block = (process.wrapping_mul(8) + count) % (1 << 15) * 4;
        let address = |n: u32| {
            let all = (198 << 24 | 18 << 16) + block + n;
            std::net::Ipv4Addr::from(all).to_string()
        };
        let cable = [format!("mf{process}x{count}"), format!("mf{process}y{count}")];
        ip(&["netns", "add", &name]);
        let net = Self { name, address: address(2) };
        let name = net.name.as_str();
        ip(&["link", "add", &cable[0], "type", "veth", "peer", "name", &cable[1], "netns", name]);
        ip(&["address", "add", &format!("{}/30", address(1)), "dev", &cable[0]]);
        ip(&["link", "set", &cable[0], "up"]);
        ip(&["-n", name, "address", "add", &format!("{}/30", address(2)), "dev", &cable[1]]);
        ip(&["-n", name, "link", "set", &cable[1], "up"]);
        net
    }

    /// Cuts the cable: nothing comes through any more, and nobody is told.
    pub(crate) fn cut(&self) {
        self.set("down");
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self) {
        self.set("up");
    }

    fn set(&self, state: &str) {
        let shown = ip(&["-n", &self.name, "-brief", "link", "show", "type", "veth"]).stdout;
        let cable = shown.split(['@', ' ']).next().expect("a cable").to_owned();
        ip(&["-n", &self.name, "link", "set", &cable, state]);
    }

    /// A program that runs inside.
    pub(crate) fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let deleted = Command::new("ip").args(["netns", "delete", &self.name]).output();
        assert!(
            std::thread::panicking() || deleted.is_ok_and(|deleted| deleted.status.success()),
            "the namespace {} stays",
            self.name
        );
    }
}

/// `ip`, of iproute2.
#[track_caller]
fn ip(arguments: &[&str]) -> Ran {
    let ran = Ran::of(Command::new("ip").args(arguments));
    assert_eq!(ran.code, 0, "ip {arguments:?}, which needs root: {}", ran.said());
    ran
}
