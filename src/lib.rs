//! Learns a novel concept from a few pictures, in the browser, with no training, and shows why it answered so: link-context learning
//! (Tai et al., CVPR 2024) on Burn, compiled to WebAssembly.
//!
//! The modules, in the order in which an episode passes through them:
//!
//! - [`episode`]: named concepts with their pictures and the pictures to be named; what is allowed, and the interventions.
//! - [`picture`]: bytes of a file to an upright square of pixels.
//! - [`text`]: the tokenizer, and the template that makes an episode a sequence.
//! - [`weights`]: GGUF, torch and safetensors files, quantisation, and the pack that the page downloads.
//! - [`kernels`]: operations of our own on the device.
//! - [`model`]: the picture encoder, the connector and the decoder.
//! - [`session`]: a model on a device; links a support set once, answers many queries, gives the evidence.
//! - [`reply`]: the answer as the page gets it, from the worker or from a recording.
//! - [`share`]: an episode with its pictures and answers as a file, a link or a QR code.
//!
//! And around them:
//!
//! - [`rehearsal`]: has the device compile the kernels while the pack is on its way.
//! - `device` (feature `webgpu`): WebGPU where an adapter can run us, else the CPU, and why.
//! - `web` (wasm with feature `webgpu`): the surface that the page's worker calls.
//! - [`features`]: folders of pictures as features, kept on disk.
//! - [`protocol`]: the benchmark, its interventions and baselines.
//! - [`folder`]: the protocol on a visitor's own folder of pictures.
//! - `recording` (feature `cli`): the answers to the page's ready episodes, kept and checked.
//! - `train` (feature `train`): episodes for training, the loop's step, the adapter.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod episode;
pub mod features;
pub mod folder;
#[expect(
    clippy::indexing_slicing,
    reason = "kernels index within shapes that their callers have checked"
)]
pub mod kernels;
pub mod model;
pub mod picture;
pub mod protocol;
pub mod rehearsal;
pub mod reply;
pub mod session;
pub mod share;
pub mod text;
pub mod weights;

#[cfg(feature = "cli")]
pub mod arguments;
#[cfg(feature = "webgpu")]
pub mod device;
#[cfg(feature = "cli")]
pub mod recording;
#[cfg(feature = "train")]
#[expect(
    clippy::indexing_slicing,
    reason = "training runs on a developer's machine, on episodes that it has drawn itself"
)]
pub mod train;
#[cfg(all(target_family = "wasm", feature = "webgpu"))]
pub mod web;
