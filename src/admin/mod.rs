//! Commands of the one who runs dunder: they open the store themselves.
