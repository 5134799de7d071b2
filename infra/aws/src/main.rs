//! The `bootstrap` of every function; `_HANDLER` says which one this is.

fn main() {}
