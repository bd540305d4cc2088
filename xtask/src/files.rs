//! Hashes and folders.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The SHA-256 of bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// The SHA-256 of a file, which is never held whole.
pub fn sha256_of(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).with_context(|| format!("{} is missing", path.display()))?;
    std::io::copy(&mut file, &mut hasher)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(hexadecimal(hasher))
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Every file under a folder, in a fixed order.
pub fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for file in files_under(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        if let Some(parent) = copy.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&file, &copy).with_context(|| {
            format!("{} cannot be copied to {}", file.display(), copy.display())
        })?;
    }
    Ok(())
}

/// Leaves an empty folder at a path, whatever was there.
pub fn empty_folder(path: &Path) -> Result<()> {
    remove_folder(path)?;
    fs::create_dir_all(path).with_context(|| format!("{} cannot be made", path.display()))
}

/// Puts a finished folder in the place of an older one.
pub fn replace_folder(finished: &Path, place: &Path) -> Result<()> {
    remove_folder(place)?;
    fs::rename(finished, place)
        .with_context(|| format!("{} cannot be put in its place", finished.display()))
}

/// Writes a file through a neighbour, so that a reader never meets half of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let written = File::create(&part).and_then(|mut file| file.write_all(bytes));
    written
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// A folder for one test, gone after it. The crate tempfile would do the same, but its features change those of the bindings
/// generator's dependencies, which then is built twice.
#[cfg(test)]
pub struct Scratch(PathBuf);

#[cfg(test)]
impl Scratch {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("link-context-xtask-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        empty_folder(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        remove_folder(&self.0).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // FIPS 180-4, the example "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let folder = Scratch::new();
        let path = folder.path().join("abc");
        write_whole(&path, b"abc").unwrap();
        assert_eq!(sha256_of(&path).unwrap(), expected);
    }

    #[test]
    fn a_folder_is_copied_with_its_subfolders_and_replaces_an_older_one() {
        let folder = Scratch::new();
        let (from, copy, place) = (
            folder.path().join("a"),
            folder.path().join("b"),
            folder.path().join("c"),
        );
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/file"), "x").unwrap();
        empty_folder(&place).unwrap();
        fs::write(place.join("old"), "x").unwrap();
        copy_folder(&from, &copy).unwrap();
        replace_folder(&copy, &place).unwrap();
        assert_eq!(files_under(&place).unwrap(), [place.join("deep/file")]);
        assert!(!copy.exists());
    }
}
