//! Pictures made for the tests.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

/// A PNG of one colour and this size.
pub fn png(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    encoded(&RgbImage::from_pixel(width, height, Rgb(color)), ImageFormat::Png)
}

/// A JPEG that no other number gives.
pub fn jpeg(number: u32) -> Vec<u8> {
    let mut picture = RgbImage::from_pixel(120, 90, Rgb([20, 160, 60]));
    for (place, bit) in (0..32).map(|bit| (bit, number >> bit & 1)) {
        for x in 0..3 {
            picture.put_pixel(place * 3 + x, 40, Rgb([u8::try_from(bit * 255).unwrap_or(255); 3]));
        }
    }
    encoded(&picture, ImageFormat::Jpeg)
}

/// A PNG that carries these keywords.
pub fn with_keywords(keywords: &str, color: [u8; 3]) -> Vec<u8> {
    let plain = png(160, 120, color);
    let mut text = b"tEXtKeywords\0".to_vec();
    text.extend_from_slice(keywords.as_bytes());
    // Signature and IHDR are 33 bytes; text may stand right behind.
    let mut whole = plain[..33].to_vec();
    whole.extend_from_slice(&u32::try_from(text.len() - 4).expect("a short text").to_be_bytes());
    whole.extend_from_slice(&text);
    whole.extend_from_slice(&crc32(&text).to_be_bytes());
    whole.extend_from_slice(&plain[33..]);
    whole
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("memory takes what is written");
    bytes.into_inner()
}

/// PNG specification, annex D.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
