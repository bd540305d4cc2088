//! A command's result: a table for a person, JSON for a program.

use serde_json::{Map, Value};

/// Named results in the order in which they are shown.
#[derive(Default)]
pub struct Report {
    rows: Vec<(&'static str, Value, String)>,
}

impl Report {
    /// Adds a text.
    pub fn text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        self.rows.push((name, Value::from(text.clone()), text));
        self
    }

    /// Adds a count.
    pub fn count(mut self, name: &'static str, count: usize) -> Self {
        self.rows
            .push((name, Value::from(count), count.to_string()));
        self
    }

    /// Adds a size: whole bytes for a program, megabytes for a person.
    pub fn bytes(mut self, name: &'static str, bytes: u64) -> Self {
        self.rows.push((name, Value::from(bytes), megabytes(bytes)));
        self
    }

    /// Prints the report on standard output.
    pub fn print(&self, json: bool) {
        println!(
            "{}",
            if json {
                self.to_json()
            } else {
                self.to_table()
            }
        );
    }

    fn to_json(&self) -> String {
        let rows = self.rows.iter();
        let map: Map<_, _> = rows
            .map(|(name, value, _)| ((*name).to_owned(), value.clone()))
            .collect();
        Value::from(map).to_string()
    }

    fn to_table(&self) -> String {
        let width = self
            .rows
            .iter()
            .map(|(name, ..)| name.len())
            .max()
            .unwrap_or(0);
        let lines = self
            .rows
            .iter()
            .map(|(name, _, text)| format!("{name:width$}  {text}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A size for a person to read; a megabyte is a million bytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_megabytes_and_a_program_reads_bytes() {
        let report = Report::default()
            .text("file", "a \"b\"")
            .bytes("size", 2_345_678);
        assert_eq!(report.to_table(), "file  a \"b\"\nsize  2.35 MB");
        assert_eq!(report.to_json(), r#"{"file":"a \"b\"","size":2345678}"#);
    }
}
