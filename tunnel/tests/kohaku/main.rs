//! KohakuRiver's frames over real WebSockets, as its own client and worse ones send them.

mod abuse;
mod datagrams;
mod ends;
mod place;
mod stalls;
mod steps;
