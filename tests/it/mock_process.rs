//! The mock judge as a process of its own, and plain HTTP to talk to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::root;

/// A running mock; it ends with its stdin, so also when the test dies.
pub(crate) struct MockProcess {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub(crate) address: String,
}

impl MockProcess {
    /// Starts it with these settings, which are written into `folder`.
    pub(crate) fn start(folder: &Path, config: &Value) -> Self {
        let file = folder.join("mock.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut child = Command::new(program()).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// The reply to a request: its status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let host = self.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&reply[9..12]).unwrap().parse().unwrap();
        (status, reply[end + 4..].to_vec())
    }

    /// What was billed so far.
    pub(crate) fn bill(&self) -> Value {
        serde_json::from_slice(&self.ask("GET", "/_mock/bill", b"").1).unwrap()
    }

    /// Lets batches end that were `held`.
    pub(crate) fn release(&self) {
        assert_eq!(self.ask("POST", "/_mock/release", b"").0, 200);
    }

    /// Every line of its ledger.
    pub(crate) fn calls(&self) -> Vec<Value> {
        serde_json::from_slice(&self.ask("GET", "/_mock/calls", b"").1).unwrap()
    }
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built example, beside the folder of the tests' own binary. `cargo test` does not build it to run, so this does, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // Beside this binary, so by the same profile.
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let args = ["build", "--quiet", "--example", "mock-judge", "--profile", profile];
        let built = Command::new(env!("CARGO")).args(args).current_dir(root()).status();
        assert!(built.unwrap().success(), "the mock judge does not build");
        std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/mock-judge")
    })
}
