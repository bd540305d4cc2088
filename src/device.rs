//! Chooses the device: WebGPU where an adapter can run us, else the CPU, and says which and why.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Commands in one submission. Each submission costs a round trip through the browser; too many in one make the first result late.
const TASKS: usize = 64;

/// What the visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preference {
    /// WebGPU where a GPU stands behind it.
    Auto,
    /// WebGPU or nothing.
    Webgpu,
    /// The CPU.
    Cpu,
}

/// Kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A GPU through WebGPU.
    Webgpu,
    /// Burn's Flex on the CPU.
    Cpu,
}

/// Why this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was asked for, or is the best there is.
    #[error("chosen")]
    Chosen,
    /// The browser has no WebGPU.
    #[error("this browser has no WebGPU")]
    NoWebgpu,
    /// WebGPU gives no adapter.
    #[error("WebGPU found no graphics adapter")]
    NoAdapter,
    /// WebGPU is computed by the processor, which takes more than ten times as long that way as our own program for it.
    #[error("WebGPU found a software stand-in for a graphics card alone")]
    SoftwareAdapter,
    /// The adapter has no timestamp queries, which the GPU runtime cannot start without in a browser (cubecl-wgpu 0.11).
    #[error("the graphics adapter has no timestamp queries")]
    NoTimestampQuery,
    /// A tensor of the model is larger than a buffer may be.
    #[error("the graphics adapter's buffers are too small for the model")]
    BufferTooSmall,
    /// The adapter refused a device.
    #[error("the graphics adapter refused a device")]
    DeviceRefused,
}

/// A device and what is known of it.
#[derive(Clone)]
pub struct Opened {
    /// For tensors.
    pub device: Device,
    /// Its kind.
    pub kind: Kind,
    /// What it calls itself; empty where the browser hides it.
    pub name: String,
    /// Why it was taken.
    pub reason: Reason,
    /// Whether it is a GPU in name alone.
    software: bool,
    /// Of a GPU.
    queue: Option<wgpu::Queue>,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// What went wrong on a GPU since the last look.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The browser took the device away.
    #[error("the graphics device was lost: {0}")]
    Lost(String),
    /// There is no memory left on it.
    #[error("the graphics device is out of memory: {0}")]
    OutOfMemory(String),
    /// A command was invalid. Browsers report it late and drop the work it was part of, so that results after it are wrong.
    #[error("the graphics device refused a command: {0}")]
    Invalid(String),
}

impl Opened {
    fn cpu(reason: Reason) -> Self {
        Self {
            device: Device::flex(),
            kind: Kind::Cpu,
            name: String::new(),
            reason,
            software: false,
            queue: None,
            fault: Arc::default(),
        }
    }

    /// What commands go to; none on a CPU.
    pub const fn queue(&self) -> Option<&wgpu::Queue> {
        self.queue.as_ref()
    }

    /// The first fault there was, if any.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Opens a device. `has_webgpu` says whether the browser offers WebGPU at all, `largest` is the size in bytes of the model's largest tensor on the device.
///
/// # Errors
///
/// When WebGPU was asked for and cannot be had. [`Preference::Auto`] and [`Preference::Cpu`] always succeed.
pub async fn open(
    preference: Preference,
    has_webgpu: bool,
    largest: u64,
) -> Result<Opened, Reason> {
    if preference == Preference::Cpu {
        return Ok(Opened::cpu(Reason::Chosen));
    }
    let software = preference == Preference::Webgpu;
    let opened = if has_webgpu {
        open_webgpu(largest, software).await
    } else {
        Err(Reason::NoWebgpu)
    };
    match (opened, preference) {
        (Err(reason), Preference::Auto) => Ok(Opened::cpu(reason)),
        (opened, _) => opened,
    }
}

/// `software` says whether one without a GPU behind it will do.
async fn open_webgpu(largest: u64, software: bool) -> Result<Opened, Reason> {
    // Burn's runtime can be started once in a process; who opens it again shares it.
    static OPENED: OnceLock<Opened> = OnceLock::new();
    if let Some(opened) = OPENED.get() {
        return match opened.fault() {
            None if opened.software && !software => Err(Reason::SoftwareAdapter),
            None => Ok(opened.clone()),
            Some(_) => Err(Reason::DeviceRefused),
        };
    }
    // Burn would panic on an adapter without timestamps, so ask before it does.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = instance
        .request_adapter(&options)
        .await
        .map_err(|_| Reason::NoAdapter)?;
    if adapter.get_info().device_type == wgpu::DeviceType::Cpu && !software {
        return Err(Reason::SoftwareAdapter);
    }
    if !adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Err(Reason::NoTimestampQuery);
    }
    let limits = adapter.limits();
    if largest
        > limits
            .max_buffer_size
            .min(limits.max_storage_buffer_binding_size)
    {
        return Err(Reason::BufferTooSmall);
    }
    let opened = Device::wgpu_options()
        .tasks_max(TASKS)
        .init_with_setup_async()
        .await;
    let (device, setup) = opened.map_err(|_| Reason::DeviceRefused)?;
    let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
    let first = |fault: &Mutex<Option<Fault>>, new| {
        fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(new);
    };
    let lost = fault.clone();
    setup
        .device
        .set_device_lost_callback(move |_, message| first(&lost, Fault::Lost(message)));
    let uncaptured = fault.clone();
    setup
        .device
        .on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let new = match &error {
                wgpu::Error::OutOfMemory { .. } => Fault::OutOfMemory(error.to_string()),
                _ => Fault::Invalid(error.to_string()),
            };
            first(&uncaptured, new);
        }));
    let info = setup.adapter.get_info();
    let software = info.device_type == wgpu::DeviceType::Cpu;
    let name = [info.name, info.driver, info.driver_info]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let opened = Opened {
        device,
        kind: Kind::Webgpu,
        name,
        reason: Reason::Chosen,
        software,
        queue: Some(setup.queue),
        fault,
    };
    Ok(OPENED.get_or_init(|| opened).clone())
}
