//! Text: UTF-8, NFC, bounded.
