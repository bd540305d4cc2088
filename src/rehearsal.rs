//! A rehearsal: a model of the same kernels that knows nothing is asked a question while the pack is still on its way.
//!
//! A device compiles a kernel when it first meets it, and the first answer would wait for all of them. The manifest, which comes before the
//! weights, says everything that kernels depend on: sizes and encodings. So a model of them is made with constants for weights, and one layer
//! for each form that the decoder's layers have; it links an example, is asked about a picture, and is thrown away.

use std::ops::ControlFlow;

use burn::tensor::Device;
use thiserror::Error;

use crate::model::Parameters;
use crate::picture::Square;
use crate::session::{LinkedExample, Session, SessionError};
use crate::text::tokenizer::{Tokenizer, TokenizerError};
use crate::weights::pack::Manifest;
use crate::weights::quant::QuantError;
use crate::weights::{EncodedTensor, Encoding};

/// Enough to write the template in as many tokens as a real one does: what a kernel does hangs on how many there are, not on which.
const TOKENIZER: &str = r#"{ "version": 1, "special": 1,
    "tokens": ["<|im_start|>", "Ċ", "Ġ", "T", "a", "c", "d", "e", "h", "i", "l", "s",
        "Th", "Thi", "This", "ĠThis", "is", "Ġis", "ca", "cal", "call", "calle", "called", "Ġcalled"],
    "merges": ["T h", "Th i", "Thi s", "Ġ This", "i s", "Ġ is", "c a", "ca l", "cal l", "call e", "calle d", "Ġ called"] }"#;

/// How many pictures the support sets have: kernels that go over pictures take one, two or four at once, where these divide their number.
const SUPPORT: [usize; 3] = [1, 2, LARGEST];
const LARGEST: usize = 4;

/// Why a rehearsal broke off.
#[derive(Debug, Error)]
pub enum RehearsalError {
    /// The manifest's tensors make no model, or the device failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A tensor's shape does not fit its encoding.
    #[error(transparent)]
    Tensor(#[from] QuantError),
    /// The tokenizer above is wrong.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Has the device compile the kernels that an answer takes, for a pack whose adapters are merged. Ends when it has answered.
///
/// # Errors
///
/// When the manifest's tensors make no model, or the device fails.
pub async fn rehearse(manifest: &Manifest, device: &Device) -> Result<(), RehearsalError> {
    let (config, forms) = manifest.outline();
    let mut parameters = Parameters::new(device).for_kernels();
    for (name, (encoding, shape)) in forms {
        let tensor = constant(encoding, shape)?;
        parameters.insert_encoded(name, tensor)?;
    }
    let tokenizer = Tokenizer::from_json(TOKENIZER)?;
    let mut session = Session::new(&config, parameters, tokenizer)?;
    let features = session.encode(&Square::blank());
    let names = ["a".to_owned(), "c".to_owned()];
    for pictures in SUPPORT {
        // From nothing, as a support set usually is.
        session.link(&names, &[]).await?;
        let examples: Vec<LinkedExample> = (0..pictures)
            .map(|picture| LinkedExample {
                concept: picture % names.len(),
                features: features.clone(),
            })
            .collect();
        session.link(&names, &examples).await?;
        // What comes after the first token hangs on the pictures no more.
        let goes_on = pictures == LARGEST;
        session
            .answer(&features, async |_| match goes_on {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
            .await?;
    }
    Ok(())
}

/// Ones, where bytes are numbers of their own, so that nothing is divided by zero; else zeros.
fn constant(encoding: Encoding, shape: Vec<usize>) -> Result<EncodedTensor, QuantError> {
    let one: &[u8] = match encoding {
        Encoding::F32 => &1.0_f32.to_le_bytes(),
        Encoding::F16 => &half::f16::ONE.to_le_bytes(),
        Encoding::Q8_0 | Encoding::Q4_1 => &[0],
    };
    let bytes = encoding.bytes(&shape)?;
    Ok(EncodedTensor {
        encoding,
        shape,
        bytes: one.iter().copied().cycle().take(bytes).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_as_long_as_a_real_one() {
        let tokenizer = Tokenizer::from_json(TOKENIZER).unwrap();
        assert_eq!(tokenizer.encode(" This is called").len(), 3);
    }
}
