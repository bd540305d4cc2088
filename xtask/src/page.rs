//! The page itself, which offers every language that there is a file of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::files;

/// Where the languages go, beside English, which the page begins with.
const MARK: &str = "<!-- LANGUAGES -->";

/// The key of a language's own name in its texts.
const NAME: &str = "language-name";

/// The file `index.html` with a choice for every `texts/LOCALE.json` beside it.
pub fn page(index: &Path) -> Result<String> {
    let html =
        fs::read_to_string(index).with_context(|| format!("{} cannot be read", index.display()))?;
    if !html.contains(MARK) {
        return Ok(html);
    }
    let mut choices = String::new();
    for (locale, name) in languages(&index.with_file_name("texts"))? {
        if locale != "en" {
            choices += &format!(r#"<option value="{locale}" lang="{locale}">{name}</option>"#);
        }
    }
    Ok(html.replace(MARK, &choices))
}

/// The languages with their names, in order of their codes.
fn languages(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut languages = BTreeMap::new();
    for file in files::files_under(folder)? {
        let texts: BTreeMap<String, String> = serde_json::from_slice(&fs::read(&file)?)
            .with_context(|| format!("{} is no list of texts", file.display()))?;
        let locale = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = texts
            .get(NAME)
            .with_context(|| format!("{} has no {NAME:?}", file.display()))?;
        for word in [&*locale, name] {
            ensure!(
                !word.is_empty() && !word.contains(['<', '>', '&', '"']),
                "{}: {word:?} cannot stand in the list of languages",
                file.display()
            );
        }
        languages.insert(locale.into_owned(), name.clone());
    }
    Ok(languages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn a_language_is_one_file() {
        let folder = Scratch::new();
        let index = folder.path().join("index.html");
        let put = |locale: &str, texts: &str| {
            let file = folder.path().join(format!("texts/{locale}.json"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, texts).unwrap();
        };
        fs::write(&index, format!("<select>{MARK}</select>")).unwrap();
        put("en", r#"{"language-name":"English"}"#);
        assert_eq!(page(&index).unwrap(), "<select></select>");
        put("fr", r#"{"language-name":"Français"}"#);
        put("ar", r#"{"language-name":"العربية"}"#);
        assert_eq!(
            page(&index).unwrap(),
            "<select><option value=\"ar\" lang=\"ar\">العربية</option>\
             <option value=\"fr\" lang=\"fr\">Français</option></select>"
        );
        for wrong in [r#"{}"#, r#"{"language-name":"<b>"}"#, "Français"] {
            put("fr", wrong);
            let error = format!("{:#}", page(&index).unwrap_err());
            assert!(error.contains("fr.json"), "{error}");
        }
    }

    #[test]
    fn the_page_has_a_place_for_its_languages() {
        let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/index.html");
        let html = page(&index).unwrap();
        assert!(!html.contains(MARK));
        assert!(html.contains(r#"<option value="de" lang="de">Deutsch</option>"#));
    }
}
