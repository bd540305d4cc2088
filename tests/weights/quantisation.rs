//! Blocks against the `gguf` package.

use link_context::weights::Encoding;
use link_context::weights::quant::{QuantError, decode, encode};
use safetensors::SafeTensors;

use super::{bits, fixture};

#[test]
fn blocks_decode_bit_for_bit_as_in_the_gguf_package() {
    let file = fixture("quant.safetensors");
    let file = SafeTensors::deserialize(&file).unwrap();
    for (name, encoding) in [
        ("q8_0", Encoding::Q8_0),
        ("q4_1", Encoding::Q4_1),
        ("published.q8_0", Encoding::Q8_0),
        ("published.q4_1", Encoding::Q4_1),
    ] {
        let bytes = file.tensor(&format!("{name}.bytes")).unwrap();
        let values = file.tensor(&format!("{name}.values")).unwrap();
        let expected = decode(Encoding::F32, values.data()).unwrap();
        assert!(expected.len() >= 2 * 576);
        assert_eq!(
            bits(&decode(encoding, bytes.data()).unwrap()),
            bits(&expected),
            "{name}"
        );
    }
}

#[test]
fn blocks_encode_bit_for_bit_as_in_the_gguf_package() {
    let file = fixture("quant.safetensors");
    let file = SafeTensors::deserialize(&file).unwrap();
    let values = decode(Encoding::F32, file.tensor("encode.values").unwrap().data()).unwrap();
    let expected = file.tensor("encode.bytes").unwrap();
    assert_eq!(encode(Encoding::Q8_0, &values).unwrap(), expected.data());
}

#[test]
fn what_an_encoding_cannot_hold_is_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8_0] {
            let mut values = [1.0; 32];
            values[7] = value;
            let error = encode(encoding, &values).unwrap_err();
            assert!(matches!(error, QuantError::Range { .. }), "{error}");
        }
    }
    assert!(matches!(
        encode(Encoding::F16, &[65520.0]),
        Err(QuantError::Range { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q8_0, &[65520.0 * 127.0; 32]),
        Err(QuantError::Range { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q8_0, &[1.0; 33]),
        Err(QuantError::Row { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q4_1, &[1.0; 32]),
        Err(QuantError::ReadOnly(_))
    ));
    assert!(matches!(
        decode(Encoding::Q4_1, &[0; 21]),
        Err(QuantError::Length { .. })
    ));
    let huge = [usize::MAX, 32];
    assert!(matches!(
        Encoding::F32.bytes(&huge),
        Err(QuantError::TooLarge { .. })
    ));
}
