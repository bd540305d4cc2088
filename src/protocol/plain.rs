//! Plain text: does the language model still speak?

use serde::{Deserialize, Serialize};

use crate::session::{Session, SessionError};

/// Tokens read together; each stretch stands alone.
const STRETCH: usize = 256;

/// A text's perplexity, with the adapter and as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainReport {
    /// The file.
    pub text: String,
    /// Tokens that were predicted.
    pub tokens: usize,
    /// Perplexity of the pack.
    pub adapted: f64,
    /// Perplexity of the same pack without its adapter.
    pub published: f64,
}

/// The exponential of the mean negative log-probability of a text's tokens, and how many there were.
///
/// # Errors
///
/// When the session fails.
pub async fn perplexity(session: &mut Session, text: &str) -> Result<(f64, usize), SessionError> {
    let ids = session.encode_text(text);
    let (mut sum, mut count) = (0.0, 0);
    for stretch in ids.chunks(STRETCH) {
        sum += session.text_log_probability(stretch).await?;
        count += stretch.len() - 1;
    }
    Ok(((-sum / count.max(1) as f64).exp(), count))
}
