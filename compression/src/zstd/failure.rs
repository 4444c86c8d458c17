//! What zstd says, as zstd_errors.h numbers it.

use crate::Failure;

/// zstd's error number, and its text.
pub(super) fn failure(code: zstd_safe::ErrorCode) -> Failure {
    let number = i32::try_from(code.wrapping_neg()).unwrap_or(1);
    Failure::new(number, zstd_safe::get_error_name(code))
}

/// parameter_unsupported of zstd_errors.h.
pub(super) fn unsupported() -> Failure {
    Failure::new(40, "Unsupported parameter")
}

/// parameter_outOfBound.
pub(super) fn out_of_bounds() -> Failure {
    Failure::new(42, "Parameter is out of bound")
}
