//! The search for digits in a line of pieces: which pieces make one together.
//!
//! In: the pieces of a line, cut where digits may touch. Out: the groups whose probabilities have the largest product (LeCun et
//! al. 1998, section V: over-segmentation, and the best path by dynamic programming). Neither finds ink nor rejects digits.

use super::{
    effort::Effort,
    reader::{Reader, Scores},
    reading::Area,
};
use crate::{
    image::DigitImage,
    preprocess::{
        center_digit,
        segment::{self, Line, Piece},
        stroke::with_known_strokes,
    },
};

/// Ink that may be one digit.
pub(super) struct Candidate {
    /// Where it is, in pixels of the ink.
    pub area: Area,
    pub image: DigitImage,
}

impl Candidate {
    /// `None` where hardly any ink is left at a digit's size, or so much was looked at already.
    pub fn new(piece: &Piece, effort: &mut Effort) -> Option<Self> {
        let area = Area::from(piece);
        effort.spend(area.width * area.height).ok()?;
        let image = center_digit(&with_known_strokes(&piece.ink))?;
        Some(Candidate { area, image })
    }
}

/// A candidate, and what the network gives for it.
pub(super) type Scored = (Candidate, Scores);

/// Candidates that are digits, and what they were chosen from.
pub(super) type Found = (Vec<Scored>, Vec<Area>);

/// All pieces as one digit.
pub(super) fn read_one(reader: &Reader, pieces: Vec<Piece>, effort: &mut Effort) -> Found {
    let whole = (!pieces.is_empty()).then(|| Piece::union(pieces.iter()));
    let candidate = whole.and_then(|whole| Candidate::new(&whole, effort));
    let score = |candidate: Candidate| {
        let scores = reader.score(&[candidate.image]).remove(0);
        (candidate, scores)
    };
    (candidate.map(score).into_iter().collect(), pieces.iter().map(Area::from).collect())
}

/// The digits of a line: the grouping of its pieces that is most probable.
pub(super) fn read_line(reader: &Reader, line: Line, effort: &mut Effort) -> Found {
    /// A piece with this score is not cut.
    const CONFIDENT: f32 = 0.8;
    let height = line.iter().map(Piece::height).max().unwrap_or(0) as f32;
    let whole: Vec<Option<Candidate>> = line.iter().map(|piece| Candidate::new(piece, effort)).collect();
    let images: Vec<DigitImage> = whole.iter().flatten().map(|candidate| candidate.image).collect();
    let mut scores = reader.score(&images).into_iter();
    let mut atoms = vec![];
    for (piece, candidate) in line.into_iter().zip(whole) {
        let scores = candidate.and_then(|_| scores.next());
        if scores.as_ref().is_some_and(|scores| scores.score >= CONFIDENT) {
            atoms.push(Atom { piece, is_cut: false, scores });
        } else {
            let parts = segment::cut_touching_digits(piece, height).into_iter().enumerate();
            atoms.extend(parts.map(|(part, piece)| Atom { piece, is_cut: part > 0, scores: None }));
        }
    }
    let areas = atoms.iter().map(|atom| Area::from(&atom.piece)).collect();
    (Search::new(reader, atoms, height, effort).best(), areas)
}

/// The smallest that a digit is made of.
struct Atom {
    piece: Piece,
    /// Whether it was cut off from the one before.
    is_cut: bool,
    /// What the network gives for it alone, where it was asked.
    scores: Option<Scores>,
}

/// All groups of neighbouring atoms that may be digits, and what the network gives for them.
struct Search {
    atoms: Vec<Atom>,
    height: f32,
    /// By first atom, then by how many more there are.
    candidates: Vec<Vec<Option<Scored>>>,
}

impl Search {
    fn new(reader: &Reader, atoms: Vec<Atom>, height: f32, effort: &mut Effort) -> Self {
        /// Atoms that a digit may have at most.
        const MOST: usize = 5;
        /// Columns and rows of a digit, by the height of its line.
        const LARGEST: f32 = 1.4;
        let (mut candidates, mut images) = (vec![], vec![]);
        for first in 0..atoms.len() {
            let group = |last: usize| atoms[first..=last].iter().map(|atom| &atom.piece);
            let mut candidate = |last: usize| {
                let width =
                    group(last).map(Piece::right).max()? - group(last).map(|piece| piece.left).min()?;
                let rows =
                    group(last).map(Piece::bottom).max()? - group(last).map(|piece| piece.top).min()?;
                let fits = first == last || width.max(rows) as f32 <= LARGEST * height;
                (fits && !effort.is_spent()).then(|| Candidate::new(&Piece::union(group(last)), effort))?
            };
            let row: Vec<_> = (first..atoms.len().min(first + MOST))
                .map(|last| {
                    let candidate = candidate(last)?;
                    let known = atoms[first].scores.clone().filter(|_| first == last);
                    if known.is_none() {
                        images.push(candidate.image);
                    }
                    Some((candidate, known))
                })
                .collect();
            candidates.push(row);
        }
        let mut scores = reader.score(&images).into_iter();
        let mut scored = |known: Option<_>| known.or_else(|| scores.next()).expect("all have scores");
        let candidates = candidates
            .into_iter()
            .map(|row| {
                row.into_iter().map(|c| c.map(|(candidate, known)| (candidate, scored(known)))).collect()
            })
            .collect();
        Search { atoms, height, candidates }
    }

    /// The logarithm of how probable a group is as a digit.
    fn score(&self, first: usize, more: usize) -> Option<f32> {
        /// What a cut costs: digits that do not touch are more frequent.
        const CUT: f32 = 1.0;
        /// And a cut is wrong if what is cut off is no digit.
        const LEAST: f32 = 0.5;
        /// Digits lower than this part of the line are rare, and the rarer the lower.
        const LOWEST: f32 = 0.55;
        const LOW: f32 = 4.0;
        let (candidate, scores) = self.candidates[first][more].as_ref()?;
        let height = candidate.area.height as f32 / self.height;
        let is_cut = |end: &usize| self.atoms.get(*end).is_some_and(|atom| atom.is_cut);
        // Either side of a cut pays half of it.
        let cuts = [first, first + more + 1].iter().filter(|end| is_cut(end)).count();
        let probability = scores.score;
        if cuts > 0 && probability < LEAST {
            return None;
        }
        let cut = CUT / 2.0 * cuts as f32;
        Some(probability.ln() - cut - LOW * (LOWEST - height).max(0.0))
    }

    /// The groups whose scores sum to the most; what is in none of them is dirt.
    fn best(mut self) -> Vec<Scored> {
        /// What an atom costs that is left out, if it is as large as a digit; smaller ones cost less.
        const LEFT_OUT: f32 = 4.0;
        let count = self.atoms.len();
        // From the right: the best of everything from an atom on, and how many more belong to its group.
        let mut best: Vec<(f32, Option<usize>)> = vec![(0.0, None); count + 1];
        for first in (0..count).rev() {
            let size = (self.atoms[first].piece.size() as f32 / self.height).min(1.0);
            let left_out = (best[first + 1].0 - LEFT_OUT * size, None);
            let groups = (0..self.candidates[first].len())
                .filter_map(|more| Some((self.score(first, more)? + best[first + more + 1].0, Some(more))));
            best[first] = groups.fold(left_out, |best, group| if group.0 > best.0 { group } else { best });
        }
        let (mut first, mut found) = (0, vec![]);
        while first < count {
            if let Some(more) = best[first].1 {
                found.push(self.candidates[first][more].take().expect("a group was chosen"));
                first += more;
            }
            first += 1;
        }
        found
    }
}
