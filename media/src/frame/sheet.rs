//! Contact sheets: numbered pictures pasted into one.

use super::Rgb;

/// Digits of 3 x 5 dots, a row of three bits each, from the top.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b011, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// A number takes about this part of a cell's height: it must be read and must not hide what is judged.
const NUMBER_PART: u32 = 12;

/// The size of each of `rows` x `columns` cells for pictures of `size`, so that the whole sheet's longest edge is at most `long_edge`.
/// Never larger than the picture, never below 1.
pub(crate) fn cell_size((width, height): (u32, u32), long_edge: u32, rows: u32, columns: u32) -> (u32, u32) {
    let (width, height) = (width.max(1), height.max(1));
    let fits = |edge: u32, of: u32| f64::from(long_edge / of.max(1)) / f64::from(edge);
    let scale = fits(width, columns).min(fits(height, rows)).min(1.0);
    let scaled = |edge: u32| ((f64::from(edge) * scale) as u32).max(1);
    (scaled(width), scaled(height))
}

/// Pastes `pictures` (not empty) in reading order, `columns` in a row, and numbers them from 1. Cells are as large as the largest picture; what
/// is left is `background`.
pub(crate) fn sheet(pictures: &[Rgb], columns: u32, background: [u8; 3]) -> Rgb {
    let largest = |edge: fn(&Rgb) -> u32| pictures.iter().map(edge).max().unwrap_or(1);
    let (cell_width, cell_height) = (largest(|rgb| rgb.width), largest(|rgb| rgb.height));
    let columns = columns.clamp(1, pictures.len().max(1) as u32);
    let rows = (pictures.len() as u32).div_ceil(columns).max(1);
    let (width, height) = (cell_width * columns, cell_height * rows);
    let mut sheet = Rgb { width, height, pixels: background.repeat(width as usize * height as usize) };
    for (number, picture) in pictures.iter().enumerate() {
        let (left, top) = (number as u32 % columns * cell_width, number as u32 / columns * cell_height);
        paste(&mut sheet, picture, left, top);
        write_number(&mut sheet, number + 1, (left, top), (cell_height / NUMBER_PART / 7).max(1));
    }
    sheet
}

fn paste(sheet: &mut Rgb, picture: &Rgb, left: u32, top: u32) {
    for (y, row) in picture.pixels.chunks_exact(picture.width as usize * 3).enumerate() {
        let at = ((top as usize + y) * sheet.width as usize + left as usize) * 3;
        sheet.pixels[at..at + row.len()].copy_from_slice(row);
    }
}

/// Writes `number` white on black at `left`, `top`; a dot is `dot` x `dot` pixels. What does not fit is cut off.
pub(crate) fn write_number(sheet: &mut Rgb, number: usize, (left, top): (u32, u32), dot: u32) {
    let digits: Vec<usize> = number.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    let (across, down) = (digits.len() as u32 * 4 + 1, 7);
    for y in 0..down * dot {
        for x in 0..across * dot {
            let (column, row) = (x / dot, y / dot);
            let lit = column > 0 && (1..6).contains(&row) && {
                let (digit, bit) = ((column - 1) / 4, (column - 1) % 4);
                bit < 3 && DIGITS[digits[digit as usize]][row as usize - 1] >> (2 - bit) & 1 == 1
            };
            let (x, y) = (left + x, top + y);
            if x < sheet.width && y < sheet.height {
                let at = (y as usize * sheet.width as usize + x as usize) * 3;
                sheet.pixels[at..at + 3].fill(if lit { 255 } else { 0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Rgb, cell_size, sheet};

    fn flat(width: u32, height: u32, colour: [u8; 3]) -> Rgb {
        Rgb { width, height, pixels: colour.repeat(width as usize * height as usize) }
    }

    fn at(rgb: &Rgb, x: u32, y: u32) -> &[u8] {
        let at = (y as usize * rgb.width as usize + x as usize) * 3;
        &rgb.pixels[at..at + 3]
    }

    #[test]
    fn pictures_lie_in_reading_order_under_their_numbers() {
        let pictures = [[200, 0, 0], [0, 200, 0], [0, 0, 200]].map(|colour| flat(40, 30, colour));
        let whole = sheet(&pictures, 2, [9, 9, 9]);
        assert_eq!((whole.width, whole.height), (80, 60));
        let corners = [(39, 29), (79, 29), (39, 59), (79, 59)].map(|(x, y)| at(&whole, x, y).to_vec());
        assert_eq!(corners, [vec![200, 0, 0], vec![0, 200, 0], vec![0, 0, 200], vec![9, 9, 9]]);
        // The third number: 3 has its middle bar in the third row, 1 and 2 differ in the first column there.
        let row = |left: u32, top: u32| (1..4).map(|x| at(&whole, left + x, top + 3)[0] == 255).collect::<Vec<_>>();
        assert_eq!(row(0, 0), [false, true, false], "1");
        assert_eq!(row(40, 0), [true, true, true], "2");
        assert_eq!(row(0, 30), [false, true, true], "3");
    }

    #[test]
    fn a_sheet_shrinks_to_fit_and_never_grows() {
        assert_eq!(cell_size((1920, 1080), 768, 3, 3), (256, 144));
        assert_eq!(cell_size((1080, 1920), 768, 2, 4), (192, 341));
        assert_eq!(cell_size((64, 48), 768, 2, 2), (64, 48));
        assert_eq!(sheet(&[flat(64, 48, [1; 3])], 4, [0; 3]).width, 64, "one picture needs one column");
    }

    proptest! {
        #[test]
        fn any_sheet_fits(width in 1_u32..5000, height in 1_u32..5000, rows in 1_u32..=16, columns in 1_u32..=16, edge in 16_u32..2000) {
            let (cell_width, cell_height) = cell_size((width, height), edge, rows, columns);
            prop_assert!(cell_width * columns <= edge && cell_height * rows <= edge);
            prop_assert!(cell_width >= 1 && cell_height >= 1 && cell_width <= width && cell_height <= height);
        }
    }
}
