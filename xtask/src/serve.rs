//! `cargo xtask serve`: the page on this machine, as any static file host would serve it.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeFile;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::page::page;
use crate::site::{Site, is_text, policy};
use crate::workspace::Workspace;
use crate::{build, pack};

/// Builds what the page needs, unless told not to, and serves it until it is stopped.
pub fn serve(workspace: &Workspace, port: u16, no_build: bool) -> Result<()> {
    if !no_build {
        pack::write(workspace, None)?;
        build::build(workspace)?.check()?;
    }
    warn_of_missing(workspace);
    let router = router(Site::new(workspace));
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
            anyhow!("port {port} cannot be served ({error}): choose another with --port, or 0 for a free one")
        })?;
        println!("Serving link-context at {} (Ctrl+C stops it)", address(&listener)?);
        std::io::stdout().flush()?;
        Ok(axum::serve(listener, router).await?)
    })
}

/// Serves what is built for as long as the runtime lives; gives the address.
pub fn in_background(workspace: &Workspace) -> Result<(Runtime, String)> {
    warn_of_missing(workspace);
    let router = router(Site::new(workspace));
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let address = address(&listener)?;
    runtime.spawn(async { axum::serve(listener, router).await });
    Ok((runtime, address))
}

fn address(listener: &TcpListener) -> Result<String> {
    let port = listener
        .local_addr()
        .context("the server has no address")?
        .port();
    Ok(format!("http://127.0.0.1:{port}/"))
}

fn warn_of_missing(workspace: &Workspace) {
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
}

/// The site, GET and HEAD alone, with the headers that every answer has.
fn router(site: Site) -> Router {
    let always =
        |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    Router::new()
        .fallback_service(get(answer).with_state(Arc::new(site)))
        // The program and the pack are compressed as they lie, and without their length the page could show no progress.
        .layer(CompressionLayer::new().compress_when(is_of_text))
        .layer(always(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(REFERRER_POLICY, "no-referrer"))
        // A page that was rebuilt must be seen at once.
        .layer(always(CACHE_CONTROL, "no-cache"))
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let policy = HeaderValue::from_static(policy(request.uri().path()));
    let mut response = match site.file(request.uri().path()) {
        Some(path) if path.ends_with("index.html") => match page(&path) {
            Ok(html) => Html(html).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        },
        Some(path) => match ServeFile::new(path).oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        },
        None => (StatusCode::NOT_FOUND, "There is no such file here.").into_response(),
    };
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn is_of_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(is_text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Duration;

    use axum::body::to_bytes;

    use super::*;
    use crate::files::Scratch;

    fn site() -> (Scratch, Router) {
        let folder = Scratch::new();
        for (file, content) in [
            ("index.html", "<p>".repeat(100)),
            ("app.js", "1;".repeat(100)),
            ("x.wasm", "w".repeat(1000)),
            ("shard.bin", "0123456789".repeat(100)),
        ] {
            fs::write(folder.path().join(file), content).unwrap();
        }
        let site = Site::of(vec![("/", folder.path().to_owned())]);
        (folder, router(site))
    }

    /// Status, headers and body.
    fn ask(
        router: &Router,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, HeaderMap, Vec<u8>) {
        Runtime::new().unwrap().block_on(async {
            let mut request = Request::builder().method(method).uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::empty()).unwrap();
            let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            (parts.status.as_u16(), parts.headers, body.to_vec())
        })
    }

    #[test]
    fn files_come_whole_and_in_parts() {
        let (_folder, router) = site();
        let (status, headers, body) = ask(&router, "GET", "/", &[]);
        assert_eq!((status, body.len()), (200, 300));
        assert!(
            headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
        let (status, headers, body) = ask(&router, "GET", "/shard.bin", &[("range", "bytes=5-14")]);
        assert_eq!((status, &body[..]), (206, &b"5678901234"[..]));
        assert_eq!(headers["content-range"], "bytes 5-14/1000");
        assert_eq!(
            ask(&router, "GET", "/shard.bin", &[("range", "bytes=1000-")]).0,
            416
        );
        let (status, headers, body) = ask(&router, "HEAD", "/shard.bin", &[]);
        assert_eq!((status, body.len()), (200, 0));
        assert_eq!(headers["content-length"], "1000");
        assert_eq!(ask(&router, "GET", "/none", &[]).0, 404);
        assert_eq!(ask(&router, "POST", "/", &[]).0, 405);
    }

    #[test]
    fn text_alone_is_compressed() {
        let (_folder, router) = site();
        let takes = [("accept-encoding", "gzip, br")];
        for (path, encoding) in [
            ("/app.js", Some("gzip")),
            ("/x.wasm", None),
            ("/shard.bin", None),
        ] {
            let (_, headers, body) = ask(&router, "GET", path, &takes);
            let found = headers
                .get("content-encoding")
                .map(|value| value.to_str().unwrap());
            assert_eq!(found, encoding, "{path}");
            assert_eq!(
                encoding.is_none(),
                headers.contains_key("content-length"),
                "{path}"
            );
            assert!(encoding.is_none() || body.len() < 100, "{path}");
        }
    }

    #[test]
    fn browsers_insist_on_some_media_types() {
        let (_folder, router) = site();
        for (path, kind) in [
            ("/x.wasm", "application/wasm"),
            ("/app.js", "text/javascript"),
        ] {
            assert_eq!(ask(&router, "GET", path, &[]).1["content-type"], kind);
        }
    }

    #[test]
    fn every_answer_carries_the_policy() {
        let (_folder, router) = site();
        for path in ["/", "/app.js", "/none", "/fetch.html"] {
            let (_, headers, _) = ask(&router, "GET", path, &[]);
            assert_eq!(headers["content-security-policy"], policy(path), "{path}");
            let everywhere = headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("https:");
            assert_eq!(everywhere, path == "/fetch.html");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["cache-control"], "no-cache");
        }
    }

    /// A browser keeps its connections open; those that come while others stand idle must be answered too.
    #[test]
    fn idle_connections_hold_up_nobody() {
        let (_folder, router) = site();
        let runtime = Runtime::new().unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async { axum::serve(listener, router).await });
        let mut idle: Vec<TcpStream> = (0..64)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for connection in &mut idle {
            connection
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            connection
                .write_all(b"GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            let mut start = [0; 12];
            connection.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 200");
        }
    }
}
