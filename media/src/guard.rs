//! Panics of decoders, turned into errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;

/// Runs `decode` and turns a panic into [`Error::Panic`].
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Unwind safe: sources are read only, recipes and limits are shared references, and a sink has taken each part whole or not at all.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| payload.downcast_ref::<String>().cloned());
        Err(Error::Panic(message.unwrap_or_else(|| "without a message".to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::guarded;
    use crate::Error;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let result: Result<(), Error> = guarded(|| panic!("index {} out of range", 7));
        assert_eq!(result, Err(Error::Panic("index 7 out of range".to_owned())));
        assert_eq!(guarded(|| Ok(3)), Ok(3));
    }
}
