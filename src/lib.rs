//! Learns a novel concept from a few pictures, in the browser, with no training, and shows why it answered so.

#[cfg(feature = "cli")]
pub mod features;
pub mod episode;
pub mod model;
pub mod picture;
pub mod session;
pub mod text;
#[cfg(feature = "train")]
pub mod train;
pub mod weights;
