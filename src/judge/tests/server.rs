//! A scripted server on loopback, down to the bytes: it can also hang up in the wrong places.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How one request is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Status, headers (each line ended), body.
    Whole(u16, &'static str, String),
    /// Promises more than it sends.
    Cut,
    /// Hangs up without a word.
    Reset,
    /// Never answers.
    Hang,
    /// Answers once it has read the head, as far as `Whole` does, and hangs up.
    Early(u16, &'static str, String),
    /// Hangs up once it has read the head.
    Shut,
    /// This status, and then not the words that it promises.
    Wordless(u16, &'static str),
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: String,
}

/// Answers in order, then like the last one.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            while let Ok((stream, _)) = listener.accept().await {
                let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
                tokio::spawn(serve(stream, answer, Arc::clone(&log)));
            }
        });
        Self { base, seen }
    }

    /// Always the same 2xx or other status.
    pub(super) async fn always(status: u16, body: String) -> Self {
        Self::start(vec![Answer::Whole(status, "", body)]).await
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it has seen so many requests, and demands that there are no more.
    pub(super) async fn until_seen(&self, requests: usize) {
        let seen = async {
            while self.seen().len() < requests {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), seen).await.expect("too few requests came");
        assert_eq!(self.seen().len(), requests);
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, log: Arc<Mutex<Vec<Seen>>>) {
    let early = matches!(answer, Answer::Early(..) | Answer::Shut);
    let Some(request) = receive(&mut stream, early).await else { return };
    log.lock().unwrap().push(request);
    match answer {
        Answer::Whole(status, headers, body) | Answer::Early(status, headers, body) => {
            let length = body.len();
            let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}");
            let _ = stream.write_all(reply.as_bytes()).await;
        }
        Answer::Cut => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"choices\"").await;
        }
        Answer::Wordless(status, headers) => {
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 99\r\n{headers}\r\n").as_bytes()).await;
        }
        Answer::Reset | Answer::Shut => {}
        Answer::Hang => tokio::time::sleep(std::time::Duration::from_mins(1)).await,
    }
}

/// Reads a request, or with `early` its head and little more.
async fn receive(stream: &mut TcpStream, early: bool) -> Option<Seen> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let got = stream.read(&mut buffer).await.ok().filter(|&got| got > 0)?;
        bytes.extend_from_slice(&buffer[..got]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        // A question about the model has no body.
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
        if early || bytes.len() - end - 4 == length {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return Some(Seen { head, body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned() });
        }
    }
}
