//! Transcripts of the command line: what is typed, and what is answered. Made anew by
//! `TRYCMD=overwrite cargo test --release -p shuzi-cli transcripts`; the difference is then read.

#[test]
fn the_command_line_answers_as_written_down() {
    trycmd::TestCases::new().env("LANG", "C").case("tests/cmd/*.trycmd").run();
}
