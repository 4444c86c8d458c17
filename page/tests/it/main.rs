//! The page and its apps as browsers see them, through a real gateway.

mod apps;
mod browser;
mod guest;
mod pages;
mod streams;
mod world;
