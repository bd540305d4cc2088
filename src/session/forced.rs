//! Sequences that are given and not answered: what the decoder makes of every token of a text.

use super::{Session, SessionError, device_error, values};

impl Session {
    /// The tokens of a plain text.
    pub fn encode_text(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text)
    }

    /// Log-probability of every token of a plain text after the first, summed. Forgets what was linked.
    ///
    /// # Errors
    ///
    /// When there are more tokens than the cache may have positions, or the device fails.
    pub async fn text_log_probability(&mut self, ids: &[u32]) -> Result<f64, SessionError> {
        let (Some((_, known)), Some((_, next))) = (ids.split_last(), ids.split_first()) else {
            return Ok(0.0);
        };
        self.begin(known.len())?;
        if known.is_empty() {
            return Ok(0.0);
        }
        let logs = self.following(known, next).await?;
        Ok(logs.into_iter().map(f64::from).sum())
    }

    /// Begins a sequence of up to `tokens`. Forgets what was linked, unless there are too many.
    fn begin(&mut self, tokens: usize) -> Result<(), SessionError> {
        let limit = self.cache.limit();
        if tokens > limit {
            return Err(SessionError::TooLong { tokens, limit });
        }
        self.linked = None;
        self.cache.empty(tokens);
        Ok(())
    }

    /// Logits at every position of a sequence of tokens, `[tokens, vocabulary]` row-major: for comparison with a reference by forced
    /// decoding. The first `at_once` go in together, the rest one by one, so that both ways through the cache are seen. Forgets what was linked.
    ///
    /// # Errors
    ///
    /// When there are more tokens than the cache may have positions, or the device fails.
    pub async fn forced_logits(
        &mut self,
        ids: &[u32],
        at_once: usize,
    ) -> Result<Vec<f32>, SessionError> {
        self.begin(ids.len())?;
        let mut logits = Vec::with_capacity(ids.len() * self.config.decoder.vocabulary);
        let (first, rest) = ids.split_at(at_once.clamp(1.min(ids.len()), ids.len()));
        for part in std::iter::once(first).chain(rest.chunks(1)) {
            let embedded = self.model.decoder.embed(self.ints(part));
            let (hidden, _) = self.model.decoder.extend(embedded, &mut self.cache, false);
            let rows = self.model.decoder.logits(hidden);
            logits.extend(values(Some(
                rows.into_data_async().await.map_err(device_error)?,
            ))?);
        }
        Ok(logits)
    }
}
