//! The AES of a key: its length says which.

/// Evaluates an expression with the AES of a key.
macro_rules! with_aes {
    ($key:expr, $aes:ident => $value:expr) => {
        match $key.len() {
            16 => {
                type $aes = ::aes::Aes128;
                $value
            }
            24 => {
                type $aes = ::aes::Aes192;
                $value
            }
            32 => {
                type $aes = ::aes::Aes256;
                $value
            }
            _ => Err($crate::Failure::Invalid),
        }
    };
}
pub(crate) use with_aes;
