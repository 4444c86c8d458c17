//! Settings of frames, as zstd.h numbers them.

/// How frames are made, or read.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    /// ZSTD_cParameter or ZSTD_dParameter, and its value. Those about threads do nothing: a guest's process has none to spare.
    pub parameters: Vec<(u32, i32)>,
    /// zstd's own, or any bytes.
    pub dictionary: Option<Vec<u8>>,
    /// How long the content of the first frame will be.
    pub pledged: Option<u64>,
}

impl Frames {
    pub(super) fn value(&self, name: u32) -> Option<i32> {
        let found = self.parameters.iter().rev().find(|(of, _)| *of == name);
        // Zero is the usual value.
        found.map(|(_, value)| *value).filter(|value| *value != 0)
    }

    pub(super) fn dictionary_size(&self) -> usize {
        self.dictionary.as_ref().map_or(0, Vec::len)
    }
}
