//! Naming without a support set: what does the model call a picture in its own words?

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::scoring::Rate;
use crate::features::{ClassFeatures, ClassNames};
use crate::session::{Session, SessionError};

/// One picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamingRecord {
    /// Its class and file.
    pub picture: (String, String),
    /// What the model said.
    pub answer: String,
    /// Whether that is one of the class's names, in capitals or not, and the model ended it itself.
    pub right: bool,
}

/// A source's pictures, named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamingReport {
    /// The source.
    pub name: String,
    /// Pictures that got one of their names.
    pub right: Rate,
    /// Every picture.
    pub pictures: Vec<NamingRecord>,
}

/// Has every picture of some classes named after an empty support set.
///
/// # Errors
///
/// When the session fails.
pub async fn name(
    session: &mut Session,
    source: &str,
    classes: &[ClassFeatures],
    names: &ClassNames,
) -> Result<NamingReport, SessionError> {
    session.link(&[], &[]).await?;
    let mut pictures = Vec::new();
    for class in classes {
        let known = names.of(&class.name);
        for (index, file) in class.files.iter().enumerate() {
            let features = class.picture(index).iter().map(|value| value.to_f32());
            let features = session.features(features.collect());
            let go_on = async |_: &_| ControlFlow::Continue(());
            let answer = session.answer(&features, go_on).await?;
            pictures.push(NamingRecord {
                picture: (class.name.clone(), file.clone()),
                right: answer.finished && is_one_of(&answer.name, &known),
                answer: answer.name,
            });
        }
    }
    Ok(NamingReport {
        name: source.to_owned(),
        right: Rate::new(pictures.iter().map(|picture| picture.right)),
        pictures,
    })
}

fn is_one_of(answer: &str, names: &[String]) -> bool {
    let answer = answer.to_lowercase();
    names.iter().any(|name| name.to_lowercase() == answer)
}

#[cfg(test)]
mod tests {
    use super::is_one_of;

    #[test]
    fn a_name_is_right_in_capitals_but_whole() {
        let names = ["goldfish".to_owned(), "Carassius auratus".to_owned()];
        assert!(is_one_of("Goldfish", &names));
        assert!(is_one_of("carassius auratus", &names));
        assert!(!is_one_of("fish", &names));
        assert!(!is_one_of("goldfishes", &names));
    }
}
