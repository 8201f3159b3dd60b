//! Where what is drawn of the pictures goes: `--annotate` and `--explain` name a file for one picture, or a folder for a file each.
//!
//! In: the wish, and the pictures. Out: a path for each; no two are the same, and none is a picture's own. Nothing is written here but
//! the folder.

use crate::{ending::UsageError, files};
use rust_i18n::t;
use std::{
    collections::HashSet,
    path::{Path, PathBuf, is_separator},
};

/// The file to write for each of `pictures`, whose names end in `ending`. Several pictures, or those of a folder, need a folder.
pub fn for_pictures(
    option: &str,
    wish: &Path,
    ending: &str,
    pictures: &[PathBuf],
    is_one: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    let usage = |message: &str| anyhow::Error::from(UsageError(message.into()));
    let found = wish.extension().map(|found| found.to_string_lossy().to_lowercase());
    let names_folder = wish.as_os_str().to_string_lossy().ends_with(is_separator);
    if wish.is_dir() || names_folder || (!is_one && found.is_none()) {
        files::create_folder(wish)?;
        return Ok(in_folder(wish, ending, pictures));
    }
    if found.as_deref() != Some(ending) {
        return Err(usage(&t!("recognize.ending", option = option, path = wish.display(), ending = ending)));
    }
    match pictures {
        [picture] if is_same(picture, wish) => {
            Err(usage(&t!("recognize.onto-itself", option = option, path = wish.display())))
        }
        [_] => Ok(vec![wish.to_path_buf()]),
        _ => Err(usage(&t!(
            "recognize.one-picture",
            option = option,
            path = wish.display(),
            count = pictures.len()
        ))),
    }
}

/// A name for each picture, after its own: `a.png`, and if there are several of that name `a-2.png`, `a-3.png`.
fn in_folder(folder: &Path, ending: &str, pictures: &[PathBuf]) -> Vec<PathBuf> {
    let originals: HashSet<PathBuf> =
        pictures.iter().filter_map(|picture| picture.canonicalize().ok()).collect();
    let mut taken = HashSet::new();
    let target = |picture: &PathBuf| {
        let stem = picture.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.filter(|stem| stem != "-").unwrap_or("stdin".into());
        let names = (1_usize..).map(|number| match number {
            1 => format!("{stem}.{ending}"),
            _ => format!("{stem}-{number}.{ending}"),
        });
        let is_free = |name: &String| {
            let is_original =
                folder.join(name).canonicalize().is_ok_and(|target| originals.contains(&target));
            // Some file systems do not distinguish upper from lower case.
            !is_original && taken.insert(name.to_lowercase())
        };
        folder.join({ names }.find(is_free).expect("numbers do not end"))
    };
    pictures.iter().map(target).collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
