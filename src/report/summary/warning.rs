//! What a reader must know before using the numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::scope::Scoped;
use super::settings::RunSettings;
use super::{JudgeRow, Scope, Summary, doubt, model_pair, tags, weak};
use crate::ensemble::{CascadeEstimate, CascadeRow};
use crate::judge::{OutcomeName, Receipt, TRIAGE_FACTORS};
use crate::ledger::{Facts, Failures, RunInfo, ScopeFacts};
use crate::manifest::Notice;
use crate::taxonomy::Lang;

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// The same in Korean, for pages; files of numbers keep to English.
    #[serde(skip)]
    pub korean: String,
    /// How many; null where it is not countable.
    pub count: Option<usize>,
}

impl Warning {
    /// With its message in English and Korean.
    pub(in crate::report) fn new(code: &str, [message, korean]: [String; 2]) -> Self {
        Self { code: code.to_owned(), message, korean, count: None }
    }

    pub(super) fn counted(code: &str, count: usize, messages: [String; 2]) -> Self {
        Self { count: Some(count), ..Self::new(code, messages) }
    }

    /// Whether it is of whose the scores are: that is said before any of them.
    pub(in crate::report) fn is_of_the_judge(&self) -> bool {
        matches!(self.code.as_str(), "judge_model_changed" | "judge_drift" | "sentinel_blind")
    }

    /// The message in a language.
    pub(in crate::report) fn in_language(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.message,
            Lang::Ko => &self.korean,
        }
    }
}

/// The warnings of a run, the gravest first.
pub(super) fn of(info: &RunInfo, run: &RunSettings, summary: &Summary, facts: &Facts, scoped: &[&Scoped]) -> Vec<Warning> {
    let (settings, mut warnings) = (&run.warnings, Vec::new());
    warnings.extend(judges(info, summary));
    warnings.extend(authored(info));
    warnings.extend(scoped.iter().filter(|one| one.selected).map(|one| selected(one, scoped)));
    warnings.extend(summary.cascades.iter().filter_map(beside));
    warnings.extend(locks(info));
    warnings.extend(pending(summary));
    warnings.extend(partial(facts));
    warnings.extend(without_scores(summary, facts));
    warnings.extend(rejected(facts));
    warnings.extend(salvaged(facts));
    warnings.extend(facts.scopes().iter().filter_map(cut));
    warnings.extend(unread(&run.receipts, facts));
    warnings.extend(unproven(&run.receipts, facts));
    warnings.extend(super::probe::warnings(&summary.probes, &run.probes));
    warnings.extend(doubt::of_groups(summary, settings));
    warnings.extend(scoped.iter().filter_map(|one| doubt::few(one, settings)));
    warnings.extend(summary.standings.iter().filter_map(|one| doubt::lone(one, summary, settings)));
    warnings.extend(scoped.iter().flat_map(|one| weak::warnings(one, settings)));
    warnings.extend(scoped.iter().flat_map(|one| doubt::one_cell(one, settings)));
    warnings.extend(super::quality::warnings(&summary.quality, settings));
    warnings.extend(scoped.iter().flat_map(|one| tags::warnings(one).into_iter().chain(model_pair::left_out(one))));
    warnings.extend(info.notices.iter().map(noticed));
    warnings
}

fn judges(info: &RunInfo, summary: &Summary) -> Option<Warning> {
    let (triage, full): (BTreeSet<_>, BTreeSet<_>) =
        summary.by_judge.iter().map(|row| &row.scope.judge).partition(|judge| info.triage_judges.contains(judge));
    if triage.is_empty() {
        return None;
    }
    let covered = TRIAGE_FACTORS.iter().filter(|code| info.factor_names.contains_key(**code)).count();
    let all = info.factor_names.len();
    let coverage = format!("covers {covered} of {all} risk factors with an uncalibrated scale");
    let korean = format!("내장 선별기는 위험 요인 {all}개 중 {covered}개를 보정되지 않은 척도로 다룹니다.");
    Some(if full.is_empty() {
        let message = format!("No full judge ran. Only the embedded triage did, which {coverage}.");
        Warning::new("no_full_judge", [message, format!("정식 판정 모델이 실행되지 않았습니다. {korean}")])
    } else {
        let message = format!("The embedded triage {coverage}; it is never pooled with other judges.");
        Warning::new("triage_separate", [message, format!("{korean} 다른 판정 모델과 합치지 않습니다.")])
    })
}

/// A cascade's second judge: its numbers are of what the first judge found low or was unsure of, and of a sample.
fn selected(one: &Scoped, all: &[&Scoped]) -> Warning {
    let alike = |other: &&&Scoped| (&other.scope.rubric, &other.scope.sampler) == (&one.scope.rubric, &one.scope.sampler);
    // What was blocked is asked of nobody.
    let asked = |of: &Scoped| of.items.iter().filter(|one| !one.is_blocked()).count();
    let (count, scope) = (asked(one), name(one.scope));
    let items = all.iter().filter(alike).map(|other| asked(other)).max().unwrap_or(count);
    let message = format!(
        "{scope}: asked of {count} of {items} items, those that the cascade passed on. Its means are not those of all items, which `cascades` estimates."
    );
    let korean = format!(
        "{scope}: 항목 {items}개 중 단계별 평가가 넘긴 {count}개만 판정했습니다. 이 평균은 전체 항목의 평균이 아니며, 전체의 추정값은 `cascades`에 있습니다."
    );
    Warning::counted("selected_items", count, [message, korean])
}

/// Share of what a cascade's second judge has ended with from which on it is said that so much was asked for reasons that hold no more.
const BESIDE: f64 = 0.1;

/// Verdicts that a cascade's estimate leaves out, so that nobody looks for them in it.
fn beside(row: &CascadeRow) -> Option<Warning> {
    let CascadeEstimate { scored, unscored, beside, .. } = row.estimate;
    let all = scored + unscored + beside;
    let (first, then, scope) = (&row.first, &row.then, [Some(&row.rubric), row.sampler.as_ref()]);
    let who = format!("{first} -> {then}, {}", scope.into_iter().flatten().cloned().collect::<Vec<_>>().join(", "));
    let message = format!(
        "{who}: {beside} of {all} cases that {then} has ended with are neither flagged now nor of the random sample (flagged before, or asked without a \
         cascade). The estimate leaves them out: they were chosen, and speak for no others."
    );
    let korean = format!(
        "{who}: {then}에게 물은 사례 {all}개 중 {beside}개는 지금은 넘길 사례도 무작위 표본도 아닙니다(전에 넘겼거나 단계별 평가 없이 물음). 골라 물은 것이라 \
         다른 사례를 대표하지 못하므로 추정에서 뺐습니다."
    );
    let is_much = beside > 0 && beside as f64 >= BESIDE * all as f64;
    is_much.then(|| Warning::counted("beside_the_sample", beside, [message, korean]))
}

fn authored(info: &RunInfo) -> Option<Warning> {
    let judges = info.authored_judges.join(", ");
    let message = format!("Replies of {judges} were written by hand to show the tool; they are no judgement by any model.");
    let korean = format!("{judges}: 도구를 보여 주려고 사람이 쓴 응답이며, 어떤 모델의 판정도 아닙니다.");
    (!info.authored_judges.is_empty()).then(|| Warning::new("authored_replies", [message, korean]))
}

fn locks(info: &RunInfo) -> Option<Warning> {
    let locks = info.missing_locks.join(", ");
    let messages = [format!("The decoders ran without: {locks}."), format!("디코더가 다음 격리 없이 실행되었습니다: {locks}.")];
    (!info.missing_locks.is_empty()).then(|| Warning::counted("isolation_incomplete", info.missing_locks.len(), messages))
}

/// The budget counts such attempts in full.
pub(super) fn perhaps_billed(usd: f64) -> Warning {
    let message = format!("Requests that were lost on their way may have been billed: up to ${usd:.4} beyond the cost shown.");
    let korean = format!("도중에 잃은 요청이 청구되었을 수 있습니다: 표시된 비용 외에 최대 ${usd:.4}.");
    Warning::new("perhaps_billed", [message, korean])
}

/// So does it with these.
pub(super) fn uncounted(usd: f64) -> Warning {
    let message = format!(
        "Replies were billed whose tokens their server did not count, so nobody knows how much they cost: up to ${usd:.4} beyond the cost shown."
    );
    let korean = format!("서버가 토큰 수를 알려 주지 않은 응답이 청구되었으나 그 비용은 알 수 없습니다: 표시된 비용 외에 최대 ${usd:.4}.");
    Warning::new("perhaps_billed", [message, korean])
}

fn pending(summary: &Summary) -> Option<Warning> {
    let Summary { pending, expected, .. } = *summary;
    let message = format!("{pending} of {expected} tasks are still pending; the same command resumes.");
    let korean = format!("작업 {expected}개 중 {pending}개가 아직 대기 중입니다. 같은 명령으로 이어서 실행됩니다.");
    (pending > 0).then(|| Warning::counted("pending", pending, [message, korean]))
}

/// The source was not registered to its end.
pub(super) fn plan_cut_short() -> Warning {
    let message = "The run was stopped while it was planned: rows of the source and tasks are missing here; the same command goes on.";
    let korean = "계획 중에 중단된 실행입니다. 원본의 일부 항목과 작업이 여기에 없습니다. 같은 명령으로 이어서 실행됩니다.";
    Warning::new("plan_cut_short", [message.to_owned(), korean.to_owned()])
}

/// Items that no task is about: a shard alone, a limit.
fn partial(facts: &Facts) -> Option<Warning> {
    let all = facts.items().len();
    let count = (0..all as u32).filter(|item| facts.tasks_of(*item).is_empty()).count();
    let message = format!("{count} of {all} items of the source are in no task: this is one shard of several, or a limit was set.");
    let korean = format!("원본 항목 {all}개 중 {count}개는 어떤 작업에도 없습니다. 여러 조각 중 하나이거나 개수를 제한한 실행입니다.");
    (count > 0 && !facts.tasks().is_empty()).then(|| Warning::counted("partial", count, [message, korean]))
}

/// Judges whose every verdict failed: refused, unusable, unresolved or over media that could not be read.
fn without_scores(summary: &Summary, facts: &Facts) -> Vec<Warning> {
    let warning = |row: &JudgeRow| {
        let count = |name: &OutcomeName| row.by_outcome.get(name).copied().unwrap_or_default();
        let failed: Vec<(OutcomeName, usize)> =
            OutcomeName::ALL.into_iter().filter(|name| !name.is_clean()).map(|name| (name, count(&name))).filter(|(_, n)| *n > 0).collect();
        let total: usize = failed.iter().map(|(_, n)| n).sum();
        let how = failed.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ");
        let scope = name(&row.scope);
        let of = facts.scopes().iter().find(|of| of.scope == row.scope);
        // Of two equally frequent reasons the first by code.
        let most = of.and_then(|of| of.failures.iter().rev().max_by_key(|(_, failures)| failures.count));
        let [why, korean_why] = most.map_or_else(Default::default, |(reason, Failures { count, words })| {
            let colon = if words.is_empty() { "" } else { ": " };
            [
                format!(" Most often ({count} of {total}) {reason}{colon}{words}"),
                format!(" 가장 많은 까닭({total}개 중 {count}개)은 {reason}{colon}{words}"),
            ]
        });
        let english = format!("{scope}: not one of {total} tasks was scored ({how}); there is nothing to say of any model here.{why}");
        let korean =
            format!("{scope}: 작업 {total}개 중 채점된 것이 하나도 없어({how}) 어떤 모델에 대해서도 말할 수 없습니다.{korean_why}");
        (total > 0 && count(&OutcomeName::Scored) == 0).then(|| Warning::counted("no_scores", total, [english, korean]))
    };
    summary.by_judge.iter().filter(|row| !row.scope.is_probe()).filter_map(warning).collect()
}

fn salvaged(facts: &Facts) -> Option<Warning> {
    let count = facts.items().iter().filter(|item| item.salvaged).count();
    let message = format!("{count} items are cut or damaged; only what could be decoded of them was judged.");
    let korean = format!("{count}개 항목이 잘렸거나 손상되어, 디코딩할 수 있는 부분만 판정했습니다.");
    (count > 0).then(|| Warning::counted("media_salvaged", count, [message, korean]))
}

/// Judges that saw or heard only a part, because they take no more at once.
fn cut(of: &ScopeFacts) -> Option<Warning> {
    let (count, scope) = (of.cut, name(&of.scope));
    let message =
        format!("{scope}: {count} verdicts rest on an even part of the pictures or sound, which is all that the judge takes (`fit`).");
    let korean = format!(
        "{scope}: 판정 모델이 한 번에 받는 양이 적어, 판정 {count}개는 그림이나 소리를 고르게 덜어 낸 일부만 보고 내렸습니다 (`fit`)."
    );
    (count > 0).then(|| Warning::counted("cut_to_fit", count, [message, korean]))
}

/// Judges whose servers counted next to nothing of what they were sent: a context that is too small for it drops the rest in silence.
fn unread(receipts: &BTreeMap<String, Receipt>, facts: &Facts) -> Vec<Warning> {
    let mut judges: BTreeMap<&str, usize> = BTreeMap::new();
    facts.scopes().iter().filter(|of| of.unread > 0).for_each(|of| *judges.entry(&of.scope.judge).or_default() += of.unread);
    let warning = |(judge, count)| {
        let message = format!(
            "{judge}: its server counted fewer tokens for the requests of {count} verdicts than their texts alone can have; it may not have read \
             them (see to its context length, or set receipt = \"off\" where it counts otherwise)."
        );
        let korean = format!(
            "{judge}: 서버가 센 토큰이 요청의 글만으로도 나올 수 없을 만큼 적은 판정이 {count}개 있습니다. 요청을 다 읽지 않았을 수 있으니 문맥 길이를 \
             확인하십시오 (서버가 다르게 세는 경우 receipt = \"off\")."
        );
        Warning::counted("prompt_unread", count, [message, korean])
    };
    judges.into_iter().filter(|(judge, _)| receipts.get(*judge).is_some_and(|receipt| *receipt != Receipt::Off)).map(warning).collect()
}

/// Judges of which nothing proves that they saw or heard what they were sent: their servers do not say what they counted, and no canary was sent.
fn unproven(receipts: &BTreeMap<String, Receipt>, facts: &Facts) -> Vec<Warning> {
    let mut judges: BTreeMap<&str, usize> = BTreeMap::new();
    facts.scopes().iter().filter(|of| of.uncounted > 0).for_each(|of| *judges.entry(&of.scope.judge).or_default() += of.uncounted);
    let has_canary = |judge: &str| receipts.get(judge).is_none_or(|receipt| *receipt == Receipt::Canary);
    let warning = |(judge, count)| {
        let message = format!(
            "{judge}: nothing proves that it saw or heard the media of {count} verdicts, for its server does not count pictures and sound; \
             receipt = \"canary\" would prove it."
        );
        let korean = format!(
            "{judge}: 서버가 그림과 소리의 토큰을 따로 세지 않아, 판정 {count}개에서 미디어를 실제로 보거나 들었다는 증거가 없습니다. \
             receipt = \"canary\"로 증명할 수 있습니다."
        );
        Warning::counted("media_unproven", count, [message, korean])
    };
    judges.into_iter().filter(|(judge, _)| !has_canary(judge)).map(warning).collect()
}

fn rejected(facts: &Facts) -> Option<Warning> {
    let mut items: Vec<u32> =
        facts.tasks().iter().filter(|task| task.outcome == Some(OutcomeName::MediaRejected)).map(|task| task.item).collect();
    items.dedup(); // tasks of an item stand together
    let count = items.len();
    let message = format!("{count} items hold media that could not be decoded within the limits; they have no score.");
    let korean = format!("{count}개 항목의 미디어를 한도 안에서 디코딩할 수 없어 점수가 없습니다.");
    (count > 0).then(|| Warning::counted("media_rejected", count, [message, korean]))
}

/// What the source lacks or passed over. The run keeps it in English, with an example at its end; a code of another version stays so.
fn noticed(notice: &Notice) -> Warning {
    let Notice { code, count, message } = notice;
    let what = NOTICES.iter().find(|(known, _)| known == code).map(|(_, what)| *what);
    let example = message.rsplit_once(", e.g. ").map_or_else(String::new, |(_, example)| format!(" (예: {example})"));
    let korean = what.map_or_else(|| message.clone(), |what| format!("{count}개: {what}{example}"));
    Warning::counted(code, *count, [message.clone(), korean])
}

/// Notices of sources in Korean, by code.
const NOTICES: [(&str, &str); 12] = [
    ("sidecars", "곁 파일의 필드를 사용함"),
    ("skipped_files", "미디어도 .txt나 .md도 아닌 파일을 건너뜀"),
    ("skipped_hidden", "점으로 시작하는 파일이나 폴더를 건너뜀"),
    ("skipped_links", "심볼릭 링크를 따라가지 않음"),
    ("skipped_names", "식별자가 될 수 없는 이름을 건너뜀"),
    ("skipped_runs", "이전 실행 폴더를 건너뜀"),
    ("skipped_unreadable", "읽을 수 없는 폴더를 건너뜀"),
    ("inputs_not_shown", "프롬프트에 미디어가 있으나 판정 모델에 아직 보이지 않음"),
    ("missing_prompt_types", "식별자에 알려진 프롬프트 유형이 없음"),
    ("missing_candidates", "후보 답변이 없거나 비어 있음"),
    ("missing_files", "미디어 항목에 파일이 없음"),
    ("missing_scores", "사람의 위험 점수가 없음"),
];

pub(super) fn name(scope: &Scope) -> String {
    scope.label()
}
