//! Holds nothing but tests; see `tests/`.
