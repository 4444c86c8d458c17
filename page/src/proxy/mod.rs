//! One app as a reverse proxy: HTTP/1.1 to the guest, whatever the browser speaks.

pub(crate) mod complaint;
mod cookies;
pub(crate) mod exchange;
mod fields;
pub(crate) mod guest;
mod link;
mod passing;
mod pool;
mod upgrade;
