//! Browsers that look only now and then whether the GPU is done.
//!
//! Firefox does so every 100 ms, and when something is submitted (its bug 1870699): an answer, each token of which is read back, would come at
//! ten tokens a second from the fastest GPU. So while results are waited for there, an empty list of commands is submitted every few milliseconds.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::WorkerGlobalScope;
use web_time::{Duration, Instant};

use super::yield_now;
use crate::device::Opened;

/// An idle queue that says later than this that it is idle is one that is looked at now and then.
const LATE: Duration = Duration::from_millis(70);

/// Longer than any browser takes between two looks.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time between two submissions, in milliseconds. Browsers make it four, after a few.
const PAUSE: i32 = 2;

/// How a device's results are waited for.
#[derive(Clone)]
pub struct Poll {
    /// To be submitted to, where nobody looks at it otherwise.
    queue: Option<wgpu::Queue>,
}

impl Poll {
    /// Asks a device's idle queue whether it is idle, and sees how long that takes.
    pub async fn of(opened: &Opened) -> Self {
        let queue = match opened.queue() {
            Some(queue) if is_late(queue).await => Some(queue.clone()),
            _ => None,
        };
        Self { queue }
    }

    /// Does `work`, and sees to it that the device is looked at meanwhile.
    pub async fn through<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(queue) = self.queue.clone() else {
            return work.await;
        };
        let working = Rc::new(Cell::new(true));
        let still = working.clone();
        spawn_local(async move {
            while still.get() && pause().await.is_ok() {
                queue.submit([]);
            }
        });
        let done = work.await;
        working.set(false);
        done
    }
}

async fn is_late(queue: &wgpu::Queue) -> bool {
    // The first comes somewhere between two looks; after it, each takes from one to the next.
    until_idle(queue).await;
    for _ in 0..4 {
        // A busy machine is late now and then, and is in no need of it.
        if until_idle(queue).await < LATE {
            return false;
        }
    }
    true
}

/// How long an idle queue takes to say so, [`PATIENCE`] at most.
async fn until_idle(queue: &wgpu::Queue) -> Duration {
    let start = Instant::now();
    let idle = Arc::new(AtomicBool::new(false));
    let told = idle.clone();
    queue.on_submitted_work_done(move || told.store(true, Ordering::Relaxed));
    while !idle.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
        if yield_now().await.is_err() {
            break;
        }
    }
    start.elapsed()
}

async fn pause() -> Result<(), JsValue> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let promise = Promise::new(&mut |resolve, _| {
        // Where there is no timer, the promise is never kept and nothing is submitted: slow, as before.
        let _ = scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, PAUSE);
    });
    JsFuture::from(promise).await.map(|_| ())
}
