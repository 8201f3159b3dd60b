//! `shuzi`: train a digit recogniser, see how good it is, read handwriting with it.
rust_i18n::i18n!("locales", fallback = "en");

fn main() {
    println!("{}", rust_i18n::t!("about"));
}
