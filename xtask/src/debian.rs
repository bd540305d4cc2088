//! What the tests drive besides our own code, as Debian has it: browsers, since Playwright's own downloads are neither needed nor wanted, and a
//! server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A program that Debian has a package of.
pub struct Program {
    name: &'static str,
    /// The variable of the environment that names another program.
    pub variable: &'static str,
    package: &'static str,
    /// Where the package puts it.
    path: &'static str,
}

/// The one that most tests run in.
pub const CHROMIUM: Program = Program {
    name: "Chromium",
    variable: "CHROMIUM",
    package: "chromium",
    path: "/usr/bin/chromium",
};

/// The one for what needs no WebGPU.
pub const FIREFOX: Program = Program {
    name: "Firefox",
    variable: "FIREFOX",
    package: "firefox-esr",
    path: "/usr/bin/firefox-esr",
};

/// A server that many hosts of static sites run.
pub const NGINX: Program = Program {
    name: "nginx",
    variable: "NGINX",
    package: "nginx",
    path: "/usr/sbin/nginx",
};

impl Program {
    /// The program that the environment names, or Debian's, which is installed when it is missing and we may.
    pub fn find(&self) -> Result<PathBuf> {
        let Self {
            name,
            variable,
            package,
            path,
        } = self;
        if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
            if !path.is_file() {
                bail!(
                    "{variable} is {}, where there is no program",
                    path.display()
                );
            }
            return Ok(path);
        }
        let debians = Path::new(path);
        if !debians.is_file() {
            if !(Path::new("/etc/debian_version").is_file() && is_root()?) {
                bail!(
                    "the tests in a browser need {name}: install it (Debian: `apt-get install {package}`), \
                     or set {variable} to the path of one"
                );
            }
            install(package).with_context(|| {
                format!(
                    "{name} could not be installed: apt-get's own message is above. Install it by hand, \
                     or set {variable} to the path of one"
                )
            })?;
        }
        Ok(debians.to_owned())
    }
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn install(package: &str) -> Result<()> {
    process::run(Command::new("apt-get").arg("update"))?;
    process::run(
        Command::new("apt-get")
            .args(["install", "--yes", package])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}
