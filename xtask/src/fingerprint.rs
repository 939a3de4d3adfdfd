//! Is an output newer than what it is made from? Compared by content, so that a checkout or a touched file starts no
//! container. Knows paths, not what is built from them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::{IoContext, Result};

/// Tests and outputs are no inputs of a build.
const SKIPPED: [&str; 5] = ["node_modules", "target", "test", "tests", ".git"];

/// A number that changes when a file below `inputs` comes, goes or changes, or when `settings` differ. It guards against
/// staleness, not against malice: 64 bits are enough. An input that does not exist counts as empty.
pub(crate) fn of(inputs: &[PathBuf], settings: &[&str]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    for input in inputs {
        add(input, &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut entries = entries.during(format!("reading {}", path.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries.iter().filter(|entry| SKIPPED.iter().all(|name| entry.file_name() != **name)) {
            add(&entry.path(), hasher)?;
        }
    } else if path.exists() {
        path.as_os_str().hash(hasher);
        fs::read(path).during(format!("reading {}", path.display()))?.hash(hasher);
    }
    Ok(())
}

/// Whether `outputs` are there and were made from inputs of this fingerprint.
pub(crate) fn matches(stamp: &Path, fingerprint: &str, outputs: &[PathBuf]) -> bool {
    outputs.iter().all(|output| output.exists())
        && fs::read_to_string(stamp).is_ok_and(|text| text.trim() == fingerprint)
}

/// Says that the outputs beside `stamp` were made from inputs of this fingerprint.
pub(crate) fn record(stamp: &Path, fingerprint: &str) -> Result<()> {
    fs::write(stamp, format!("{fingerprint}\n")).during(format!("writing {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_names_and_settings_count_and_tests_do_not() {
        let root = std::env::temp_dir().join(format!("xtask-fingerprint-{}", std::process::id()));
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(root.join("test")).unwrap();
        fs::write(root.join("src/a.rs"), "a").unwrap();
        let now = || of(std::slice::from_ref(&root), &["container"]).unwrap();
        let first = now();
        assert_eq!(now(), first);
        fs::write(root.join("test/a.rs"), "a test").unwrap();
        assert_eq!(now(), first, "a test changed");
        assert_ne!(of(std::slice::from_ref(&root), &["local"]).unwrap(), first, "the settings changed");
        fs::write(root.join("src/b.rs"), "").unwrap();
        assert_ne!(now(), first, "a file came");
        fs::remove_file(root.join("src/b.rs")).unwrap();
        fs::write(root.join("src/a.rs"), "b").unwrap();
        assert_ne!(now(), first, "a file changed");

        let (stamp, output) = (root.join("stamp"), root.join("output"));
        fs::write(&output, "").unwrap();
        assert!(!matches(&stamp, &first, std::slice::from_ref(&output)), "never built");
        record(&stamp, &first).unwrap();
        assert!(matches(&stamp, &first, std::slice::from_ref(&output)));
        fs::remove_file(&output).unwrap();
        assert!(!matches(&stamp, &first, &[output]), "the output is gone");
        fs::remove_dir_all(&root).unwrap();
    }
}
