//! Answers an episode file on this machine, without a browser:
//!
//! ```sh
//! cargo run --release --features cli --example answer -- EPISODE.lcl.json [PACK]
//! ```
//!
//! `PACK` is the folder that `cargo xtask weights` writes and names; without it, the one in the home folder's cache. Where the file has an
//! answer already, it is compared.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result};
use link_context::episode::interleave;
use link_context::recording;
use link_context::reply::Reply;
use link_context::session::LinkedExample;
use link_context::share::SharedEpisode;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let file = PathBuf::from(arguments.next().context("name an episode file")?);
    let home = || Some(std::env::home_dir()?.join(".cache/link-context/weights/pack"));
    let pack = arguments.next().map(PathBuf::from).or_else(home);
    pollster::block_on(answer(file, pack.context("name the folder of the pack")?))
}

async fn answer(file: PathBuf, pack: PathBuf) -> Result<()> {
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let shared = SharedEpisode::from_file(&bytes)?;
    let episode = shared.episode();
    episode.validate()?;
    let (mut session, hash) = recording::open(&pack)?;

    // The support set is read once, whatever is asked of it.
    let order = interleave(&episode.concepts);
    let names: Vec<String> = episode.concepts.iter().map(|of| of.name.clone()).collect();
    let linked: Vec<LinkedExample> = order
        .iter()
        .map(|example| LinkedExample {
            concept: example.concept,
            features: session.encode(&shared.pictures[example.picture].square),
        })
        .collect();
    session.link(&names, &linked).await?;

    for (place, query) in episode.queries.iter().enumerate() {
        let features = session.encode(&shared.pictures[query.picture].square);
        let answer = session
            .answer(&features, async |_| ControlFlow::Continue(()))
            .await?;
        let reply = Reply::new(&answer, &names, &order, 0.0);
        println!("{}: {}", place + 1, reply.name);
        for concept in &reply.concepts {
            println!("   {:6.2} %  {}", 100.0 * concept.probability, concept.name);
        }
        if let Some(Some(said)) = shared.answers.get(place) {
            let same_pack = shared.pack.as_ref().map(|before| *before == hash);
            let compared = said.compare(&reply, same_pack);
            let same = if compared.same_name {
                "same"
            } else {
                "another"
            };
            println!(
                "   {same} answer as in the file ({}), probabilities and shares within {:.4}",
                compared.before, compared.largest
            );
        }
    }
    Ok(())
}
