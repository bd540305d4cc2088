//! From the bytes of a picture file to what the vision tower reads: an upright RGB square of 224
//! pixels.
//!
//! The page, the trainer and the benchmark all come through [`Square::decode`], so that the model
//! sees a picture in one way only. A raster can be a thousand times larger than its file, therefore
//! the size written in the file's header is checked before any pixel is decoded. Colours are taken
//! as sRGB: an embedded colour profile is not applied.

mod webp;

use std::fmt;
use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage,
    RgbaImage,
};

/// The largest picture file that is read, in megabytes (10^6 bytes).
pub const FILE_LIMIT: f64 = 30.0;

/// The largest raster that is decoded, in megapixels (10^6 pixels).
pub const RASTER_LIMIT: f64 = 50.0;

/// The most bytes that a decoder may hold: the canvas, a frame and their blend, of a GIF at
/// [`RASTER_LIMIT`].
const MEMORY_LIMIT: u64 = 640_000_000;

/// A square of twice this many times the size of the model's, or more, is first made smaller by the means of its pixels: at its full size the
/// filter would take a second.
const NEAR: u32 = 8;

/// Why a file could not become a [`Square`]. Each variant carries the name of the file as it was
/// given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// The file is no picture, or it is damaged.
    #[error("{name} is not a readable picture: {reason}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the decoder met.
        reason: String,
    },
    /// The file is a picture in a format or variant that is not decoded here; a browser may know
    /// it.
    #[error("{name} is a picture in a format that is not read here: {format}")]
    Unsupported {
        /// The file.
        name: String,
        /// The format, or the part of a format that is missing.
        format: String,
    },
    /// The file is larger than [`FILE_LIMIT`].
    #[error("{name} has {megabytes:.1} MB, more than {limit} MB")]
    TooLargeFile {
        /// The file.
        name: String,
        /// Its size, in 10^6 bytes.
        megabytes: f64,
        /// [`FILE_LIMIT`].
        limit: f64,
    },
    /// The raster is larger than [`RASTER_LIMIT`].
    #[error("{name} has {megapixels:.1} megapixels, more than {limit}")]
    TooManyPixels {
        /// The file.
        name: String,
        /// Its raster, in 10^6 pixels.
        megapixels: f64,
        /// [`RASTER_LIMIT`].
        limit: f64,
    },
}

impl PictureError {
    /// The code under which the page looks up its sentence for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "picture-unreadable",
            Self::Unsupported { .. } => "picture-unsupported",
            Self::TooLargeFile { .. } => "picture-too-large-file",
            Self::TooManyPixels { .. } => "picture-too-many-pixels",
        }
    }

    /// The name of the file that is the matter.
    pub fn name(&self) -> &str {
        match self {
            Self::Unreadable { name, .. }
            | Self::Unsupported { name, .. }
            | Self::TooLargeFile { name, .. }
            | Self::TooManyPixels { name, .. } => name,
        }
    }

    fn unreadable(name: &str, reason: impl ToString) -> Self {
        Self::Unreadable {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn from_image(name: &str, error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(error) => Self::Unsupported {
                name: name.to_owned(),
                format: error.to_string(),
            },
            error => Self::unreadable(name, error),
        }
    }
}

/// A picture as the model sees it: upright, opaque, cropped at its centre to a square, RGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Square {
    /// Width and height in pixels, always [`Square::SIZE`].
    pub size: usize,
    /// `[size, size, 3]`: rows from the top, red green blue, 0 to 255.
    pub rgb: Vec<u8>,
    /// Whether the file has more frames than the one shown here, the first.
    pub animated: bool,
}

/// Without the pixels: a failed test would print 150,000 numbers.
impl fmt::Debug for Square {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let mut fields = formatter.debug_struct("Square");
        fields
            .field("size", &self.size)
            .field("animated", &self.animated)
            .finish_non_exhaustive()
    }
}

impl Square {
    /// Width and height in pixels: what EfficientNet-Lite0 was trained with.
    pub const SIZE: usize = 224;

    /// What stands in the place of a picture that is not shown: grey, which is the encoder's zero.
    pub fn blank() -> Self {
        Self {
            size: Self::SIZE,
            rgb: vec![127; Self::SIZE * Self::SIZE * 3],
            animated: false,
        }
    }

    /// Decodes a PNG, JPEG, GIF, WebP or BMP file. `name` is for the error; the format is read from
    /// the content.
    ///
    /// Orientation follows the EXIF entry, transparent parts are laid over white, and of an
    /// animation the first frame is taken. Where the centre lies between two pixels, the one nearer to
    /// the start of the stored raster is it.
    ///
    /// # Errors
    ///
    /// [`PictureError`], in this order: the file is too large, its format is unknown or not read
    /// here, the raster is too large, the content is damaged.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, PictureError> {
        check_size(name, bytes.len() as f64 / 1e6)?;
        let failed = |error| PictureError::from_image(name, error);
        let reader = Cursor::new(bytes);
        match image::guess_format(bytes) {
            Ok(ImageFormat::Png) => {
                // A raster beyond the limit of memory fails before its size can be asked for.
                let decoder = PngDecoder::with_limits(reader, limits()).map_err(|error| {
                    let size = matches!(error, ImageError::Limits(_)).then(|| png_size(bytes));
                    let too_large = size.flatten().map(|size| check_raster(name, size));
                    match too_large {
                        Some(Err(too_large)) => too_large,
                        _ => failed(error),
                    }
                })?;
                let animated = decoder.is_apng().map_err(failed)?;
                Self::read(name, decoder, animated)
            }
            Ok(ImageFormat::Jpeg) => {
                Self::read(name, JpegDecoder::new(reader).map_err(failed)?, false)
            }
            Ok(ImageFormat::WebP) => {
                if !webp::first_frame_fits(bytes) {
                    let reason = "its first frame is not of the size that it says";
                    return Err(PictureError::unreadable(name, reason));
                }
                let decoder = WebPDecoder::new(reader).map_err(failed)?;
                let animated = decoder.has_animation();
                Self::read(name, decoder, animated)
            }
            Ok(ImageFormat::Bmp) => {
                Self::read(name, BmpDecoder::new(reader).map_err(failed)?, false)
            }
            Ok(ImageFormat::Gif) => Self::read_gif(name, GifDecoder::new(reader).map_err(failed)?),
            Ok(format) => {
                let format = format!("{format:?}").to_uppercase();
                Err(PictureError::Unsupported {
                    name: name.to_owned(),
                    format,
                })
            }
            Err(_) => match browser_format(bytes) {
                Some(format) => Err(PictureError::Unsupported {
                    name: name.to_owned(),
                    format: format.to_owned(),
                }),
                None => Err(PictureError::unreadable(
                    name,
                    "its content is of no picture format",
                )),
            },
        }
    }

    /// Takes a raster that was decoded elsewhere: the browser's answer to
    /// [`PictureError::Unsupported`].
    ///
    /// # Shapes
    ///
    /// `rgba`: `[height, width, 4]`, upright, alpha not multiplied into the colours.
    ///
    /// # Errors
    ///
    /// [`PictureError`] if the raster is empty, too large, or not of the stated shape.
    pub fn from_rgba(
        name: &str,
        width: u32,
        height: u32,
        rgba: &[u8],
    ) -> Result<Self, PictureError> {
        check_raster(name, (width, height))?;
        let misshapen = || PictureError::unreadable(name, "its raster is not of the stated shape");
        if rgba.len() as u64 != u64::from(width) * u64::from(height) * 4 {
            return Err(misshapen());
        }
        let raster = RgbaImage::from_raw(width, height, rgba.to_vec()).ok_or_else(misshapen)?;
        Ok(Self::new(raster.into(), Orientation::NoTransforms, false))
    }

    /// The vision tower's input.
    ///
    /// # Shapes
    ///
    /// `[3, 224, 224]`, channel first, each value `(x - 127) / 128`: the normalisation that the
    /// EfficientNet-Lite weights were trained with.
    pub fn to_input(&self) -> Vec<f32> {
        (0..3)
            .flat_map(|channel| self.rgb.iter().skip(channel).step_by(3))
            .map(|&value| (f32::from(value) - 127.0) / 128.0)
            .collect()
    }

    /// The square as a canvas takes it: `[224, 224, 4]`, opaque.
    pub fn to_rgba(&self) -> Vec<u8> {
        self.rgb
            .as_chunks()
            .0
            .iter()
            .flat_map(|&[red, green, blue]| [red, green, blue, 255])
            .collect()
    }

    fn read(
        name: &str,
        mut decoder: impl ImageDecoder,
        animated: bool,
    ) -> Result<Self, PictureError> {
        let failed = |error| PictureError::from_image(name, error);
        check_raster(name, decoder.dimensions())?;
        let mut limits = limits();
        limits.reserve(decoder.total_bytes()).map_err(failed)?;
        decoder.set_limits(limits).map_err(failed)?;
        // A damaged EXIF entry is no reason to refuse a picture.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let raster = DynamicImage::from_decoder(decoder).map_err(failed)?;
        Ok(Self::new(raster, orientation, animated))
    }

    /// A GIF does not say in its header whether it is animated; one has to look for the second
    /// frame.
    fn read_gif(name: &str, mut decoder: GifDecoder<Cursor<&[u8]>>) -> Result<Self, PictureError> {
        let failed = |error| PictureError::from_image(name, error);
        check_raster(name, decoder.dimensions())?;
        decoder.set_limits(limits()).map_err(failed)?;
        let mut frames = decoder.into_frames();
        let first = frames
            .next()
            .ok_or_else(|| PictureError::unreadable(name, "it has no frame"))?
            .map_err(failed)?;
        let animated = matches!(frames.next(), Some(Ok(_)));
        Ok(Self::new(
            first.into_buffer().into(),
            Orientation::NoTransforms,
            animated,
        ))
    }

    fn new(raster: DynamicImage, orientation: Orientation, animated: bool) -> Self {
        // What is not seen is cut away first, and the turning comes last: both are the same on a
        // large raster, but slow.
        let size = Self::SIZE as u32;
        let side = raster.width().min(raster.height());
        let by = (side / (NEAR * size)).max(1);
        let side = side - side % by;
        let (left, top) = ((raster.width() - side) / 2, (raster.height() - side) / 2);
        let opaque = if raster.color().has_alpha() {
            over_white(&raster.into_rgba8(), (left, top), side)
        } else {
            raster.crop_imm(left, top, side, side).into_rgb8()
        };
        let opaque = if by > 1 { means(&opaque, by) } else { opaque };
        // The filter widens with the scale, so this is bicubic upwards and free of aliases
        // downwards.
        let opaque = DynamicImage::ImageRgb8(opaque);
        let mut upright = opaque.resize_exact(size, size, FilterType::CatmullRom);
        upright.apply_orientation(orientation);
        Self {
            size: Self::SIZE,
            rgb: upright.into_rgb8().into_raw(),
            animated,
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY_LIMIT);
    limits
}

fn check_raster(name: &str, (width, height): (u32, u32)) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(PictureError::unreadable(name, "it has no pixels"));
    }
    let megapixels = f64::from(width) * f64::from(height) / 1e6;
    if megapixels > RASTER_LIMIT {
        let (name, limit) = (name.to_owned(), RASTER_LIMIT);
        return Err(PictureError::TooManyPixels {
            name,
            megapixels,
            limit,
        });
    }
    Ok(())
}

/// Width and height that a PNG file begins with.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = bytes.get(16..)?.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// Whether a file of this size may be read.
///
/// # Errors
///
/// [`PictureError::TooLargeFile`] where it is larger than [`FILE_LIMIT`].
pub fn check_size(name: &str, megabytes: f64) -> Result<(), PictureError> {
    if megabytes > FILE_LIMIT {
        let (name, limit) = (name.to_owned(), FILE_LIMIT);
        return Err(PictureError::TooLargeFile {
            name,
            megabytes,
            limit,
        });
    }
    Ok(())
}

/// The size in which a raster is to be drawn by who decoded it elsewhere, for [`Square::from_rgba`]: its short side is at most four
/// times that of the square, which loses nothing and spares the copy of a large raster.
///
/// # Errors
///
/// [`PictureError`] if the raster is empty or too large.
pub fn drawn_size(name: &str, (width, height): (u32, u32)) -> Result<(u32, u32), PictureError> {
    check_raster(name, (width, height))?;
    let short = f64::from(width.min(height));
    let scale = (4.0 * Square::SIZE as f64 / short).min(1.0);
    let scaled = |side: u32| (f64::from(side) * scale).round() as u32;
    Ok((scaled(width), scaled(height)))
}

/// A square of a raster by Porter and Duff's "over" on a white ground, rounded to the nearest level.
fn over_white(raster: &RgbaImage, (left, top): (u32, u32), side: u32) -> RgbImage {
    let mut opaque = RgbImage::new(side, side);
    let rows = raster.chunks_exact(4 * raster.width() as usize);
    let rows = rows.skip(top as usize);
    for (from, into) in rows.zip(opaque.chunks_exact_mut(3 * side as usize)) {
        let from = from.as_chunks::<4>().0.iter().skip(left as usize);
        for (&[red, green, blue, alpha], into) in from.zip(into.as_chunks_mut::<3>().0) {
            let alpha = u32::from(alpha);
            let blend =
                |value: u8| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            *into = [red, green, blue].map(blend);
        }
    }
    opaque
}

/// A raster `by` times smaller: the mean of every `by` times `by` pixels, rounded to the nearest level.
fn means(raster: &RgbImage, by: u32) -> RgbImage {
    let mut smaller = RgbImage::new(raster.width() / by, raster.height() / by);
    let (row, count) = (3 * raster.width() as usize, by * by);
    let mut sums = vec![0_u32; 3 * smaller.width() as usize];
    let rows = raster.chunks_exact(row * by as usize);
    for (rows, into) in rows.zip(smaller.chunks_exact_mut(sums.len())) {
        sums.fill(0);
        for row in rows.chunks_exact(row) {
            let pixels = row.as_chunks::<3>().0.chunks_exact(by as usize);
            for (pixels, sums) in pixels.zip(sums.as_chunks_mut::<3>().0) {
                for pixel in pixels {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        // Cannot overflow: within the limit of the raster `by` is 3 at most. Checked, the sum would be the slowest part.
                        *sum = sum.wrapping_add(u32::from(value));
                    }
                }
            }
        }
        for (into, sum) in into.iter_mut().zip(&sums) {
            *into = ((sum + count / 2) / count) as u8;
        }
    }
    smaller
}

/// Formats that some browsers decode and the crate `image` does not even recognise.
fn browser_format(bytes: &[u8]) -> Option<&'static str> {
    const JPEG_XL_BOX: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
    if bytes.starts_with(&[0xff, 0x0a]) || bytes.starts_with(JPEG_XL_BOX) {
        return Some("JPEG XL");
    }
    // ISO/IEC 14496-12: a box of type "ftyp" and then the major brand.
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12)? {
            b"avif" | b"avis" => Some("AVIF"),
            b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => {
                Some("HEIF")
            }
            _ => None,
        };
    }
    // An XML prologue, a licence comment and a document type may stand before the element.
    let head = bytes.get(..4096).unwrap_or(bytes);
    head.windows(4)
        .any(|window| window == b"<svg")
        .then_some("SVG")
}
