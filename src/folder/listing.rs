//! What lies in a folder: its subfolders as concepts, and what is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CONCEPT_LIMIT, FolderError, PICTURE_LIMIT};
use crate::picture::FILE_LIMIT;

/// A file of a folder, as it was chosen.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    /// Its path, with slashes.
    pub path: String,
    /// Its size in bytes. (A number that JavaScript has.)
    pub bytes: f64,
}

/// Something that is left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skipped {
    /// The code under which the page looks up its sentence.
    pub code: &'static str,
    /// The file or concept.
    pub subject: String,
    /// The numbers of the sentence.
    pub detail: Value,
}

impl Skipped {
    pub(super) fn new(code: &'static str, subject: &str, detail: Value) -> Self {
        let subject = subject.to_owned();
        Self {
            code,
            subject,
            detail,
        }
    }
}

/// What a folder has to test on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    /// The subfolders with the places of their pictures in the list of files, both in order of their names.
    pub concepts: Vec<ListedConcept>,
    /// What is left out.
    pub skipped: Vec<Skipped>,
}

/// A subfolder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedConcept {
    /// Its name.
    pub name: String,
    /// Places in the list of files.
    pub pictures: Vec<usize>,
}

impl Listing {
    /// Sorts files into concepts, before any of them is read. What systems leave in folders (hidden files, and macOS's shadows of files)
    /// is passed over in silence.
    ///
    /// # Errors
    ///
    /// When fewer than two concepts have two pictures: one to learn from and one to ask about.
    pub fn new(files: &[Listed]) -> Result<Self, FolderError> {
        let parts = |file: &Listed| -> Vec<String> {
            let parts = file.path.split('/').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let system = |part: &String| part.starts_with('.') || part == "__MACOSX";
        let listed = files.iter().enumerate();
        let listed = listed.map(|(place, file)| (parts(file), place, file));
        let mut paths: Vec<(Vec<String>, usize, &Listed)> = listed.collect();
        paths.retain(|(parts, ..)| !parts.is_empty() && !parts.iter().any(system));
        paths.sort_by(|(one, ..), (two, ..)| one.cmp(two));
        // A folder that was chosen as a whole stands before everything in it.
        let tops: BTreeSet<&String> = paths.iter().flat_map(|(parts, ..)| parts.first()).collect();
        let whole = tops.len() == 1 && paths.iter().any(|(parts, ..)| parts.len() > 2);
        let from = usize::from(whole);

        let mut skipped = Vec::new();
        let mut concepts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (parts, place, Listed { path, bytes }) in &paths {
            let megabytes = bytes / 1e6;
            let Some([concept, _, ..]) = parts.get(from..) else {
                skipped.push(Skipped::new("folder-file-outside", path, json!({})));
                continue;
            };
            if megabytes > FILE_LIMIT {
                let detail = json!({ "megabytes": megabytes, "limit": FILE_LIMIT });
                skipped.push(Skipped::new("picture-too-large-file", path, detail));
            } else {
                concepts.entry(concept).or_default().push(*place);
            }
        }
        let mut kept = Vec::new();
        for (name, mut pictures) in concepts {
            let count = pictures.len();
            let detail = |limit| json!({ "count": count, "limit": limit });
            if kept.len() == CONCEPT_LIMIT {
                let detail = detail(CONCEPT_LIMIT);
                skipped.push(Skipped::new("folder-concepts-many", name, detail));
                continue;
            }
            if count > PICTURE_LIMIT {
                let detail = detail(PICTURE_LIMIT);
                skipped.push(Skipped::new("folder-pictures-many", name, detail));
                pictures.truncate(PICTURE_LIMIT);
            }
            let name = name.to_owned();
            kept.push(ListedConcept { name, pictures });
        }
        let enough = kept
            .iter()
            .filter(|concept| concept.pictures.len() > 1)
            .count();
        if enough < 2 {
            return Err(FolderError::FewConcepts(enough));
        }
        Ok(Self {
            concepts: kept,
            skipped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Vec<Listed> {
        let of = |path: &&str| Listed {
            path: (*path).to_owned(),
            bytes: 1000.0,
        };
        paths.iter().map(of).collect()
    }

    fn names(listing: &Listing) -> Vec<(&str, &[usize])> {
        listing
            .concepts
            .iter()
            .map(|concept| (concept.name.as_str(), &concept.pictures[..]))
            .collect()
    }

    fn codes(skipped: &[Skipped]) -> Vec<(&str, &str)> {
        skipped
            .iter()
            .map(|skipped| (skipped.code, skipped.subject.as_str()))
            .collect()
    }

    #[test]
    fn subfolders_are_concepts_with_or_without_the_folder_around_them() {
        let files = ["b/2.png", "b/1.png", "a/x.png", "a/deep/y.png", "b/.hidden"];
        let expected: [(&str, &[usize]); 2] = [("a", &[3, 2]), ("b", &[1, 0])];
        assert_eq!(names(&Listing::new(&listed(&files)).unwrap()), expected);
        let inside = files.map(|path| format!("/mine/{path}"));
        let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
        assert_eq!(names(&Listing::new(&listed(&inside)).unwrap()), expected);
    }

    #[test]
    fn what_does_not_fit_is_named_before_it_is_read() {
        let mut files = listed(&["f/a/1", "f/a/2", "f/b/1", "f/b/2", "f/loose", "f/b/large"]);
        files[5].bytes = 31e6;
        files.extend(listed(&["f/__MACOSX/a/1", "f/a/.DS_Store"]));
        let many: Vec<String> = (0..=PICTURE_LIMIT).map(|n| format!("f/c/{n}")).collect();
        files.extend(listed(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        let listing = Listing::new(&files).unwrap();
        assert_eq!(
            codes(&listing.skipped),
            [
                ("picture-too-large-file", "f/b/large"),
                ("folder-file-outside", "f/loose"),
                ("folder-pictures-many", "c"),
            ]
        );
        assert_eq!(listing.concepts[2].pictures.len(), PICTURE_LIMIT);

        let many: Vec<String> = (0..=CONCEPT_LIMIT)
            .flat_map(|n| [format!("f/{n:02}/1"), format!("f/{n:02}/2")])
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let listing = Listing::new(&listed(&many)).unwrap();
        assert_eq!(listing.concepts.len(), CONCEPT_LIMIT);
        assert_eq!(codes(&listing.skipped), [("folder-concepts-many", "20")]);
    }

    #[test]
    fn two_concepts_of_two_pictures_are_the_least() {
        for (paths, concepts) in [
            (&[][..], 0),
            (&["f/a/1", "f/a/2"][..], 1),
            (&["f/a/1", "f/a/2", "f/b/1"][..], 1),
            (&["1", "2", "3"][..], 0),
        ] {
            let error = Listing::new(&listed(paths)).unwrap_err();
            assert_eq!(error, FolderError::FewConcepts(concepts), "{paths:?}");
        }
    }
}
