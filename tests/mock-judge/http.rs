//! HTTP/1.1 by hand, since faults must be exact to the byte.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest head of a request.
const MAX_HEAD: usize = 64 << 10;
/// Longest body that is read at all; `max_body_bytes` answers long before.
const MAX_BODY: usize = 1 << 30;

/// One request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Upper case.
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Whole.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let path = target.split('?').next()?.to_owned();
        Some(Self { method, path, headers: lines.filter_map(header).collect(), body: Vec::new() })
    }

    fn length(&self) -> usize {
        self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)
    }
}

/// One reply.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    /// HTTP status.
    pub(crate) status: u16,
    /// Beside Content-Length.
    pub(crate) headers: Vec<(String, String)>,
    /// Whole.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A reply of one type of content.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// A reply in JSON.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// One more header.
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Status line and headers, with a Content-Length of `length`.
    pub(crate) fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {length}\r\n\r\n"));
        head.into_bytes()
    }

    /// All of it as it goes out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(self.body.len()), self.body.clone()].concat()
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// A connection and what was read ahead of the request at hand.
pub(crate) struct Wire {
    /// To write to.
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
    seen: Option<Instant>,
}

impl Wire {
    /// A fresh connection.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new(), seen: None }
    }

    /// The start of the next request, left where it is; `None` when the client has gone.
    pub(crate) async fn peek(&self) -> io::Result<Option<String>> {
        if !self.ahead.is_empty() {
            return Ok(Some(String::from_utf8_lossy(&self.ahead[..self.ahead.len().min(1024)]).into_owned()));
        }
        let mut start = [0; 1024];
        let got = self.stream.peek(&mut start).await?;
        Ok((got > 0).then(|| String::from_utf8_lossy(&start[..got]).into_owned()))
    }

    /// The next request; `None` when the client has gone or makes no sense.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n", 0) {
                break end;
            }
            if self.ahead.len() > MAX_HEAD || !self.fill().await? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
        self.ahead.drain(..end + 4);
        let Some(mut request) = Request::parse(&head) else { return Ok(None) };
        if request.header("expect").is_some_and(|what| what.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = match request.header("transfer-encoding") {
            Some(_) => self.chunks().await?,
            None => self.exactly(request.length()).await?,
        };
        Ok(body.map(|body| {
            request.body = body;
            request
        }))
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        if length > MAX_BODY {
            return Ok(None);
        }
        self.ahead.reserve(length.saturating_sub(self.ahead.len()));
        while self.ahead.len() < length {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        let rest = self.ahead.split_off(length);
        Ok(Some(std::mem::replace(&mut self.ahead, rest)))
    }

    /// A chunked body, as clients send whose body is a stream. Trailers are not looked for.
    async fn chunks(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line().await? else { return Ok(None) };
            let size = line.split(';').next().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let Some(size) = size.filter(|size| size + body.len() <= MAX_BODY) else { return Ok(None) };
            let Some(chunk) = self.exactly(size + 2).await? else { return Ok(None) };
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(Some(body));
            }
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n", 0) {
                let line = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
                self.ahead.drain(..end + 2);
                return Ok(Some(line));
            }
            if self.ahead.len() > MAX_HEAD || !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Reads some more; false at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        self.ahead.reserve(64 << 10);
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }

    /// Reads nothing for a while, but notes when a request comes meanwhile.
    pub(crate) async fn pause(&mut self, time: Duration) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        tokio::select! {
            () = &mut end => {}
            _ = self.stream.readable() => {
                self.seen = Some(Instant::now());
                end.await;
            }
        }
    }

    /// When the request that was peeked at came.
    pub(crate) fn came(&mut self) -> Instant {
        self.seen.take().unwrap_or_else(Instant::now)
    }

    /// Waits until the client hangs up; what it still sends is thrown away.
    pub(crate) async fn until_gone(&mut self) {
        let mut sink = [0; 4096];
        while self.stream.read(&mut sink).await.is_ok_and(|got| got > 0) {}
    }
}

/// Where `what` stands in `bytes`, from `from` on.
pub(crate) fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn received(bytes: &'static [u8]) -> Vec<Request> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let mut requests = Vec::new();
        while let Some(request) = wire.request().await.unwrap() {
            requests.push(request);
        }
        requests
    }

    #[tokio::test]
    async fn requests_are_read_one_after_another() {
        let requests = received(
            b"POST /a/b?c=d HTTP/1.1\r\nContent-Length: 3\r\nX-Y:  z \r\n\r\nabcGET /e HTTP/1.1\r\n\r\n\
              POST /f HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy\r\n1;e=1\r\nz\r\n0\r\n\r\nPOST /cut HTTP/1.1\r\ncontent-length: 9\r\n\r\nx",
        )
        .await;
        let seen: Vec<_> = requests.iter().map(|request| (request.path.as_str(), request.body.as_slice())).collect();
        assert_eq!(seen, [("/a/b", &b"abc"[..]), ("/e", b""), ("/f", b"xyz")]);
        assert_eq!(requests[0].header("x-y"), Some("z"));
    }
}
