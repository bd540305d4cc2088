//! The browser for the tests: Debian's, since Playwright's own download is neither needed nor wanted.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

const DEBIANS: &str = "/usr/bin/chromium";

/// The browser that `$CHROMIUM` names, or Debian's, which is installed when it is missing and we may.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if !path.is_file() {
            bail!("CHROMIUM is {}, where there is no program", path.display());
        }
        return Ok(path);
    }
    if !Path::new(DEBIANS).is_file() {
        if !(Path::new("/etc/debian_version").is_file() && is_root()?) {
            bail!(
                "the browser tests need Chromium: install it (Debian: `apt-get install chromium`), \
                 or set CHROMIUM to the path of a Chromium or Chrome"
            );
        }
        install().context(
            "Chromium could not be installed: apt-get's own message is above. Install it by hand, \
             or set CHROMIUM to the path of a Chromium or Chrome",
        )?;
    }
    Ok(DEBIANS.into())
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn install() -> Result<()> {
    process::run(Command::new("apt-get").arg("update"))?;
    process::run(
        Command::new("apt-get")
            .args(["install", "--yes", "chromium"])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}
