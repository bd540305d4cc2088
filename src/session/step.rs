//! One step of an answer: what a position says of the next token, and which token is taken.

use burn::tensor::{Tensor, TensorData, Transaction};

use super::pool::Choice;
use super::{Session, SessionError, device_error, values};

/// The likeliest token of a step, as the device gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Top {
    id: u32,
    logit: f32,
    /// Logarithm of the sum of all exponentials less the logit.
    rest: f32,
}

impl Top {
    fn of(values: &[f32]) -> Result<Self, SessionError> {
        match *values {
            [id, logit, rest] if logit.is_finite() && rest.is_finite() => Ok(Self {
                id: id as u32,
                logit,
                rest,
            }),
            _ => Err(SessionError::Device(format!(
                "no token is likeliest: {values:?}"
            ))),
        }
    }

    fn log_probability(self) -> f64 {
        -f64::from(self.rest)
    }

    /// Log-probability of a token of this logit in the same step.
    fn log_probability_of(self, logit: f32) -> f64 {
        f64::from(logit - self.logit) - f64::from(self.rest)
    }
}

/// What a step says of the next token.
pub(super) struct Step {
    top: Top,
    choice: Choice,
    /// The log-probability of each token that there is to choose from.
    pub(super) own: Vec<f64>,
}

/// Log-probabilities of a token: the decoder's own, and once the attention has had its say.
pub(super) struct Logs {
    pub(super) own: f64,
    pub(super) pooled: f64,
}

impl Step {
    /// The token that is taken. `shares` are those of all names.
    pub(super) fn choose(&self, shares: &[f64]) -> (u32, Logs) {
        let own = self.top.log_probability();
        let taken = (self.top.id, Logs { own, pooled: own });
        // Whether it is one of the names is the decoder's alone to say, unless most of one stands there already.
        if !self.choice.copied
            && !self
                .choice
                .next
                .iter()
                .any(|(_, token)| *token == self.top.id)
        {
            return taken;
        }
        let pooled = self.choice.pool(&self.own, shares);
        let each = self.choice.next.iter().zip(self.own.iter().zip(pooled));
        let likeliest = each.max_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b));
        likeliest.map_or(taken, |((_, token), (&own, pooled))| {
            (*token, Logs { own, pooled })
        })
    }
}

impl Session {
    /// Reads what a position says of the next token, and with it the attention, if there is any.
    pub(super) async fn read_step(
        &self,
        hidden: Tensor<2>,
        choice: Choice,
        attention: Option<Tensor<1>>,
    ) -> Result<(Step, Option<TensorData>), SessionError> {
        let likeliest = self.model.decoder.likeliest(hidden);
        let asked = attention.is_some();
        let mut transaction = Transaction::default().register(likeliest.top);
        if let Some(attention) = attention {
            transaction = transaction.register(attention);
        }
        if !choice.next.is_empty() {
            let tokens: Vec<u32> = choice.next.iter().map(|&(_, token)| token).collect();
            transaction = transaction.register(likeliest.logits.select(1, self.ints(&tokens)));
        }
        let mut read = transaction
            .execute_async()
            .await
            .map_err(device_error)?
            .into_iter();
        let top = Top::of(&values(read.next())?)?;
        let attention = if asked { read.next() } else { None };
        let own = if choice.next.is_empty() {
            Vec::new()
        } else {
            let logits = values(read.next())?;
            let own = logits.iter().map(|&logit| top.log_probability_of(logit));
            own.collect()
        };
        Ok((Step { top, choice, own }, attention))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_gives_every_log_probability() {
        // Of logits 0, ln 2 and 0.
        let top = Top::of(&[1.0, 2.0_f32.ln(), 2.0_f32.ln()]).unwrap();
        assert_eq!(top.id, 1);
        assert!((top.log_probability() - 0.5_f64.ln()).abs() < 1e-6);
        assert!((top.log_probability_of(0.0) - 0.25_f64.ln()).abs() < 1e-6);
        assert!(Top::of(&[0.0, f32::NAN, 0.0]).is_err());
    }
}
