//! Which file imports which, within a crate, and whether that comes back to where it began.

use super::File;
use super::text::imports;
use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

/// The files of one crate, by their modules.
struct Crate<'a> {
    files: BTreeMap<Module, &'a File>,
    /// What a module hands on under a name, and where that is.
    handed_on: BTreeMap<(Module, String), Module>,
}

/// Files of a crate that import each other in a circle: one line for each import that is part of one.
pub(crate) fn circles(files: &[&File], root: &str) -> Vec<String> {
    let house = Crate::of(files, root);
    let arrows: BTreeMap<&Module, BTreeMap<Module, String>> = house
        .files
        .iter()
        .map(|(module, file)| (module, house.arrows(module, file)))
        .collect();
    let reaches = |from: &Module, to: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for target in arrows[module].keys() {
                if target == to {
                    return true;
                }
                if seen.insert(target) {
                    next.push(target);
                }
            }
        }
        false
    };
    let all = arrows
        .iter()
        .flat_map(|(from, arrows)| arrows.iter().map(move |(to, name)| (*from, to, name)));
    all.filter(|(from, to, _)| reaches(to, from))
        .map(|(from, to, name)| {
            let (from, to) = (&house.files[from].path, &house.files[to].path);
            format!("{from} takes `{name}` of {to}, which comes back to it: move what both need to a file of its own")
        })
        .collect()
}

impl<'a> Crate<'a> {
    fn of(files: &[&'a File], root: &str) -> Crate<'a> {
        let module = |file: &&'a File| {
            let path = file.path.strip_prefix(root)?.strip_suffix(".rs")?;
            let mut module: Module = path.split('/').map(str::to_owned).collect();
            if matches!(module.last()?.as_str(), "mod" | "lib" | "main") {
                module.pop();
            }
            Some((module, *file))
        };
        let mut house = Crate {
            files: files.iter().filter_map(module).collect(),
            handed_on: BTreeMap::new(),
        };
        for (module, file) in &house.files {
            for statement in statements(&file.code(), true) {
                for path in imports(&statement) {
                    let name = path.rsplit("::").next().unwrap_or_default().to_owned();
                    if let Some((target, _)) = house.find(module, &path)
                        && target != *module
                    {
                        house.handed_on.insert((module.clone(), name), target);
                    }
                }
            }
        }
        house
    }

    /// The module of a path, and what of it is named.
    fn find(&self, from: &Module, path: &str) -> Option<(Module, String)> {
        let mut words = path.split("::").peekable();
        let mut module = from.clone();
        match *words.peek()? {
            "crate" => {
                module.clear();
                words.next();
            }
            "self" => drop(words.next()),
            "super" => {
                while words.next_if_eq(&"super").is_some() {
                    module.pop();
                }
            }
            first => {
                module.push(first.to_owned());
                if !self.files.contains_key(&module) {
                    return None;
                }
                words.next();
            }
        }
        let mut name = String::new();
        for word in words {
            name = word.to_owned();
            module.push(name.clone());
            if !self.files.contains_key(&module) {
                module.pop();
                break;
            }
        }
        self.files.contains_key(&module).then_some((module, name))
    }

    fn arrows(&self, module: &Module, file: &File) -> BTreeMap<Module, String> {
        let code = file.code();
        let mut paths: Vec<String> = statements(&code, false).iter().flat_map(|one| imports(one)).collect();
        paths.extend(written_out(&code));
        let mut arrows = BTreeMap::new();
        for path in paths {
            let Some((mut target, name)) = self.find(module, &path) else {
                continue;
            };
            while let Some(further) = self.handed_on.get(&(target.clone(), name.clone())) {
                target.clone_from(further);
            }
            if target != *module {
                arrows.insert(target, name);
            }
        }
        arrows
    }
}

/// The `use` statements of a file: those that hand on, or those that do not.
fn statements(code: &str, hands_on: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("use ") {
        let line = code[..start].rsplit('\n').next().unwrap_or_default().trim();
        let is_public = line.starts_with("pub") && !line.contains(['=', ';']);
        if (line.is_empty() || is_public) && is_public == hands_on {
            let statement = code[start..].split(';').next().unwrap_or_default();
            found.push(format!("{statement};"));
        }
    }
    found
}

/// Paths from the crate or from above that stand in the code.
fn written_out(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in ["crate::", "super::"] {
        for (start, _) in code.match_indices(word) {
            let before = &code[..start];
            let is_use = before.rsplit(['\n', ';']).next().unwrap_or_default().contains("use ");
            if is_use || before.ends_with([':', '_']) || before.ends_with("in ") {
                continue;
            }
            let end = code[start..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            found.push(code[start..start + end.unwrap_or(0)].trim_end_matches(':').to_owned());
        }
    }
    found
}
