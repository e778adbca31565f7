//! Tables: a name with the types of its keys and values.
//!
//! A table belongs to the module that declares it as a constant; nobody else can read or
//! write it with other types by accident. The schema lists the names.

use std::marker::PhantomData;

/// A table of values of type `V` under keys of type `K`.
pub struct Table<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// Names a table: lower-case letters, digits, `.`, `_` and `-`, beginning with a letter,
    /// at most 64 bytes. [`crate::Store::open`] refuses a schema with any other name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Table { name, types: PhantomData }
    }

    /// The name, for the schema's list.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K, V> std::fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Table").field(&self.name).finish()
    }
}
