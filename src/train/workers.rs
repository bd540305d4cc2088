//! Threads that each walk a graph of their own.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use super::TrainError;

/// Stack of a thread that walks a graph back.
const STACK: usize = 32 << 20;

/// A thread a core, each a pool of one: what is spread over threads inside an operation stays on its own.
pub(super) struct Workers(Vec<ThreadPool>);

impl Workers {
    /// As many as there are cores.
    pub(super) fn new() -> Result<Self, ThreadPoolBuildError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = || {
            ThreadPoolBuilder::new()
                .num_threads(1)
                .stack_size(STACK)
                .build()
        };
        let workers: Result<_, _> = (0..threads).map(|_| worker()).collect();
        workers.map(Self)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Does `work` on what each worker is handed, of which there may be no more than workers; gives the results in this order.
    pub(super) fn each<H: Send, T: Send>(
        &self,
        hands: Vec<H>,
        work: impl Fn(H) -> Result<T, TrainError> + Sync,
    ) -> Result<Vec<T>, TrainError> {
        let work = &work;
        std::thread::scope(|scope| {
            let hands = hands.into_iter().zip(&self.0);
            let running: Vec<_> = hands
                .map(|(hand, pool)| scope.spawn(move || pool.install(|| work(hand))))
                .collect();
            let joined = running.into_iter().map(|thread| {
                let panicked = |_| TrainError::Device("a thread panicked".into());
                thread.join().map_err(panicked)?
            });
            joined.collect()
        })
    }
}
