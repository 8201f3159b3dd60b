//! How much memory the codes of a lossless WebP take.
//!
//! A picture may have up to 65,536 groups of five Huffman codes, of which it need not use any: 20 bytes define a group for whose
//! tables the decoder asks 20 kB. So the bitstream is followed up to its first pixel, and what the tables take is added up. Of the
//! small pictures before it (predictors, colours, which group is where) only the lengths matter, and the largest group that is
//! named: all others are copies. Source: RFC 9649, section 3.

use super::Fault;

/// Codes of a group, and the symbols of each: green with lengths, red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
/// The order in which the lengths of the code for lengths are written.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Bits that the decoder looks up at once; longer codes hang in a tree.
const LOOK_UP: usize = 10;

/// Whether the tables of a bitstream, which begins behind its header, take at most so many bytes. What is wrong with
/// it otherwise is left for the decoder to say.
pub(super) fn check(bits: &[u8], (width, height): (u32, u32), most: usize) -> Result<(), Fault> {
    let mut stream = Stream { bits, place: 0, taken: 0, most };
    stream.check_codes(width as usize, height as usize); // none if it ends early, or is wrong
    if stream.taken > most {
        return Err(Fault::damaged("more codes than it can need"));
    }
    Ok(())
}

struct Stream<'a> {
    bits: &'a [u8],
    place: usize,
    /// Bytes of tables so far.
    taken: usize,
    most: usize,
}

impl Stream<'_> {
    /// Up to the first pixel.
    fn check_codes(&mut self, width: usize, height: usize) -> Option<()> {
        let (mut columns, mut transforms) = (width, vec![]);
        while self.read(1)? == 1 {
            let transform = self.read(2)?;
            if transforms.contains(&transform) {
                return None;
            }
            transforms.push(transform);
            match transform {
                0 | 1 => {
                    let block = self.read(3)? + 2;
                    self.small_picture(part(columns, block) * part(height, block))?;
                }
                2 => {}
                _ => {
                    let colors = self.read(8)? + 1;
                    self.small_picture(colors)?;
                    columns =
                        part(columns, [3, 3, 2, 1, 1, 0][colors.next_power_of_two().ilog2().min(5) as usize]);
                }
            }
        }
        let cache = self.cache()?;
        let mut groups = 1;
        if self.read(1)? == 1 {
            let block = self.read(3)? + 2;
            groups = 1 + self.small_picture(part(columns, block) * part(height, block))?;
        }
        (0..groups).try_for_each(|_| self.group(cache).map(drop))
    }

    /// Passes over a picture of one group: the largest number that the red and green of a pixel make.
    fn small_picture(&mut self, n_pixels: usize) -> Option<usize> {
        let cache = self.cache()?;
        let [green, red, blue, alpha, distance] = self.group(cache)?;
        let (mut done, mut largest) = (0, 0);
        while done < n_pixels {
            match green.read(self)? {
                color @ 0..256 => {
                    largest = largest.max(red.read(self)? << 8 | color);
                    blue.read(self)?;
                    alpha.read(self)?;
                    done += 1;
                }
                length @ 256..280 => {
                    done += self.prefixed(length - 256)?;
                    let distance = distance.read(self)?;
                    self.prefixed(distance)?;
                }
                _ => done += 1, // of the cache
            }
        }
        Some(largest)
    }

    /// Symbols that a cache of colors adds.
    fn cache(&mut self) -> Option<usize> {
        if self.read(1)? == 0 {
            Some(0)
        } else {
            Some(self.read(4)?).filter(|bits| (1..12).contains(bits)).map(|bits| 1 << bits)
        }
    }

    fn group(&mut self, cache: usize) -> Option<[Code; 5]> {
        let mut group = std::array::from_fn(|_| Code::default());
        self.taken += size_of::<[Code; 5]>();
        for (code, (alphabet, cache)) in group.iter_mut().zip(ALPHABETS.into_iter().zip([cache, 0, 0, 0, 0]))
        {
            *code = self.code(alphabet + cache)?;
            self.taken += code.size();
            if self.taken > self.most {
                return None;
            }
        }
        Some(group)
    }

    fn code(&mut self, alphabet: usize) -> Option<Code> {
        if self.read(1)? == 1 {
            let is_pair = self.read(1)? == 1;
            let n_bits = if self.read(1)? == 1 { 8 } else { 1 };
            let first = self.read(n_bits)?;
            let symbols = if is_pair { vec![first, self.read(8)?] } else { vec![first] };
            if symbols.iter().any(|&symbol| symbol >= alphabet) {
                return None;
            }
            let mut counts = [0; 16];
            counts[usize::from(is_pair)] = symbols.len();
            return Some(Code { counts, symbols });
        }
        let mut lengths = [0; 19];
        for &symbol in &ORDER[..4 + self.read(4)?] {
            lengths[symbol] = self.read(3)?;
        }
        let code = Code::new(&lengths)?;
        let mut left = alphabet;
        if self.read(1)? == 1 {
            let n_bits = 2 + 2 * self.read(3)?;
            left = 2 + self.read(n_bits)?;
        }
        let (mut lengths, mut last) = (Vec::with_capacity(alphabet), 8);
        while lengths.len() < alphabet && left > 0 {
            left -= 1;
            let (length, count) = match code.read(self)? {
                16 => (last, 3 + self.read(2)?),
                17 => (0, 3 + self.read(3)?),
                18 => (0, 11 + self.read(7)?),
                length => (length, 1),
            };
            if length != 0 {
                last = length;
            }
            lengths.extend(std::iter::repeat_n(length, count));
        }
        Code::new(&lengths).filter(|_| lengths.len() <= alphabet)
    }

    /// A number of which the code says the highest bits.
    fn prefixed(&mut self, code: usize) -> Option<usize> {
        if code < 4 {
            return Some(code + 1);
        }
        let n_bits = (code - 2) >> 1;
        Some(((2 + (code & 1)) << n_bits) + self.read(n_bits)? + 1)
    }

    /// A number of so many bits, the lowest first.
    fn read(&mut self, n_bits: usize) -> Option<usize> {
        let mut number = 0;
        for bit in 0..n_bits {
            number |= usize::from(self.bits.get(self.place / 8)? >> (self.place % 8) & 1) << bit;
            self.place += 1;
        }
        Some(number)
    }
}

/// A canonical Huffman code.
#[derive(Default)]
struct Code {
    /// Symbols of each length; a single one has length 0.
    counts: [usize; 16],
    /// The symbols, the shortest codes first.
    symbols: Vec<usize>,
}

impl Code {
    /// `None` if these lengths make none.
    fn new(lengths: &[usize]) -> Option<Code> {
        let mut counts = [0; 16];
        lengths.iter().for_each(|&length| counts[length] += 1);
        counts[0] = 0;
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&symbol| lengths[symbol] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        let is_full = (1..16).map(|length| counts[length] << (15 - length)).sum::<usize>() == 1 << 15;
        match symbols.len() {
            0 => return None,
            1 => {
                counts = [0; 16];
                counts[0] = 1;
            }
            _ if !is_full => return None,
            _ => {}
        }
        Some(Code { counts, symbols })
    }

    fn read(&self, stream: &mut Stream) -> Option<usize> {
        let (mut code, mut first, mut place) = (0, 0, 0);
        for (length, &count) in self.counts.iter().enumerate() {
            if length > 0 {
                code = code << 1 | stream.read(1)?;
                first <<= 1;
            }
            if code < first + count {
                return Some(self.symbols[place + code - first]);
            }
            (first, place) = (first + count, place + count);
        }
        None
    }

    /// Bytes of the decoder's table, and of its tree, which has 16 for a node.
    fn size(&self) -> usize {
        let longest = self.counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        let n_in_tree: usize = self.counts[LOOK_UP + 1..].iter().sum();
        (4 << longest.min(LOOK_UP)) + 32 * n_in_tree
    }
}

/// Blocks of 2 to the power of `bits` in so many pixels.
fn part(pixels: usize, bits: usize) -> usize {
    pixels.div_ceil(1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_a_picture_are_followed_up_to_its_first_pixel() {
        let file = include_bytes!("../../../../../fuzz/corpus/picture/seed-webp-lossless");
        assert_eq!(file[12..16], *b"VP8L");
        let mut stream = Stream { bits: &file[25..], place: 0, taken: 0, most: usize::MAX };
        assert!(stream.check_codes(96, 96).is_some());
        assert!((1_000..100_000).contains(&stream.taken), "{} bytes", stream.taken);
        for end in 0..file.len() - 25 {
            assert!(check(&file[25..][..end], (96, 96), stream.taken).is_ok(), "{end}");
        }
        assert!(check(&file[25..], (96, 96), stream.taken - 1).is_err());
    }
}
