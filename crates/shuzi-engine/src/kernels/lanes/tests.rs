//! Every operation of every level, against what the trait says.

use super::*;

struct Check;

impl Kernel for Check {
    fn run<L: Lanes>(self, lanes: L) {
        check_arithmetic(lanes);
        check_parts(lanes);
        check_list_nonzero(lanes);
        check_transpose(lanes);
        check_list_nonzero_u16(lanes);
    }
}

/// As many numbers as a register holds.
fn numbers<L: Lanes>() -> Vec<f32> {
    (0..L::WIDTH).map(|i| i as f32 - 3.0).collect()
}

fn stored<L: Lanes>(lanes: L, register: L::Register) -> Vec<f32> {
    let mut to = vec![f32::NAN; L::WIDTH];
    lanes.store(register, &mut to);
    to
}

fn check_arithmetic<L: Lanes>(lanes: L) {
    let numbers = numbers::<L>();
    let stored = |register| stored(lanes, register);
    let each = |f: fn(f32) -> f32| numbers.iter().map(|&x| f(x)).collect::<Vec<_>>();
    let [zero, one, two] = [0.0, 1.0, 2.0].map(|value| lanes.splat(value));
    assert_eq!(stored(lanes.splat(2.5)), vec![2.5; L::WIDTH]);
    let register = lanes.load(&numbers);
    assert_eq!(stored(register), numbers);
    assert_eq!(lanes.sum(register), numbers.iter().sum::<f32>());
    assert_eq!(stored(lanes.add(register, one)), each(|x| x + 1.0));
    assert_eq!(stored(lanes.multiply(register, two)), each(|x| x * 2.0));
    assert_eq!(stored(lanes.multiply_add(register, two, one)), each(|x| x * 2.0 + 1.0));
    assert_eq!(stored(lanes.maximum(register, zero)), each(|x| x.max(0.0)));
    let chosen = lanes.where_not_below(register, zero, one, two);
    assert_eq!(stored(chosen), each(|x| if x >= 0.0 { 1.0 } else { 2.0 }));
}

fn check_parts<L: Lanes>(lanes: L) {
    let numbers = numbers::<L>();
    let register = lanes.load(&numbers);
    for count in 0..=L::WIDTH {
        let part = stored(lanes, lanes.load_part(&numbers[..count]));
        assert!(part[..count] == numbers[..count] && part[count..].iter().all(|&x| x == 0.0));
        let mut to = vec![7.0; count + 1];
        lanes.store_part(register, &mut to[..count]);
        assert!(to[..count] == numbers[..count] && to[count] == 7.0);
    }
}

fn check_list_nonzero<L: Lanes>(lanes: L) {
    for seed in 0..200u64 {
        let bytes = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as u128 * 0x1_0001_0000_0001).to_le_bytes();
        let bytes = bytes.map(|byte| if byte.is_multiple_of(3) { byte } else { 0 });
        let mut entries = [0; 16];
        let count = lanes.list_nonzero(&bytes, 48, &mut entries);
        let nonzero = (0..16).filter(|&i| bytes[i] != 0);
        let expected: Vec<u32> = nonzero.map(|i| (48 + i as u32) << 8 | u32::from(bytes[i])).collect();
        assert_eq!(entries[..count], expected);
    }
}

/// Byte `i` of row `j` of what is transposed; many are 0.
fn byte(i: usize, j: usize) -> u8 {
    ((31 * i + 7 * j) as u8).saturating_sub(150)
}

/// Every third of them is written.
fn transposed<L: Lanes>(lanes: L) -> [[u32; 16]; 46] {
    let rows: [[u8; 70]; 16] = std::array::from_fn(|j| std::array::from_fn(|i| byte(i, j)));
    let mut columns = [[7; 16]; 46];
    lanes.transpose(&rows.each_ref(), 6, &mut columns, 3);
    columns
}

fn check_transpose<L: Lanes>(lanes: L) {
    for (i, column) in transposed(lanes).iter().enumerate() {
        let bytes = |j: usize| std::array::from_fn(|k| byte(6 + i / 3 * 4 + k, j));
        let turned = std::array::from_fn(|j| u32::from_le_bytes(bytes(j)));
        assert_eq!(*column, if i % 3 == 0 { turned } else { [7; 16] });
    }
}

fn check_list_nonzero_u16<L: Lanes>(lanes: L) {
    let columns = transposed(lanes);
    let column = &columns[..2];
    let expected = [0, 16].map(|shift| {
        let halves = column.as_flattened().iter().map(|number| number >> shift & 0xffff);
        let nonzero = (0..).zip(halves).filter(|&(_, half)| half != 0);
        nonzero.map(|(place, half)| place << 16 | half).collect::<Vec<u32>>()
    });
    let mut entries = [7; 64];
    let counts = lanes.list_nonzero_u16(column, &mut entries);
    assert_eq!(counts, [expected[0].len(), expected[1].len()]);
    assert_eq!(entries[..counts[0] + counts[1]], expected.concat());
}

#[test]
fn every_level_does_what_the_trait_says() {
    for level in Level::all() {
        level.run(Check);
    }
}
