//! Where each place of a bundle comes from: esbuild's source map (<https://tc39.es/ecma426/>) as a table that the guest
//! searches as it is, because to decode a map in an interpreter takes longer than to start.
//!
//! The table is of 32-bit numbers, little-endian: how many entries there are, then five for each entry, in the order of the
//! bundle: line and column in the bundle, source, line and column in that. Lines and columns count from 1. Behind them are
//! the names of the sources, one in each line. A piece of the bundle that comes from nowhere has `NOWHERE` as its source.
//! What follows on the same line and comes from the same line has no entry of its own.

use super::esbuild::plain;
use anyhow::{Context, anyhow};
use report::Result;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const NOWHERE: u32 = u32::MAX;

#[derive(Deserialize)]
struct Map {
    /// Relative to the map's own folder.
    sources: Vec<String>,
    mappings: String,
}

/// Makes the table of a map; `named` says how the guest calls a file.
pub(super) fn table(map: &Path, named: impl Fn(PathBuf) -> PathBuf) -> Result<Vec<u8>> {
    let text = std::fs::read(map).with_context(|| format!("cannot read {}", map.display()))?;
    let said: Map = serde_json::from_slice(&text).with_context(|| format!("{} is not valid", map.display()))?;
    let entries = entries(&said.mappings).ok_or_else(|| anyhow!("{} is not valid", map.display()))?;
    let folder = map.parent().unwrap_or(Path::new("/"));
    let sources = said.sources.iter().map(|source| named(plain(&folder.join(source))));
    let sources: Vec<String> = sources.map(|source| source.to_string_lossy().into_owned()).collect();
    let numbers = std::iter::once(entries.len() as u32).chain(entries.into_iter().flatten());
    let mut table: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    table.extend(sources.join("\n").into_bytes());
    Ok(table)
}

fn entries(mappings: &str) -> Option<Vec<[u32; 5]>> {
    let mut entries: Vec<[u32; 5]> = Vec::new();
    // All but the column in the bundle go on from line to line.
    let (mut source, mut line, mut column) = (0_i64, 0_i64, 0_i64);
    for (at, segments) in mappings.split(';').enumerate() {
        let mut start = 0_i64;
        let mut last = None;
        for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
            let fields = fields(segment)?;
            start += fields.first()?;
            let from = match fields[1..] {
                [more_source, more_line, more_column, ..] => {
                    source += more_source;
                    line += more_line;
                    column += more_column;
                    (u32::try_from(source).ok()?, u32::try_from(line).ok()? + 1)
                }
                _ => (NOWHERE, 0),
            };
            if last.replace(from) != Some(from) {
                let [start, column] = [start, column].map(|number| u32::try_from(number + 1));
                entries.push([at as u32 + 1, start.ok()?, from.0, from.1, column.ok()?]);
            }
        }
    }
    Some(entries)
}

/// Numbers of six-bit digits, the lowest first; the lowest bit of a number is its sign.
fn fields(segment: &str) -> Option<Vec<i64>> {
    let mut fields = Vec::with_capacity(5);
    let (mut number, mut shift) = (0_i64, 0);
    for digit in segment.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        number |= i64::from(value & 31) << shift;
        shift += 5;
        if value & 32 == 0 {
            fields.push(if number & 1 == 1 { -(number >> 1) } else { number >> 1 });
            (number, shift) = (0, 0);
        } else if shift > 30 {
            return None;
        }
    }
    (shift == 0).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decoded() {
        assert_eq!(fields("2HwcO"), Some(vec![123, 456, 7]));
        assert_eq!(fields("hBgkh9B"), Some(vec![-16, 1_000_000]));
        for broken in ["g", "2", "*", "gggggggggB"] {
            assert_eq!(fields(broken).filter(|fields| fields.len() == 1), None, "{broken}");
        }
    }

    #[test]
    fn a_table_has_an_entry_for_each_line_and_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let map = folder.path().join("out").join("main.cjs.map");
        std::fs::create_dir(map.parent().unwrap()).unwrap();
        let text = r#"{"version": 3, "sources": ["../a.ts", "b.ts"], "mappings": ";AAAA;EACE,IAAI,ICDA;A"}"#;
        std::fs::write(&map, text).unwrap();
        let table = table(&map, |path| path.strip_prefix(folder.path()).unwrap().to_owned()).unwrap();
        let (numbers, names) = table.split_at(4 + 4 * 5 * 4);
        let numbers: Vec<u32> = numbers
            .chunks(4)
            .map(|number| u32::from_le_bytes(number.try_into().unwrap()))
            .collect();
        let (count, entries) = numbers.split_first().unwrap();
        assert_eq!(*count, 4);
        let expected = [
            [2, 1, 0, 1, 1],
            [3, 3, 0, 2, 3],
            [3, 11, 1, 1, 7],
            [4, 1, NOWHERE, 0, 7],
        ];
        assert_eq!(entries, expected.concat());
        assert_eq!(std::str::from_utf8(names).unwrap(), "a.ts\nout/b.ts");
    }
}
