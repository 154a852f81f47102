//! Paths stay inside: whatever a manifest names and however quickly names change, nothing outside the folder is read and nothing waits for ever.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tempfile::tempdir;
use tribunal::manifest::Asset;
use tribunal::prepare::prepare;
use tribunal::sandbox::{Isolation, Pool, Settings};
use tribunal_media::Recipe;

use crate::support::{jsonl, next, run, run_to, sized};

const SECRET: &str = "canary-5d1c-outside";

/// A folder with everything that a path can lead astray with, and a secret beside it.
fn zoo() -> tempfile::TempDir {
    let work = tempdir().unwrap();
    let root = work.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(work.path().join("secret.txt"), SECRET).unwrap();
    for name in ["a.txt", "sub/b.txt", "가.txt", "dot..dot.txt", "-rf.txt", "%2e%2e.txt", "a b.txt"] {
        fs::write(root.join(name), "inside").unwrap();
    }
    symlink("../secret.txt", root.join("link.txt")).unwrap();
    symlink("link.txt", root.join("chain.txt")).unwrap();
    symlink("a.txt", root.join("inner.txt")).unwrap();
    symlink("loop.txt", root.join("loop.txt")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("/", root.join("slash")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("/dev/zero", root.join("zero.txt")).unwrap();
    symlink("nowhere", root.join("dangling.txt")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("pipe.txt")).status().unwrap().success());
    drop(std::os::unix::net::UnixListener::bind(root.join("socket.txt")).unwrap());
    work
}

/// Paths that must be refused: as they are, and after harmless steps.
fn astray(secret: &Path) -> Vec<String> {
    let mut bare: Vec<String> = [
        "../secret.txt",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/proc/1/root/etc/passwd",
        "/dev/stdin",
        "/dev/zero",
        "link.txt",
        "chain.txt",
        "inner.txt",
        "loop.txt",
        "up/secret.txt",
        "slash/etc/passwd",
        "magic/etc/passwd",
        "zero.txt",
        "dangling.txt",
        "pipe.txt",
        "socket.txt",
        "sub",
        ".",
        "..",
        "",
        "missing.txt",
        "a.txt/",
        "a.txt/b.txt",
        "sub/",
        "sub/../../secret.txt",
        "./../secret.txt",
        "sub//../..//secret.txt",
        "a.txt\0.jpg",
        "\0",
        "..\\secret.txt",
        "%2e%2e/secret.txt",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x.txt",
        "~/secret.txt",
        "$HOME",
        "`id`",
        "\u{202e}txt.terces/..",
        "\u{2024}\u{2024}/secret.txt",
        "\u{ff0e}\u{ff0e}/secret.txt",
        "a.txt\n",
        " a.txt",
        "A.TXT",
        "가.txt",
        "a b.txt",
        "\u{1112}\u{1161}",
        "a.txt?raw=1",
        "a.txt#x",
        "sub\u{2215}b.txt",
        "*.txt",
        "..;/secret.txt",
    ]
    .map(str::to_owned)
    .to_vec();
    bare.push(secret.to_str().unwrap().to_owned());
    bare.push("x".repeat(4096));
    bare.push(format!("{}secret.txt", "sub/../".repeat(600)));
    bare.push(format!("{}secret.txt", "../".repeat(40)));
    let stepped = bare.iter().filter(|path| !path.starts_with('/')).flat_map(|path| [format!("./{path}"), format!("sub/../{path}")]);
    let stepped: Vec<String> = stepped.collect();
    bare.extend(stepped);
    bare
}

#[test]
fn a_manifest_leads_nowhere_else() {
    let work = zoo();
    let root = work.path().join("root");
    let paths = astray(&work.path().join("secret.txt"));
    assert!(paths.len() >= 150, "{}", paths.len());
    let manifest = root.join("m.jsonl");
    let line = |(number, path): (usize, &String)| json!({"id": format!("i{number}"), "output": {"path": path}}).to_string();
    let lines: Vec<String> =
        paths.iter().enumerate().map(line).chain([json!({"id": "i0", "output": {"path": "a.txt"}}).to_string()]).collect();
    fs::write(&manifest, lines.join("\n")).unwrap();
    let out = work.path().join("out");
    let refused = run_to(2, &["prepare", manifest.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!said.contains(SECRET) && !out.exists());
    // The steps of a path are what counts, so a slash behind a file's name is none.
    let inside = |path: &str| ["가.txt", "a b.txt", "a.txt"].contains(&path.trim_start_matches("./").trim_end_matches('/'));
    let named = |number: usize| said.contains(&format!("m.jsonl:{}:", number + 1));
    let wrong: Vec<_> = paths.iter().enumerate().filter(|(number, path)| named(*number) == inside(path)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(said.contains(&format!("m.jsonl:{}:", lines.len())), "a doubled id");
}

#[test]
fn a_folder_is_walked_without_following_or_waiting() {
    let work = zoo();
    let (root, out) = (work.path().join("root"), work.path().join("out"));
    run(&["prepare", root.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let lines = jsonl(&out.join("parts.jsonl"));
    assert_eq!(lines.iter().filter(|line| line["kind"] == "text").count(), 7, "{lines:?}");
    let found = Command::new("grep").args(["-r", SECRET, out.to_str().unwrap()]).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

#[test]
fn names_that_change_while_they_are_opened_lead_nowhere_else() {
    let work = zoo();
    let root = work.path().join("root");
    let pool = Pool::start(Settings { isolation: Isolation::Off, ..Settings::default() }, &[]).unwrap();
    let (stop, opens) = (AtomicBool::new(false), sized(20_000, 2_000_000));
    let recipes = [Recipe::Text { max_characters: 100 }];
    let (mut seen, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        // The name is by turns a file, a link to the secret, a pipe, and below a folder that is by turns a link upwards.
        scope.spawn(|| {
            let mut state = 5;
            let (spare, folder) = (root.join("spare"), root.join("moving"));
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::remove_file(&spare);
                match next(&mut state) % 3 {
                    0 => fs::write(&spare, "inside").unwrap(),
                    1 => symlink("../secret.txt", &spare).unwrap(),
                    _ => fs::hard_link(root.join("pipe.txt"), &spare).unwrap(),
                }
                fs::rename(&spare, root.join("race.txt")).unwrap();
                if next(&mut state).is_multiple_of(2) {
                    let _ = fs::rename(root.join("sub"), &folder);
                    let _ = symlink("..", root.join("sub"));
                } else {
                    let _ = fs::remove_file(root.join("sub"));
                    let _ = fs::rename(&folder, root.join("sub"));
                }
            }
        });
        // Both must have been met often; on a busy machine that takes more opens.
        let met = |seen: usize, refused: usize| seen.min(refused) > opens / 100;
        for number in 0..20 * opens {
            if number >= opens && met(seen, refused) {
                break;
            }
            let path = if number % 2 == 0 { "race.txt" } else { "sub/secret.txt" };
            match prepare(&root, &Asset::File(path.into()), &recipes, &pool) {
                Ok(prepared) => {
                    // A file may be seen before it is written.
                    let text = prepared.payloads[0].parts.first().map(|part| part.bytes.clone()).unwrap_or_default();
                    assert!(text.is_empty() || text == "inside", "{text:?}");
                    seen += 1;
                }
                Err(rejected) => {
                    let expected = ["missing", "outside", "not_regular", "changed", "empty"];
                    assert!(expected.contains(&rejected.reason.as_str()), "{rejected:?}");
                    refused += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{seen} files were read, {refused} opens were refused");
    assert!(seen.min(refused) > opens / 100, "no race: {seen} read, {refused} refused");
}
