//! Statistics: pure functions on slices; undefined is `None`, never a fake 0.
