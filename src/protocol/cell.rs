//! The cells of the result table: how many concepts and pictures, what is changed, how the names are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::names::NameKind;

/// Why a cell is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CellError {
    /// The text names no cell.
    #[error(
        "'{0}' is no cell; write 2-way/4-shot, with a control after it (blank, shuffle, swap, drop, order), and after that a kind of \
         name (capitals, greek, emoji-64, frozen, ...)"
    )]
    NoCell(String),
    /// Too few concepts to tell apart, or none shown.
    #[error("a cell needs at least two ways and one shot, not {ways} and {shots}")]
    TooSmall {
        /// Concepts.
        ways: usize,
        /// Pictures a concept.
        shots: usize,
    },
    /// More concepts than there are names of the kind.
    #[error("there are only {names} names of the kind {kind}, too few for {ways} ways")]
    FewNames {
        /// The kind.
        kind: NameKind,
        /// Its names.
        names: usize,
        /// Concepts.
        ways: usize,
    },
}

/// What is changed in the support set, to see whether the answer comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A grey square stands in place of every support picture; the query is as it is. A model that reads the pictures can only guess.
    Blank,
    /// The names are dealt anew among the support pictures, every deal as likely as any other, so that over the episodes a picture's
    /// name says nothing of its concept. A model that reads the names beside the pictures can only guess.
    Shuffle,
    /// The asked concept's pictures are left out. Its name is then nowhere, and a model that reads the support set cannot give it.
    Drop,
    /// The same pictures with the same names in another order. Nothing may change.
    Order,
    /// Every concept's pictures take the next concept's name. A model that reads them gives the name that now stands there.
    Swap,
}

impl Control {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Blank, "blank"),
        (Self::Shuffle, "shuffle"),
        (Self::Swap, "swap"),
        (Self::Drop, "drop"),
        (Self::Order, "order"),
    ];
    /// Those of a plan: with the three that tell binding from guessing.
    const PLAN: [Self; 3] = [Self::Blank, Self::Shuffle, Self::Swap];
}

/// A cell of the result table. Written `2-way/4-shot` and, under a control or with other names, `2-way/4-shot/swap/greek`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Concepts.
    pub ways: usize,
    /// Support pictures a concept.
    pub shots: usize,
    /// What is changed.
    pub control: Option<Control>,
    /// How the names are written.
    pub names: NameKind,
}

impl Cell {
    /// A cell of at least two concepts of at least one picture, with names of syllables.
    ///
    /// # Errors
    ///
    /// When it is smaller.
    pub fn new(ways: usize, shots: usize, control: Option<Control>) -> Result<Self, CellError> {
        if ways < 2 || shots < 1 {
            return Err(CellError::TooSmall { ways, shots });
        }
        Ok(Self {
            ways,
            shots,
            control,
            names: NameKind::SYLLABLES,
        })
    }

    /// The same cell with nothing changed.
    pub fn uncontrolled(self) -> Self {
        Self {
            control: None,
            ..self
        }
    }

    /// Every number of shots uncontrolled, then blank, shuffle and swap.
    ///
    /// # Errors
    ///
    /// When a cell is too small.
    pub fn plan(
        ways: usize,
        shots: &[usize],
        controls_shots: usize,
    ) -> Result<Vec<Self>, CellError> {
        let controls = Control::PLAN.map(|control| (controls_shots, Some(control)));
        let cells = shots.iter().map(|&shots| (shots, None)).chain(controls);
        cells
            .map(|(shots, control)| Self::new(ways, shots, control))
            .collect()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-way/{}-shot", self.ways, self.shots)?;
        let control = |(control, _): &(Control, _)| Some(*control) == self.control;
        if let Some((_, name)) = Control::ALL.into_iter().find(control) {
            write!(f, "/{name}")?;
        }
        if self.names != NameKind::SYLLABLES {
            write!(f, "/{}", self.names)?;
        }
        Ok(())
    }
}

impl FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        let unknown = || CellError::NoCell(text.to_owned());
        let mut parts = text.split('/');
        let mut number =
            |suffix| -> Option<usize> { parts.next()?.strip_suffix(suffix)?.parse().ok() };
        let ways = number("-way").ok_or_else(unknown)?;
        let shots = number("-shot").ok_or_else(unknown)?;
        let mut cell = Self::new(ways, shots, None)?;
        let mut named = false;
        for part in parts {
            let control = Control::ALL.into_iter().find(|(_, name)| *name == part);
            match (control, part.parse::<NameKind>()) {
                (Some((control, _)), _) if cell.control.is_none() && !named => {
                    cell.control = Some(control);
                }
                (None, Ok(kind)) if !named => {
                    if let Some(names) = kind.writing.limit().filter(|names| *names < ways) {
                        return Err(CellError::FewNames { kind, names, ways });
                    }
                    cell.names = kind;
                    named = true;
                }
                _ => return Err(unknown()),
            }
        }
        Ok(cell)
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell {
        text.parse().unwrap()
    }

    #[test]
    fn a_cell_reads_what_it_writes() {
        for text in [
            "2-way/1-shot",
            "5-way/8-shot/blank",
            "2-way/2-shot/shuffle",
            "3-way/2-shot/swap",
            "2-way/1-shot/greek-64",
            "2-way/2-shot/drop/real-words",
        ] {
            assert_eq!(cell(text).to_string(), text);
        }
        for text in [
            "",
            "2-way",
            "2way/1-shot",
            "2-way/1-shot/",
            "2-way/1-shot/no",
            "2-way/1-shot/greek/swap",
            "2-way/1-shot/swap/swap",
        ] {
            assert_eq!(
                text.parse::<Cell>(),
                Err(CellError::NoCell(text.to_owned()))
            );
        }
        assert_eq!(cell("5-way/1-shot/frozen").ways, 5);
        let error = "6-way/1-shot/frozen".parse::<Cell>().unwrap_err();
        assert!(error.to_string().contains("5 names"), "{error}");
        assert!(matches!(
            "1-way/1-shot".parse::<Cell>(),
            Err(CellError::TooSmall { .. })
        ));
        assert!(matches!(
            "2-way/0-shot".parse::<Cell>(),
            Err(CellError::TooSmall { .. })
        ));
    }

    #[test]
    fn the_plan_is_every_shot_count_and_every_control() {
        let plan: Vec<String> = Cell::plan(2, &[1, 4], 2)
            .unwrap()
            .iter()
            .map(Cell::to_string)
            .collect();
        let expected = [
            "2-way/1-shot",
            "2-way/4-shot",
            "2-way/2-shot/blank",
            "2-way/2-shot/shuffle",
            "2-way/2-shot/swap",
        ];
        assert_eq!(plan, expected);
    }
}
