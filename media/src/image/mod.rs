//! Still pictures and animations.
