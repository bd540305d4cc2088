//! What lists say of a source of pictures: which classes and styles are for what, and what classes are called.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{FeatureError, read_text};

/// Which classes of a source are for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Split {
    /// For training.
    #[serde(default)]
    pub train: Vec<String>,
    /// Never trained on.
    #[serde(default)]
    pub held_out: Vec<String>,
}

/// The splits of several sources, `{"NAME": {"train": [...], "held_out": [...]}}`.
#[derive(Clone, Debug)]
pub struct Splits(BTreeMap<String, Split>);

impl Splits {
    /// Reads the JSON file `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of another form.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let path = path.to_owned();
        match serde_json::from_str(&read_text(&path)?) {
            Ok(splits) => Ok(Self(splits)),
            Err(source) => Err(FeatureError::Split { path, source }),
        }
    }

    /// The split of a source.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn of(&self, source: &str) -> Result<&Split, FeatureError> {
        let split = self.0.get(source);
        split.ok_or_else(|| FeatureError::NoSource(source.to_owned()))
    }
}

/// Which styles of a source's pictures are for what. A picture's file is named STYLE-NUMBER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Styles {
    /// For training.
    pub train: Vec<String>,
    /// Never trained on.
    pub held_out: Vec<String>,
}

impl Styles {
    /// Reads the JSON file `path`, `{"train": [...], "held_out": [...]}`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of another form.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let path = path.to_owned();
        serde_json::from_str(&read_text(&path)?)
            .map_err(|source| FeatureError::Split { path, source })
    }

    /// The style of a file.
    pub fn of(file: &str) -> &str {
        file.rsplit_once('-').map_or(file, |(style, _)| style)
    }
}

/// What classes are really called.
#[derive(Clone, Debug, Default)]
pub struct ClassNames(BTreeMap<String, Vec<String>>);

impl ClassNames {
    /// Reads a file of a class and its names a line: a tab after the class, commas between the names, the commonest first.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let text = read_text(path)?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let names = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
        Ok(Self(
            lines
                .map(|(class, text)| (class.to_owned(), names(text)))
                .collect(),
        ))
    }

    /// The names of a class; that of its folder, in words, where none is listed.
    pub fn of(&self, class: &str) -> Vec<String> {
        let listed = self.0.get(class).cloned();
        listed.unwrap_or_else(|| vec![class.replace(['_', '-'], " ").to_lowercase()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_a_line_is_called_as_its_folder() {
        let names = [("n1".to_owned(), vec!["goldfish".to_owned()])];
        let names = ClassNames(BTreeMap::from(names));
        assert_eq!(names.of("n1"), ["goldfish"]);
        assert_eq!(names.of("Ice_Cream"), ["ice cream"]);
    }
}
