//! Reads pictures with a line network: `read_lines MODEL LINES PICTURE…`, a line of JSON for each. MODEL is a model of digits, LINES a
//! line network.

use shuzi_engine::{
    decode::{Limits, decode},
    kernels::Level,
    model::{Model, line_network_from_bytes},
    recognition::{LineReader, Options, Reader, Wording, recognize},
};
use std::fs;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let model = Model::from_bytes(&fs::read(&arguments[1]).unwrap()).unwrap();
    let lines = line_network_from_bytes(&fs::read(&arguments[2]).unwrap()).unwrap();
    let level = Level::detect();
    let reader = Reader::new(&model, level).with_lines(LineReader::new(&lines, level));
    for path in &arguments[3..] {
        let Ok(picture) = decode(&fs::read(path).unwrap(), Limits::default()) else { continue };
        let reading = recognize(&reader, &picture, Options::default());
        let mut object = reading.to_json(Wording::default());
        object["file"] = path.as_str().into();
        println!("{object}");
    }
}
