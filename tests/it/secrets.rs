//! The key is nowhere: a server that echoes it in every form, and a search through every byte that a run leaves behind.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{config, run, score, texts};

const KEY: &str = r#"sk-canary/5d1c+"q"&m=<0123456789>~"#;

fn percent(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn hex(text: &str) -> String {
    text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `text` as it stands inside a JSON string.
fn quoted(text: &str) -> String {
    let json = json!(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// The key in every form that has no neighbours.
fn plain(key: &str) -> Vec<String> {
    vec![key.to_owned(), percent(key), quoted(key), quoted(&quoted(key)), html(key), hex(key), hex(key).to_uppercase()]
}

/// The key in every form that is searched for. In base64 it may stand behind any number of bytes: what does not depend on the neighbours is
/// searched for.
fn forms(key: &str) -> Vec<String> {
    let mut forms = plain(key);
    for before in ["", "x", "xx"] {
        let skip = if before.is_empty() { 0 } else { 4 };
        for engine in [&STANDARD, &URL_SAFE] {
            let coded = engine.encode(format!("{before}{key}"));
            forms.push(coded[skip..coded.len() - 4].to_owned());
        }
    }
    forms
}

/// A server that says everything it was told, in another place and another form each time.
struct Echo {
    address: String,
    calls: Arc<AtomicUsize>,
}

impl Echo {
    fn start(stops: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = count.fetch_add(1, Ordering::SeqCst);
                // A client that hangs up is no concern of the echo.
                std::thread::spawn(move || _ = echo(stream, number, stops));
            }
        });
        Self { address, calls }
    }
}

fn echo(mut stream: TcpStream, number: usize, stops: bool) -> std::io::Result<()> {
    let (mut head, mut length) = (String::new(), 0);
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let told = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    let key = told.strip_prefix("Bearer ").unwrap_or_default();
    let coded = [key, told, &head, &format!("x{key}")].map(|text| format!("{} {}", STANDARD.encode(text), URL_SAFE.encode(text)));
    let everything = [&coded[..], &plain(key)].concat().join(" ; ");
    let message = json!({"role": "assistant", "content": everything});
    let (status, body) = match number % 6 {
        0 => ("422 Unprocessable", json!({"error": {"message": everything, "param": key, "code": everything}}).to_string()),
        1 => ("500 Oops", everything.clone()),
        2 => (
            "200 OK",
            json!({"id": key, "model": key, "choices": [{"message": message, "finish_reason": "stop"}], "usage": {}}).to_string(),
        ),
        3 => ("200 OK", json!({"error": json!({"echo": head}).to_string()}).to_string()),
        4 => ("429 Slow", json!({"error": {"message": head}}).to_string()),
        _ if stops => ("401 No", json!({"error": {"message": format!("Incorrect API key provided: {key} {everything}")}}).to_string()),
        _ => ("413 Large", html(&head)),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: {key}\r\nlocation: http://127.0.0.1:9/{}\r\nx-ratelimit-limit-requests: {key}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        percent(key),
        body.len()
    );
    stream.write_all(reply.as_bytes())
}

fn files_beneath(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_beneath(&path) } else { vec![path] }).collect()
}

fn found(bytes: &[u8]) -> Vec<String> {
    forms(KEY).into_iter().filter(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes())).collect()
}

#[test]
fn a_key_that_the_server_echoes_is_nowhere() {
    for stops in [false, true] {
        let (work, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
        let server = Echo::start(stops);
        fs::write(elsewhere.path().join("key"), KEY).unwrap();
        let key_file = elsewhere.path().join("key");
        let settings = format!(
            "provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\napi_key_file = \"{}\"\n",
            server.address,
            key_file.display()
        );
        let (source, config, folder) = (texts(work.path(), 24), config(work.path(), &settings), work.path().join("run"));
        for more in [&["--concurrency", "1", "--keep-parts"][..], &["--json", "--retry", "judge_unusable,unresolved"]] {
            let done = run(&score(&source, &config, &folder, more));
            assert!(matches!(done.status.code(), Some(1 | 4)), "{done:?}");
            for (name, said) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
                assert_eq!(found(said), [""; 0], "{name} of {more:?}");
            }
        }
        let doctor = run(&["doctor", "--config", &config]);
        assert_eq!(found(&[doctor.stdout, doctor.stderr].concat()), [""; 0], "doctor");
        assert!(server.calls.load(Ordering::SeqCst) >= 6);
        let files = files_beneath(work.path());
        assert!(files.len() > 6, "{files:?}");
        for file in files {
            assert_eq!(found(&fs::read(&file).unwrap()), [""; 0], "{}", file.display());
        }
    }
}

/// A key where none belongs: said to be there, and not repeated.
#[test]
fn a_misplaced_key_is_not_repeated() {
    const LIVE: &str = "sk-live-CANARY0123456789abcdef";
    let work = tempdir().unwrap();
    let (source, folder) = (texts(work.path(), 1), work.path().join("run"));
    let head = "provider = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n";
    let check = |args: &[&str], what: &str| {
        for more in [&[][..], &["--json"]] {
            let done = run(&[args, more].concat());
            let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
            assert!(!said.contains("CANARY"), "{what}: {said}");
            assert!(matches!(done.status.code(), Some(1 | 2)) && said.len() > 20, "{what}: {said}");
        }
    };
    for field in ["api_key", "api_key_env", "api_key_file", "api_key_optional", "key", "max_tokens"] {
        let config = config(work.path(), &format!("{head}{field} = \"{LIVE}\"\n"));
        check(&score(&source, &config, &folder, &[]), field);
        check(&["doctor", "--config", &config], field);
    }
    let config = config(work.path(), head);
    for address in
        ["http://user:{}@127.0.0.1:9/v1#m", "http://{}@127.0.0.1:9/v1#m", "http://127.0.0.1:9/v1?key={}#m", "http://user:{}@127.0.0.1:9/v1"]
    {
        let spec = address.replace("{}", LIVE);
        check(&["score", source.to_str().unwrap(), "--config", &config, "--judge", &spec, "-o", folder.to_str().unwrap()], address);
    }
}

/// The search finds what it should: all forms, in a text like those that the echo sends.
#[test]
fn the_search_finds_every_form() {
    let text: Value = json!({"echo": forms(KEY), "head": STANDARD.encode(format!("authorization: Bearer {KEY}\r\nhost: x"))});
    let text = forms(KEY).join(" ") + &text.to_string();
    assert_eq!(found(text.as_bytes()).len(), forms(KEY).len());
    for before in ["", "x", "xx"] {
        assert!(!found(STANDARD.encode(format!("{before}{KEY} and more")).as_bytes()).is_empty());
    }
}
