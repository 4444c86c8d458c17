//! The command of a start script (<https://docs.npmjs.com/cli/commands/npm-start>), as far as it runs one program of JavaScript.

use super::program::{Entry, Program, resolved};
use std::collections::BTreeMap;
use std::path::Path;

/// Programs that run the file that they are given.
const RUNNERS: [&str; 11] = [
    "node",
    "nodejs",
    "tsx",
    "ts-node",
    "ts-node-dev",
    "tsnd",
    "esno",
    "nodemon",
    "node-dev",
    "pm2-runtime",
    "bun",
];
/// Words before a command that change nothing in a guest.
const BEFORE: [&str; 2] = ["exec", "npx"];
/// What makes a line one that only a shell understands.
const OF_SHELL: [char; 11] = ['|', '&', ';', '<', '>', '$', '`', '*', '?', '(', ')'];
/// Options of runners that change nothing in a guest, by their beginnings.
const HARMLESS: [&str; 24] = [
    "--enable-source-maps",
    "--expose-gc",
    "--experimental-",
    "--heap",
    "--inspect",
    "--max-",
    "--no-",
    "--disable-",
    "--preserve-symlinks",
    "--stack",
    "--throw-deprecation",
    "--title",
    "--trace-",
    "--unhandled-rejections",
    "--use-",
    "--watch",
    "--esm",
    "--transpile-only",
    "--transpileOnly",
    "--respawn",
    "--files",
    "--swc",
    "--quiet",
    "--clear",
];
/// Options whose value is the next word, of runners that watch: wasmrun does it itself.
const OF_WATCHERS: [&str; 14] = [
    "-w",
    "--watch",
    "-e",
    "--ext",
    "-i",
    "--ignore",
    "-d",
    "--delay",
    "-P",
    "--project",
    "-x",
    "--exec",
    "--tsconfig",
    "--name",
];
/// Options that load something first.
const PRELOADS: [&str; 5] = ["-r", "--require", "--import", "--loader", "--experimental-loader"];
/// What is loaded first to read TypeScript, which is read anyway.
const OF_TYPESCRIPT: [&str; 9] = [
    "tsx",
    "tsx/cjs",
    "tsx/esm",
    "ts-node/register",
    "ts-node/register/transpile-only",
    "ts-node/esm",
    "@swc-node/register",
    "esbuild-register",
    "source-map-support/register",
];
/// Most scripts that lead to another.
const LONGEST: usize = 5;

/// Why a start script is not obeyed.
#[derive(Debug, PartialEq)]
pub(super) enum Refused {
    NoProgram,
    Option(String),
}

/// The scripts of a package.json.
pub(super) type Scripts = BTreeMap<String, String>;

/// `NAME=VALUE… node [OPTION…] FILE [ARGUMENT…]`, the program of a package, or `npm run SCRIPT` of such a one.
pub(super) fn entry(folder: &Path, scripts: &Scripts, command: &str) -> Result<Entry, Refused> {
    let mut entry = Entry::default();
    let mut command = command.to_owned();
    for _ in 0..LONGEST {
        if command.contains(OF_SHELL) {
            return Err(Refused::NoProgram);
        }
        let words = shlex::split(&command).ok_or(Refused::NoProgram)?;
        let mut words = words.iter().map(String::as_str).peekable();
        words.next_if(|word| BEFORE.contains(word));
        words.next_if_eq(&"cross-env");
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            entry.variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        let program = words.next().ok_or(Refused::NoProgram)?;
        let rest: Vec<&str> = words.collect();
        match other(program, &rest, scripts) {
            Some(next) => command = next,
            None => return entry.of_program(folder, program, &rest),
        }
    }
    Err(Refused::NoProgram)
}

/// The command of another script, where a package manager runs that: with what is given to it.
fn other(program: &str, words: &[&str], scripts: &Scripts) -> Option<String> {
    let (name, more) = match (program, words) {
        ("npm" | "pnpm" | "yarn" | "bun", ["run" | "run-script", name, more @ ..]) => (name, more),
        ("npm" | "pnpm" | "yarn", [name, more @ ..]) if *name == "start" => (name, more),
        ("yarn" | "pnpm", [name, more @ ..]) if scripts.contains_key(*name) => (name, more),
        ("npm-run-all" | "run-s" | "run-p", [name]) => (name, &[][..]),
        _ => return None,
    };
    let command = scripts.get(*name)?;
    // npm gives what is behind `--`; the others all of it.
    let more = match more {
        ["--", more @ ..] => more,
        more => more,
    };
    let more = shlex::try_join(more.iter().copied()).ok()?;
    Some(format!("{command} {more}").trim_end().to_owned())
}

impl Entry {
    fn of_program(mut self, folder: &Path, program: &str, words: &[&str]) -> Result<Entry, Refused> {
        let arguments = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if !RUNNERS.contains(&program) {
            // What is no program of a package is refused when the packages are there.
            self.program = Program::OfPackage(program.to_owned());
            self.arguments = arguments(words);
            return Ok(self);
        }
        let mut words = words.iter().copied().peekable();
        if program == "tsx" || program == "bun" {
            words.next_if(|word| ["watch", "run"].contains(word));
        }
        let mut file = None;
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                file = Some(word);
                break;
            }
            let (option, value) = word
                .split_once('=')
                .map_or((word, None), |(option, value)| (option, Some(value)));
            if PRELOADS.contains(&option) {
                let module = value.or_else(|| words.next()).unwrap_or_default();
                if !OF_TYPESCRIPT.contains(&module) {
                    self.preloads.push(module.to_owned());
                }
            } else if option == "--env-file" || option == "--env-file-if-exists" {
                let name = value.or_else(|| words.next()).unwrap_or_default();
                if option == "--env-file" || folder.join(name).is_file() {
                    self.env_files.push(name.to_owned());
                }
            } else if program != "node" && OF_WATCHERS.contains(&option) {
                let _ = value.or_else(|| words.next());
            } else if !HARMLESS.iter().any(|harmless| option.starts_with(harmless)) {
                return Err(Refused::Option(option.to_owned()));
            }
        }
        let script = file.and_then(|file| resolved(folder, file));
        self.program = Program::Script(script.ok_or(Refused::NoProgram)?);
        self.arguments = words.map(str::to_owned).collect();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is run: the file or the package's program, how many variables, files of variables and arguments, and what is first.
    type Found<'a> = Result<(&'a str, [usize; 3], &'a [&'a str]), Refused>;

    #[test]
    fn start_scripts_that_run_one_program_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        for file in ["server.js", "bin/www", "app.ts", "a b.js"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let scripts = [("serve", "node server.js"), ("loop", "npm run loop"), ("build", "tsc")];
        let scripts: Scripts = scripts
            .map(|(name, command)| (name.to_owned(), command.to_owned()))
            .into();
        let nothing = || Err(Refused::NoProgram);
        let option = |option: &str| Err(Refused::Option(option.to_owned()));
        let cases: [(&str, Found<'_>); 33] = [
            ("node server.js", Ok(("server.js", [0, 0, 0], &[]))),
            ("node ./server", Ok(("server.js", [0, 0, 0], &[]))),
            ("node \"server.js\"", Ok(("server.js", [0, 0, 0], &[]))),
            ("node 'a b.js' \"c d\"", Ok(("a b.js", [0, 0, 1], &[]))),
            (
                "NODE_ENV=production node --enable-source-maps ./bin/www",
                Ok(("bin/www", [1, 0, 0], &[])),
            ),
            (
                "cross-env A=1 B='2 3' node server.js",
                Ok(("server.js", [2, 0, 0], &[])),
            ),
            (
                "node --env-file=.env --env-file .more server.js",
                Ok(("server.js", [0, 2, 0], &[])),
            ),
            (
                "node --env-file-if-exists=.absent server.js",
                Ok(("server.js", [0, 0, 0], &[])),
            ),
            ("node server.js --port 80", Ok(("server.js", [0, 0, 2], &[]))),
            ("exec node server.js", Ok(("server.js", [0, 0, 0], &[]))),
            ("tsx app.ts", Ok(("app.ts", [0, 0, 0], &[]))),
            ("tsx watch app.ts", Ok(("app.ts", [0, 0, 0], &[]))),
            (
                "ts-node-dev --respawn --transpile-only app.ts",
                Ok(("app.ts", [0, 0, 0], &[])),
            ),
            ("node --import tsx app.ts", Ok(("app.ts", [0, 0, 0], &[]))),
            (
                "nodemon -w src --ext ts,js server.js",
                Ok(("server.js", [0, 0, 0], &[])),
            ),
            ("nodemon --exec ts-node app.ts", Ok(("app.ts", [0, 0, 0], &[]))),
            (
                "node -r dotenv/config server.js",
                Ok(("server.js", [0, 0, 0], &["dotenv/config"])),
            ),
            (
                "node --import=./first.js -r x server.js",
                Ok(("server.js", [0, 0, 0], &["./first.js", "x"])),
            ),
            ("npm run serve", Ok(("server.js", [0, 0, 0], &[]))),
            ("A=1 npm run serve -- --port 80", Ok(("server.js", [1, 0, 2], &[]))),
            ("yarn serve", Ok(("server.js", [0, 0, 0], &[]))),
            ("run-s serve", Ok(("server.js", [0, 0, 0], &[]))),
            ("json-server db.json", Ok(("json-server", [0, 0, 1], &[]))),
            ("npx http-server -p 3000", Ok(("http-server", [0, 0, 2], &[]))),
            ("npm run build", Ok(("tsc", [0, 0, 0], &[]))),
            ("npm run loop", nothing()),
            ("run-s build serve", Ok(("run-s", [0, 0, 2], &[]))),
            ("node --conditions=x server.js", option("--conditions")),
            ("node -e 1", option("-e")),
            ("node absent.js", nothing()),
            ("npm run build && node server.js", nothing()),
            ("node \"server.js", nothing()),
            ("", nothing()),
        ];
        for (command, expected) in cases {
            let found = entry(folder.path(), &scripts, command);
            let expected = expected.map(|(program, sizes, preloads)| {
                let path = folder.path().join(program);
                let program = match path.is_file() {
                    true => Program::Script(path),
                    false => Program::OfPackage(program.to_owned()),
                };
                (program, sizes, preloads.iter().map(|name| (*name).to_owned()).collect())
            });
            let found = found.map(|entry| {
                let sizes = [entry.variables.len(), entry.env_files.len(), entry.arguments.len()];
                (entry.program, sizes, entry.preloads)
            });
            assert_eq!(found, expected, "{command}");
        }
    }
}
