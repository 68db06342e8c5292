//! How model values are read from columns, the same for both databases.

use sqlx::{Database, Decode, Type, error::BoxDynError};

use crate::{
    model::{AssociationType, AvailabilityStatus, DocumentAvailability, DocumentEntryType, EntryUuid},
    store::StoreError,
};

macro_rules! column {
    ($kind:ty as $raw:ty: $read:expr) => {
        impl<DB: Database> Type<DB> for $kind
        where
            $raw: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$raw as Type<DB>>::type_info()
            }

            fn compatible(found: &DB::TypeInfo) -> bool {
                <$raw as Type<DB>>::compatible(found)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $kind
        where
            $raw: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let raw = <$raw as Decode<'r, DB>>::decode(value)?;
                ($read)(raw).ok_or_else(|| StoreError::Corrupt { what: stringify!($kind) }.into())
            }
        }
    };
}

column!(EntryUuid as Vec<u8>: |raw: Vec<u8>| raw.try_into().ok().map(EntryUuid::from_bytes));
column!(AvailabilityStatus as i64: AvailabilityStatus::from_store);
column!(DocumentEntryType as i64: DocumentEntryType::from_store);
column!(AssociationType as i64: AssociationType::from_store);
column!(DocumentAvailability as i64: availability_from_store);

/// The number that the store keeps.
pub(super) const fn availability_to_store(availability: DocumentAvailability) -> i64 {
    match availability {
        DocumentAvailability::Online => 1,
        DocumentAvailability::Offline => 2,
    }
}

/// The value behind a number of the store.
pub(super) const fn availability_from_store(number: i64) -> Option<DocumentAvailability> {
    match number {
        1 => Some(DocumentAvailability::Online),
        2 => Some(DocumentAvailability::Offline),
        _ => None,
    }
}
