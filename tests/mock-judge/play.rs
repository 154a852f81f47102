//! Replies on the wire, whole or broken.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::config::Config;
use crate::fault::Fault;
use crate::http::{Response, Wire, find};

/// So long after the first the second of two same replies comes.
const LATE: Duration = Duration::from_millis(50);
/// What was written must have arrived before a reset, which would overtake it.
const SETTLE: Duration = Duration::from_millis(20);
/// Bytes of the body that never ends soon.
const ENDLESS: usize = 100 << 20;
/// Bytes that the bomb inflates to, beside a few.
const BOMB: usize = 110_000_000;
/// What stands in for a reply when something between client and server speaks.
const HTML: &str = "<!doctype html><html><head><title>Gateway</title></head><body><h1>Please sign in</h1></body></html>";
const BAD_GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";

/// Makes of an honest reply what `fault` makes of it, before its status is entered into the ledger.
pub(crate) fn dress(response: &mut Response, fault: Option<Fault>, config: &Config) {
    match fault {
        Some(Fault::E502) => *response = Response::new(502, "text/html", BAD_GATEWAY),
        Some(Fault::Html200) => *response = Response::new(200, "text/html; charset=utf-8", HTML),
        Some(Fault::Redirect) => {
            *response = Response::new(302, "text/html", "");
            response.push("location", format!("{}/v1/elsewhere", config.redirect_to.trim_end_matches('/')));
        }
        Some(Fault::BadUtf8) => {
            let at = find(&response.body, b"safety", 0).unwrap_or(response.body.len() / 2);
            response.body.splice(at..at, *b"\xff\xfe\xc0");
        }
        Some(Fault::GzipBomb) => {
            response.push("content-encoding", "gzip");
            bomb().clone_into(&mut response.body);
        }
        _ => {}
    }
}

/// Sends `response` in the manner of `fault`. The result says whether the connection lives on.
pub(crate) async fn play(wire: &mut Wire, response: &Response, fault: Option<Fault>) -> io::Result<bool> {
    let body = &response.body;
    let (head, half) = (response.head(body.len()), body.len() / 2);
    match fault {
        Some(Fault::Refused) => return Ok(false),
        Some(Fault::ResetBeforeHeaders) => return reset(wire).await,
        Some(Fault::ResetMidHeaders) => {
            wire.stream.write_all(&head[..head.len() / 2]).await?;
            return reset(wire).await;
        }
        Some(Fault::ResetAfterHeaders) => {
            wire.stream.write_all(&head).await?;
            return reset(wire).await;
        }
        Some(Fault::ResetMidBody) => {
            wire.stream.write_all(&[&head, &body[..half]].concat()).await?;
            return reset(wire).await;
        }
        Some(Fault::HangBeforeHeaders) => return hang(wire).await,
        Some(Fault::HangAfterHeaders) => {
            wire.stream.write_all(&head).await?;
            return hang(wire).await;
        }
        Some(Fault::Drip) => return drip(wire, &head, body).await,
        Some(Fault::Truncated200) => {
            wire.stream.write_all(&[&head, &body[..half]].concat()).await?;
            return Ok(false);
        }
        Some(Fault::WrongContentLength) => {
            wire.stream.write_all(&[&response.head(half), &body[..]].concat()).await?;
            return Ok(false);
        }
        Some(Fault::Body100Mb) => return endless(wire, response).await,
        Some(Fault::Duplicate) => {
            wire.stream.write_all(&response.bytes()).await?;
            wire.pause(LATE).await;
        }
        _ => {}
    }
    wire.stream.write_all(&response.bytes()).await?;
    Ok(true)
}

/// RST instead of FIN once the connection is dropped.
async fn reset(wire: &Wire) -> io::Result<bool> {
    sleep(SETTLE).await;
    wire.stream.set_zero_linger()?;
    Ok(false)
}

async fn hang(wire: &mut Wire) -> io::Result<bool> {
    wire.until_gone().await;
    Ok(false)
}

async fn drip(wire: &mut Wire, head: &[u8], body: &[u8]) -> io::Result<bool> {
    wire.stream.write_all(head).await?;
    for byte in body {
        wire.stream.write_all(&[*byte]).await?;
        sleep(Duration::from_secs(1)).await;
    }
    Ok(true)
}

async fn endless(wire: &mut Wire, response: &Response) -> io::Result<bool> {
    let opening = br#"{"padding":""#;
    wire.stream.write_all(&[&response.head(ENDLESS), &opening[..]].concat()).await?;
    let (block, mut left) = (vec![b'a'; 64 << 10], ENDLESS - opening.len());
    while left > 0 {
        let now = left.min(block.len());
        wire.stream.write_all(&block[..now]).await?;
        left -= now;
    }
    Ok(true)
}

/// Packed once: it takes about a second.
fn bomb() -> &'static [u8] {
    static PACKED: OnceLock<Vec<u8>> = OnceLock::new();
    PACKED.get_or_init(|| pack().unwrap_or_default())
}

fn pack() -> io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(br#"{"padding":""#)?;
    let block = vec![b'a'; 1_000_000];
    for _ in 0..BOMB / block.len() {
        packer.write_all(&block)?;
    }
    packer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bomb_is_small_and_grows() {
        assert!(bomb().len() < 120_000, "{}", bomb().len());
        let grown = io::copy(&mut flate2::read::GzDecoder::new(bomb()), &mut io::sink()).unwrap();
        assert!(grown > 100 << 20, "{grown}");
    }

    #[test]
    fn bad_bytes_land_in_the_text() {
        let mut response = Response::new(200, "application/json", r#"{"content":"{\"safety\":4}"}"#);
        dress(&mut response, Some(Fault::BadUtf8), &Config::default());
        assert!(std::str::from_utf8(&response.body).is_err());
        assert!(String::from_utf8_lossy(&response.body).ends_with(r#"safety\":4}"}"#));
    }
}
