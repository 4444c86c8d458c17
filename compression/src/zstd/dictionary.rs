//! What is known of a frame, and dictionaries made of samples.

use super::failure::failure;
use crate::Failure;

/// Most bytes of a dictionary, and of its samples: the time is the process's.
const LARGEST: usize = 16 << 20;
const SAMPLES: usize = 64 << 20;

/// What a frame's head says, and how long the whole frame is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// None where the whole frame is not there.
    pub length: Option<u64>,
    pub content: Option<u64>,
    /// 0 for none.
    pub dictionary: u32,
}

/// The frame that these bytes begin with.
pub fn frame(bytes: &[u8]) -> Result<Frame, Failure> {
    let content = zstd_safe::get_frame_content_size(bytes);
    let content = content.map_err(|_| Failure::new(20, "Data corruption detected"))?;
    let length = zstd_safe::find_frame_compressed_size(bytes).ok();
    Ok(Frame {
        length: length.and_then(|length| u64::try_from(length).ok()),
        content,
        dictionary: zstd_safe::get_dict_id_from_frame(bytes).map_or(0, u32::from),
    })
}

/// A dictionary of at most `size` bytes, made of samples that stand one behind the other.
pub fn train(samples: &[u8], lengths: &[u32], size: u32) -> Result<Vec<u8>, Failure> {
    let sizes: Vec<usize> = lengths.iter().map(|length| *length as usize).collect();
    let all = sizes.iter().try_fold(0_usize, |all, size| all.checked_add(*size));
    let size = size as usize;
    if all != Some(samples.len()) || samples.len() > SAMPLES || size > LARGEST || u32::try_from(sizes.len()).is_err() {
        return Err(Failure::new(72, "Src size is incorrect"));
    }
    let mut dictionary = Vec::with_capacity(size);
    zstd_safe::train_from_buffer(&mut dictionary, samples, &sizes).map_err(failure)?;
    Ok(dictionary)
}
