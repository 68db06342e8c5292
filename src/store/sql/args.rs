//! Values of statements, with their type also where they are absent.

use crate::model::{AssociationType, AvailabilityStatus, DocumentAvailability, DocumentEntryType, EntryUuid};

/// One value. An absent one keeps its type: PostgreSQL refuses a NULL of text for a column of numbers.
#[derive(Clone)]
pub(crate) enum Value {
    /// A number, a state, a time in milliseconds.
    Int(Option<i64>),
    /// A text.
    Text(Option<String>),
    /// Octets.
    Bytes(Option<Vec<u8>>),
    /// A list of numbers.
    Ints(Vec<i64>),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of octet strings: UUIDs, claimed identifiers.
    BytesList(Vec<Vec<u8>>),
}

/// The values of a statement, in the order of their numbers.
#[derive(Clone, Default)]
pub(crate) struct Args(pub(super) Vec<Value>);

impl Args {
    /// Room for so many values.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a value; it has the number [`Args::len`] afterwards.
    pub(crate) fn push(&mut self, value: impl Into<Value>) {
        self.0.push(value.into());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// `args![a, b]`: the values `$1` and `$2` of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { $crate::store::sql::Args::from([$($crate::store::sql::Value::from($value)),*]) };
}
pub(crate) use args;

impl<const N: usize> From<[Value; N]> for Args {
    fn from(values: [Value; N]) -> Self {
        Self(values.into())
    }
}

macro_rules! value_from {
    ($($kind:ty => $variant:ident: $convert:expr;)+) => {
        $(impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::$variant(Some(($convert)(value)))
            }
        }
        impl From<Option<$kind>> for Value {
            fn from(value: Option<$kind>) -> Self {
                Self::$variant(value.map($convert))
            }
        })+
    };
}

value_from! {
    i64 => Int: |value| value;
    AvailabilityStatus => Int: AvailabilityStatus::to_store;
    DocumentEntryType => Int: DocumentEntryType::to_store;
    AssociationType => Int: AssociationType::to_store;
    DocumentAvailability => Int: super::columns::availability_to_store;
    String => Text: |value| value;
    &str => Text: str::to_owned;
    Vec<u8> => Bytes: |value| value;
    &[u8] => Bytes: <[u8]>::to_vec;
    EntryUuid => Bytes: |value: EntryUuid| value.as_bytes().to_vec();
}

impl From<Vec<i64>> for Value {
    fn from(values: Vec<i64>) -> Self {
        Self::Ints(values)
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Texts(values)
    }
}

impl From<Vec<Vec<u8>>> for Value {
    fn from(values: Vec<Vec<u8>>) -> Self {
        Self::BytesList(values)
    }
}

impl From<&[EntryUuid]> for Value {
    fn from(values: &[EntryUuid]) -> Self {
        Self::BytesList(values.iter().map(|uuid| uuid.as_bytes().to_vec()).collect())
    }
}
