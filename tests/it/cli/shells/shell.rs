//! An interactive shell at a pseudo-terminal of `script`, typed into and read
//! as a person does.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::cli::Person;

/// When a shell that says nothing is given up.
const STUCK: Duration = Duration::from_secs(60);

/// An interactive shell at a terminal.
pub(super) struct Shell {
    child: Child,
    keys: ChildStdin,
    screen: Receiver<Vec<u8>>,
    /// All that came so far.
    pub seen: String,
    /// How much of it has been looked at.
    read: usize,
    commands: usize,
}

impl Shell {
    /// A shell with this start-up file, at its first prompt.
    pub fn start(person: &Person, shell: &str, startup: &str) -> Shell {
        let home = person.home();
        let (file, command) = match shell {
            "bash" => (".bashrc", "bash --noprofile -i"),
            "zsh" => (".zshrc", "zsh -i"),
            "fish" => (".config/fish/config.fish", "fish -i"),
            other => panic!("no such shell: {other}"),
        };
        let file = home.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, startup).unwrap();
        let mut script = Command::new("script");
        for (name, value) in person.command(&[]).get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_dunder")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut child = script
            .args(["--quiet", "--return", "--command"])
            .arg(format!("stty cols 200 rows 50; exec {command}"))
            .arg("/dev/null")
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("SHELL", "/bin/sh")
            .env_remove("ZDOTDIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut shell = Shell {
            keys: child.stdin.take().unwrap(),
            child,
            screen,
            seen: String::new(),
            read: 0,
            commands: 0,
        };
        shell.expect("READY>");
        shell
    }

    /// Waits for a text on the screen; what came before it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        match self.find(text, STUCK) {
            Ok(before) => before,
            Err(why) => panic!(
                "no {text:?} ({why}, {:?}) in {:?}",
                self.child.try_wait(),
                &self.seen[self.read..]
            ),
        }
    }

    fn find(&mut self, text: &str, patience: Duration) -> Result<String, RecvTimeoutError> {
        loop {
            if let Some(at) = self.seen[self.read..].find(text) {
                let before = self.seen[self.read..self.read + at].to_owned();
                self.read += at + text.len();
                return Ok(before);
            }
            let chunk = self.screen.recv_timeout(patience)?;
            self.seen += &String::from_utf8_lossy(&chunk);
        }
    }

    /// Presses Ctrl-C until there is a prompt: a signal that comes while bash
    /// draws is noticed with the next key.
    pub fn interrupt(&mut self) {
        for _ in 0..20 {
            self.press("\u{3}");
            if self.find("READY>", Duration::from_secs(3)).is_ok() {
                return;
            }
        }
        panic!("Ctrl-C has no effect: {:?}", &self.seen[self.read..]);
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line, runs it, and waits for the next prompt; what came
    /// between.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> String {
        self.press(&format!("{line}\r"));
        // Prompts are drawn more than once; what this prints is not what is
        // typed here, and so comes from running it.
        self.commands += 1;
        let done = self.commands;
        self.press(&format!("echo do''ne-{done}.\r"));
        let shown = self.expect(&format!("done-{done}."));
        self.expect("READY>");
        shown
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
