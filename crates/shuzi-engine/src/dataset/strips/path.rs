//! The way of a pen: strokes, each a row of points.

pub(super) use crate::dataset::synthetic::hand::Point;

/// Strokes behind each other, in one list of points.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    pub points: Vec<Point>,
    /// Where each stroke ends among the points.
    pub ends: Vec<usize>,
}

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Bounds {
    pub fn of(points: &[Point]) -> Self {
        let none = Bounds { left: f32::MAX, top: f32::MAX, right: f32::MIN, bottom: f32::MIN };
        points.iter().fold(none, |bounds, &[x, y]| Bounds {
            left: bounds.left.min(x),
            top: bounds.top.min(y),
            right: bounds.right.max(x),
            bottom: bounds.bottom.max(y),
        })
    }

    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

impl Path {
    /// Adds a stroke.
    pub fn stroke(&mut self, points: impl IntoIterator<Item = Point>) {
        self.points.extend(points);
        self.ends.push(self.points.len());
    }

    /// All strokes in order.
    pub fn strokes(&self) -> impl Iterator<Item = &[Point]> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| &self.points[std::mem::replace(&mut begin, end)..end])
    }

    /// Applies a function to the points from number `first` on.
    pub fn change(&mut self, first: usize, change: impl Fn(Point) -> Point) {
        self.points[first..].iter_mut().for_each(|point| *point = change(*point));
    }
}
