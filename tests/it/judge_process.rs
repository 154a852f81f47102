//! The mock judge as a process of its own: starts it, asks for its bill, ends it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::root;

/// A running mock judge; it ends when this is dropped.
pub(crate) struct JudgeProcess {
    child: Child,
    address: String,
}

impl JudgeProcess {
    /// Starts it with `config`, which is kept in `dir`.
    pub(crate) fn start(dir: &Path, config: &Value) -> Self {
        let file = dir.join("mock-judge.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut child = Command::new(program()).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
        Self { child, address }
    }

    /// Its address without a path.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sum of everything that was asked of it.
    pub(crate) fn bill(&self) -> Value {
        self.get("/_mock/bill")
    }

    /// Every request, in the order in which they came.
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.get("/_mock/calls").as_array().unwrap().clone()
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }
}

impl Drop for JudgeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built example, beside the tests' own program. `cargo test --test it` alone does not build it, so this does, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--example", "mock-judge"]).current_dir(root()).status();
        assert!(built.unwrap().success(), "the mock judge does not build");
        std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().join("examples/mock-judge")
    })
}
