//! An answer: a query written after the support set, its name token by token, and what the model makes of every name.

use std::ops::ControlFlow;

use web_time::Instant;

use super::pool::Endings;
use super::step::Logs;
use super::{Features, Linked, Read, Session, SessionError, answer_limit, since, values};
use crate::text::template::name_of;
use crate::text::tokenizer::StreamDecoder;

/// A token of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerToken {
    /// The text it adds; empty while a character is incomplete.
    pub text: String,
    /// Its probability after everything before it; 1 where it was copied.
    pub probability: f32,
}

/// Times of an answer, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerTimes {
    /// The query's positions.
    pub prefill: f64,
    /// The answer's tokens.
    pub decode: f64,
    /// The other names' log-probabilities.
    pub evidence: f64,
}

/// An answer and its link.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The name, as decoded.
    pub name: String,
    /// Whether the model ended the name itself (not stopped, not cut off).
    pub finished: bool,
    /// Which concept has exactly this name.
    pub concept: Option<usize>,
    /// The tokens of the name, without the stop.
    pub tokens: Vec<AnswerToken>,
    /// Each concept's log-probability: that of its exact name followed by the stop. (A long name's probability itself may be too small
    /// for a number.) Empty when stopped.
    pub names: Vec<f64>,
    /// The same by the decoder alone, before its attention had a say in which name it is.
    pub own_names: Vec<f64>,
    /// Each example's share of the attention that the naming step pays to the examples' names (each with its stop), averaged over heads and
    /// layers, in the order of the examples; adds up to one. An answer is copied from a name, which has by then gathered its picture;
    /// the pictures' own positions would add what any step pays to the first of them.
    pub shares: Vec<f32>,
    /// Steps of the decoder: the tokens that it wrote itself, the stop among them. What was copied took none.
    pub steps: usize,
    /// Times.
    pub times: AnswerTimes,
}

/// What greedy decoding wrote.
#[derive(Default)]
struct Written {
    ids: Vec<u32>,
    tokens: Vec<AnswerToken>,
    /// Log-probability, by the decoder, of each token that it wrote, the stop among them. What was copied it did not write.
    own: Vec<f64>,
    finished: bool,
    stopped: bool,
}

impl Session {
    /// Names a query, greedily; where that may go on as one name or another, the attention has its say in which, and a long name of which eight
    /// tokens stand is copied to its end (see `session/pool.rs`). Each token goes to `on_token` as it comes; a `Break` stops the answer.
    ///
    /// # Errors
    ///
    /// When nothing is linked or the device fails.
    pub async fn answer(
        &mut self,
        query: &Features,
        on_token: impl AsyncFnMut(&AnswerToken) -> ControlFlow<()>,
    ) -> Result<Answer, SessionError> {
        // Taken for the time of the answer, so that the cache can be written while the names are read.
        let linked = self.linked.take().ok_or(SessionError::NotLinked)?;
        let answer = self.answer_linked(&linked, query, on_token).await;
        self.cache.truncate(linked.length);
        self.linked = Some(linked);
        answer
    }

    async fn answer_linked(
        &mut self,
        linked: &Linked,
        query: &Features,
        on_token: impl AsyncFnMut(&AnswerToken) -> ControlFlow<()>,
    ) -> Result<Answer, SessionError> {
        let start = Instant::now();
        self.cache.truncate(linked.length);
        let mut positions = Vec::new();
        self.template.push_query(&mut positions, 0);
        let query = vec![query.tensor.clone()];
        let (embedded, _) = self.embed(&positions, query, linked.seen.clone());
        let (hidden, attention) = self.model.decoder.extend(embedded, &mut self.cache, true);
        let last = hidden.narrow(0, positions.len() - 1, 1);
        let names = Endings::new(&linked.names, self.template.stop());
        let (step, attention) = self.read_step(last, names.first(), attention).await?;
        let shares = shares(&values(attention)?, &linked.examples)?;
        let by_name = linked.shares_of_names(&shares);
        let first = step.own.clone();
        let begun = step.choose(&by_name);
        let asked = self.cache.len();
        let mut times = AnswerTimes {
            prefill: since(start),
            ..AnswerTimes::default()
        };

        let start = Instant::now();
        let limit = answer_limit(&linked.names);
        let written = self.write(begun, &names, &by_name, limit, on_token).await?;
        let Written {
            ids,
            tokens,
            own: walked,
            finished,
            stopped,
        } = written;
        let name = name_of(&self.tokenizer.decode(&ids)).to_owned();
        times.decode = since(start);

        let start = Instant::now();
        let concept = linked
            .names
            .iter()
            .position(|name| finished && *name == ids);
        let mut own = Vec::new();
        for (index, (name, first)) in linked.names.iter().zip(first).enumerate() {
            if stopped {
                break;
            }
            // What greedy decoding has just walked, to the stop, need not be walked again.
            own.push(if concept == Some(index) && walked.len() > name.len() {
                walked.clone()
            } else {
                self.cache.truncate(asked);
                self.log_probabilities(first, name).await?
            });
        }
        let own_names = own.iter().map(|logs| logs.iter().sum()).collect();
        let names = names.pooled(&own, &by_name);
        times.evidence = since(start);
        Ok(Answer {
            name,
            finished,
            concept,
            tokens,
            names,
            own_names,
            shares,
            steps: walked.len(),
            times,
        })
    }

    /// Goes on greedily from the first token, `begun`, up to the stop or `limit`; a name of which enough stands there is copied to its end.
    /// `shares` are those of all names.
    async fn write(
        &mut self,
        begun: (u32, Logs),
        names: &Endings,
        shares: &[f64],
        limit: usize,
        mut on_token: impl AsyncFnMut(&AnswerToken) -> ControlFlow<()>,
    ) -> Result<Written, SessionError> {
        let mut written = Written::default();
        let mut stream = StreamDecoder::default();
        let (mut id, logs) = begun;
        let mut probability = logs.pooled.exp();
        written.own.push(logs.own);
        let mut rest: &[u32] = &[];
        while written.ids.len() < limit {
            if id == self.template.stop() {
                written.finished = true;
                break;
            }
            let text = stream.push(&self.tokenizer, id);
            // The space before the name belongs to the template.
            let text = if written.ids.is_empty() {
                name_of(&text).to_owned()
            } else {
                text
            };
            written.ids.push(id);
            let token = AnswerToken {
                text,
                probability: probability as f32,
            };
            let flow = on_token(&token).await;
            written.tokens.push(token);
            if flow.is_break() {
                written.stopped = true;
                break;
            }
            if rest.is_empty() {
                rest = names.rest(&written.ids).unwrap_or_default();
            }
            if let Some((next, after)) = rest.split_first() {
                (id, probability, rest) = (*next, 1.0, after);
                continue;
            }
            let embedded = self.model.decoder.embed(self.ints(&[id]));
            let (hidden, _) = self.model.decoder.extend(embedded, &mut self.cache, false);
            let choice = names.choice(&written.ids);
            let (step, _) = self.read_step(hidden, choice, None).await?;
            let (next, logs) = step.choose(shares);
            (id, probability) = (next, logs.pooled.exp());
            written.own.push(logs.own);
        }
        Ok(written)
    }

    /// Log-probability of each token of a name and of its stop after the cache, `first` that of the first.
    async fn log_probabilities(
        &mut self,
        first: f64,
        name: &[u32],
    ) -> Result<Vec<f64>, SessionError> {
        let mut logs = vec![first];
        if let Some((_, rest)) = name.split_first() {
            let next = [rest, &[self.template.stop()]].concat();
            let following = self.following(name, &next).await?;
            logs.extend(following.into_iter().map(f64::from));
        }
        Ok(logs)
    }
}

/// Each example's part of the attention that goes to all examples.
fn shares(attention: &[f32], examples: &[Read]) -> Result<Vec<f32>, SessionError> {
    let short = || SessionError::Device("the attention is too short".into());
    let sums = examples.iter().map(|read| {
        let own = attention.get(read.positions.clone()).ok_or_else(short)?;
        Ok(own.iter().sum())
    });
    let sums: Vec<f32> = sums.collect::<Result<_, SessionError>>()?;
    let total: f32 = sums.iter().sum();
    Ok(sums
        .into_iter()
        .map(|sum| if total > 0.0 { sum / total } else { 0.0 })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one_and_leave_out_what_is_no_example() {
        let attention = [0.5, 0.1, 0.2, 0.1, 0.1];
        let examples = [1..2, 2..4].map(|positions| Read {
            name: Vec::new(),
            features: 0,
            positions,
        });
        let shares = shares(&attention, &examples).unwrap();
        assert!((shares[0] - 0.25).abs() < 1e-6);
        assert!((shares[1] - 0.75).abs() < 1e-6);
    }
}
