//! Workers that crash, hang, lie and grow cost one item each and nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tribunal::sandbox::{Fault, Isolation, Job, Pool, Settings};
use tribunal_media::{Digest, FrameView, PartHeader, Pick, Recipe};

use crate::support::alone;

fn settings() -> Settings {
    Settings { image_seconds: 1, rss_mib: 200, ..Settings::default() }
}

fn zygote() -> Vec<OsString> {
    [env!("CARGO_BIN_EXE_tribunal"), "__zygote", "--test-faults"].map(OsString::from).to_vec()
}

fn pool(settings: Settings) -> Pool {
    Pool::start(settings, &zygote()).unwrap()
}

fn input(bytes: &[u8]) -> (File, u64) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    (file, bytes.len() as u64)
}

fn text_job(text: &str) -> Job {
    let (input, len) = input(text.as_bytes());
    Job { input, len, content: Digest::of(text.as_bytes()), recipes: vec![Recipe::Text { max_characters: 1000 }] }
}

fn image_job(bytes: &[u8]) -> Job {
    let (input, len) = input(bytes);
    let recipe = Recipe::Image { sampler: Pick::First.into(), view: FrameView::default() };
    Job { input, len, content: Digest::of(bytes), recipes: vec![recipe] }
}

/// Runs a text through the pool and checks every byte of the answer.
fn good_job(pool: &Pool, text: &str) {
    let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
    let done = pool.run(text_job(text), &mut parts).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].0.recipes, [0]);
    assert_eq!(String::from_utf8(parts[0].1.clone()).unwrap(), text);
    assert!(done.cpu_ms >= 0.0);
}

#[test]
fn every_fault_has_its_reason_and_the_next_job_succeeds() {
    // As much CPU time for the memory as it may take: only who computes for ever must be stopped soon.
    let (pool, patient) = (pool(settings()), pool(Settings { image_seconds: 60, ..settings() }));
    for (fault, reason, message) in [
        (Fault::Segfault, "crashed", "SIGSEGV"),
        (Fault::Abort, "crashed", "SIGABRT"),
        (Fault::Leave, "crashed", "exit status 0"),
        (Fault::ForbiddenCall, "crashed", "SIGSYS"),
        (Fault::Allocate, "over_memory", "200"),
        (Fault::Garbage, "protocol", "header"),
        (Fault::LieIndex, "protocol", "recipe 7"),
        (Fault::LieLength, "over_limit", "parts"),
        // CPU time; on a machine where it gets less than a quarter of a core, the wall's backstop is there first.
        (Fault::Spin, "timed_out", "time"),
        (Fault::Hang, "timed_out", "wall time"),
        (Fault::Panic, "panic", "outside the decoders"),
    ] {
        let pool = if fault == Fault::Allocate { &patient } else { &pool };
        let retried = pool.counts().retried;
        let failure = pool.misbehave(fault).unwrap_err();
        assert_eq!(failure.reason, reason, "{fault:?}: {failure}");
        assert!(failure.message.contains(message), "{fault:?}: {failure}");
        let tries = u64::from(!["panic", "over_limit"].contains(&reason)); // an answer and a limit are final
        assert_eq!(pool.counts().retried - retried, tries, "{fault:?}");
        good_job(pool, &format!("after {fault:?}"));
    }
}

#[test]
fn workers_reach_no_file_and_no_socket() {
    let pool = pool(settings());
    assert_eq!(pool.missing_locks(), [] as [String; 0]);
    for (count, fault) in (1..).zip([Fault::OpenFile, Fault::OpenSocket]) {
        let failure = pool.misbehave(fault).unwrap_err();
        assert_eq!(failure.reason, "io", "{fault:?}: {failure}");
        assert!(failure.message.contains("os error 1)"), "{fault:?}: {failure}"); // EPERM
        assert_eq!(pool.counts().refused_calls, count, "{fault:?}");
    }
}

#[test]
fn workers_start_nothing_and_become_nothing_else() {
    let pool = pool(settings());
    for fault in [Fault::Fork, Fault::Thread] {
        let failure = pool.misbehave(fault).unwrap_err();
        assert!(failure.reason == "io" && failure.message.contains("os error 1)"), "{fault:?}: {failure}");
    }
    for fault in [Fault::Execute, Fault::Trace] {
        let failure = pool.misbehave(fault).unwrap_err();
        assert!(failure.reason == "crashed" && failure.message.contains("SIGSYS"), "{fault:?}: {failure}");
    }
    good_job(&pool, "after all of them");
}

#[test]
fn workers_have_their_limits() {
    let pool = pool(settings());
    let failure = pool.misbehave(Fault::Descriptors).unwrap_err();
    assert!(failure.message.contains("os error 24)"), "{failure}"); // EMFILE
    let failure = pool.misbehave(Fault::Reserve).unwrap_err();
    assert!(failure.message.contains("memory allocat"), "{failure}");
}

#[test]
fn the_kernel_knows_of_every_lock() {
    alone("sandbox::the_kernel_knows_of_every_lock_here");
}

/// What the kernel says of a worker, since a limit that a watch meets first cannot be met in a test.
#[test]
#[ignore = "run by the_kernel_knows_of_every_lock, alone in its process"]
fn the_kernel_knows_of_every_lock_here() {
    let pool = pool(settings());
    good_job(&pool, "so that there is a worker");
    let zygote = pool.counts().zygote.to_string();
    let [worker] = &children().into_iter().filter(|pid| *pid != zygote).collect::<Vec<_>>()[..] else { panic!("one worker") };
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{worker}/{file}")).unwrap();
    let limits = read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let (cpu, data) = ((900 * 64).to_string(), (2_u64 << 30).to_string());
    for (name, value) in [
        ("Max cpu time", cpu.as_str()),
        ("Max data size", &data),
        ("Max core file size", "0"),
        ("Max open files", "32"),
        ("Max file size", "0"),
    ] {
        assert_eq!(limit(name), [value, value], "{name}");
    }
    let status = read("status");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t3", "Threads:\t1"] {
        assert!(status.lines().any(|known| known == line), "{line}: {status}");
    }
    // Both are for those who may trace it alone: nobody of its own user may, for it is not dumpable.
    let secrets = ["environ", "fd"].map(|file| format!("/proc/{worker}/{file}"));
    if rustix::process::geteuid().is_root() {
        assert_eq!(std::fs::read(&secrets[0]).unwrap(), b"", "the environment");
        assert!(std::fs::read_dir(&secrets[1]).unwrap().count() <= 4, "its socket, and the three of a program that do nothing");
    } else {
        assert!(std::fs::read(&secrets[0]).is_err() && std::fs::read_dir(&secrets[1]).is_err());
    }
}

#[test]
fn faults_are_refused_outside_tests() {
    let pool = Pool::start(settings(), &zygote()[..2]).unwrap();
    let failure = pool.misbehave(Fault::Abort).unwrap_err();
    assert_eq!(failure.reason, "unsupported");
}

#[test]
fn one_job_in_ten_crashes_and_all_others_are_right() {
    let pool = pool(settings());
    thread::scope(|scope| {
        for caller in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                for job in 0..50 {
                    if (job + caller) % 10 == 0 {
                        assert_eq!(pool.misbehave(Fault::Segfault).unwrap_err().reason, "crashed");
                    } else {
                        good_job(pool, &format!("job {job} of caller {caller}"));
                    }
                }
            });
        }
    });
}

#[test]
fn what_took_two_workers_down_is_not_tried_again_under_another_name() {
    let pool = pool(Settings { rss_mib: 1, ..Settings::default() });
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(3000, 3000, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let run = |bytes: &[u8]| pool.run(image_job(bytes), &mut Vec::new()).unwrap_err();
    let first = run(png.get_ref());
    assert_eq!((first.reason.as_str(), pool.counts().retried), ("over_memory", 1));
    let before = pool.counts();
    let again = run(png.get_ref());
    assert!(again.reason == "over_memory" && again.message.contains("the same bytes"), "{again}");
    assert_eq!(pool.counts(), before, "nobody tried it");
    png.get_mut().push(0);
    run(png.get_ref());
    assert_eq!(pool.counts().retried, 2, "other bytes are tried");
}

#[test]
fn a_killed_zygote_is_replaced() {
    let pool = pool(Settings { jobs_per_worker: 1, ..settings() });
    good_job(&pool, "before");
    let dead = pool.counts().zygote;
    let killed = Command::new("kill").args(["-9", &dead.to_string()]).status().unwrap();
    assert!(killed.success());
    good_job(&pool, "after");
    good_job(&pool, "and again");
    let counts = pool.counts();
    assert_eq!(counts.zygote_restarts, 1);
    assert_ne!(counts.zygote, dead);
}

#[test]
fn isolation_does_not_change_the_bytes() {
    let off = Pool::start(Settings { isolation: Isolation::Off, ..settings() }, &[]).unwrap();
    let on = pool(settings());
    for text in ["", "plain", "e\u{301}\r\n한국어"] {
        let run = |pool: &Pool| {
            let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
            let done = pool.run(text_job(text), &mut parts).map(|done| done.report);
            (done, parts)
        };
        assert_eq!(run(&off), run(&on), "{text:?}");
    }
}

/// Shorter than the kernel's ticks, by which a process with a limit of CPU time is told the time.
#[test]
fn short_jobs_say_what_they_took() {
    let pool = pool(settings());
    let text = "한국어 ".repeat(200);
    let took: Vec<f64> = (0..20).map(|_| pool.run(text_job(&text), &mut Vec::new()).unwrap().cpu_ms).collect();
    assert!(took.iter().all(|ms| *ms > 0.001), "{took:?}");
}

#[test]
fn a_reply_over_its_limit_is_refused() {
    for isolation in [Isolation::Off, Isolation::Required] {
        let pool = pool(Settings { reply_bytes: 4, isolation, ..settings() });
        let failure = pool.run(text_job("five!"), &mut Vec::new()).unwrap_err();
        assert_eq!(failure.reason, "over_limit", "{isolation:?}");
        good_job(&pool, "four");
    }
}

#[test]
fn workers_are_reused_and_replaced_after_their_share() {
    let pool = pool(Settings { jobs_per_worker: 4, ..settings() });
    for job in 0..12 {
        good_job(&pool, &job.to_string());
    }
    assert_eq!(pool.counts().workers, 3);
}

#[test]
fn a_program_that_is_no_zygote_is_a_clear_error() {
    let error = Pool::start(settings(), &["/bin/true".into()]).unwrap_err().to_string();
    assert!(error.contains("hidden subcommand"), "{error}");
    let error = Pool::start(settings(), &["/nonexistent".into()]).unwrap_err().to_string();
    assert!(error.contains("/nonexistent"), "{error}");
}

/// Descriptors are counted per process, so this runs in one of its own.
#[test]
fn nothing_is_left_behind() {
    alone("sandbox::nothing_is_left_behind_here");
}

#[test]
#[ignore = "run by nothing_is_left_behind, alone in its process"]
fn nothing_is_left_behind_here() {
    let before = (open_descriptors(), children().len());
    let pool = pool(settings());
    good_job(&pool, "warm");
    let settled = (open_descriptors(), children().len());
    for job in 0..200 {
        if job % 20 == 0 {
            pool.misbehave(Fault::Abort).unwrap_err();
        }
        good_job(&pool, &job.to_string());
    }
    assert_eq!((open_descriptors(), children().len()), settled, "after 200 jobs");
    drop(pool);
    assert_eq!((open_descriptors(), children().len()), before, "after the pool");
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this process, dead or alive.
fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let parent = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    processes.filter(|pid| parent(pid).as_ref() == Some(&me)).collect()
}

/// Figures, not a check: `cargo test --test it sandbox::costs -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures"]
fn costs() {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::time::Instant::now();
    let pool = pool(Settings { jobs_per_worker: u32::MAX, ..Settings::default() });
    eprintln!("zygote and first worker: {:?}", start.elapsed());
    for threads in [1, 2] {
        let start = std::time::Instant::now();
        NEXT.store(0, Ordering::Relaxed);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while NEXT.fetch_add(1, Ordering::Relaxed) < 5000 {
                        pool.misbehave(Fault::None).unwrap();
                    }
                });
            }
        });
        eprintln!("{threads} threads: {:?} per empty job", start.elapsed() / 5000);
    }
    let pool = self::pool(Settings { jobs_per_worker: 1, ..Settings::default() });
    let start = std::time::Instant::now();
    for _ in 0..200 {
        pool.misbehave(Fault::None).unwrap();
    }
    eprintln!("{:?} per job with a new worker each", start.elapsed() / 200);
}

#[test]
fn heic_and_avif_are_decoded_under_every_lock_or_refused_by_name() {
    let pool = pool(Settings { isolation: Isolation::Required, ..Settings::default() });
    for (file, format) in [("sample.heic", "libheif:heic"), ("sample.avif", "libheif:avif")] {
        let path = crate::support::root().join("fixtures/fetched/filetype").join(file);
        let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
        let done = pool.run(image_job(&std::fs::read(path).expect("make fixtures")), &mut parts);
        match (tribunal_media::heif_version(), done) {
            (Ok(_), Ok(done)) => assert_eq!((done.report.decoder.as_str(), parts.len()), (format, 1)),
            (Err(_), Err(failure)) => assert!(failure.message.contains("libheif.so.1 is not installed"), "{failure:?}"),
            other => panic!("{file}: {other:?}"),
        }
    }
}
