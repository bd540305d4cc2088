//! The tables of the documentation, from results that were kept as JSON.

use std::fmt::{self, Write as _};

use super::scoring::Rate;
use super::table::{CellReport, Report, SourceReport};

/// Markdown tables of kept results: one a source, its cells in the order of the reports. Results of a pack without its adapter stand
/// beside those of the same cell with it.
///
/// # Errors
///
/// None: a text takes whatever is written to it.
pub fn tables(reports: &[Report]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let (adapted, untuned): (Vec<&Report>, Vec<&Report>) =
        reports.iter().partition(|report| report.adapter);
    let mut sources: Vec<&SourceReport> = Vec::new();
    for source in adapted.iter().flat_map(|report| &report.sources) {
        if !sources.iter().any(|known| known.name == source.name) {
            sources.push(source);
        }
    }
    for source in sources {
        let cells = |reports: &[&Report]| -> Vec<CellReport> {
            let same = reports.iter().flat_map(|report| &report.sources);
            let same = same.filter(|other| other.name == source.name);
            same.flat_map(|other| other.cells.clone()).collect()
        };
        table(&mut text, source, &cells(&adapted), &cells(&untuned))?;
    }
    let named: Vec<_> = adapted.iter().flat_map(|report| &report.naming).collect();
    if !named.is_empty() {
        writeln!(
            text,
            "| pictures of training classes, none trained on | pictures | one of their names, % | 95 % interval |\n| --- | --- | --- | --- |"
        )?;
        for naming in named {
            let (rate, interval) = (share(naming.right), interval(naming.right));
            writeln!(
                text,
                "| {} | {} | {rate} | {interval} |",
                naming.name, naming.right.of
            )?;
        }
        writeln!(text)?;
    }
    let plain: Vec<_> = adapted.iter().flat_map(|report| &report.plain).collect();
    if !plain.is_empty() {
        writeln!(
            text,
            "| text | tokens | perplexity | without the adapter | ratio |\n| --- | --- | --- | --- | --- |"
        )?;
        for plain in plain {
            let ratio = plain.adapted / plain.published;
            let file = plain.text.rsplit('/').next().unwrap_or(&plain.text);
            writeln!(
                text,
                "| {file} | {} | {:.2} | {:.2} | {ratio:.3} |",
                plain.tokens, plain.adapted, plain.published
            )?;
        }
        writeln!(text)?;
    }
    let mut packs: Vec<String> = Vec::new();
    for report in reports {
        let gpu = report.gpu.as_ref();
        let pack = format!(
            "`{}`, seed {}{}",
            report.pack.get(..12).unwrap_or(&report.pack),
            report.seed,
            gpu.map_or(String::new(), |name| format!(", on {name}"))
        );
        if !packs.contains(&pack) {
            packs.push(pack);
        }
    }
    writeln!(text, "Pack {}.", packs.join("; "))?;
    Ok(text)
}

fn table(
    text: &mut String,
    source: &SourceReport,
    cells: &[CellReport],
    untuned: &[CellReport],
) -> fmt::Result {
    writeln!(text, "### {}\n", source.name)?;
    writeln!(
        text,
        "{} classes, {} pictures.\n",
        source.classes.len(),
        source.pictures
    )?;
    let columns = columns(source.list, untuned);
    for (title, _) in &columns {
        write!(text, "| {title} ")?;
    }
    writeln!(text, "|\n|{}", " --- |".repeat(columns.len()))?;
    for cell in cells {
        for (_, value) in &columns {
            write!(text, "| {} ", value(cell))?;
        }
        writeln!(text, "|")?;
    }
    writeln!(text)?;
    for cell in cells {
        if let Some(flips) = cell.flips {
            writeln!(
                text,
                "* {}: of the {} answers that were right before the swap, {} % ({}) followed it.",
                cell.cell,
                flips.of,
                share(flips),
                interval(flips)
            )?;
        }
        if !cell.by_place.is_empty() {
            let places: Vec<String> = cell.by_place.iter().map(|rate| share(*rate)).collect();
            writeln!(
                text,
                "* {}: by the place of the deciding example {} %.",
                cell.cell,
                places.join(", ")
            )?;
        }
        if cell.neither.count > 0 {
            writeln!(
                text,
                "* {}: {} answers were none of the episode's names.",
                cell.cell, cell.neither.count
            )?;
        }
    }
    writeln!(text)
}

/// A column: its title and what stands in it.
type Column<'a> = (&'static str, Box<dyn Fn(&CellReport) -> String + 'a>);

fn columns(list: bool, untuned: &[CellReport]) -> Vec<Column<'_>> {
    fn column<'a>(title: &'static str, value: impl Fn(&CellReport) -> String + 'a) -> Column<'a> {
        (title, Box::new(value))
    }
    let or_dash = |rate: Option<Rate>| rate.map_or_else(|| "-".to_owned(), share);
    let mut columns = vec![
        column("cell", |cell| cell.cell.to_string()),
        column("episodes", |cell| cell.exact.of.to_string()),
        column("exact, %", |cell| share(cell.exact)),
        column("95 % interval", |cell| interval(cell.exact)),
        column("substring, %", |cell| share(cell.substring)),
        column("likelier, %", |cell| share(cell.likelier)),
        column("decoder alone, %", |cell| share(cell.decoder_alone)),
        column("leaning, %", |cell| share(cell.leaning)),
        column("nearest prototype, %", move |cell| or_dash(cell.prototype)),
        column("majority name, %", |cell| share(cell.majority)),
    ];
    if list {
        columns.extend([
            column("positive, %", |cell| share(cell.by_target[0])),
            column("negative, %", |cell| share(cell.by_target[1])),
            column("balanced, %", |cell| {
                format!("{:.1}", cell.balanced() * 100.0)
            }),
        ]);
    }
    if !untuned.is_empty() {
        columns.push(column("untuned, %", move |cell| {
            let same = untuned.iter().find(|other| other.cell == cell.cell);
            or_dash(same.map(|other| other.exact))
        }));
    }
    columns
}

fn share(rate: Rate) -> String {
    if rate.of == 0 {
        return "-".to_owned();
    }
    format!("{:.1}", rate.share() * 100.0)
}

fn interval(rate: Rate) -> String {
    let (low, high) = rate.interval();
    format!("{:.1} - {:.1}", low * 100.0, high * 100.0)
}
