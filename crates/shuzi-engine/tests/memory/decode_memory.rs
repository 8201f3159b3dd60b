//! Decoding asks for no more memory than `decode` documents, whatever a file claims: a counting allocator shows it.

use crate::allocator::with_peak;
use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat};
use shuzi_engine::decode::{Limits, decode, decode_partial};
use std::io::{Cursor, Write};

const MB: usize = 1_000_000;
/// What decoding may ask for whatever the picture's size.
const LIMIT: usize = 64 * MB;

/// The most that decoding holds at a time, the file itself not counted.
fn peak(bytes: &[u8]) -> usize {
    let whole = with_peak(|| drop(decode(bytes, Limits::default()))).1;
    let partial = with_peak(|| drop(decode_partial(bytes, Limits::default()))).1;
    whole.max(partial)
}

#[test]
fn decoding_keeps_to_its_memory() {
    let ((), counted) = with_peak(|| drop(std::hint::black_box(vec![0u8; 10 * MB])));
    assert!(counted >= 10 * MB, "memory is counted");

    for (name, bomb) in bombs() {
        let (peak, n_bytes) = (peak(&bomb), bomb.len());
        println!("{name}: {peak} bytes for a file of {n_bytes}");
        assert!(peak <= LIMIT, "{name}: {peak} bytes for a file of {n_bytes}");
    }
    for (name, bytes_a_pixel, file) in pictures() {
        let peak = peak(&file);
        println!("{name}: {} bytes a pixel", peak as f64 / PIXELS as f64);
        assert!(
            peak <= bytes_a_pixel * PIXELS + 4 * MB,
            "{name}: {} bytes a pixel",
            peak as f64 / PIXELS as f64
        );
    }
}

/// Pictures that are large enough for their pixels to count.
const WIDTH: u32 = 2500;
const HEIGHT: u32 = 1600;
const PIXELS: usize = WIDTH as usize * HEIGHT as usize;

/// Sound pictures, and the bytes that decoding asks for of each pixel.
fn pictures() -> Vec<(&'static str, usize, Vec<u8>)> {
    let page = image::RgbaImage::from_fn(WIDTH, HEIGHT, |x, y| {
        image::Rgba([x as u8, y as u8, (x / 7 + y / 3) as u8, if x % 64 == 0 { 90 } else { 255 }])
    });
    let page = DynamicImage::from(page);
    let rgb = DynamicImage::from(page.to_rgb8());
    let encoded = |picture: &DynamicImage, format| {
        let mut file = Cursor::new(vec![]);
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    };
    let deep = DynamicImage::from(page.to_rgba16());
    let jpeg = encoded(&rgb, ImageFormat::Jpeg);
    let turned = [
        &jpeg[..2],
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
        &jpeg[2..],
    ];
    vec![
        ("PNG of 16 bits and alpha", 8, encoded(&deep, ImageFormat::Png)),
        ("PNG", 8, encoded(&rgb, ImageFormat::Png)),
        ("JPEG", 8, jpeg.clone()),
        ("JPEG turned", 8, turned.concat()),
        ("JPEG cut", 8, jpeg[..jpeg.len() / 2].to_vec()),
        ("progressive JPEG", 12, progressive(WIDTH as u16, HEIGHT as u16)),
        ("BMP", 8, encoded(&rgb, ImageFormat::Bmp)),
        ("PPM of 16 bits", 8, encoded(&DynamicImage::from(page.to_rgb16()), ImageFormat::Pnm)),
        ("WebP", 12, encoded(&page, ImageFormat::WebP)),
        ("TIFF of 16 bits and alpha", 20, encoded(&deep, ImageFormat::Tiff)),
        ("TIFF of floats", 20, encoded(&DynamicImage::from(page.to_rgba32f()), ImageFormat::Tiff)),
    ]
}

/// Files that claim, or unpack to, more than they should.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zeros = zlib_of_zeros(200);
    let with = |chunk: Vec<u8>| png(1, 1, &[chunk], &zlib_of_zeros(0));
    let plenty = vec![b'a'; 100 * MB];
    vec![
        ("PNG, profile", with(png_chunk(b"iCCP", &[b"a\0\0", &zeros[..]].concat()))),
        ("PNG, text", with(png_chunk(b"zTXt", &[b"Raw profile type iptc\0\0", &zeros[..]].concat()))),
        (
            "PNG, international text",
            with(png_chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &zeros[..]].concat())),
        ),
        ("PNG, plain text", with(png_chunk(b"tEXt", &[b"a\0", &plenty[..]].concat()))),
        ("PNG, EXIF", with(png_chunk(b"eXIf", &plenty))),
        ("PNG, data of another picture", png(1, 1, &[], &zeros)),
        ("PNG, one row", png(1 << 18, 1, &[], &zeros)),
        ("PNG, wider than is read", png(90 * MB as u32, 1, &[], &zeros)),
        ("PNG, larger than is read", png(60_000, 60_000, &[], &zeros)),
        ("PNG, frames", with(frames(&zeros))),
        ("JPEG, profiles", jpeg_with(&segments(0xe2, b"ICC_PROFILE\0\x01\xff", 1500), &[])),
        ("JPEG, texts", jpeg_with(&segments(0xfe, b"", 1500), &[])),
        ("JPEG, XMP", jpeg_with(&extended_xmp(), &[])),
        ("JPEG, data of another picture", jpeg_with(&[], &vec![0; 100 * MB])),
        ("JPEG, header only", progressive(65_000, 65_000)[..300].to_vec()),
        ("GIF, XMP", gif([1, 1], &gif_blocks(b"XMP DataXMP"), [1, 1])),
        ("GIF, profile", gif([1, 1], &gif_blocks(b"ICCRGBG1012"), [1, 1])),
        ("GIF, frame", gif([1, 1], &[], [65535, 65535])),
        ("GIF, screen", gif([65535, 65535], &[], [1, 1])),
        ("TIFF, list of strips", tiff(&[(273, 4, 1 << 26)], [1, 1], &[])),
        ("TIFF, tiles", tiff(&[(322, 4, 1 << 30), (323, 4, 1 << 30), (324, 4, 1), (325, 4, 1)], [1, 1], &[])),
        ("TIFF, samples", tiff(&[(277, 3, 65535), (262, 3, 2)], [1 << 18, 1], &[])),
        ("TIFF, JPEG", tiff(&[(259, 3, 7)], [16, 16], &progressive(16_000, 16_000))),
        ("TIFF, larger than is read", tiff(&[], [60_000, 60_000], &[])),
        (
            "WebP, EXIF",
            webp(&[
                (b"VP8X", &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10),
                (b"VP8L", &VP8L_PIXEL, 20),
                (b"EXIF", &[], u32::MAX - 9),
            ]),
        ),
        ("WebP, lossy in a small one", webp(&[(b"VP8X", &[0; 10], 10), (b"VP8 ", &vp8(16_000, 16_000), 10)])),
        (
            "WebP, lossy in a small frame",
            webp(&[
                (b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10),
                (b"ANIM", &[0; 6], 6),
                (b"ANMF", &frame_with(&vp8(16_000, 16_000)), 42),
            ]),
        ),
        ("WebP, codes", webp(&[(b"VP8L", &codes(true), 0)])),
        (
            "WebP, codes of alpha",
            webp(&[
                (b"VP8X", &[16, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10),
                (b"ALPH", &codes(false), 0),
                (b"VP8 ", &vp8(1, 1), 10),
            ]),
        ),
        (
            "WebP, data of another picture",
            webp(&[(b"VP8 ", &[&vp8(1, 1)[..], &plenty].concat(), 100 * MB as u32)]),
        ),
        ("WebP, larger than is read", webp(&[(b"VP8L", &[0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0], 8)])),
        ("BMP, larger than is read", bmp(60_000, 60_000)),
        ("PAM, header", [b"P7\n", &plenty[..]].concat()),
        ("PGM, larger than is read", b"P5 60000 60000 255\n".to_vec()),
        ("PGM, text", [b"P2 1 1 255\n", &plenty[..]].concat()),
    ]
}

/// So many megabytes of zeros, compressed; a row of one pixel at least.
fn zlib_of_zeros(megabytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![], Compression::fast());
    encoder.write_all(&[0; 4]).unwrap();
    for _ in 0..megabytes {
        encoder.write_all(&vec![0; MB]).unwrap();
    }
    encoder.finish().unwrap()
}

fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [name, data].concat();
    let mut sum = Crc::new();
    sum.update(&body);
    [&(data.len() as u32).to_be_bytes(), &body[..], &sum.sum().to_be_bytes()].concat()
}

fn png(width: u32, height: u32, chunks: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let chunks = chunks.concat();
    let (header, data, end) =
        (png_chunk(b"IHDR", &header), png_chunk(b"IDAT", data), png_chunk(b"IEND", &[]));
    [b"\x89PNG\r\n\x1a\n", &header[..], &chunks, &data, &end].concat()
}

/// An animation's control, behind which come no frames.
fn frames(_: &[u8]) -> Vec<u8> {
    png_chunk(b"acTL", &[0xff; 8])
}

fn segments(marker: u8, name: &[u8], count: usize) -> Vec<u8> {
    let mut data = vec![b'a'; 65_533];
    data[..name.len()].copy_from_slice(name);
    [&[0xff, marker, 0xff, 0xff], &data[..]].concat().repeat(count)
}

/// One segment of an extended XMP that claims to be 4 GB.
fn extended_xmp() -> Vec<u8> {
    let name = b"http://ns.adobe.com/xmp/extension/\0";
    let body = [&name[..], &[b'a'; 32], &u32::MAX.to_be_bytes(), &[0; 4], &[b'a'; 100]].concat();
    [&[0xff, 0xe1], &(body.len() as u16 + 2).to_be_bytes()[..], &body].concat()
}

/// 8x8 grey pixels with more segments before and more data behind them.
fn jpeg_with(segments: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    image::codecs::jpeg::JpegEncoder::new(&mut file)
        .encode(&[90; 64], 8, 8, image::ExtendedColorType::L8)
        .unwrap();
    let end = file.len() - 2;
    [&file[..2], segments, &file[2..end], data, &file[end..]].concat()
}

/// A progressive JPEG of three colors whose first scan says nothing: a bit for each block.
fn progressive(width: u16, height: u16) -> Vec<u8> {
    let [h, w] = [height.to_be_bytes(), width.to_be_bytes()];
    let tables = [&[0xff, 0xdb, 0, 67, 0], &[1; 64][..], &[0xff, 0xc4, 0, 20, 0, 1], &[0; 15], &[0]].concat();
    let frame = [0xff, 0xc2, 0, 17, 8, h[0], h[1], w[0], w[1], 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0];
    let n_blocks = 3 * usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    [&[0xff, 0xd8], &tables[..], &frame, &scan, &vec![0; n_blocks.div_ceil(8)], &[0xff, 0xd9]].concat()
}

fn gif(screen: [u16; 2], blocks: &[u8], frame: [u16; 2]) -> Vec<u8> {
    let numbers = |[a, b]: [u16; 2]| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let palette = [0, 0, 0, 255, 255, 255];
    // One pixel in codes of three bits: clear, 0, end.
    let picture = [&[0x2c, 0, 0, 0, 0][..], &numbers(frame), &[0, 2, 2, 0x44, 0x01, 0, 0x3b]].concat();
    [b"GIF89a", &numbers(screen)[..], &[0x80, 0, 0], &palette, blocks, &picture].concat()
}

/// 100 MB in blocks of 255 bytes.
fn gif_blocks(name: &[u8; 11]) -> Vec<u8> {
    let block = [&[255], &[b'a'; 255][..]].concat();
    [&[0x21, 0xff, 11], &name[..], &block.repeat(400_000), &[0]].concat()
}

/// A grey one of one strip; `tags` (tag, type, value or count) stand instead of what is usual.
fn tiff(tags: &[(u16, u16, u32)], [width, height]: [u32; 2], strip: &[u8]) -> Vec<u8> {
    let mut entries = std::collections::BTreeMap::new();
    let usual = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 400),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, strip.len() as u32),
        (339, 3, 1),
    ];
    for (tag, kind, value) in usual.into_iter().chain(tags.iter().copied()) {
        let is_list = tag == 273 && value > 400;
        entries.insert(tag, (kind, if is_list { value } else { 1 }, if is_list { 8 } else { value }));
    }
    if entries.contains_key(&322) {
        entries.retain(|tag, _| ![273, 278, 279].contains(tag));
    }
    let mut file = [b"II*\0\x08\0\0\0", &(entries.len() as u16).to_le_bytes()[..]].concat();
    for (tag, (kind, count, value)) in entries {
        file.extend(
            [
                &u16::to_le_bytes(tag)[..],
                &u16::to_le_bytes(kind),
                &u32::to_le_bytes(count),
                &u32::to_le_bytes(value),
            ]
            .concat(),
        );
    }
    file.resize(400, 0);
    [&file[..], strip].concat()
}

/// A picture of one pixel, as libwebp writes it.
const VP8L_PIXEL: [u8; 20] = [0x2f, 0, 0, 0, 0, 7, 0x10, 0x11, 0x11, 0x88, 0x88, 8, 0, 0, 0, 0, 0, 0, 0, 0];

/// One pixel, and 65,536 groups of codes of which it needs none: a table of a kilobyte for 42 bits.
fn codes(has_header: bool) -> Vec<u8> {
    let mut bits = vec![];
    let mut write = |numbers: &[(u32, u32)]| {
        for &(number, n_bits) in numbers {
            bits.extend((0..n_bits).map(|bit| number >> bit & 1 == 1));
        }
    };
    let single = |symbol: u32| [(1, 1), (0, 1), (1, 1), (symbol, 8)];
    if has_header {
        write(&[(0x2f, 8), (0, 14), (0, 14), (0, 1), (0, 3)]);
    } else {
        write(&[(1, 8)]); // compressed
    }
    write(&[(0, 1), (0, 1), (1, 1), (0, 3), (0, 1)]);
    for symbol in [255, 255, 0, 0, 0] {
        write(&single(symbol)); // the pixel is of the last group
    }
    for _ in 0..65_536 {
        write(&single(0));
        for _ in 0..3 {
            // All 256 symbols have 8 bits: the twelfth length is used, alone, so it takes no bit.
            write(&[(0, 1), (8, 4), (0, 30), (0, 3), (1, 3), (0, 1)]);
        }
        write(&single(0));
    }
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    bits.chunks(8).map(byte).collect()
}

/// The header of a lossy picture.
fn vp8(width: u16, height: u16) -> [u8; 10] {
    let ([w0, w1], [h0, h1]) = (width.to_le_bytes(), height.to_le_bytes());
    [0, 0, 0, 0x9d, 1, 0x2a, w0, w1, h0, h1]
}

/// A frame of one pixel, in which there is another picture.
fn frame_with(vp8: &[u8]) -> Vec<u8> {
    [&[0; 16], &b"VP8 "[..], &(vp8.len() as u32).to_le_bytes(), vp8, &[0; 8]].concat()
}

/// Chunks, each with the length that it claims; 0 for the one that it has.
fn webp(chunks: &[(&[u8; 4], &[u8], u32)]) -> Vec<u8> {
    let length = |data: &[u8], claim: u32| if claim == 0 { data.len() as u32 } else { claim };
    let chunks: Vec<u8> = chunks
        .iter()
        .flat_map(|(name, data, claim)| {
            [&name[..], &length(data, *claim).to_le_bytes(), data, &[0][..data.len() % 2]].concat()
        })
        .collect();
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

fn bmp(width: u32, height: u32) -> Vec<u8> {
    let sizes = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [b"BM", &[0; 8][..], &[54, 0, 0, 0, 40, 0, 0, 0], &sizes, &[1, 0, 24, 0], &[0; 100]].concat()
}
