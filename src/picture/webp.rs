//! What `image-webp` 0.2 believes of a file: in a frame of an animation that has a chunk of alpha, the VP8 picture has to have the frame's
//! size, or its decoder panics, which in a browser ends the worker.

/// Bytes of a frame's own fields, before its chunks.
const FRAME_FIELDS: usize = 16;

/// Whether the first frame of an animation is of the size that it says. A file that is built otherwise than it should be is for the decoder to
/// refuse.
pub fn first_frame_fits(bytes: &[u8]) -> bool {
    // RIFF, its length, WEBP
    let file = bytes.get(12..).unwrap_or_default();
    let Some((_, frame)) = chunks(file).find(|(kind, _)| *kind == b"ANMF") else {
        return true;
    };
    let size = |at: usize| match frame.get(at..at + 3) {
        Some(&[low, middle, high]) => Some(u32::from_le_bytes([low, middle, high, 0]) + 1),
        _ => None,
    };
    let mut parts = chunks(frame.get(FRAME_FIELDS..).unwrap_or_default());
    if !matches!(parts.next(), Some((b"ALPH", _))) {
        return true;
    }
    // Whatever follows is decoded as VP8: three bytes of a tag, three of a start code, then the two sizes, of 14 bits each.
    let Some((_, picture)) = parts.next() else {
        return true;
    };
    let side = |at: usize| match picture.get(at..at + 2) {
        Some(&[low, high]) => Some(u32::from(u16::from_le_bytes([low, high]) & 0x3FFF)),
        _ => None,
    };
    match (size(6).zip(size(9)), side(6).zip(side(8))) {
        (Some(stated), Some(found)) => stated == found,
        _ => true,
    }
}

/// The chunks of a RIFF file or of a chunk, each four letters, a length and as many bytes, padded to an even number.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (kind, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        // A length beyond the end is for the decoder to refuse; what there is is looked at.
        let content = rest.get(..length).unwrap_or(rest);
        let padded = length.saturating_add(length % 2);
        bytes = rest.get(padded..).unwrap_or_default();
        Some((kind, content))
    })
}
