//! The fields of an item that make groups.

use crate::ledger::{Facts, Name};

/// What groups are by. Names are in the order of their texts, so that groups come out sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Category,
    Risk,
    PromptType,
    Modality,
    Tag(Name),
}

impl Field {
    /// As in `by`.
    pub(super) fn name(self, facts: &Facts) -> String {
        match self {
            Self::Model => "model".to_owned(),
            Self::Category => "category".to_owned(),
            Self::Risk => "risk".to_owned(),
            Self::PromptType => "prompt_type".to_owned(),
            Self::Modality => "modality".to_owned(),
            Self::Tag(tag) => format!("tag:{}", facts.name(tag)),
        }
    }

    /// An item's value; `None` where the manifest names none.
    pub(super) fn of(self, facts: &Facts, item: u32) -> Option<Name> {
        let found = facts.item(item);
        match self {
            Self::Model => found.model,
            Self::Category => found.category,
            Self::Risk => found.risk,
            Self::PromptType => found.prompt_type,
            Self::Modality => Some(found.modality),
            Self::Tag(tag) => facts.tags(item).iter().find(|(known, _)| *known == tag).map(|(_, value)| *value),
        }
    }
}
