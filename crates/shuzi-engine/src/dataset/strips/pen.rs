//! Pens and what they leave on paper.

use super::{
    path::{Path, Point},
    random::{bell, between, chance, mostly_low, noise},
    sheet::{Ground, Plane},
};
use crate::Rng;
use rand::RngExt;

/// How a pen draws.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    /// Half the stroke's width, in heights of a digit; 0 is one pixel.
    radius: f32,
    /// How much the pressure changes.
    pressure: f32,
    /// How dark it is, 0 to 1.
    pub density: f32,
    /// How often the ball has no ink, 0 to 1.
    dry: f32,
    /// How much paper shows between the grains of a pencil, 0 to 1.
    grain: f32,
    /// Pixels are inked or not, as a mouse draws.
    hard: bool,
    /// More blur than a camera has.
    pub soft: bool,
}

/// Half the width of a line of one pixel.
const ONE_PIXEL: f32 = 0.5;

impl Pen {
    pub fn random(ground: Ground, rng: &mut Rng) -> Self {
        let round = |radius| Pen {
            radius,
            pressure: 0.0,
            density: 1.0,
            dry: 0.0,
            grain: 0.0,
            hard: false,
            soft: false,
        };
        if let Ground::Screen = ground {
            return match rng.random_range(0..20) {
                0..4 => Pen { hard: true, ..round(0.0) },
                4..6 => Pen { density: between(rng, 0.25, 1.0), ..round(0.0) },
                6..12 => Pen { hard: chance(rng, 0.3), ..round(mostly_low(rng, 0.015, 0.09)) },
                12..15 => Pen { pressure: 0.25, ..round(between(rng, 0.02, 0.09)) },
                _ => Pen { pressure: 0.12, soft: true, ..round(between(rng, 0.04, 0.08)) },
            };
        }
        let faint = between(rng, 0.7, 1.0);
        match rng.random_range(0..20) {
            0..9 => Pen {
                pressure: between(rng, 0.0, 0.25),
                density: faint,
                dry: if chance(rng, 0.25) { between(rng, 0.05, 0.35) } else { 0.0 },
                ..round(between(rng, 0.013, 0.036))
            },
            9..12 => Pen { pressure: 0.1, density: faint, ..round(between(rng, 0.025, 0.05)) },
            12..15 => Pen {
                pressure: 0.15,
                density: between(rng, 0.5, 0.95),
                grain: between(rng, 0.1, 0.6),
                ..round(between(rng, 0.013, 0.04))
            },
            15..18 => Pen { pressure: 0.08, ..round(between(rng, 0.04, 0.095)) },
            _ => Pen { pressure: 0.45, dry: 0.05, ..round(between(rng, 0.03, 0.085)) },
        }
    }

    /// Half the stroke's width in pixels, where a digit is `height` high.
    fn pixels(&self, height: f32) -> f32 {
        let least = if self.hard { ONE_PIXEL } else { 0.35 };
        if self.radius == 0.0 { ONE_PIXEL } else { (self.radius * height).max(least) }
    }

    /// How dark a stroke is in a picture where a digit is `height` pixels high, 0 to 1. Thin ones are paler.
    pub fn visibility(&self, height: f32) -> f32 {
        self.density * (1.2 * self.pixels(height)).min(1.0) * (1.0 - 0.4 * self.grain)
    }

    /// Draws strokes that are given in pixels, where a digit is `height` high.
    pub fn draw(&self, path: &Path, height: f32, ink: &mut Plane, rng: &mut Rng) {
        let radius = self.pixels(height);
        for stroke in path.strokes() {
            let mut flow = Flow::new(self, height, rng);
            let (mut from, last) = (stroke[0], stroke[stroke.len() - 1]);
            if stroke.len() == 1 {
                ink.stamp(from, from, 1.2 * radius, self.density);
            }
            let steps = stroke.len() as f32;
            for (step, &to) in stroke.iter().enumerate().skip(1) {
                let length = distance(from, to);
                if length < 0.7 && to != last {
                    continue; // so near that it would be drawn twice
                }
                let (width, density) = flow.after(length, step as f32 / steps, rng);
                if density > 0.0 {
                    ink.stamp(from, to, radius * width, self.density * density);
                }
                from = to;
            }
        }
    }

    /// What grain and hard edges make of all that was drawn.
    pub fn finish(&self, ink: &mut Plane, spare: &mut Vec<f32>, rng: &mut Rng) {
        if self.hard {
            let density = self.density;
            ink.pixels.iter_mut().for_each(|ink| *ink = if *ink > 0.45 * density { density } else { 0.0 });
        }
        if self.grain > 0.0 {
            spare.clear();
            spare.resize(ink.pixels.len(), 0.0);
            noise(spare, rng);
            for (ink, noise) in ink.pixels.iter_mut().zip(&*spare) {
                *ink *= (1.0 - self.grain * (0.5 + 0.6 * noise)).clamp(0.0, 1.0);
            }
        }
    }
}

/// Pressure and ink along one stroke.
struct Flow {
    /// Width at the begin, middle and end.
    widths: [f32; 3],
    darkness: f32,
    dry: f32,
    /// Pixels until the ball runs dry or wets again.
    left: f32,
    height: f32,
    is_dry: bool,
}

impl Flow {
    fn new(pen: &Pen, height: f32, rng: &mut Rng) -> Self {
        Flow {
            widths: std::array::from_fn(|_| (1.0 + pen.pressure * bell(rng)).clamp(0.3, 2.0)),
            darkness: 1.0 - 0.25 * pen.pressure * rng.random::<f32>(),
            dry: pen.dry,
            left: height * between(rng, 0.1, 0.6),
            height,
            is_dry: false,
        }
    }

    /// Width and darkness after so many more pixels, at `t` of the stroke.
    fn after(&mut self, length: f32, t: f32, rng: &mut Rng) -> (f32, f32) {
        let [begin, middle, end] = self.widths;
        let rest = 1.0 - t;
        let width = begin * rest * rest + 2.0 * middle * rest * t + end * t * t;
        if self.dry > 0.0 {
            self.left -= length;
            if self.left < 0.0 {
                self.is_dry = !self.is_dry;
                let share = if self.is_dry { self.dry } else { 1.0 - self.dry };
                self.left = self.height * share * between(rng, 0.1, 0.7);
            }
        }
        (width, if self.is_dry { 0.2 * self.darkness } else { self.darkness })
    }
}

fn distance(a: Point, b: Point) -> f32 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    (dx * dx + dy * dy).sqrt()
}
