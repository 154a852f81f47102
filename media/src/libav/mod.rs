//! The one room that touches libav's C interface: opening a [`Source`](crate::Source) through custom I/O.

/// Registers libav's tables; call once before the first decode (the zygote does, before it forks).
pub fn init() {
    todo!()
}
