//! `cargo xtask dist`: the static site in one folder, for any file host.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::page::page;
use crate::report::{Report, megabytes};
use crate::workspace::Workspace;
use crate::{build, files, pack};

/// The most bytes that a visit may ask for: all files, for all of them are asked for.
const BUDGET: u64 = 110_000_000;

/// Where index.html gets what keeps the page for when there is no network. `serve` leaves it out: a page that was rebuilt must be seen at once.
const MARK: &str = "<!-- offline -->";

/// What comes there.
const OFFLINE: &str = r#"<link rel="manifest" href="app.webmanifest" />
    <script type="module" src="offline.js"></script>"#;

/// Builds everything and writes `dist/`.
pub fn write(workspace: &Workspace) -> Result<()> {
    pack::write(workspace, None)?;
    build::build(workspace)?.check()?;
    assemble(workspace)
}

/// Writes `dist/` from what is built, with the same addresses as `serve` has.
pub fn assemble(workspace: &Workspace) -> Result<()> {
    let dist = workspace.root.join("dist");
    let part = workspace.root.join("dist.part");
    files::empty_folder(&part)?;
    files::copy_folder(&workspace.www(), &part)?;
    let index = part.join("index.html");
    files::write_whole(&index, page(&index)?.as_bytes())?;
    files::copy_folder(&workspace.pkg(), &part.join("pkg"))?;
    keep_offline(&part)?;
    files::copy_folder(&workspace.pack(), &part.join("pack"))?;
    files::replace_folder(&part, &dist)?;
    let mut bytes = 0;
    let all = files::files_under(&dist)?;
    for file in &all {
        bytes += file.metadata()?.len();
    }
    Report::default()
        .text("folder", dist.display().to_string())
        .count("files", all.len())
        .text("size", megabytes(bytes))
        .print(false);
    ensure!(
        bytes <= BUDGET,
        "the site has {}, over its budget of {}",
        megabytes(bytes),
        megabytes(BUDGET)
    );
    Ok(())
}

/// Tells the service worker of the site in this folder what there is to keep. The pack is not among it: that is kept when it is loaded.
fn keep_offline(site: &Path) -> Result<()> {
    let index = site.join("index.html");
    let page = fs::read_to_string(&index)?;
    ensure!(page.contains(MARK), "index.html has no {MARK}");
    fs::write(&index, page.replace(MARK, OFFLINE))?;
    let mut names = Vec::new();
    let mut hashes = String::new();
    for file in files::files_under(site)? {
        let path = file.strip_prefix(site)?;
        let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
        let name = parts.context("a file's name is not UTF-8")?.join("/");
        hashes.push_str(&format!("{name} {}\n", files::sha256_of(&file)?));
        // A server may send who asks for index.html to its folder.
        names.push(if name == "index.html" {
            "./".to_owned()
        } else {
            name
        });
    }
    let version = &files::sha256(hashes.as_bytes())[..16];
    let list = format!(
        "const VERSION = {};\nconst FILES = {};\n",
        json!(version),
        json!(names)
    );
    files::write_whole(&site.join("sw-files.js"), list.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    fn listed(page: &str) -> (Scratch, String) {
        let folder = Scratch::new();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("index.html"), page).unwrap();
        fs::write(folder.path().join("deep/a.js"), "1").unwrap();
        keep_offline(folder.path()).unwrap();
        let list = fs::read_to_string(folder.path().join("sw-files.js")).unwrap();
        (folder, list)
    }

    #[test]
    fn every_file_is_listed_under_a_version_of_them_all() {
        let (folder, list) = listed("<head><!-- offline --></head>");
        assert!(list.contains(r#"FILES = ["deep/a.js","./"]"#), "{list}");
        let page = fs::read_to_string(folder.path().join("index.html")).unwrap();
        assert!(page.contains(r#"<link rel="manifest""#) && page.contains("offline.js"));
        let (_folder, same) = listed("<head><!-- offline --></head>");
        assert_eq!(same, list);
        let (_folder, other) = listed("<head><!-- offline --> </head>");
        assert_ne!(other, list);
    }

    #[test]
    fn a_page_without_the_mark_is_told_of() {
        let folder = Scratch::new();
        fs::write(folder.path().join("index.html"), "<head></head>").unwrap();
        let error = keep_offline(folder.path()).unwrap_err().to_string();
        assert_eq!(error, "index.html has no <!-- offline -->");
    }
}
