//! The house rule: a module names only modules above it in `lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Module names in the order of `lib.rs`.
fn order() -> Vec<String> {
    let lib = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

fn files_beneath(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_file() {
        into.push(path.to_owned());
        return;
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
        .iter()
        .filter(|path| path.is_dir() || path.extension().is_some_and(|ext| ext == "rs"))
        .for_each(|path| files_beneath(path, into));
}

/// Code without comments and strings' contents, so that prose may name any module.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Names of top-level modules that `code` refers to: `crate::x`, `crate::{x, y::z}`, and chains of `super::` that climb `depth`
/// levels or more (an inline module adds one).
fn named(code: &str, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        names.extend(firsts(&code[at + "crate::".len()..]));
    }
    for (at, _) in code.match_indices("super::").filter(|(at, _)| !code[..*at].ends_with("super::")) {
        let after = code[at..].trim_start_matches("super::");
        if (code.len() - at - after.len()) / "super::".len() >= depth {
            names.extend(firsts(after));
        }
    }
    names
}

fn firsts(rest: &str) -> Vec<String> {
    match rest.strip_prefix('{') {
        Some(group) => heads(group),
        None => vec![head(rest)],
    }
}

/// How many `super::` lead from a file of `src/` to the top: `config.rs` and `judge/mod.rs` one, `judge/client.rs` two.
fn depth_of(file: &Path) -> usize {
    let levels = file.strip_prefix(source_root()).unwrap().components().count();
    if file.ends_with("mod.rs") { levels - 1 } else { levels }
}

fn head(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// First names inside a brace group, nested braces skipped.
fn heads(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0usize, 0usize);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(head(&group[start..at]));
                return names;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(head(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

fn violations(order: &[String], module: &str, depth: usize, text: &str) -> Vec<String> {
    let place = order.iter().position(|name| name == module).unwrap();
    let later = |name: &String| order.iter().position(|known| known == name).is_some_and(|at| at > place);
    named(&code(text), depth).into_iter().filter(later).collect()
}

#[test]
fn modules_name_only_modules_above_them() {
    let (order, root) = (order(), source_root());
    assert!(order.len() > 10, "{order:?}");
    let mut found = Vec::new();
    for module in &order {
        let mut files = Vec::new();
        for candidate in [root.join(format!("{module}.rs")), root.join(module)] {
            if candidate.exists() {
                files_beneath(&candidate, &mut files);
            }
        }
        assert!(!files.is_empty(), "{module} has no file");
        for file in files {
            let inside = file.strip_prefix(&root).unwrap();
            for name in violations(&order, module, depth_of(&file), &fs::read_to_string(&file).unwrap()) {
                found.push(format!("{} names {name}, which stands below {module}", inside.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_rule_sees_every_spelling() {
    let order: Vec<String> = ["taxonomy", "judge", "ledger"].map(str::to_owned).into();
    for guilty in [
        "use crate::ledger::Ledger;",
        "use crate::{taxonomy, ledger::{A, B}};",
        "let x = super::super::ledger::open();",
        "mod tests { use super::super::super::ledger::open; }",
    ] {
        assert_eq!(violations(&order, "judge", 2, guilty), ["ledger"], "{guilty}");
    }
    for innocent in ["use crate::taxonomy::Lang;", "// see crate::ledger", "use super::ledger_like;", "use crate::judge::x;"] {
        assert!(violations(&order, "judge", 2, innocent).is_empty(), "{innocent}");
    }
}

#[test]
fn leaves_name_nobody() {
    let root = source_root();
    for (leaf, allowed) in [("stats", &[][..]), ("sampling", &["stats"][..]), ("rubric", &["taxonomy"][..])] {
        let mut files = Vec::new();
        files_beneath(&root.join(leaf), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let outside: Vec<String> = named(&code(&text), depth_of(&file))
                .into_iter()
                .filter(|name| order().contains(name) && name != leaf && !allowed.contains(&name.as_str()))
                .collect();
            assert!(outside.is_empty(), "{} names {outside:?}", file.display());
        }
    }
}

/// Deadlines, orders and keys must not hang on a clock that people and time servers set: it finds lost batches, says when a run began, and nothing else.
#[test]
fn the_time_of_day_is_asked_for_batches_dates_of_servers_and_a_runs_start_only() {
    let mut files = Vec::new();
    for folder in ["src", "media/src"] {
        files_beneath(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let asks = |file: &PathBuf| {
        ["SystemTime", "Timestamp::now", "Zoned", "UNIX_EPOCH"].iter().any(|clock| code(&fs::read_to_string(file).unwrap()).contains(clock))
    };
    let mut asking: Vec<_> = files.into_iter().filter(asks).map(|file| file.strip_prefix(source_root()).unwrap().to_owned()).collect();
    asking.sort();
    let known = ["judge/batch/drive.rs", "judge/batch/patience.rs", "judge/retry.rs", "ledger/batch/file.rs", "pipeline/run_info.rs"];
    assert_eq!(asking, known.map(PathBuf::from));
}

#[test]
fn files_open_with_a_line_of_purpose_and_stay_readable() {
    let mut files = Vec::new();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "media/src", "tests/it"] {
        files_beneath(&top.join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} has no `//!` line", file.display());
        assert!(text.lines().count() <= 500, "{} has {} lines", file.display(), text.lines().count());
    }
}
