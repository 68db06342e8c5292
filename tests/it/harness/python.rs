//! Python with a library of Debian's.

use std::process::Command;

/// The Python that has a library; Debian's has Debian's, whatever else is called python3.
pub fn with(library: &str) -> Option<&'static str> {
    let import = format!("import {library}");
    let has = |python: &&str| Command::new(python).args(["-c", &import]).output().is_ok_and(|it| it.status.success());
    ["python3", "/usr/bin/python3"].into_iter().find(has)
}
