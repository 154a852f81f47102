//! Sound: decode, mix down, resample, chunk, WAV.
