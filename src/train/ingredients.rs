//! What the episodes of `link` have in them, by name, so that each can be left out to see what it is worth.

use bitflags::bitflags;

bitflags! {
    /// Ingredients of the strategy `link`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ingredients: u16 {
        /// Half of the episodes are of concepts that the encoder finds alike.
        const HARD_NEGATIVES = 1;
        /// A third of the episodes are of blends of two classes, to have more concepts than there are classes.
        const BLENDS = 1 << 1;
        /// A third of the episodes are of single pictures, each time among others, to have concepts where no class lies.
        const CLUTTER = 1 << 2;
        /// In half of the episodes (a quarter, beside exchange) some of the encoder's channels are silent, so that none of them can be relied on.
        const SILENCE = 1 << 3;
        /// In half of the episodes (a quarter, beside silence) some of the encoder's channels change places, so that no class can be known by
        /// heart.
        const EXCHANGE = 1 << 4;
        /// Pictures show of themselves, beside their marks, a part that is drawn anew for each episode, down to nothing, so that the connector's
        /// comparison is what is read.
        const FAINT = 1 << 5;
        /// In a few episodes the support pictures are blank: what the query is then called is one of the names before it, either as likely as
        /// the other, and no name of the model's own.
        const BLANK = 1 << 6;
        /// Every name that is predictable is learned from, not the queries' alone.
        const EVERY_NAME = 1 << 7;
        /// Names of many kinds, not syllables alone; in some episodes all of one script, or beginning alike.
        const WIDE_NAMES = 1 << 8;
        /// Real names in some episodes.
        const REAL_NAMES = 1 << 9;
        /// Two to five concepts and one to eight pictures, not two of one or two.
        const MANY_SHAPES = 1 << 10;
        /// Some batches of pictures to be called by their real names with no support set.
        const NAMING = 1 << 11;
        /// Some batches of plain text, where there is one.
        const PLAIN_TEXT = 1 << 12;
    }
}

impl Ingredients {
    /// The names of all, as in `hard-negatives`, with commas between.
    pub fn names() -> String {
        let names: Vec<String> = Self::all()
            .iter_names()
            .map(|(name, _)| kebab(name))
            .collect();
        names.join(", ")
    }

    /// All but those named, as in `hard-negatives`.
    ///
    /// # Errors
    ///
    /// When a name is none of theirs.
    pub fn without(names: &[String]) -> Result<Self, String> {
        names.iter().try_fold(Self::all(), |left, name| {
            let mut known = Self::all().iter_names();
            known
                .find(|(known, _)| kebab(known) == *name)
                .map(|(_, ingredient)| left - ingredient)
                .ok_or_else(|| format!("'{name}' is no ingredient; there are {}", Self::names()))
        })
    }
}

fn kebab(constant: &str) -> String {
    constant.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ingredient_is_left_out_by_name() {
        let without = Ingredients::without(&["wide-names".to_owned()]).unwrap();
        assert_eq!(without, Ingredients::all() - Ingredients::WIDE_NAMES);
        let error = Ingredients::without(&["salt".to_owned()]).unwrap_err();
        assert!(error.contains("hard-negatives, blends"), "{error}");
    }
}
