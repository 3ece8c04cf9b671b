//! The real program in a folder of its own: nothing of this machine's environment or settings reaches it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use session_risk::sandbox::{Fault, FaultKind, Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::lake_files::LakeFiles;
use crate::scripted::{KEY, Scripted};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_session-risk");

/// Something that answers as the API does.
pub(crate) trait Api {
    fn url(&self) -> String;
    fn key(&self) -> String;
}

impl Api for Sandbox {
    fn url(&self) -> String {
        self.base_url().to_owned()
    }
    fn key(&self) -> String {
        self.key().to_owned()
    }
}

impl Api for Scripted {
    fn url(&self) -> String {
        self.base_url()
    }
    fn key(&self) -> String {
        KEY.to_owned()
    }
}

/// A sandbox without a limit, as most tests want it.
pub(crate) fn sandbox(sessions: usize, days: u32) -> Sandbox {
    sandbox_with(SandboxOptions { sessions, days, ..unlimited() })
}

pub(crate) fn sandbox_with(options: SandboxOptions) -> Sandbox {
    Sandbox::start_blocking(options).unwrap()
}

pub(crate) fn unlimited() -> SandboxOptions {
    SandboxOptions { limit: None, ..SandboxOptions::default() }
}

/// Every fault that strikes requests, at a rate.
pub(crate) fn faults(rate: f64) -> Vec<Fault> {
    FaultKind::OF_REQUESTS.into_iter().map(|kind| Fault::new(kind, rate).unwrap()).collect()
}

/// A folder to run in. It is gone when this is.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, its folders too.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The lake that commands here use.
    pub(crate) fn lake(&self) -> LakeFiles {
        LakeFiles::new(self.path("lake"))
    }

    /// A command line, split at its spaces.
    pub(crate) fn command(&self, line: &str) -> Invocation<'_> {
        self.command_of(PROGRAM.as_ref(), line)
    }

    /// A command line for a copy of the program.
    pub(crate) fn command_of(&self, program: &Path, line: &str) -> Invocation<'_> {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // Whoever sets this wants backtraces of other programs; ours has no use for one in a message.
        command.env("RUST_BACKTRACE", "1");
        command.args(line.split_whitespace());
        Invocation { home: self, command }
    }

    /// `fetch` from an API into the lake, with the API's key.
    pub(crate) fn fetch(&self, api: &impl Api) -> Invocation<'_> {
        self.fetch_from(&api.url()).key(&api.key())
    }

    /// `fetch` from a base URL into the lake, with a key that no server knows.
    pub(crate) fn fetch_from(&self, base_url: &str) -> Invocation<'_> {
        self.command("fetch --lake lake --base-url").arg(base_url).key(KEY)
    }

    fn outcome(&self, output: &Output) -> Outcome {
        Outcome {
            status: output.status.code(),
            stdout: self.redact(&output.stdout),
            stderr: self.redact(&output.stderr),
        }
    }

    /// What comes from here, with what differs from run to run replaced.
    fn redact(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        without_ports(&text.replace(self.folder.path().to_str().unwrap(), "@@HOME@@"))
    }
}

fn without_ports(text: &str) -> String {
    let mut pieces = text.split("127.0.0.1:");
    let mut redacted = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        redacted.push_str("127.0.0.1:PORT");
        redacted.push_str(piece.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    redacted
}

/// A command line about to run.
pub(crate) struct Invocation<'h> {
    home: &'h Home,
    command: Command,
}

impl Invocation<'_> {
    pub(crate) fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More of the command line, split at its spaces.
    pub(crate) fn args(mut self, line: &str) -> Self {
        self.command.args(line.split_whitespace());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.env("PERSONA_API_KEY", key)
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.command.env_remove("PERSONA_API_KEY");
        self
    }

    /// The process as it is set up so far, for what this harness has no word for.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts it and does not wait; it is ended with its guard.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Running(Some(self.command.spawn().unwrap()))
    }

    /// Runs it to its end, however it ends.
    pub(crate) fn run(self) -> Outcome {
        let mut command = assert_cmd::Command::from_std(self.command);
        let output = command.timeout(Duration::from_secs(300)).output().unwrap();
        self.home.outcome(&output)
    }

    /// Runs it to its end with the standard input that it was given: [`Invocation::run`] gives it none.
    pub(crate) fn run_reading_stdin(mut self) -> Outcome {
        let output = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        self.home.outcome(&output)
    }

    /// Runs it and expects status 0.
    pub(crate) fn succeeds(self) -> Outcome {
        self.ends_with(0)
    }

    /// Runs it, expects status 0 and gives what it wrote to standard output, byte by byte.
    #[track_caller]
    pub(crate) fn writes(mut self) -> Vec<u8> {
        let output = self.command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs it and expects a status.
    #[track_caller]
    pub(crate) fn ends_with(self, status: i32) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.status, Some(status), "{outcome:#?}");
        outcome
    }

    /// Runs it and expects a status and one clear sentence that holds all of the words, and nothing else: nothing
    /// on standard output, no panic, no backtrace. A flag that is wrong in itself is told by clap's sentence,
    /// which its usage may follow.
    #[track_caller]
    #[allow(clippy::wrong_self_convention, reason = "a sentence of the tests: this invocation is refused")]
    pub(crate) fn is_refused(self, status: i32, words: &[&str]) -> Outcome {
        let outcome = self.ends_with(status);
        outcome.assert_no_panic();
        assert_eq!(outcome.stdout, "");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let sentence = match lines[..] {
            [only] if only.starts_with("session-risk: ") => only,
            [first, ..] if first.starts_with("error: ") => first,
            _ => panic!("not one sentence: {outcome:#?}"),
        };
        for word in words {
            assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
        }
        outcome
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Expects a line on stderr that holds all of the words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(self.stderr.lines().any(has_all), "{words:?} are not in a line of: {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn assert_no_panic(&self) {
        let stderr = self.stderr.to_lowercase();
        let words = ["panicked", "backtrace", "a defect of session-risk"];
        assert!(!words.iter().any(|word| stderr.contains(word)), "{self:#?}");
    }
}

/// A command that runs. It is killed when this is dropped.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Waits until something is so, while the command runs. Gives up when it has ended.
    #[track_caller]
    pub(crate) fn until(&mut self, mut so: impl FnMut() -> bool) {
        while !so() {
            let ended = self.0.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?} before it came so far");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal by its name, and does not wait.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let process = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// SIGKILL: no chance to tidy up.
    pub(crate) fn kill(mut self) {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for its end and gives its status and stderr.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
