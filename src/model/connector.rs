//! Picture features to tokens of the decoder.

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor, TensorData};

use super::config::ModelConfig;
use super::parameters::{ParameterError, Parameters, trainable};

/// Variance floor of the layer norm.
const NORM_EPSILON: f64 = 1e-5;

/// Mean square around which what a comparison found fades out: where all earlier pictures are nearly as alike, it says little.
const COMPARISON_FLOOR: f64 = 0.01;
/// Below every likeness there can be, for pictures that are not earlier.
const UNSEEN: f32 = -1e4;
/// Marks that there are; the picture after the last begins anew. More than most support sets have pictures.
pub const MARKS: usize = 64;

/// A picture's own tokens, and one that compares it with the pictures before it.
///
/// Its own are `(x * content + mark) * gain + position` with `x = LayerNorm(Linear((features - mean) / deviation))`, one for each part of the
/// picture. The gain is learned and starts small, so that a visual token has about the size of a word's embedding. The mark is a learned vector
/// that no other picture of the sequence has, given by its place alone: two pictures that look alike are then still two. How much `content` a
/// picture shows beside it is the configuration's, but in training.
///
/// The last token is the whole once more, drawn towards those of the pictures before it that it is like and away from the others (as in
/// mean shift, Fukunaga and Hostetler 1975): by the sum of their `x * content + mark`, each weighted by how much more alike it is than the
/// average of them, `softmax(likeness) - 1 / pictures`, brought to about length one. The likeness is the sum of two cosines, each times a
/// learned sharpness: of the wholes along the directions that tell classes apart (linear discriminants, in closed form and not trained, so that
/// things never seen are told apart by all of them), and of `x` over all parts, which has learned what matters. It knows no names: what the
/// pictures are called is for the decoder to read, which finds in the last token whose marks to look for. The decoder alone would compare
/// pictures in heads of 64 channels.
#[derive(Module, Debug)]
pub struct Connector {
    #[module(skip)]
    content: f64,
    mean: Tensor<1>,
    deviation: Tensor<1>,
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    norm_weight: Param<Tensor<1>>,
    norm_bias: Param<Tensor<1>>,
    gain: Param<Tensor<1>>,
    position: Param<Tensor<2>>,
    discriminants: Tensor<2>,
    /// Logarithms of the two sharpnesses, so that they learn by factors.
    sharpness: Param<Tensor<1>>,
    pull: Param<Tensor<1>>,
    comparison_position: Param<Tensor<1>>,
    marks: Param<Tensor<2>>,
}

/// What the connector makes of pictures.
#[derive(Clone, Debug)]
pub struct Visual {
    /// Their tokens, `[pictures, visual_tokens, width]`.
    pub tokens: Tensor<3>,
    /// What later pictures are compared with.
    pub seen: Seen,
}

/// Pictures that later ones of the same sequence are compared with.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The wholes along the discriminants, of length one, `[pictures, discriminants]`.
    discriminated: Tensor<2>,
    /// The vectors of all parts before gain and position, of length one, `[pictures, parts * width]`.
    projected: Tensor<2>,
    /// The whole's vector with its mark, before gain and position, `[pictures, width]`.
    wholes: Tensor<2>,
}

impl Seen {
    /// How many there are.
    fn len(&self) -> usize {
        let [pictures, _] = self.wholes.dims();
        pictures
    }

    /// The first `count` of them.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self {
            discriminated: self.discriminated.narrow(0, 0, count),
            projected: self.projected.narrow(0, 0, count),
            wholes: self.wholes.narrow(0, 0, count),
        }
    }

    /// These after `before`, if there are any.
    #[must_use]
    pub fn after(self, before: Option<Self>) -> Self {
        let Some(before) = before else {
            return self;
        };
        let join = |before, these| Tensor::cat(vec![before, these], 0);
        Self {
            discriminated: join(before.discriminated, self.discriminated),
            projected: join(before.projected, self.projected),
            wholes: join(before.wholes, self.wholes),
        }
    }
}

impl Connector {
    /// Takes the connector's tensors (`connector.*`).
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(config: &ModelConfig, parameters: &mut Parameters) -> Result<Self, ParameterError> {
        let (features, width) = (config.vision.head_channels, config.decoder.width);
        let (parts, discriminants) = (config.connector.parts, config.connector.discriminants);
        Ok(Self {
            content: config.connector.content,
            mean: parameters.take("connector.mean", [features])?,
            deviation: parameters.take("connector.deviation", [features])?,
            weight: learned(parameters, "connector.projection.weight", [width, features])?,
            bias: learned(parameters, "connector.projection.bias", [width])?,
            norm_weight: learned(parameters, "connector.norm.weight", [width])?,
            norm_bias: learned(parameters, "connector.norm.bias", [width])?,
            gain: learned(parameters, "connector.gain", [1])?,
            position: learned(parameters, "connector.position", [parts, width])?,
            discriminants: parameters.take(
                "connector.comparison.discriminants",
                [discriminants, features],
            )?,
            sharpness: learned(parameters, "connector.comparison.sharpness", [2])?,
            pull: learned(parameters, "connector.comparison.pull", [1])?,
            comparison_position: learned(parameters, "connector.comparison.position", [width])?,
            marks: learned(parameters, "connector.comparison.marks", [MARKS, width])?,
        })
    }

    /// Pictures in the order of their sequence; `before` are those that came earlier in it, if there are any. `first_mark` says which mark
    /// the first picture of the sequence has: 0, but in training, where every one of them is to be learned.
    ///
    /// # Shapes
    ///
    /// - `features`: `[pictures, parts, features]`, the first part of each the whole picture
    /// - output: [`Visual`], of these pictures alone
    pub fn forward(&self, features: Tensor<3>, before: Option<Seen>, first_mark: usize) -> Visual {
        self.forward_at(self.content, features, before, first_mark)
    }

    /// The same with another `content` than the configuration's, for training.
    pub fn forward_at(
        &self,
        content: f64,
        features: Tensor<3>,
        before: Option<Seen>,
        first_mark: usize,
    ) -> Visual {
        let [pictures, parts, channels] = features.dims();
        let first = first_mark + before.as_ref().map_or(0, Seen::len);
        let x = (features - self.mean.clone().reshape([1, 1, channels]))
            / self.deviation.clone().reshape([1, 1, channels]);
        let wholes = x.clone().narrow(1, 0, 1).reshape([pictures, channels]);
        let discriminated = unit(wholes.matmul(self.discriminants.clone().transpose()));
        let x = x
            .reshape([pictures * parts, channels])
            .matmul(self.weight.val().transpose());
        let [_, width] = x.dims();
        let x = x + self.bias.val().reshape([1, width]);
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let x = centred / (variance + NORM_EPSILON).sqrt();
        let x = x * self.norm_weight.val().reshape([1, width])
            + self.norm_bias.val().reshape([1, width]);
        let projected = unit(x.clone().reshape([pictures, parts * width]));
        let x = x.reshape([pictures, parts, width]) * content
            + self
                .marks_from(first, pictures)
                .reshape([pictures, 1, width]);
        let seen = Seen {
            discriminated,
            projected,
            wholes: x.clone().narrow(1, 0, 1).reshape([pictures, width]),
        };
        let own =
            x * self.gain.val().reshape([1, 1, 1]) + self.position.val().reshape([1, parts, width]);
        let compared = self.compare(&seen, before) * self.gain.val().reshape([1, 1])
            + self.comparison_position.val().reshape([1, width]);
        Visual {
            tokens: Tensor::cat(vec![own, compared.reshape([pictures, 1, width])], 1),
            seen,
        }
    }

    /// The marks of `pictures` pictures, `[pictures, width]`.
    fn marks_from(&self, first: usize, pictures: usize) -> Tensor<2> {
        let places: Vec<i32> = (first..first + pictures)
            .map(|place| (place % MARKS) as i32)
            .collect();
        let marks = self.marks.val();
        let places = TensorData::new(places, [pictures]);
        let places = Tensor::<1, Int>::from_data(places, &marks.device());
        marks.select(0, places)
    }

    /// The wholes of some pictures, each drawn towards those before it that it is like, `[pictures, width]`.
    fn compare(&self, seen: &Seen, before: Option<Seen>) -> Tensor<2> {
        let pictures = seen.len();
        let all = seen.clone().after(before);
        let count = all.len();
        let known = |picture: usize| count - pictures + picture;
        // A row a picture, a column each that may come before it.
        let table = |value: &dyn Fn(usize, bool) -> f32| {
            let cells = (0..pictures).flat_map(|picture| {
                (0..count).map(move |other| value(known(picture), other < known(picture)))
            });
            let data = TensorData::new(cells.collect::<Vec<_>>(), [pictures, count]);
            Tensor::<2>::from_data(data, &seen.wholes.device())
        };
        let unseen = table(&|_, earlier| if earlier { 0.0 } else { UNSEEN });
        let earlier = table(&|_, earlier| f32::from(earlier));
        let average = table(&|known, earlier| f32::from(earlier) / known.max(1) as f32);
        let [by_discriminants, by_vectors] = [0, 1].map(|at| {
            let sharpness = self.sharpness.val().exp().narrow(0, at, 1);
            sharpness.reshape([1, 1])
        });
        let cosines = |these: &Tensor<2>, all: Tensor<2>| these.clone().matmul(all.transpose());
        let alike = cosines(&seen.discriminated, all.discriminated) * by_discriminants
            + cosines(&seen.projected, all.projected) * by_vectors;
        let weights = softmax(alike + unseen, 1) * earlier - average;
        let found = weights.matmul(all.wholes);
        let size = (found.clone().powi_scalar(2).mean_dim(1) + COMPARISON_FLOOR).sqrt();
        seen.wholes.clone() + found / size * self.pull.val().reshape([1, 1])
    }

    /// The tensors of the adapter file, by name.
    pub fn named_tensors(&self) -> Vec<(String, Tensor<1>, Vec<usize>)> {
        fn flat<const D: usize>(name: &str, x: Tensor<D>) -> (String, Tensor<1>, Vec<usize>) {
            let shape = x.dims().to_vec();
            (format!("connector.{name}"), x.flatten(0, D - 1), shape)
        }
        vec![
            flat("mean", self.mean.clone()),
            flat("deviation", self.deviation.clone()),
            flat("projection.weight", self.weight.val()),
            flat("projection.bias", self.bias.val()),
            flat("norm.weight", self.norm_weight.val()),
            flat("norm.bias", self.norm_bias.val()),
            flat("gain", self.gain.val()),
            flat("position", self.position.val()),
            flat("comparison.discriminants", self.discriminants.clone()),
            flat("comparison.sharpness", self.sharpness.val()),
            flat("comparison.pull", self.pull.val()),
            flat("comparison.position", self.comparison_position.val()),
            flat("comparison.marks", self.marks.val()),
        ]
    }
}

/// Rows of length one.
fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().powi_scalar(2).sum_dim(1).sqrt();
    x / (length + f64::from(f32::EPSILON))
}

fn learned<const D: usize>(
    parameters: &mut Parameters,
    name: &str,
    shape: [usize; D],
) -> Result<Param<Tensor<D>>, ParameterError> {
    Ok(trainable(name, parameters.take(name, shape)?))
}
