//! Packages made in code, in order and broken, and what is found in them.

mod documents;
mod habits;
mod hostile;
mod imaging;
mod parts;
mod sample;
mod sets;
mod tree;
