//! One directory for everything a run of the tests writes: logs, databases, answers. It stays when a test failed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

static ROOT: OnceLock<PathBuf> = OnceLock::new();

/// The directory of this run.
pub fn root() -> &'static Path {
    ROOT.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("it-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a directory for the tests can be made");
        root
    })
}

/// A directory inside it.
pub fn directory(name: &str) -> PathBuf {
    let path = root().join(name);
    fs::create_dir_all(&path).expect("a directory for the tests can be made");
    path
}

/// Every file in a directory and those below it.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Takes the directory away, or says where it is.
pub fn close(failed: bool) {
    let Some(root) = ROOT.get() else { return };
    if failed {
        println!("logs and answers of this run: {}", root.display());
    } else {
        let _ = fs::remove_dir_all(root);
    }
}
