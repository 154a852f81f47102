//! Connections that break for real, at every place: what was never sent costs nothing, and what may have been billed is sent once more and no oftener.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::tempdir;

use crate::rig::{Rig, attempts};
use crate::support::{config, jsonl, score, texts, tribunal};

const ITEMS: usize = 3;

#[test]
fn what_is_reset_once_it_was_sent_is_sent_once_more() {
    let resets = ["reset_before_headers", "reset_mid_headers", "reset_after_headers", "reset_mid_body", "truncated_200"];
    for reset in resets {
        let rig = Rig::new(ITEMS, &json!({"faults": {"share": 1.0, "seed": 1, "kinds": [reset]}}), "");
        let done = rig.finish(1, "run", &[]);
        assert_eq!((&done["summary"]["by_outcome"]["unresolved"], &done["summary"]["pending"]), (&json!(ITEMS), &json!(0)), "{reset}");
        for row in jsonl(&rig.run("run/verdicts.jsonl")) {
            assert_eq!((&row["reason"], &row["attempts"]), (&json!("connection_lost"), &json!(2)), "{reset}: {row}");
        }
        let lost = attempts(&rig.run("run"), "ambiguous");
        assert_eq!((rig.requests(), lost), (2 * ITEMS as u64, 2 * ITEMS as u64), "{reset}");
        rig.finish(1, "run", &[]);
        assert_eq!(rig.requests(), lost, "{reset}: what is unresolved is not asked again unasked");
    }
}

#[test]
fn what_is_reset_now_and_then_is_answered_in_the_end() {
    let kinds = ["reset_before_headers", "reset_mid_headers", "reset_after_headers", "reset_mid_body", "refused"];
    let rig = Rig::new(100, &json!({"safety": 3, "faults": {"share": 0.3, "seed": 5, "kinds": kinds}}), "");
    let output = tribunal(&rig.args(&rig.run("run"), &["--concurrency", "8"])).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let [answered, ambiguous, open, unsent] = ["answered", "ambiguous", "open", "never_sent"].map(|class| attempts(&rig.run("run"), class));
    let rows = jsonl(&rig.run("run/verdicts.jsonl"));
    assert!(rows.iter().all(|row| row["outcome"] == "scored" || row["outcome"] == "unresolved"));
    assert!(answered >= 80 && ambiguous > 10 && open == 0, "{answered} {ambiguous} {open} {unsent}");
    // A connection that is closed before a byte was taken may be met by a request on its way.
    let billed = rig.mock.bill()["billed"].as_u64().unwrap();
    assert!(answered <= billed && billed <= answered + ambiguous, "billed {billed}, answered {answered}, lost {ambiguous}");
}

/// How a port that speaks no TLS takes a client that does.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// In words, as a server of plain HTTP.
    Words,
    /// That it cannot agree on anything, as TLS does.
    Alert,
    /// With half of a message, and the end.
    Half,
    /// With the end.
    Shuts,
    /// With a reset.
    Resets,
}

/// A port with that manner, and all that it was told.
fn port(manner: Manner) -> (String, Arc<Mutex<Vec<u8>>>) {
    let (listener, heard) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(Mutex::new(Vec::new())));
    let (address, told) = (listener.local_addr().unwrap().to_string(), Arc::clone(&heard));
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 1 << 12];
            let read = client.read(&mut buffer).unwrap_or(0);
            told.lock().unwrap().extend_from_slice(&buffer[..read]);
            // A client that is gone already has seen enough.
            let _ = answer(&mut client, manner);
        }
    });
    (address, heard)
}

fn answer(client: &mut TcpStream, manner: Manner) -> std::io::Result<()> {
    match manner {
        Manner::Words => client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        Manner::Alert => client.write_all(&[21, 3, 3, 0, 2, 2, 40]),
        Manner::Half => client.write_all(&[22, 3, 3, 0, 122, 2, 0, 0]),
        Manner::Shuts => Ok(()),
        Manner::Resets => Ok(rustix::net::sockopt::set_socket_linger(&*client, Some(std::time::Duration::ZERO))?),
    }
}

/// Nothing is sent before the handshake is done, the key least of all: nobody can have billed anything, so nothing is in doubt.
#[test]
fn a_handshake_that_fails_sends_nothing_and_stops_the_run() {
    let check = |manner: Manner| {
        let (work, (address, heard)) = (tempdir().unwrap(), port(manner));
        let price = "[judges.j.price]\ninput_per_mtok = 2.0\noutput_per_mtok = 8.0\ndate = \"2026-11-25\"\n";
        let settings = format!("provider = \"openai\"\nbase_url = \"https://{address}/v1\"\nmodel = \"m\"\napi_key_env = \"K\"\n{price}");
        let (source, config, run) = (texts(work.path(), ITEMS), config(work.path(), &settings), work.path().join("run"));
        let args = score(&source, &config, &run, &["--budget-usd", "1", "--json"]);
        let output = tribunal(&args).env("K", "sk-canary-4711").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{manner:?}: {stderr}");
        let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(done["stopped"].as_str().unwrap().contains(&address), "{manner:?}: {}", done["stopped"]);
        assert_eq!((&done["summary"]["pending"], &done["summary"]["cost_usd"]), (&json!(ITEMS), &json!(0.0)), "{manner:?}");
        let [unsent, open, lost] = ["never_sent", "open", "ambiguous"].map(|class| attempts(&run, class));
        assert!(unsent > 1 && (open, lost) == (0, 0), "{manner:?}: {unsent} {open} {lost}");
        let heard = heard.lock().unwrap();
        assert!(heard.starts_with(&[22, 3]), "{manner:?}: the client does speak TLS");
        assert!(!["sk-canary", "POST", "water"].iter().any(|word| heard.windows(word.len()).any(|bytes| bytes == word.as_bytes())));
    };
    let manners = [Manner::Words, Manner::Alert, Manner::Half, Manner::Shuts, Manner::Resets];
    std::thread::scope(|scope| manners.iter().for_each(|manner| _ = scope.spawn(|| check(*manner))));
}
