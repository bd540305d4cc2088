//! `cargo xtask serve`: the page on this machine, as any static file host would serve it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::thread;

use anyhow::{Context, Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::range::{self, Asked};
use crate::site::{CONTENT_SECURITY_POLICY, Site, is_text, media_type};
use crate::workspace::Workspace;
use crate::{build, pack};

/// A browser opens six connections to one host; one slow download must not hold up the rest.
const THREADS: usize = 8;

type Body = Box<dyn Read + Send>;

/// Builds what the page needs, unless told not to, and serves it until it is stopped.
pub fn serve(workspace: &Workspace, port: u16, no_build: bool) -> Result<()> {
    if !no_build {
        pack::write(workspace, None)?;
        build::build(workspace)?.check()?;
    }
    for (file, command) in [
        (workspace.pkg().join("link_context.js"), "build"),
        (workspace.pack().join("manifest.json"), "weights"),
    ] {
        if !file.is_file() {
            eprintln!(
                "warning: {} is missing: run `cargo xtask {command}`",
                file.display()
            );
        }
    }
    let site = Site::new(workspace);
    let server = Server::http(("127.0.0.1", port)).map_err(|error| {
        anyhow!("port {port} cannot be served ({error}): choose another with --port, or 0 for a free one")
    })?;
    let port = server
        .server_addr()
        .to_ip()
        .context("the server has no address")?
        .port();
    println!("Serving link-context at http://127.0.0.1:{port}/ (Ctrl+C stops it)");
    std::io::stdout().flush()?;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Ok(request) = server.recv() {
                    let response = answer(&site, &request);
                    // A browser that hangs up, as on a cancelled download, is no failure of ours.
                    let _hung_up = request.respond(response);
                }
            });
        }
    });
    Ok(())
}

fn answer(site: &Site, request: &Request) -> Response<Body> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return problem(405, "Only GET and HEAD are answered here.");
    }
    let Some(path) = site.file(request.url()) else {
        return problem(404, "There is no such file here.");
    };
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let Ok((length, mut file)) = opened else {
        return problem(500, "This file cannot be read.");
    };
    let range = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Range"));
    let asked = range.map_or(Asked::Whole, |header| {
        range::parse(header.value.as_str(), length)
    });
    let kind = media_type(&path);
    if matches!(asked, Asked::Whole) && is_text(kind) && takes_gzip(request) {
        return compressed(file, kind)
            .unwrap_or_else(|_| problem(500, "This file cannot be read."));
    }
    let (status, part, content_range) = match asked {
        Asked::Whole => (200, 0..length, None),
        Asked::Part(part) => {
            let text = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            (206, part, Some(text))
        }
        Asked::Beyond => {
            let range = header("Content-Range", &format!("bytes */{length}"));
            return with_headers(problem(416, "The file is shorter."), range);
        }
    };
    if file.seek(SeekFrom::Start(part.start)).is_err() {
        return problem(500, "This file cannot be read.");
    }
    let size = part.end - part.start;
    let headers = [
        header("Content-Type", kind),
        header("Accept-Ranges", "bytes"),
        content_range.and_then(|text| header("Content-Range", &text)),
    ];
    respond(
        status,
        Box::new(file.take(size)),
        size,
        headers.into_iter().flatten(),
    )
}

/// Whether the browser can read what is compressed.
fn takes_gzip(request: &Request) -> bool {
    let accepted = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Accept-Encoding"));
    let names = accepted.map_or("", |header| header.value.as_str());
    names.split(',').any(|name| name.trim() == "gzip")
}

/// A text, compressed as hosts of static files do it; the program and the pack are compressed as they lie.
fn compressed(mut file: File, kind: &str) -> std::io::Result<Response<Body>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::copy(&mut file, &mut encoder)?;
    let bytes = encoder.finish()?;
    let size = bytes.len() as u64;
    let headers = [
        header("Content-Type", kind),
        header("Content-Encoding", "gzip"),
        header("Vary", "Accept-Encoding"),
    ];
    let body: Body = Box::new(std::io::Cursor::new(bytes));
    Ok(respond(200, body, size, headers.into_iter().flatten()))
}

fn problem(status: u16, message: &'static str) -> Response<Body> {
    let headers = header("Content-Type", "text/plain; charset=utf-8");
    respond(
        status,
        Box::new(message.as_bytes()),
        message.len() as u64,
        headers,
    )
}

fn respond(
    status: u16,
    body: Body,
    size: u64,
    headers: impl IntoIterator<Item = Header>,
) -> Response<Body> {
    let common = [
        header("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        header("X-Content-Type-Options", "nosniff"),
        header("Referrer-Policy", "no-referrer"),
        // A page that was rebuilt must be seen at once.
        header("Cache-Control", "no-cache"),
    ];
    let size = usize::try_from(size).ok();
    let response = Response::new(StatusCode(status), Vec::new(), body, size, None);
    // Chunks would hide the length from the page's progress bar.
    let response = response.with_chunked_threshold(usize::MAX);
    with_headers(response, common.into_iter().flatten().chain(headers))
}

fn with_headers(
    mut response: Response<Body>,
    headers: impl IntoIterator<Item = Header>,
) -> Response<Body> {
    for header in headers {
        response.add_header(header);
    }
    response
}

/// Our names and values are plain ASCII, which always makes a header.
fn header(name: &str, value: &str) -> Option<Header> {
    Header::from_bytes(name, value).ok()
}
