//! What rules look at: Rust without comments, literals and tests, its imports, and the links of Markdown.

/// Whether code has a path, written out or imported; a glob import of what is above it counts.
pub(crate) fn reaches(code: &str, imports: &[String], path: &str) -> bool {
    let glob = path.rsplit_once("::").map(|(above, _)| format!("{above}::*"));
    let imported = |import: &String| has(import, path) || glob.as_ref().is_some_and(|glob| import.ends_with(glob));
    has(code, path) || imports.iter().any(imported)
}

/// Whether a text has a pattern that is not part of a longer name.
pub(crate) fn has(text: &str, pattern: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let open = |edge: Option<char>, outside: Option<char>| !(edge.is_some_and(is_name) && outside.is_some_and(is_name));
    text.match_indices(pattern).any(|(start, found)| {
        open(pattern.chars().next(), text[..start].chars().next_back())
            && open(pattern.chars().next_back(), text[start + found.len()..].chars().next())
    })
}

/// Every path that `use` brings in, with groups written out.
pub(crate) fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("use ") {
        let before = code[..start].trim_end_matches([' ', '\t']);
        if before.is_empty() || before.ends_with(['\n', ')', ';', '{', '}']) || before.ends_with("pub") {
            let statement = code[start + 4..].split(';').next().unwrap_or_default();
            let one_line: Vec<&str> = statement.split_whitespace().collect();
            expand("", &one_line.join(" "), &mut found);
        }
    }
    found
}

fn expand(above: &str, group: &str, found: &mut Vec<String>) {
    let (mut depth, mut item) = (0, String::new());
    for c in group.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                match item.split_once('{') {
                    Some((head, rest)) => {
                        let inner = rest.strip_suffix('}').unwrap_or(rest);
                        expand(&format!("{above}{}", head.trim()), inner, found);
                    }
                    None => {
                        let path = item.split(" as ").next().unwrap_or_default().trim();
                        if !path.is_empty() {
                            found.push(format!("{above}{path}"));
                        }
                    }
                }
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
        if c == '}' && depth == 0 {
            item = item.trim().to_owned();
        }
    }
}

/// Rust without what is in comments and literals: spaces are in their place, and lines stay lines.
pub(crate) fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut index = 0;
    while index < chars.len() {
        let end = if at(index) == '/' && at(index + 1) == '/' {
            (index..chars.len()).find(|i| at(*i) == '\n').unwrap_or(chars.len())
        } else if at(index) == '/' && at(index + 1) == '*' {
            end_of_comment(&chars, index)
        } else if at(index) == 'r' && matches!(at(index + 1), '"' | '#') && !follows_a_name(&chars, index) {
            end_of_raw(&chars, index).unwrap_or(index)
        } else if at(index) == '"' {
            end_of_literal(&chars, index, '"')
        } else if at(index) == '\'' && (at(index + 1) == '\\' || at(index + 2) == '\'') {
            end_of_literal(&chars, index, '\'')
        } else {
            index
        };
        if end == index {
            out.push(at(index));
            index += 1;
        } else {
            let hidden = chars[index..end].iter();
            out.extend(hidden.map(|c| if *c == '\n' { '\n' } else { ' ' }));
            index = end;
        }
    }
    out
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut index) = (0, start);
    while index + 1 < chars.len() {
        match (chars[index], chars[index + 1]) {
            ('/', '*') => (depth, index) = (depth + 1, index + 2),
            ('*', '/') => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            return index;
        }
    }
    chars.len()
}

fn end_of_literal(chars: &[char], start: usize, quote: char) -> usize {
    let mut index = start + 1;
    while index < chars.len() && chars[index] != quote {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

/// None where `r#` begins a name.
fn end_of_raw(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    (chars.get(open) == Some(&'"')).then_some(())?;
    let closes =
        |i: &usize| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some(
        (open + 1..chars.len())
            .find(closes)
            .map_or(chars.len(), |i| i + 1 + hashes),
    )
}

/// The prefixes of literals (`br`, `cr`) are no names.
fn follows_a_name(chars: &[char], index: usize) -> bool {
    let is_name = |i: usize| chars[i].is_alphanumeric() || chars[i] == '_';
    let prefix = index > 0 && matches!(chars[index - 1], 'b' | 'c') && (index < 2 || !is_name(index - 2));
    index > 0 && is_name(index - 1) && !prefix
}

/// Code without the modules that only tests have. rustfmt puts their last brace at the start of a line.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let (mut is_marked, mut is_inside) = (false, false);
    for line in code.lines() {
        is_inside = is_inside || (is_marked && line.starts_with("mod ") && line.ends_with('{'));
        is_marked = line.starts_with("#[cfg(test)]") || (is_marked && line.starts_with("#["));
        if !is_inside {
            out.push_str(line);
        }
        out.push('\n');
        is_inside = is_inside && line != "}";
    }
    out
}

pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Markdown without its blocks of code.
pub(crate) fn without_fences(text: &str) -> String {
    let mut is_inside = false;
    let outside = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        let hides = is_inside || is_fence;
        is_inside ^= is_fence;
        if hides { "\n".to_owned() } else { format!("{line}\n") }
    };
    text.lines().map(outside).collect()
}

pub(crate) fn link_targets(line: &str) -> Vec<String> {
    let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let inline = plain
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    let reference = plain
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    inline.chain(reference).map(str::to_owned).collect()
}

/// A path as it is from the root; none where it leads out of the repository.
pub(crate) fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
