//! A decoded picture and the views a recipe asks of it: resize, composite, encode.
