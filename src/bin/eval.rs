//! Runs the benchmark on a pack and folders of pictures. See `cargo xtask eval -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, anyhow};
use burn::tensor::Device;
use clap::Parser;
use link_context::arguments;
#[cfg(feature = "webgpu")]
use link_context::device::{self, Preference};
use link_context::features::{ClassNames, Encoder, FeatureReader, Splits, Styles};
use link_context::model::Parameters;
use link_context::protocol::cell::{Cell, Control};
use link_context::protocol::isekai::{self, Item};
use link_context::protocol::naming::{self, NamingReport};
use link_context::protocol::plain::{PlainReport, perplexity};
use link_context::protocol::scoring::Rate;
use link_context::protocol::table::{CellReport, Record, Report, SourceReport};
use link_context::protocol::task::Trial;
use link_context::protocol::{Source, run};
use link_context::session::Session;
use link_context::text::tokenizer::Tokenizer;
use link_context::weights::pack::{Adapters, OpenPack, sha256};

/// Episodes between two lines of progress.
const PROGRESS: usize = 50;

/// Measures whether a pack binds pictures to invented names, on held-out classes, with its controls.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder of the pack.
    #[arg(long)]
    pack: PathBuf,
    /// A source of pictures, NAME=FOLDER with one subfolder a class; may be given several times.
    #[arg(long, requires = "split", value_parser = arguments::source)]
    pictures: Vec<(String, PathBuf)>,
    /// A list of episodes in the form of the ISEKAI sets, NAME=FILE, with the pictures' paths from its own folder; --shots says how many
    /// pictures a concept are shown. May be given several times.
    #[arg(long, required_unless_present_any = ["pictures", "text"], value_parser = arguments::source)]
    isekai: Vec<(String, PathBuf)>,
    /// JSON that says which classes of each source are held out: {"NAME": {"held_out": [...]}}.
    #[arg(long)]
    split: Option<PathBuf>,
    /// Folder for cached features.
    #[arg(long)]
    cache: PathBuf,
    /// Episodes a cell.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    episodes: u64,
    /// Index of the first episode: an episode is run again by its seed, its cell and its index.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Concepts an episode.
    #[arg(long, default_value_t = 2, value_parser = arguments::count)]
    ways: usize,
    /// Support pictures a concept, in the cells without a control.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    shots: Vec<usize>,
    /// Support pictures a concept, in the controls.
    #[arg(long, default_value_t = 2)]
    controls_shots: usize,
    /// The cells to run, in place of those of --ways, --shots and --controls-shots: 2-way/1-shot, 2-way/2-shot/blank, ...
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["ways", "shots", "controls_shots"])]
    cells: Option<Vec<Cell>>,
    /// Seed of the drawing.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Pictures a class at most, the first by name.
    #[arg(long, default_value_t = 100, value_parser = arguments::count)]
    limit: usize,
    /// Also names pictures of the training classes without a support set: a file of a class and its names a line, a tab between.
    #[arg(long, value_name = "NAMES")]
    naming: Option<PathBuf>,
    /// How many pictures of each class are for that: as the trainer was told.
    #[arg(long, default_value_t = 8)]
    reserve: usize,
    /// Also measures the perplexity of a plain text, with and without the adapter. May be given several times.
    #[arg(long)]
    text: Vec<PathBuf>,
    /// The styles of a source whose files are named STYLE-NUMBER, NAME=FILE: a query is then asked in a style that its support set does not
    /// have, of those that were held out. {"train": [...], "held_out": [...]}
    #[arg(long, value_parser = arguments::source)]
    styles: Vec<(String, PathBuf)>,
    /// Runs the decoder as it was published, behind the same connector: what the adapter is worth.
    #[arg(long)]
    untuned: bool,
    /// Runs the encoder and the decoder by plain tensor operations in f32, with the adapter in the decoder's matrices: what the page's kernels
    /// and their rounding cost.
    #[arg(long)]
    plain: bool,
    /// Runs the encoder and the decoder on this machine's GPU, by the kernels that the page has for WebGPU.
    #[cfg(feature = "webgpu")]
    #[arg(long, conflicts_with_all = ["plain", "untuned"])]
    gpu: bool,
    /// Writes JSON, with every episode, in place of the table.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Whether the adapter's products are in the decoder's matrices: the CPU's kernels alone have them beside.
    const fn merges(&self) -> bool {
        #[cfg(feature = "webgpu")]
        if self.gpu {
            return true;
        }
        self.plain
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut cells = match &arguments.cells {
        Some(cells) => cells.clone(),
        None => Cell::plan(arguments.ways, &arguments.shots, arguments.controls_shots)?,
    };
    // A swap is compared with the same episodes before it, so that these had better be there by then.
    cells.sort_by_key(|cell| cell.control.is_some());
    let adapters = match arguments.untuned {
        true => Adapters::LeftOut,
        false if arguments.merges() => Adapters::Merged,
        false => Adapters::Beside,
    };
    let (mut session, encoder) = open(&arguments, adapters)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut sessions: Vec<Session> = (0..threads).map(|_| session.another()).collect();
    let sources = read_sources(&arguments, &encoder)?;
    for source in &sources {
        cells.iter().try_for_each(|&cell| source.fits(cell))?;
    }
    let mut reports = Vec::new();
    for source in &sources {
        let indices = arguments.first..arguments.first + arguments.episodes;
        let draw = |cell| Ok(source.draw(cell, arguments.seed, indices.clone())?);
        let cells = run_cells(&mut sessions, source, &cells, draw)?;
        reports.push(described(source, false, cells));
    }
    for (name, path) in &arguments.isekai {
        let (source, items) = read_list(name, path, &arguments, &encoder)?;
        let known = source.by_path();
        let cells: Result<Vec<Cell>, _> = arguments
            .shots
            .iter()
            .map(|&shots| Cell::new(2, shots, None))
            .collect();
        let draw = |cell: Cell| -> anyhow::Result<Vec<Trial>> {
            let trials = (0..)
                .zip(&items)
                .map(|(index, item)| item.trial(arguments.seed, index, cell.shots, &known));
            Ok(trials.collect::<Result<_, _>>()?)
        };
        let cells = run_cells(&mut sessions, &source, &cells?, draw)?;
        reports.push(described(&source, true, cells));
    }
    let naming = run_naming(&mut session, &arguments, &encoder)?;
    let report = Report {
        pack: encoder.pack.clone(),
        seed: arguments.seed,
        adapter: !arguments.untuned,
        gpu: encoder.gpu_name()?,
        sources: reports,
        naming,
        plain: read_plain(&mut session, &arguments)?,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// The reserved pictures of the training classes, named without a support set.
fn run_naming(
    session: &mut Session,
    arguments: &Arguments,
    encoder: &PackEncoder,
) -> anyhow::Result<Vec<NamingReport>> {
    let (Some(names), Some(split)) = (&arguments.naming, &arguments.split) else {
        return Ok(Vec::new());
    };
    let (names, splits) = (ClassNames::read(names)?, Splits::read(split)?);
    let mut reports = Vec::new();
    for (name, folder) in &arguments.pictures {
        let classes = &splits.of(name)?.train;
        let reader = FeatureReader::new(&encoder.encoder, &arguments.cache);
        let reserved = classes
            .iter()
            .map(|class| reader.reserve(folder, class, arguments.limit, arguments.reserve));
        let reserved = reserved.collect::<Result<Vec<_>, _>>()?;
        let report = naming::name(session, name, &reserved, &names);
        reports.push(pollster::block_on(report)?);
    }
    Ok(reports)
}

/// Perplexity of the texts, with and without the adapter.
fn read_plain(session: &mut Session, arguments: &Arguments) -> anyhow::Result<Vec<PlainReport>> {
    if arguments.text.is_empty() {
        return Ok(Vec::new());
    }
    let (mut published, _) = open(arguments, Adapters::LeftOut)?;
    let mut reports = Vec::new();
    for path in &arguments.text {
        let text = String::from_utf8(read(path)?);
        let text = text.with_context(|| format!("{} is no UTF-8 text", path.display()))?;
        let (adapted, tokens) = pollster::block_on(perplexity(session, &text))?;
        let (before, _) = pollster::block_on(perplexity(&mut published, &text))?;
        reports.push(PlainReport {
            text: path.display().to_string(),
            tokens,
            adapted,
            published: before,
        });
    }
    Ok(reports)
}

/// A source and its figures.
fn described(source: &Source, list: bool, cells: Vec<CellReport>) -> SourceReport {
    let classes = &source.classes;
    SourceReport {
        name: source.name.clone(),
        list,
        classes: classes.iter().map(|class| class.name.clone()).collect(),
        pictures: classes.iter().map(|class| class.len()).sum(),
        cells,
    }
}

/// Every cell on one source.
fn run_cells(
    sessions: &mut [Session],
    source: &Source,
    cells: &[Cell],
    draw: impl Fn(Cell) -> anyhow::Result<Vec<Trial>>,
) -> anyhow::Result<Vec<CellReport>> {
    let mut run_cell = |cell: Cell| -> anyhow::Result<Vec<Record>> {
        let exact = Mutex::new(Vec::new());
        let show = |record: &Record| {
            let mut exact = exact.lock().unwrap_or_else(PoisonError::into_inner);
            exact.push(record.exact);
            if exact.len().is_multiple_of(PROGRESS) {
                let share = Rate::new(exact.iter().copied()).share() * 100.0;
                eprintln!(
                    "{} {cell}: {} episodes, exact {share:.1} %",
                    source.name,
                    exact.len()
                );
            }
        };
        run_dealt(sessions, source, draw(cell)?, show)
    };
    let mut reports: Vec<CellReport> = Vec::new();
    for &cell in cells {
        let records = run_cell(cell)?;
        // The episodes before a swap are run for it alone where they are not among the cells.
        let before = match cell.control {
            Some(Control::Swap) => {
                let plain = cell.uncontrolled();
                Some(match reports.iter().find(|report| report.cell == plain) {
                    Some(report) => report.episodes.clone(),
                    None => run_cell(plain)?,
                })
            }
            _ => None,
        };
        reports.push(CellReport::new(cell, records, before.as_deref()));
    }
    Ok(reports)
}

/// Deals episodes out among the sessions, a thread each; gives the records in order.
fn run_dealt(
    sessions: &mut [Session],
    source: &Source,
    trials: Vec<Trial>,
    show: impl Fn(&Record) + Sync,
) -> anyhow::Result<Vec<Record>> {
    let mut hands: Vec<Vec<Trial>> = sessions.iter().map(|_| Vec::new()).collect();
    for (place, trial) in trials.into_iter().enumerate() {
        hands[place % sessions.len()].push(trial);
    }
    let show = &show;
    let records: anyhow::Result<Vec<Vec<Record>>> = thread::scope(|scope| {
        let running: Vec<_> = sessions
            .iter_mut()
            .zip(hands)
            .map(|(session, hand)| {
                scope.spawn(move || pollster::block_on(run(session, source, hand, show)))
            })
            .collect();
        let joined = running.into_iter().map(|thread| {
            let panicked = |_| anyhow!("a thread panicked");
            Ok(thread.join().map_err(panicked)??)
        });
        joined.collect()
    });
    let mut records = records?.concat();
    records.sort_by_key(|record| record.index);
    Ok(records)
}

/// The pack's picture encoder, apart from the session, and what identifies the pack.
struct PackEncoder {
    encoder: Encoder,
    /// Channels of a feature.
    channels: usize,
    /// SHA-256 of the pack's manifest.
    pack: String,
    /// The GPU that it is on.
    gpu: Option<Gpu>,
}

/// Opens a pack, for a session and for the encoder beside it.
fn open(arguments: &Arguments, adapters: Adapters) -> anyhow::Result<(Session, PackEncoder)> {
    let pack = OpenPack::read(&arguments.pack, adapters)?;
    let config = pack.manifest.config.clone();
    let (encoder, mut parameters, gpu) = choose(arguments, &pack)?;
    for (name, tensor) in pack.tensors {
        parameters.insert_encoded(name, tensor)?;
    }
    let session = Session::new(&config, parameters, Tokenizer::from_json(pack.tokenizer)?)?;
    Ok((
        session,
        PackEncoder {
            encoder,
            channels: config.vision.head_channels,
            pack: sha256(&pack.manifest_json),
            gpu,
        },
    ))
}

/// The encoder on the device that the arguments ask for, a place for the other tensors there, and the GPU if it is one.
fn choose(
    arguments: &Arguments,
    pack: &OpenPack,
) -> anyhow::Result<(Encoder, Parameters, Option<Gpu>)> {
    let (config, tensors) = (&pack.manifest.config, &pack.tensors);
    #[cfg(feature = "webgpu")]
    if arguments.gpu {
        let largest = pack.manifest.largest_tensor();
        let opened = device::open(Preference::Webgpu, true, largest);
        let opened = pollster::block_on(opened).map_err(|reason| {
            anyhow!("--gpu asks for a GPU, but {reason}; leave it out to use the CPU")
        })?;
        let encoder = Encoder::on_gpu(config, tensors, &opened)?;
        let parameters = Parameters::new(&opened.device).for_kernels();
        return Ok((encoder, parameters, Some(opened)));
    }
    let parameters = Parameters::new(&Device::flex());
    Ok(if arguments.plain {
        (Encoder::plain(config, tensors)?, parameters, None)
    } else {
        let encoder = Encoder::take(config, tensors)?;
        (encoder, parameters.for_kernels(), None)
    })
}

#[cfg(feature = "webgpu")]
type Gpu = device::Opened;
/// There is none without the page's GPU kernels.
#[cfg(not(feature = "webgpu"))]
type Gpu = std::convert::Infallible;

/// Features of every held-out class of every source.
fn read_sources(arguments: &Arguments, encoder: &PackEncoder) -> anyhow::Result<Vec<Source>> {
    let Some(split) = &arguments.split else {
        return Ok(Vec::new());
    };
    let splits = Splits::read(split)?;
    let mut sources = Vec::new();
    for (name, folder) in &arguments.pictures {
        let classes = &splits.of(name)?.held_out;
        let (limit, cache) = (arguments.limit, &arguments.cache);
        let styles = arguments.styles.iter().find(|(styled, _)| styled == name);
        let styles = styles.map(|(_, path)| Styles::read(path)).transpose()?;
        sources.push(encoder.source(name, folder, classes, limit, styles, cache)?);
    }
    Ok(sources)
}

/// A list of episodes and the pictures that it names.
fn read_list(
    name: &str,
    path: &Path,
    arguments: &Arguments,
    encoder: &PackEncoder,
) -> anyhow::Result<(Source, Vec<Item>)> {
    let text = String::from_utf8(read(path)?).context("the list is no UTF-8 text")?;
    let items = isekai::parse(&text)?;
    let pictures = items.iter().flat_map(Item::pictures);
    let folders: BTreeSet<String> = pictures
        .filter_map(|picture| Some(picture.rsplit_once('/')?.0.to_owned()))
        .collect();
    let folders: Vec<String> = folders.into_iter().collect();
    let root = path.parent().unwrap_or(Path::new("."));
    let source = encoder.source(name, root, &folders, usize::MAX, None, &arguments.cache)?;
    Ok((source, items))
}

impl PackEncoder {
    /// Name of the GPU, if nothing went wrong on it: what it computed after a fault is not to be believed.
    #[cfg(feature = "webgpu")]
    fn gpu_name(&self) -> anyhow::Result<Option<String>> {
        let Some(opened) = &self.gpu else {
            return Ok(None);
        };
        match opened.fault() {
            Some(fault) => Err(fault.into()),
            None => Ok(Some(opened.name.clone())),
        }
    }

    #[cfg(not(feature = "webgpu"))]
    fn gpu_name(&self) -> anyhow::Result<Option<String>> {
        Ok(self.gpu.as_ref().map(|none| match *none {}))
    }

    /// Features of the first `limit` pictures of some classes of a folder; with styles, of the held-out ones alone.
    fn source(
        &self,
        name: &str,
        folder: &Path,
        classes: &[String],
        limit: usize,
        styles: Option<Styles>,
        cache: &Path,
    ) -> anyhow::Result<Source> {
        let reader = FeatureReader::new(&self.encoder, cache);
        let mut features = Vec::new();
        for class in classes {
            let mut class = reader.class(folder, class, limit)?;
            if let Some(styles) = &styles {
                class.keep_styles(&styles.held_out)?;
            }
            features.push(class);
        }
        let pictures: usize = features.iter().map(|class| class.len()).sum();
        eprintln!("{name}: {} classes, {pictures} pictures", features.len());
        Ok(Source::new(
            name.to_owned(),
            features,
            self.channels,
            styles.is_some(),
        ))
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
