//! Which sets somebody looked at.
//!
//! Source: spec xdm R-32-33, R-32-39.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Sets that are taken although they are held, where they are held only because somebody should look at them: an empty
/// document, or one of another patient. As JSON `true`, `false` or a list of ordinals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "true, false, or the ordinals of sets")]
pub enum LookedAt {
    /// Every set that is chosen, or none.
    All(bool),
    /// Those with these ordinals.
    Sets(BTreeSet<usize>),
}

impl Default for LookedAt {
    fn default() -> Self {
        Self::All(false)
    }
}

impl LookedAt {
    /// Whether somebody looked at this set.
    pub fn covers(&self, ordinal: usize) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Sets(sets) => sets.contains(&ordinal),
        }
    }

    /// The sets that it names.
    pub fn ordinals(&self) -> impl Iterator<Item = &usize> {
        let named = match self {
            Self::All(_) => None,
            Self::Sets(sets) => Some(sets),
        };
        named.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_33_one_word_for_all_sets_or_a_list_of_them() {
        for (json, covered) in [("true", [true, true]), ("false", [false, false]), ("[2]", [false, true])] {
            let read: LookedAt = serde_json::from_str(json).unwrap();
            assert_eq!([1, 2].map(|ordinal| read.covers(ordinal)), covered, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        assert!(serde_json::from_str::<LookedAt>("\"2\"").is_err());
    }
}
