//! `cargo xtask build`: Rust to the npm package in `pkg/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use wasm_bindgen_cli_support::Bindgen;

use crate::optimise::{self, Size};
use crate::workspace::{WEB_TARGET, Workspace};
use crate::{files, npm, process};

/// The name of the generated files.
const NAME: &str = "link_context";

/// Compiles, binds, optimises and packages; gives the size of what the browser downloads.
pub fn build(workspace: &Workspace) -> Result<Size> {
    let compiled = compile(workspace)?;
    let package = workspace.root.join("pkg.part");
    files::empty_folder(&package)?;
    bind(&compiled, &package)?;
    let wasm = package.join(format!("{NAME}_bg.wasm"));
    let size = optimise::optimise(workspace, &wasm)?;
    optimise::compress(&wasm, &package.join(format!("{NAME}_bg.bin")))?;
    // The compressed form is the one that the package loads.
    fs::remove_file(&wasm)?;
    write_by_hand(workspace, &package)?;
    describe(workspace, &package)?;
    files::replace_folder(&package, &workspace.pkg())?;
    Ok(size)
}

fn compile(workspace: &Workspace) -> Result<PathBuf> {
    add_target(workspace)?;
    process::run(
        workspace
            .cargo()
            .args(["build", "--lib", "--profile", "web"])
            .args(WEB_FEATURES),
    )
    .context("the crate could not be built for the browser")?;
    Ok(workspace
        .target
        .join(WEB_TARGET)
        .join("web")
        .join(format!("{NAME}.wasm")))
}

/// How Cargo is told to look at the crate as the browser gets it.
pub const WEB_FEATURES: [&str; 5] = [
    "--target",
    WEB_TARGET,
    "--no-default-features",
    "--features",
    "webgpu",
];

/// Adds the browser's target to the toolchain, where it is missing.
pub fn add_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--print", "target-libdir", "--target", WEB_TARGET])
        .current_dir(&workspace.root);
    if Path::new(process::output(&mut rustc)?.trim()).is_dir() {
        return Ok(());
    }
    process::run(
        Command::new("rustup")
            .args(["target", "add", WEB_TARGET])
            .current_dir(&workspace.root),
    )
    .with_context(|| format!("the Rust target {WEB_TARGET} could not be added"))
}

/// Writes the JavaScript around the wasm, as modules that a browser loads without a bundler.
fn bind(compiled: &Path, package: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(compiled)
        .out_name(NAME)
        .web(true)?
        // The types are those of the package: nobody else calls this.
        .typescript(false)
        .omit_default_module_path(true)
        // Names of functions and of compilers: a browser needs neither.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(package)
        .context("the JavaScript bindings could not be generated")
}

/// Where what is written by hand of the package lies: its JavaScript with the types in comments, and its README.
pub fn sources(workspace: &Workspace) -> PathBuf {
    workspace.root.join("npm").join("pkg")
}

/// Adds the modules that users import, with their declarations.
fn write_by_hand(workspace: &Workspace, package: &Path) -> Result<()> {
    files::copy_folder(&sources(workspace), package)?;
    let tools = npm::tools(workspace)?;
    process::run(
        Command::new("node")
            .arg(tools.join("typescript/bin/tsc"))
            .arg("--project")
            .arg(workspace.root.join("npm"))
            .arg("--outDir")
            .arg(package),
    )
    .context("the declarations of the package could not be written")
}

/// Adds what makes the folder an npm package.
fn describe(workspace: &Workspace, package: &Path) -> Result<()> {
    let licences = ["LICENSE-MIT", "LICENSE-APACHE"];
    for licence in licences {
        let from = workspace.root.join(licence);
        fs::copy(&from, package.join(licence))
            .with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    let description = json!({
        "name": "link-context",
        "version": workspace.version,
        "description": "Link-context learning in the browser, on WebGPU or the processor",
        "license": "MIT OR Apache-2.0",
        "keywords": ["webgpu", "wasm", "multimodal", "in-context-learning", "few-shot"],
        "type": "module",
        "main": "./index.js",
        "types": "./index.d.ts",
        // The types are found beside the modules.
        "exports": {
            ".": "./index.js",
            "./element.js": "./element.js",
            "./package.json": "./package.json",
        },
        // The README and the description are packed without being named.
        "files": ["*.js", "*.d.ts", format!("{NAME}_bg.bin"), "snippets", "LICENSE-*"],
        // Importing anything else starts nothing.
        "sideEffects": ["./element.js", "./worker.js"],
    });
    let text = format!("{description:#}\n");
    files::write_whole(&package.join("package.json"), text.as_bytes())
}
