//! The site: which file an address stands for, and what every answer allows.

use std::path::PathBuf;

use crate::workspace::Workspace;

/// Nothing runs, loads or connects but what comes from the site itself. The page says the same in a meta element.
const POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// The page that fetches an episode from another origin, after the visitor has agreed. It has nothing that could leave.
const FETCH_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src https: http:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The page in a frame of anybody's: one episode, with no pictures but those in it.
const EMBED_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";

/// The policy of what an address stands for.
pub fn policy(path: &str) -> &'static str {
    match path {
        "/fetch.html" => FETCH_POLICY,
        "/embed.html" => EMBED_POLICY,
        _ => POLICY,
    }
}

/// Folders and the addresses under which they stand.
pub struct Site {
    folders: Vec<(&'static str, PathBuf)>,
}

impl Site {
    /// The page at the root, the wasm package and the pack below it: the same addresses as in `dist/`.
    pub fn new(workspace: &Workspace) -> Self {
        Self::of(vec![
            ("/pkg/", workspace.pkg()),
            ("/pack/", workspace.pack()),
            ("/", workspace.www()),
        ])
    }

    /// Folders under the addresses that begin as given; the first that fits counts.
    pub fn of(folders: Vec<(&'static str, PathBuf)>) -> Self {
        Self { folders }
    }

    /// The file for an address, if there is one. Nothing outside the site's folders is ever found.
    pub fn file(&self, address: &str) -> Option<PathBuf> {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let path = decode(path)?;
        let (folder, rest) = self
            .folders
            .iter()
            .find_map(|(prefix, folder)| Some((folder, path.strip_prefix(prefix)?)))?;
        let mut file = folder.clone();
        for part in rest.split('/').filter(|part| !part.is_empty()) {
            // A leading dot covers `..` and hidden files; a backslash or a drive's colon parts folders elsewhere.
            if part.starts_with('.') || part.contains(['\\', ':', '\0']) {
                return None;
            }
            file.push(part);
        }
        if rest.is_empty() || rest.ends_with('/') {
            file.push("index.html");
        }
        // A link must not lead out either.
        let file = file.canonicalize().ok()?;
        let inside = file.starts_with(folder.canonicalize().ok()?);
        (inside && file.is_file()).then_some(file)
    }
}

/// Undoes the percent encoding of an address.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| (digit as char).to_digit(16));
                let [Some(high), Some(low)] = digits else {
                    return None;
                };
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether a media type is one of text, which a server compresses on the way.
pub fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || matches!(media_type, "application/json" | "image/svg+xml")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files::Scratch;

    /// A site in a folder that also holds a file which is not the site's.
    fn site() -> (Scratch, Site) {
        let folder = Scratch::new();
        for file in [
            "secret",
            "www/index.html",
            "www/a b/ü.js",
            "www/.hidden",
            "pkg/x.wasm",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let folders = vec![
            ("/pkg/", folder.path().join("pkg")),
            ("/", folder.path().join("www")),
        ];
        (folder, Site::of(folders))
    }

    fn content(site: &Site, address: &str) -> Option<String> {
        site.file(address)
            .map(|file| fs::read_to_string(file).unwrap())
    }

    #[test]
    fn addresses_stand_for_files() {
        let (_folder, site) = site();
        assert_eq!(content(&site, "/").as_deref(), Some("www/index.html"));
        assert_eq!(content(&site, "/?q=1#x").as_deref(), Some("www/index.html"));
        assert_eq!(
            content(&site, "/a%20b/%c3%BC.js").as_deref(),
            Some("www/a b/ü.js")
        );
        assert_eq!(content(&site, "/pkg/x.wasm").as_deref(), Some("pkg/x.wasm"));
        for address in [
            "",
            "index.html",
            "/none",
            "/pkg/",
            "/pkg",
            "/a%20b",
            "/a%20b/",
            "/pkg/y",
        ] {
            assert_eq!(content(&site, address), None, "{address}");
        }
    }

    #[test]
    fn no_address_leads_out_of_the_site() {
        let (folder, site) = site();
        assert!(folder.path().join("secret").is_file());
        let absolute = format!("/{}", folder.path().join("secret").display());
        for address in [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/pkg/../secret",
            "/pkg/../../secret",
            "/a%20b/../../secret",
            "/..\\secret",
            "/%2e%2e%5csecret",
            "//../secret",
            "/.hidden",
            "/secret%00.html",
            "/%",
            "/%zz",
            "/%ff",
            &absolute,
        ] {
            assert_eq!(content(&site, address), None, "{address}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_site_is_not_followed() {
        let (folder, site) = site();
        let link = folder.path().join("www/link");
        std::os::unix::fs::symlink(folder.path().join("secret"), link).unwrap();
        assert_eq!(content(&site, "/link"), None);
    }
}
