//! Paper: its light, its grain, what was printed on it before.

use super::{
    random::{bell, between, blur, chance, mostly_low, noise, one_of, wave},
    sheet::{Ground, Sheet},
};
use crate::Rng;
use rand::RngExt;

/// Fills the sheet with paper.
pub(super) fn fill(sheet: &mut Sheet, rng: &mut Rng) {
    sheet.paper.pixels.fill(sheet.white);
    match sheet.ground {
        Ground::Screen => return,
        Ground::Scan => {
            if chance(rng, 0.3) {
                light(sheet, 0.06, rng);
            }
        }
        Ground::Photo => {
            light(sheet, 0.25, rng);
            if chance(rng, 0.25) {
                shadow(sheet, rng);
            }
        }
        Ground::Security => {
            if chance(rng, 0.75) {
                (0..rng.random_range(1..=3)).for_each(|_| guilloche(sheet, rng));
            }
            if chance(rng, 0.5) {
                weave(sheet, rng);
            }
        }
    }
    if chance(rng, 0.6) {
        texture(sheet, rng);
    }
    if chance(rng, 0.08) {
        fibres(sheet, rng);
    }
    if chance(rng, 0.06) {
        show_through(sheet, rng);
    }
    if chance(rng, 0.04) {
        stain(sheet, rng);
    }
    if chance(rng, 0.05) {
        dust(sheet, rng);
    }
    if sheet.ground == Ground::Photo && chance(rng, 0.04) {
        page_edge(sheet, rng);
    }
}

/// Light that falls off to a side and to the borders.
fn light(sheet: &mut Sheet, strength: f32, rng: &mut Rng) {
    let strength = strength.min(2.0 * sheet.visible / sheet.white);
    let (right, down) = (0.5 * strength * bell(rng), 0.3 * strength * bell(rng));
    let rim = if chance(rng, 0.3) { strength * rng.random::<f32>() } else { 0.0 };
    let plane = &mut sheet.paper;
    let (u_step, v_step) = (2.0 / plane.width as f32, 2.0 / plane.height as f32);
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        let v = y as f32 * v_step - 1.0;
        for (x, paper) in row.iter_mut().enumerate() {
            let u = x as f32 * u_step - 1.0;
            *paper *= (1.0 + right * u + down * v - 0.5 * rim * u * u).max(0.3);
        }
    }
}

/// The edge of a shadow, sharp or soft.
fn shadow(sheet: &mut Sheet, rng: &mut Rng) {
    let depth = between(rng, 0.1, 0.5).min(1.5 * sheet.visible / sheet.white);
    let soft = 1.0 / mostly_low(rng, 2.0, 30.0);
    let plane = &mut sheet.paper;
    let (x_slope, y_slope) = (one_of(rng, &[-1.0, 1.0]), 1.5 * bell(rng));
    let (x_edge, y_edge) = (between(rng, 0.0, plane.width as f32), between(rng, 0.0, plane.height as f32));
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        let begin = y_slope * (y as f32 - y_edge) - x_slope * x_edge;
        for (x, paper) in row.iter_mut().enumerate() {
            let inside = ((begin + x_slope * x as f32) * soft).clamp(0.0, 1.0);
            *paper *= 1.0 - depth * inside;
        }
    }
}

/// Waves of fine lines, as printed on cheques.
fn guilloche(sheet: &mut Sheet, rng: &mut Rng) {
    let amount = sheet.visible * mostly_low(rng, 0.04, 0.35);
    let frequency = between(rng, 0.06, 0.3) / sheet.fineness;
    let turn = between(rng, -1.0, 1.0);
    let (along, across) = (frequency * turn, frequency * (1.0 - 0.5 * turn * turn));
    let swing = between(rng, 0.0, 1.6);
    let swing_frequency = between(rng, 0.005, 0.06) / sheet.fineness;
    let (phase, threshold) = (rng.random::<f32>(), between(rng, 0.0, 0.8));
    let sharpness = between(rng, 1.5, 5.0);
    let plane = &mut sheet.paper;
    let swings: Vec<f32> =
        (0..plane.width).map(|x| swing * wave(x as f32 * swing_frequency + phase)).collect();
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        let begin = y as f32 * across + phase;
        for (x, (paper, swing)) in row.iter_mut().zip(&swings).enumerate() {
            let height = wave(begin + x as f32 * along + swing);
            *paper -= amount * ((height - threshold) * sharpness).clamp(0.0, 1.0);
        }
    }
}

/// The regular grain of a printed ground, or of cloth.
fn weave(sheet: &mut Sheet, rng: &mut Rng) {
    let amount = sheet.visible * mostly_low(rng, 0.02, 0.16);
    let step = 1.0 / between(rng, 2.3, 7.0);
    let lean = 0.3 * bell(rng);
    let plane = &mut sheet.paper;
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        let (down, shift) = (wave(y as f32 * step), y as f32 * lean);
        for (x, paper) in row.iter_mut().enumerate() {
            *paper -= amount * (down * wave((x as f32 + shift) * step)).max(-0.3);
        }
    }
}

/// Grain, fine or coarse.
fn texture(sheet: &mut Sheet, rng: &mut Rng) {
    let coarse = rng.random_range(0..4);
    let strength = sheet.visible * mostly_low(rng, 0.0, 0.13);
    let (plane, spare) = (&mut sheet.paper, &mut sheet.spare);
    spare.clear();
    spare.resize(plane.pixels.len(), 0.0);
    noise(spare, rng);
    (0..coarse).for_each(|_| blur(spare, plane.width, 0.3, &mut sheet.row));
    let strength = strength * [1.0, 1.8, 2.2, 2.5][coarse]; // what the blur takes away
    plane.pixels.iter_mut().zip(&*spare).for_each(|(paper, grain)| *paper += strength * grain);
}

/// Light and dark hairs, as in recycled paper.
fn fibres(sheet: &mut Sheet, rng: &mut Rng) {
    let strength = sheet.visible * between(rng, 0.1, 0.4);
    let count = sheet.paper.width * sheet.paper.height / 500;
    sheet.print(if chance(rng, 0.8) { strength } else { -strength }, |plane| {
        for _ in 0..count {
            let mut place = [between(rng, 0.0, plane.width as f32), between(rng, 0.0, plane.height as f32)];
            let mut way = [1.2 * bell(rng), 1.2 * bell(rng)];
            for _ in 0..rng.random_range(1..=4) {
                let next = [place[0] + way[0], place[1] + way[1]];
                plane.stamp(place, next, 0.4, rng.random());
                (place, way) = (next, [way[0] + 0.6 * bell(rng), way[1] + 0.6 * bell(rng)]);
            }
        }
    });
}

/// Rows of small print, from the other side of the paper or under the writing.
fn show_through(sheet: &mut Sheet, rng: &mut Rng) {
    let strength = sheet.visible * mostly_low(rng, 0.05, 0.45);
    let letter = between(rng, 3.0, 9.0) * sheet.fineness;
    let (pitch, radius) = (letter * between(rng, 1.5, 2.5), 0.09 * letter);
    let slope = 0.02 * bell(rng);
    let mut foot = rng.random::<f32>() * pitch;
    sheet.print(strength, |plane| {
        while foot < plane.height as f32 + letter {
            let mut x = -letter * rng.random::<f32>();
            while x < plane.width as f32 {
                let y = foot + slope * x;
                for _ in 0..2 {
                    let ends = [0, 1]
                        .map(|_| [x + 0.6 * letter * rng.random::<f32>(), y - letter * rng.random::<f32>()]);
                    plane.stamp(ends[0], ends[1], radius, 1.0);
                }
                x += letter * if chance(rng, 0.15) { 1.6 } else { 0.75 };
            }
            foot += pitch;
        }
    });
}

/// A round stain with a darker rim, or a smudge.
fn stain(sheet: &mut Sheet, rng: &mut Rng) {
    let strength = sheet.visible * mostly_low(rng, 0.05, 0.4);
    let rim = between(rng, 0.0, 1.0);
    let plane = &mut sheet.paper;
    let (width, height) = (plane.width as f32, plane.height as f32);
    let middle = [between(rng, 0.0, width), between(rng, -0.5 * height, 1.5 * height)];
    let radius = height * between(rng, 0.2, 1.2);
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        for (x, paper) in row.iter_mut().enumerate() {
            let (dx, dy) = ((x as f32 - middle[0]) / radius, (y as f32 - middle[1]) / radius);
            let outwards = dx * dx + dy * dy;
            let soft = (4.0 * (1.0 - outwards)).clamp(0.0, 1.0);
            *paper -= strength * soft * (1.0 - rim + rim * outwards);
        }
    }
}

/// Specks, much smaller than a point that is written.
fn dust(sheet: &mut Sheet, rng: &mut Rng) {
    let strength = sheet.visible * between(rng, 0.2, 0.7);
    let count = rng.random_range(2..=20);
    sheet.print(strength, |plane| {
        for _ in 0..count {
            let place = [between(rng, 0.0, plane.width as f32), between(rng, 0.0, plane.height as f32)];
            plane.stamp(place, place, between(rng, 0.2, 0.5), 1.0);
        }
    });
}

/// The end of the paper, and the table beside it.
fn page_edge(sheet: &mut Sheet, rng: &mut Rng) {
    let table = (sheet.white * between(rng, 0.15, 0.75)).max(sheet.white - 2.5 * sheet.visible);
    let plane = &mut sheet.paper;
    let (width, height) = (plane.width as f32, plane.height as f32);
    let slope = 0.08 * bell(rng);
    let (at_end, depth) = (chance(rng, 0.5), mostly_low(rng, 0.5, 0.13 * height));
    let upright = chance(rng, 0.5);
    for (y, row) in plane.pixels.chunks_exact_mut(plane.width).enumerate() {
        for (x, paper) in row.iter_mut().enumerate() {
            let (x, y) = (x as f32, y as f32);
            let (place, along, end) = if upright { (x, y, width) } else { (y, x - 0.5 * width, height) };
            let from_border = if at_end { end - place } else { place };
            let inside = (depth + slope * along - from_border).clamp(0.0, 1.0);
            *paper += inside * (table - *paper);
        }
    }
}
