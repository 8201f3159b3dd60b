use super::*;
use image::{DynamicImage, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;
use std::io::Cursor;

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn read(bytes: &[u8]) -> Picture {
    decode(bytes, Limits::default()).unwrap()
}

fn slope() -> DynamicImage {
    image::RgbImage::from_fn(5, 3, |x, y| Rgb([50 * x as u8, 80 * y as u8, 7])).into()
}

#[test]
fn every_kind_gives_its_pixels() {
    let picture = slope();
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Pnm]
    {
        let found = read(&encoded(&picture, format));
        assert_eq!(found, Picture::color(5, 3, picture.to_rgb8().into_raw()), "{format:?}");
    }
    for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
        let found = read(&encoded(&picture, format));
        assert_eq!((found.width(), found.height(), found.channels()), (5, 3, 3), "{format:?}");
    }
}

#[test]
fn a_canvas_gives_the_same_as_a_file() {
    let drawing = image::RgbaImage::from_fn(9, 7, |x, y| {
        Rgba([10, 200, 30 * y as u8, if x == 4 { 255 } else { 90 * (x % 2) as u8 }])
    });
    let file = encoded(&drawing.clone().into(), ImageFormat::Png);
    assert_eq!(Picture::rgba(9, 7, drawing.into_raw()), read(&file));
    let opaque = slope().to_rgba8();
    assert_eq!(Picture::rgba(5, 3, opaque.into_raw()), Picture::color(5, 3, slope().to_rgb8().into_raw()));
}

#[test]
fn sixteen_bits_become_eight() {
    let gray = image::ImageBuffer::<Luma<u16>, _>::from_fn(2, 1, |x, _| Luma([65535 * x as u16]));
    assert_eq!(read(&encoded(&gray.into(), ImageFormat::Png)), Picture::gray(2, 1, vec![0, 255]));
}

#[test]
fn behind_a_drawing_is_what_it_stands_out_from() {
    // Whatever colour hides in what is transparent.
    for (ink, ground) in [(0, 255), (255, 0)] {
        let drawing = image::ImageBuffer::from_fn(8, 8, |x, _| LumaA([ink, if x == 3 { 255 } else { 0 }]));
        let found = read(&encoded(&drawing.into(), ImageFormat::Png));
        assert_eq!(found.row(0)[..15], [[ground; 9].as_slice(), &[ink; 3], &[ground; 3]].concat(), "{ink}");
    }
    // A photo with round corners has a ground of its own.
    let photo = image::ImageBuffer::from_fn(8, 8, |x, y| {
        Rgba([if x == 3 { 0u8 } else { 240 }, 240, 240, if x + y == 0 { 0 } else { 255 }])
    });
    assert_eq!(read(&encoded(&photo.into(), ImageFormat::Png)).row(0)[..3], [255; 3]);
}

#[test]
fn pictures_are_turned_as_the_camera_says() {
    let mut jpeg = encoded(
        &image::GrayImage::from_fn(16, 8, |x, _| Luma([if x < 8 { 0 } else { 255 }])).into(),
        ImageFormat::Jpeg,
    );
    // An EXIF segment with nothing but orientation 6: turn right.
    let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    jpeg.splice(2..2, *exif);
    let found = read(&jpeg);
    assert_eq!((found.width(), found.height()), (8, 16));
    assert!(found.row(0)[0] < 20 && found.row(15)[0] > 235, "the left half is above now");
}

#[test]
fn turning_pixels_and_orientation_together_changes_nothing() {
    let upright = slope();
    let stored = [
        upright.clone(),
        upright.fliph(),
        upright.rotate180(),
        upright.flipv(),
        upright.fliph().rotate270(), // shown by a turn to the right, then mirrored
        upright.rotate270(),
        upright.fliph().rotate90(),
        upright.rotate90(),
    ];
    for (orientation, stored) in (1u8..).zip(stored) {
        let exif = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation][..], &[0; 7]].concat();
        let mut png = vec![];
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif).unwrap();
        stored.write_with_encoder(encoder).unwrap();
        assert_eq!(read(&png), read(&encoded(&upright, ImageFormat::Png)), "orientation {orientation}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_decoded() {
    let mut png = encoded(&slope(), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]); // claims 60,000 x 60,000
    let checksum = {
        let mut sum = flate2::Crc::new();
        sum.update(&png[12..29]);
        sum.sum()
    };
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let limits = Limits::default();
    let too_large = DecodeError::TooManyPixels { width: 60_000, height: 60_000, limit: limits.pixels };
    assert_eq!(decode(&png, limits), Err(too_large));
    let few = Limits { bytes: 10, ..limits };
    assert_eq!(decode(&png, few), Err(DecodeError::TooManyBytes { found: png.len() as u64, limit: 10 }));
}

#[test]
fn what_is_no_picture_is_refused() {
    let limits = Limits::default();
    assert_eq!(decode(b"", limits), Err(DecodeError::Empty));
    for bytes in [&b"P"[..], b"hello, world", b"\0\0\0\x18ftypisom\0\0\0\0", b"\0\0\x01\0\x01\0"] {
        assert_eq!(decode(bytes, limits), Err(DecodeError::NotAPicture), "{bytes:?}");
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    for (name, bytes) in [
        ("HEIC", &b"\0\0\0\x28ftypheic\0\0\0\0mif1MiHB"[..]),
        ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("AVIF", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif"),
        ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
        ("JPEG XL", b"\xff\x0a\xfa\x7f"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("PDF", b"%PDF-1.4"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("SVG", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg/>"),
    ] {
        let error = decode(bytes, Limits::default()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Unsupported { name: found, .. } if found == name),
            "{name}: {error}"
        );
    }
}

/// A page with writing down to its lower edge, and the file of each kind: what an encoder makes and what others do.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let page = image::RgbImage::from_fn(93, 70, |x, y| {
        let is_ink = (x / 7 + y / 5) % 3 == 0;
        Rgb(if is_ink { [20, 30, (x * y) as u8 / 4] } else { [230, 220 + (x % 9) as u8, 210] })
    });
    let page = DynamicImage::from(page);
    let formats = [
        ("PNG", ImageFormat::Png),
        ("JPEG", ImageFormat::Jpeg),
        ("GIF", ImageFormat::Gif),
        ("BMP", ImageFormat::Bmp),
        ("TIFF", ImageFormat::Tiff),
        ("WebP", ImageFormat::WebP),
        ("PNM", ImageFormat::Pnm),
    ];
    let mut files: Vec<_> = formats.map(|(name, format)| (name, encoded(&page, format))).into();
    files.extend([
        ("JPEG", include_bytes!("../../../../fuzz/corpus/picture/seed-jpeg-progressive").to_vec()),
        ("JPEG", include_bytes!("../../../../fuzz/corpus/picture/seed-jpeg-subsampled").to_vec()),
        ("PNG", include_bytes!("../../../../fuzz/corpus/picture/seed-png-interlaced").to_vec()),
        ("GIF", include_bytes!("../../../../fuzz/corpus/picture/seed-gif-interlaced").to_vec()),
        ("WebP", include_bytes!("../../../../fuzz/corpus/picture/seed-webp-lossy").to_vec()),
        ("TIFF", include_bytes!("../../../../fuzz/corpus/picture/seed-tiff-lzw").to_vec()),
        ("PNM", b"P2 # as text\n3 2 9\n0 1 2 3 4 5\n".to_vec()),
        ("PNM", b"P4 9 3\n\x55\x80\xaa\0\x55\x80".to_vec()),
    ]);
    files
}

#[test]
fn what_is_cut_short_is_never_read_in_silence() {
    for (number, (name, file)) in files().into_iter().enumerate() {
        let whole = read(&file);
        let step = (file.len() / 200).max(1);
        for end in (12..file.len()).step_by(step).chain(file.len().saturating_sub(30).max(12)..file.len()) {
            match decode(&file[..end], Limits::default()) {
                // Behind the last pixel come checksums, marks of the end, spaces.
                Ok(picture) => assert_eq!(picture, whole, "{name} {number}: {end} bytes of {}", file.len()),
                Err(DecodeError::CutShort { format } | DecodeError::Damaged { format, .. }) => {
                    assert_eq!(format, name);
                }
                Err(error) => panic!("{name} {number}: {end} bytes of {}: {error}", file.len()),
            }
        }
        let middle = decode(&file[..file.len() / 2], Limits::default());
        assert_eq!(middle, Err(DecodeError::CutShort { format: name }), "{number}");
    }
}

#[test]
fn what_is_there_of_a_cut_picture_is_read() {
    for (number, (name, file)) in files().into_iter().enumerate() {
        let whole = read(&file);
        let sound = decode_partial(&file, Limits::default()).unwrap();
        assert_eq!(sound, Decoded { picture: whole.clone(), is_cut_short: false }, "{name}");
        let is_bottom_up = name == "BMP";
        for share in [0.6, 0.9] {
            let end = (share * file.len() as f64) as usize;
            let found = match decode_partial(&file[..end], Limits::default()) {
                Ok(found) => found,
                Err(error) => {
                    // These decoders give all or nothing; small files have no row, and TIFF's list of strips may come last.
                    assert_eq!(error, DecodeError::CutShort { format: name });
                    assert!(matches!(name, "WebP" | "TIFF") || file.len() < 50, "{name} {number}");
                    continue;
                }
            };
            let picture = found.picture;
            assert!(found.is_cut_short, "{name} {number}");
            assert_eq!((picture.width(), picture.channels()), (whole.width(), whole.channels()), "{name}");
            assert!(picture.height() <= whole.height() && picture.height() > 0, "{name}");
            // Sequential ones are exactly what they are in the whole picture; the others get coarser.
            if matches!(number, 0..=4 | 6 | 8) {
                assert!(picture.height() < whole.height(), "{name} {number}");
                let skipped = if is_bottom_up { whole.height() - picture.height() } else { 0 };
                for y in 0..picture.height() {
                    assert_eq!(picture.row(y), whole.row(y + skipped), "{name} {number}, row {y}, {share}");
                }
            }
        }
    }
}

#[test]
fn a_jpeg_is_read_as_far_as_its_data_go() {
    let (_, file) = files().swap_remove(1);
    let whole = read(&file);
    // Nothing but the mark of the end is missing.
    assert_eq!(read(&file[..file.len() - 2]), whole);
    // A mark of the end where the picture has none.
    let early = [&file[..2 * file.len() / 3], &[0xff, 0xd9]].concat();
    assert!(matches!(decode(&early, Limits::default()), Err(DecodeError::Damaged { format: "JPEG", .. })));
    assert!(decode_partial(&early, Limits::default()).unwrap().is_cut_short);
    // As disks and downloads leave it: of the right length, but with zeros from some place on.
    let mut zeros = file.clone();
    zeros[file.len() / 2..].fill(0);
    assert!(matches!(
        decode(&zeros, Limits::default()),
        Err(DecodeError::Damaged { format: "JPEG", .. } | DecodeError::CutShort { format: "JPEG" })
    ));
}

#[test]
fn of_sixteen_bits_those_count_that_are_used() {
    let of = |most: u16| {
        image::ImageBuffer::<Luma<u16>, _>::from_fn(2, 2, |x, y| Luma([if x == y { most } else { 0 }]))
    };
    for (most, white) in
        [(65535, 255), (16383, 255), (4095, 255), (1023, 255), (255, 255), (40_000, 156), (3000, 187)]
    {
        for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Pnm] {
            let found = read(&encoded(&of(most).into(), format));
            assert_eq!(found, Picture::gray(2, 2, vec![white, 0, 0, white]), "{most} in {format:?}");
        }
    }
    // The brightest comes last.
    let slope = image::ImageBuffer::<Rgb<u16>, _>::from_fn(1, 3, |_, y| {
        Rgb([[200, 100, 0], [1000, 4, 512], [4095, 0, 16]][y as usize])
    });
    let found = read(&encoded(&slope.into(), ImageFormat::Png));
    assert_eq!(found, Picture::color(1, 3, vec![12, 6, 0, 62, 0, 32, 255, 0, 1]));
    // A PGM says what white is.
    assert_eq!(read(b"P2 2 1 1023 1023 512 "), Picture::gray(2, 1, vec![255, 128]));
    assert_eq!(read(b"P5 2 1 2000 \x07\xd0\x03\xe8"), Picture::gray(2, 1, vec![255, 128]));
    // Alpha has all of its bits.
    let drawing = image::ImageBuffer::<Rgba<u16>, _>::from_fn(8, 1, |x, _| {
        Rgba([1023, 1023, 1023, if x == 3 { 65535 } else { 0 }])
    });
    assert_eq!(
        read(&encoded(&drawing.into(), ImageFormat::Png)).row(0)[6..15],
        [0, 0, 0, 255, 255, 255, 0, 0, 0]
    );
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        format in prop::sample::select(vec![
            ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff,
            ImageFormat::WebP, ImageFormat::Pnm,
        ]),
        places in prop::collection::vec((0..200usize, any::<u8>()), 0..8), end in 0..400usize,
    ) {
        let mut bytes = encoded(&slope(), format);
        for (place, byte) in places {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(end.max(4));
        let _ = decode(&bytes, Limits { pixels: 1_000_000, bytes: 1_000_000 });
    }
}
