//! libheif's C interface, loaded at run time: only what is used here, as its stable header declares it.

#![expect(unsafe_code, reason = "loads a C library and calls it")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

use super::codec;

/// The library and the Debian package that has it.
const NAME: &str = "libheif.so.1";

/// `struct heif_error`, returned by value.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Status {
    pub code: c_int,
    pub detail: c_int,
    pub message: *const c_char,
}

impl Status {
    pub(super) const OK: Self = Self { code: 0, detail: 0, message: c"".as_ptr() };
    /// `heif_error_Decoder_plugin_error`.
    pub(super) const DECODER: Self = Self { code: 7, detail: 0, message: c"the picture's data cannot be decoded".as_ptr() };

    /// The message of a failure.
    pub(super) fn text(&self) -> String {
        if self.message.is_null() {
            return format!("error {}", self.code);
        }
        // SAFETY: libheif's messages are C strings, and are copied before the next call.
        unsafe { CStr::from_ptr(self.message) }.to_string_lossy().into_owned()
    }
}

/// The first fields of `struct heif_color_profile_nclx`: numbers of ITU-T H.273.
#[repr(C)]
pub(super) struct Nclx {
    pub version: u8,
    pub primaries: c_int,
    pub transfer: c_int,
}

/// An object of libheif: context, handle or image.
pub(super) type Object = *mut c_void;

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, valid as long as the library is loaded, which is for good.
        pub(super) struct Api {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            _library: Library,
        }

        impl Api {
            fn open() -> Result<Self, libloading::Error> {
                // SAFETY: libheif's initialisers register its codecs, nothing else; the signatures are those of its header.
                unsafe {
                    let library = Library::new(NAME)?;
                    Ok(Self { $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)* _library: library })
                }
            }
        }
    };
}

functions! {
    heif_get_version() -> *const c_char;
    heif_register_decoder_plugin(*const codec::Plugin) -> Status;
    heif_context_alloc() -> Object;
    heif_context_free(Object);
    heif_context_set_max_decoding_threads(Object, c_int);
    heif_context_read_from_memory_without_copy(Object, *const c_void, usize, *const c_void) -> Status;
    heif_context_get_number_of_top_level_images(Object) -> c_int;
    heif_context_get_primary_image_handle(Object, *mut Object) -> Status;
    heif_image_handle_release(Object);
    heif_image_handle_get_width(Object) -> c_int;
    heif_image_handle_get_height(Object) -> c_int;
    heif_image_handle_get_luma_bits_per_pixel(Object) -> c_int;
    heif_image_handle_has_alpha_channel(Object) -> c_int;
    heif_image_handle_get_color_profile_type(Object) -> u32;
    heif_image_handle_get_raw_color_profile_size(Object) -> usize;
    heif_image_handle_get_raw_color_profile(Object, *mut c_void) -> Status;
    heif_image_handle_get_nclx_color_profile(Object, *mut *mut Nclx) -> Status;
    heif_nclx_color_profile_free(*mut Nclx);
    heif_image_handle_is_premultiplied_alpha(Object) -> c_int;
    heif_decode_image(Object, *mut Object, c_int, c_int, *const c_void) -> Status;
    heif_image_create(c_int, c_int, c_int, c_int, *mut Object) -> Status;
    heif_image_add_plane(Object, c_int, c_int, c_int, c_int) -> Status;
    heif_image_get_plane(Object, c_int, *mut c_int) -> *mut u8;
    heif_image_get_width(Object, c_int) -> c_int;
    heif_image_get_height(Object, c_int) -> c_int;
    heif_image_release(Object);
}

impl Api {
    pub(super) fn version(&self) -> String {
        // SAFETY: returns a static C string.
        unsafe { CStr::from_ptr((self.heif_get_version)()) }.to_string_lossy().into_owned()
    }
}

/// The library, loaded at the first call; why there is none.
pub(super) fn loaded() -> Result<&'static Api, &'static str> {
    static LOADED: OnceLock<Result<Api, String>> = OnceLock::new();
    let load = || {
        let api = Api::open().map_err(|_| format!("the library {NAME} is not installed, or too old (Debian: libheif1)"))?;
        // Codecs of its own would start threads, which workers may not.
        for plugin in codec::plugins() {
            // SAFETY: the table is static and laid out as the header says.
            let status = unsafe { (api.heif_register_decoder_plugin)(plugin) };
            if status.code != 0 {
                return Err(format!("{NAME} {} takes no decoder from us: {}", api.version(), status.text()));
            }
        }
        Ok(api)
    };
    LOADED.get_or_init(load).as_ref().map_err(String::as_str)
}
