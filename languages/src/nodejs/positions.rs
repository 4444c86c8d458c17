//! Where each place of a bundle comes from: esbuild's source map (<https://tc39.es/ecma426/>) as a table that the guest
//! searches as it is, because to decode a map in an interpreter takes longer than to start.
//!
//! The table is of 32-bit numbers, little-endian: how many entries there are, then five for each entry, in the order of the
//! bundle: line and column in the bundle, source, line and column in that. Lines and columns count from 1. Behind them are
//! the names of the sources, one in each line. A piece of the bundle that comes from nowhere has `NOWHERE` as its source.
//! What follows on the same line and comes from the same line has no entry of its own.

use super::esbuild::plain;
use anyhow::Context;
use oxc_sourcemap::SourceMap;
use report::Result;
use std::path::{Path, PathBuf};

const NOWHERE: u32 = u32::MAX;

/// Makes the table of a map; `named` says how the guest calls a file.
pub(super) fn table(map: &Path, named: impl Fn(PathBuf) -> PathBuf) -> Result<Vec<u8>> {
    let text = std::fs::read_to_string(map).with_context(|| format!("cannot read {}", map.display()))?;
    let said = SourceMap::from_json_string(&text).with_context(|| format!("{} is not valid", map.display()))?;
    let entries = entries(&said);
    let folder = map.parent().unwrap_or(Path::new("/"));
    // Relative to the map's own folder.
    let sources = said.get_sources();
    let sources = sources.map(|source| named(plain(&folder.join(source))));
    let sources: Vec<String> = sources.map(|source| source.to_string_lossy().into_owned()).collect();
    let numbers = std::iter::once(entries.len() as u32).chain(entries.into_iter().flatten());
    let mut table: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    table.extend(sources.join("\n").into_bytes());
    Ok(table)
}

fn entries(map: &SourceMap) -> Vec<[u32; 5]> {
    let mut entries: Vec<[u32; 5]> = Vec::new();
    let mut last = None;
    for token in map.get_tokens() {
        let line = token.get_dst_line() + 1;
        let (source, from, column) = match token.get_source_id() {
            Some(source) => (source, token.get_src_line() + 1, token.get_src_col() + 1),
            None => (NOWHERE, 0, 0),
        };
        if last.replace((line, source, from)) != Some((line, source, from)) {
            entries.push([line, token.get_dst_col() + 1, source, from, column]);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

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
            [4, 1, NOWHERE, 0, 0],
        ];
        assert_eq!(entries, expected.concat());
        assert_eq!(std::str::from_utf8(names).unwrap(), "a.ts\nout/b.ts");
    }
}
