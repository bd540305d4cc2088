//! Text: the tokenizer, and the one place that says how an episode becomes a sequence.

pub mod template;
pub mod tokenizer;
