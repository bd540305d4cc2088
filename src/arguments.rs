//! What the programs are told on the command line, where its form is our own.

use std::path::PathBuf;

/// Reads a source of pictures, `NAME=FOLDER`.
///
/// # Errors
///
/// When there is no equals sign.
pub fn source(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) = text.split_once('=').ok_or("write NAME=FOLDER")?;
    Ok((name.to_owned(), folder.into()))
}

/// Reads the weight of a source, `NAME=NUMBER`.
///
/// # Errors
///
/// When there is no equals sign, or no number above 0 after it.
pub fn weight(text: &str) -> Result<(String, f64), String> {
    let (name, weight) = text.rsplit_once('=').ok_or("write NAME=NUMBER")?;
    Ok((name.to_owned(), positive(weight)?))
}

/// Reads a number above 0.
///
/// # Errors
///
/// When it is none, or has no end.
pub fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("'{text}' is no number above 0"))
}

/// Reads a share.
///
/// # Errors
///
/// When it is no number from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("'{text}' is no number from 0 to 1"))
}

/// Reads how many there are of something that cannot be missing.
///
/// # Errors
///
/// When it is no whole number above 0.
pub fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("'{text}' is no whole number above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_have_an_equals_sign_in_its_folder() {
        assert_eq!(
            source("emoji=a=b"),
            Ok(("emoji".to_owned(), PathBuf::from("a=b")))
        );
        assert!(source("emoji").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(weight("emoji=1.5"), Ok(("emoji".to_owned(), 1.5)));
        for text in [
            "emoji",
            "emoji=",
            "emoji=0",
            "emoji=-1",
            "emoji=NaN",
            "emoji=inf",
        ] {
            assert!(weight(text).is_err(), "{text}");
        }
        assert_eq!((share("0"), share("1")), (Ok(0.0), Ok(1.0)));
        assert!(share("1.1").is_err() && share("NaN").is_err());
        assert_eq!(count("8"), Ok(8));
        assert!(count("0").is_err() && count("-8").is_err() && count("1.5").is_err());
    }
}
