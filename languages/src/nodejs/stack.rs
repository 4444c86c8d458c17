//! The stack of the engine: large, and with an end that QuickJS knows.
//!
//! componentize-qjs gives QuickJS 1 MiB of stack and switches its own check of that off (JS_SetMaxStackSize(rt, 0)), so an endless
//! recursion, or a deep text for JSON.parse, ran below the stack's end: a trap, and the end of the whole service. In the
//! component, which has the engine as it was after its start, both can be set: the stack lies in new memory behind all
//! other, and the runtime's `stack_limit`, which every check reads, points near its lower end. What recurses too deep
//! gets a RangeError.

use anyhow::{Context, anyhow, bail, ensure};
use report::Result;
use wasm_encoder::{
    ConstExpr, Encode, GlobalSection, GlobalType, MemorySection, MemoryType, Module, RawSection, ValType,
};
use wasmparser::{BinaryReader, DataKind, DataSectionReader, ExportSectionReader, ExternalKind, GlobalSectionReader};
use wasmparser::{MemorySectionReader, Operator};

/// What is made of an engine depends on this file.
pub(super) const VERSION: &[u8] = b"stack 2";

const PAGE: u64 = 1 << 16;
/// JavaScript functions call each other some 15,000 deep in this, in Node some 11,000.
const SIZE: u64 = 4 << 20;
/// What one function may take below the limit before the next check: buffers for numbers and paths, and our own calls.
const RESERVE: u64 = 256 << 10;
/// The stack that the engine comes with, whose upper end is where its memory's data begins.
const OLD_SIZE: u64 = 1 << 20;

/// Where quickjs-ng's JSRuntime (quickjs.c, componentize-qjs 0.4.5) has these, in bytes: `stack_size`, `stack_top` and
/// `stack_limit`, one after the other, and behind them `current_exception`, which is JS_UNINITIALIZED.
const STACK_SIZE: usize = 628;
/// JS_UNINITIALIZED: the tag 4 above a value of 0.
const UNINITIALIZED: u64 = 4 << 32;

// Sections of a module and of a component (the core and component model specifications, "Binary Format").
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const DATA: u8 = 11;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const HEADER: usize = 8;

/// A component with the engine's stack moved and bounded.
///
/// # Errors
///
/// It is none that componentize-qjs 0.4.5 has made.
pub(super) fn bound(component: &[u8]) -> Result<Vec<u8>> {
    let mut moved = 0;
    let bounded = of_component(component, &mut moved)?;
    if moved != 1 {
        return Err(anyhow!("componentize-qjs has made what has {moved} stacks").into());
    }
    Ok(bounded)
}

/// The sections of a module or component.
fn sections(bytes: &[u8]) -> anyhow::Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(bytes.get(HEADER..).context("no WebAssembly")?, 0);
    let mut sections = Vec::new();
    while !reader.eof() {
        let (id, length) = (reader.read_u8()?, reader.read_var_u32()?);
        sections.push((id, reader.read_bytes(length as usize)?));
    }
    Ok(sections)
}

fn of_component(bytes: &[u8], moved: &mut usize) -> anyhow::Result<Vec<u8>> {
    let mut component = bytes[..HEADER].to_vec();
    for (id, data) in sections(bytes)? {
        let changed = match id {
            CORE_MODULE if has_stack(data)? => {
                *moved += 1;
                of_module(data)?
            }
            COMPONENT => of_component(data, moved)?,
            _ => data.to_vec(),
        };
        component.push(id);
        changed.encode(&mut component);
    }
    Ok(component)
}

/// Whether it is the module that has memory and stack for all others.
fn has_stack(module: &[u8]) -> anyhow::Result<bool> {
    let Some((_, exports)) = sections(module)?.into_iter().find(|(id, _)| *id == EXPORT) else {
        return Ok(false);
    };
    let exports = ExportSectionReader::new(BinaryReader::new(exports, 0))?;
    let mut names = exports.into_iter().filter_map(Result::ok);
    Ok(
        names
            .any(|export| export.name == "__stack_pointer" && export.kind == ExternalKind::Global && export.index == 0),
    )
}

fn of_module(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let all = sections(bytes)?;
    let find = |wanted| {
        all.iter()
            .find(|(id, _)| *id == wanted)
            .map(|(_, data)| *data)
            .context("a section is missing")
    };
    let mut memories = MemorySectionReader::new(BinaryReader::new(find(MEMORY)?, 0))?.into_iter();
    let memory = memories.next().context("no memory")??;
    ensure!(
        memories.next().is_none() && !memory.memory64 && !memory.shared,
        "more than one memory"
    );
    let (old_end, new_end) = (memory.initial * PAGE, memory.initial * PAGE + SIZE);
    let limit = u32::try_from(old_end + RESERVE)?;
    let place = stack_limit(find(DATA)?, old_end)?;
    let mut module = Module::new();
    for (id, data) in &all {
        match *id {
            MEMORY => {
                let mut memories = MemorySection::new();
                memories.memory(MemoryType {
                    minimum: memory.initial + SIZE / PAGE,
                    maximum: memory.maximum,
                    memory64: false,
                    shared: false,
                    page_size_log2: memory.page_size_log2,
                });
                module.section(&memories);
            }
            GLOBAL => {
                module.section(&globals(data, u32::try_from(new_end)?)?);
            }
            DATA => {
                module.section(&RawSection {
                    id: DATA,
                    data: &with_segment(data, place, limit)?,
                });
            }
            id => {
                module.section(&RawSection { id, data });
            }
        }
    }
    Ok(module.finish())
}

/// The globals, of which the first is the stack's pointer.
fn globals(section: &[u8], stack: u32) -> anyhow::Result<GlobalSection> {
    let mut globals = GlobalSection::new();
    for (number, global) in GlobalSectionReader::new(BinaryReader::new(section, 0))?
        .into_iter()
        .enumerate()
    {
        let global = global?;
        let Operator::I32Const { value } = global.init_expr.get_operators_reader().read()? else {
            bail!("a global that is no number");
        };
        let is_stack = number == 0;
        ensure!(!is_stack || value as u64 == OLD_SIZE, "the stack ends at {value}");
        let kind = GlobalType {
            val_type: ValType::I32,
            mutable: global.ty.mutable,
            shared: false,
        };
        // Addresses are unsigned.
        globals.global(kind, &ConstExpr::i32_const(if is_stack { stack as i32 } else { value }));
    }
    Ok(globals)
}

/// Where the runtime has its limit: one that is 0, behind a size of 0 and a top that lies in the old stack.
fn stack_limit(section: &[u8], end: u64) -> anyhow::Result<u32> {
    let mut memory = vec![0; usize::try_from(end)?];
    for segment in DataSectionReader::new(BinaryReader::new(section, 0))? {
        let segment = segment?;
        let DataKind::Active { offset_expr, .. } = segment.kind else {
            continue;
        };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
            bail!("data with no place");
        };
        let place = value as u32 as usize;
        let part = memory
            .get_mut(place..place + segment.data.len())
            .context("data outside of the memory")?;
        part.copy_from_slice(segment.data);
    }
    let word = |at: usize| u32::from_le_bytes([memory[at], memory[at + 1], memory[at + 2], memory[at + 3]]);
    let is_runtime = |at: &usize| {
        let (size, top, limit) = (
            word(at + STACK_SIZE),
            word(at + STACK_SIZE + 4),
            word(at + STACK_SIZE + 8),
        );
        let exception = u64::from(word(at + STACK_SIZE + 12)) | u64::from(word(at + STACK_SIZE + 16)) << 32;
        let is_top = (OLD_SIZE - PAGE..=OLD_SIZE).contains(&u64::from(top));
        // malloc's places are multiples of 8, and the first fields are pointers to functions of malloc's kind.
        size == 0 && limit == 0 && is_top && exception == UNINITIALIZED && word(*at) != 0
    };
    let last = memory.len().saturating_sub(STACK_SIZE + 20);
    let found: Vec<usize> = (OLD_SIZE as usize..last).step_by(8).filter(is_runtime).collect();
    match found[..] {
        [at] => Ok(u32::try_from(at + STACK_SIZE + 8)?),
        _ => bail!("there are {} runtimes", found.len()),
    }
}

/// The data with four bytes more, which are written last.
fn with_segment(section: &[u8], place: u32, value: u32) -> anyhow::Result<Vec<u8>> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32()?;
    let mut data = Vec::with_capacity(section.len() + 16);
    (count + 1).encode(&mut data);
    data.extend_from_slice(reader.read_bytes(reader.bytes_remaining())?);
    // Active, in memory 0.
    0u32.encode(&mut data);
    ConstExpr::i32_const(place as i32).encode(&mut data);
    value.to_le_bytes().to_vec().encode(&mut data);
    Ok(data)
}
