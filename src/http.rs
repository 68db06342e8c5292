//! (header to come with its first line of code)
