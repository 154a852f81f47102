//! `tribunal doctor`: what works here.

use serde::Serialize;
use tribunal::doctor::{self, Check};
use tribunal::judge::JudgeSpec;
use tribunal::report::visible;
use tribunal::sandbox::Isolation;

use super::context::{Context, Exit, Failure};
use super::{open, output};
use crate::cli::WorkerArgs;

#[derive(Debug, Serialize)]
struct DoctorJson {
    checks: Vec<Check>,
}

/// Looks at libraries, worker locks, the embedded judge and every judge of tribunal.toml. Sends nothing.
pub(crate) fn run(context: &Context, args: &WorkerArgs) -> Result<Exit, Failure> {
    let mut checks = doctor::decoders();
    if args.isolation != Some(Isolation::Off) {
        checks.push(doctor::workers(&context.config.limits, &open::zygote()?));
    }
    if let Some(settings) = JudgeSpec::Embedded.settings() {
        checks.push(doctor::judge("embedded", &open::open_judge("embedded", settings)));
    }
    for (name, settings) in &context.config.judges {
        checks.push(doctor::judge(name, &open::open_judge(name, settings.clone())));
    }
    let broken = checks.iter().any(|check| !check.works);
    if context.json {
        output::say_json(&DoctorJson { checks });
    } else {
        let line = |check: &Check| format!("{} {:<18} {}", if check.works { "ok  " } else { "FAIL" }, check.name, visible(&check.found));
        output::say(&checks.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
    Ok(if broken { Exit::Unclean } else { Exit::Done })
}
