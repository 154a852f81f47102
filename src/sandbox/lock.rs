//! What a worker gives up before it sees the first byte: resource limits, the file system and network (Landlock), system calls (seccomp).

use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;

use super::wire::Fork;

/// Its socket, one input, and room for the duplicates that decoders make.
const OPEN_FILES: u64 = 32;

/// Compiled once in the zygote, applied by every worker.
pub(super) struct Filters(Result<seccomp::Stack, String>);

impl Filters {
    /// Compiles the system call filters for this machine.
    pub(super) fn compile() -> Self {
        Self(seccomp::compile())
    }
}

/// Locks this process down for good. `Ok` names the locks that this kernel does not have.
pub(super) fn lock_down(filters: &Filters, fork: Fork) -> std::io::Result<Vec<String>> {
    for (resource, limit) in [
        (Resource::Cpu, fork.cpu_seconds),
        (Resource::Data, fork.data_bytes),
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_no_new_privs(true)?;
    let locks = [("landlock", landlock()), ("seccomp", filters.0.as_ref().map_err(Clone::clone).and_then(seccomp::Stack::apply))];
    Ok(locks.into_iter().filter_map(|(name, lock)| lock.err().map(|problem| format!("{name}: {problem}"))).collect())
}

/// No path, no TCP, no signal or abstract socket that reaches out. Per worker: workers of one domain could reach each other.
fn landlock() -> Result<(), String> {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(ABI::V6))?.handle_access(AccessNet::from_all(ABI::V6))?;
        Ok(rules.scope(Scope::from_all(ABI::V6))?.create()?.restrict_self()?.ruleset)
    };
    match restrict().map_err(|error| error.to_string())? {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err("only in part on this kernel (Linux 6.12 has all of it)".to_owned()),
        RulesetStatus::NotEnforced => Err("not on this kernel (Linux 6.12 has all of it)".to_owned()),
    }
}

#[cfg(target_arch = "x86_64")]
mod seccomp {
    //! Three stacked filters, of which the kernel obeys the stricter: calls that libraries merely try are refused with
    //! EPERM (and counted where they reach for files and sockets), those on the short list are allowed, everything else
    //! kills the process.

    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
    };

    use super::super::sys;

    /// What reaches for a file or a socket: refused and counted, by a signal whose handler answers EPERM.
    #[rustfmt::skip]
    const COUNTED: &[i64] = &[
        libc::SYS_open, libc::SYS_openat, libc::SYS_openat2, libc::SYS_creat, libc::SYS_unlink, libc::SYS_unlinkat, libc::SYS_socket,
        libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind,
    ];

    /// Tried by libraries, done without: no process, no thread, no limit changed. Not by a signal, since the C library asks for threads with
    /// all signals blocked, and a blocked one would be the process's end.
    #[rustfmt::skip]
    const REFUSED: &[i64] = &[
        libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_readlink,
        libc::SYS_readlinkat, libc::SYS_clone, libc::SYS_clone3, libc::SYS_fork, libc::SYS_vfork, libc::SYS_prlimit64, libc::SYS_getdents64,
        libc::SYS_ioctl, libc::SYS_kill, libc::SYS_sched_setaffinity, libc::SYS_sysinfo, libc::SYS_uname, libc::SYS_getcwd,
    ];

    /// Enough for every decoder: memory, the open input, the socket, time, its own signals.
    #[rustfmt::skip]
    const ALLOWED: &[i64] = &[
        libc::SYS_pread64, libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_futex, libc::SYS_newfstatat,
        libc::SYS_fstat, libc::SYS_statx, libc::SYS_getrandom, libc::SYS_read, libc::SYS_readv, libc::SYS_lseek, libc::SYS_dup,
        libc::SYS_close, libc::SYS_write, libc::SYS_writev, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendto, libc::SYS_recvfrom,
        libc::SYS_poll, libc::SYS_ppoll, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_rt_sigreturn, libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigaction, libc::SYS_sigaltstack, libc::SYS_getpid, libc::SYS_gettid, libc::SYS_tgkill, libc::SYS_clock_gettime,
        libc::SYS_gettimeofday, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_restart_syscall,
    ];

    /// Allowed unless they ask for executable memory.
    const ALLOWED_WITHOUT_EXEC: &[i64] = &[libc::SYS_mmap, libc::SYS_mprotect];

    pub(super) struct Stack {
        count: BpfProgram,
        refuse: BpfProgram,
        allow: BpfProgram,
    }

    impl Stack {
        pub(super) fn apply(&self) -> Result<(), String> {
            sys::count_refused_calls().map_err(|error| error.to_string())?;
            [&self.count, &self.refuse, &self.allow]
                .into_iter()
                .try_for_each(|filter| apply_filter(filter))
                .map_err(|error| error.to_string())
        }
    }

    pub(super) fn compile() -> Result<Stack, String> {
        build().map_err(|error| error.to_string())
    }

    fn build() -> Result<Stack, seccompiler::BackendError> {
        let always = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
        let (counted, mut refused) = (always(COUNTED), always(REFUSED));
        // Installing a filter sets this flag again; any other prctl is refused.
        let flag = u64::from(libc::PR_SET_NO_NEW_PRIVS.unsigned_abs());
        let other = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, flag)?;
        refused.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![other])?]);
        // Whether the input is sealed may be asked; a descriptor's flags stay as they are.
        let other = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(libc::F_GET_SEALS.unsigned_abs()))?;
        refused.insert(libc::SYS_fcntl, vec![SeccompRule::new(vec![other])?]);
        let mut allowed = always(ALLOWED);
        // The other filters answer these; and the last one comes when they are there.
        allowed.extend(counted.keys().chain(refused.keys()).map(|call| (*call, Vec::new())));
        for call in ALLOWED_WITHOUT_EXEC {
            let exec = u64::from(libc::PROT_EXEC.unsigned_abs());
            let no_exec = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(exec), 0)?;
            allowed.insert(*call, vec![SeccompRule::new(vec![no_exec])?]);
        }
        let program = |rules, otherwise, matched| SeccompFilter::new(rules, otherwise, matched, TargetArch::x86_64)?.try_into();
        Ok(Stack {
            count: program(counted, SeccompAction::Allow, SeccompAction::Trap)?,
            refuse: program(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))?,
            allow: program(allowed, SeccompAction::KillProcess, SeccompAction::Allow)?,
        })
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod seccomp {
    //! The lists of system calls are measured on x86_64 only.

    pub(super) enum Stack {}

    impl Stack {
        pub(super) fn apply(&self) -> Result<(), String> {
            match *self {}
        }
    }

    pub(super) fn compile() -> Result<Stack, String> {
        Err("the system call filter exists for x86_64 only".to_owned())
    }
}
