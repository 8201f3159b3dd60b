//! The data sets that are known by name, all of MNIST's form: what their files are called, where they can be had, by which hashes
//! they are known, and what their labels mean.
//!
//! A file is known by the SHA-256 of its bytes unpacked, which are the same however they were packed, or of the packed file as it
//! was published. These are TensorFlow Datasets' (Fashion-MNIST, KMNIST, EMNIST) and torchvision's (QMNIST). The hashes of
//! what is in EMNIST's archive are not needed: that of the archive is checked.

use crate::spelling;
use rust_i18n::t;
use shuzi_engine::classes::Classes;

/// One file of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Unpacked; packed it ends with `.gz`.
    pub name: &'static str,
    /// SHA-256 of the unpacked bytes, where it is known.
    pub unpacked: Option<&'static str>,
    /// SHA-256 of the `.gz` file, or of the archive, where it is known.
    pub packed: Option<&'static str>,
    /// It has at most so many bytes, packed or not.
    pub most_bytes: u64,
}

/// A zip archive that holds the `.gz` files of several data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    pub file: DataFile,
    /// The folder in it.
    pub folder: &'static str,
    /// All files to take out of it.
    pub members: &'static [DataFile],
}

/// A data set that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// After `--data`.
    pub name: &'static str,
    /// What people call it; the same in every language.
    pub title: &'static str,
    /// The classes of the images; none for digits.
    pub names: &'static [&'static str],
    /// Images and labels for training, images and labels for the test.
    pub files: [DataFile; 4],
    /// What they come in, where they do not come alone.
    pub archive: Option<Archive>,
    /// Where they can be had, in the order in which it is tried.
    pub mirrors: &'static [&'static str],
    /// The name of its folder among others'.
    pub folder: &'static str,
    /// The label of the first class.
    pub first_label: u8,
    /// Whether rows and columns of the images are swapped.
    pub is_transposed: bool,
}

impl DataSet {
    /// The classes of its images.
    pub fn classes(&self) -> Classes {
        match self.names {
            [] => Classes::digits(),
            names => Classes::new(names.iter().map(|name| name.to_string()).collect()).expect("sound names"),
        }
    }
}

/// All of them.
pub const ALL: [&DataSet; 6] = [&MNIST, &FASHION, &KMNIST, &EMNIST_DIGITS, &EMNIST_LETTERS, &QMNIST];

/// The data set of that name, or of that title in small letters.
pub fn by_name(name: &str) -> Option<&'static DataSet> {
    ALL.into_iter().find(|set| set.name == name || set.title.to_lowercase() == name)
}

/// That there is neither a data set nor a folder of that name, and which set is called alike, if one is.
pub fn suggestion(name: &str) -> Option<String> {
    let known = ALL.map(|set| set.name).into_iter().chain(["synthetic"]);
    let suggestion = spelling::did_you_mean(name, known)?;
    Some(format!("{}{suggestion}", t!("data.unknown-set", name = name)))
}

/// The names of all, in words.
pub fn names() -> String {
    ALL.map(|set| set.name).join(", ")
}

const fn unpacked(name: &'static str, sha256: &'static str, bytes: u64) -> DataFile {
    DataFile { name, unpacked: Some(sha256), packed: None, most_bytes: bytes }
}

const fn packed(name: &'static str, sha256: &'static str, most_bytes: u64) -> DataFile {
    DataFile { name, unpacked: None, packed: Some(sha256), most_bytes }
}

const fn unknown(name: &'static str, most_bytes: u64) -> DataFile {
    DataFile { name, unpacked: None, packed: None, most_bytes }
}

/// Bytes of 60,000 and of 10,000 images of 28x28, unpacked.
const IMAGES_60K: u64 = 47_040_016;
const IMAGES_10K: u64 = 7_840_016;

/// Never from the original site, which refuses programs.
pub static MNIST: DataSet = DataSet {
    name: "mnist",
    title: "MNIST",
    names: &[],
    files: [
        unpacked(
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            IMAGES_60K,
        ),
        unpacked(
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            60_008,
        ),
        unpacked(
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            IMAGES_10K,
        ),
        unpacked(
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            10_008,
        ),
    ],
    archive: None,
    mirrors: &[
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ],
    folder: "mnist",
    first_label: 0,
    is_transposed: false,
};

/// Xiao, Rasul and Vollgraf, 2017.
static FASHION: DataSet = DataSet {
    name: "fashion",
    title: "Fashion-MNIST",
    names: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    files: [
        packed(
            "train-images-idx3-ubyte",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            IMAGES_60K,
        ),
        DataFile {
            name: "train-labels-idx1-ubyte",
            unpacked: Some("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            packed: Some("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            most_bytes: 60_008,
        },
        packed(
            "t10k-images-idx3-ubyte",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            IMAGES_10K,
        ),
        DataFile {
            name: "t10k-labels-idx1-ubyte",
            unpacked: Some("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
            packed: Some("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
            most_bytes: 10_008,
        },
    ],
    archive: None,
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    folder: "fashion",
    first_label: 0,
    is_transposed: false,
};

/// Clanuwat et al., 2018: ten hiragana in the hands of old books.
static KMNIST: DataSet = DataSet {
    name: "kmnist",
    title: "KMNIST",
    names: &["お", "き", "す", "つ", "な", "は", "ま", "や", "れ", "を"],
    files: [
        packed(
            "train-images-idx3-ubyte",
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            IMAGES_60K,
        ),
        packed(
            "train-labels-idx1-ubyte",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            60_008,
        ),
        packed(
            "t10k-images-idx3-ubyte",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            IMAGES_10K,
        ),
        packed(
            "t10k-labels-idx1-ubyte",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            10_008,
        ),
    ],
    archive: None,
    mirrors: &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    folder: "kmnist",
    first_label: 0,
    is_transposed: false,
};

/// Cohen et al., 2017; both of the sets that are known here come in one archive, with others that are left there.
const EMNIST: Archive = Archive {
    file: packed("gzip.zip", "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e", 561_753_746),
    folder: "gzip",
    members: &{
        let [a, b, c, d] = EMNIST_DIGITS_FILES;
        let [e, f, g, h] = EMNIST_LETTERS_FILES;
        [a, b, c, d, e, f, g, h]
    },
};

const EMNIST_MIRRORS: &[&str] =
    &["https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"];

/// 240,000 and 40,000 images.
const EMNIST_DIGITS_FILES: [DataFile; 4] = [
    unknown("emnist-digits-train-images-idx3-ubyte", 188_160_016),
    unknown("emnist-digits-train-labels-idx1-ubyte", 240_008),
    unknown("emnist-digits-test-images-idx3-ubyte", 31_360_016),
    unknown("emnist-digits-test-labels-idx1-ubyte", 40_008),
];

/// 124,800 and 20,800 images.
const EMNIST_LETTERS_FILES: [DataFile; 4] = [
    unknown("emnist-letters-train-images-idx3-ubyte", 97_843_216),
    unknown("emnist-letters-train-labels-idx1-ubyte", 124_808),
    unknown("emnist-letters-test-images-idx3-ubyte", 16_307_216),
    unknown("emnist-letters-test-labels-idx1-ubyte", 20_808),
];

static EMNIST_DIGITS: DataSet = DataSet {
    name: "emnist-digits",
    title: "EMNIST Digits",
    names: &[],
    files: EMNIST_DIGITS_FILES,
    archive: Some(EMNIST),
    mirrors: EMNIST_MIRRORS,
    folder: "emnist",
    first_label: 0,
    is_transposed: true,
};

/// Capital and small letters are one class.
static EMNIST_LETTERS: DataSet = DataSet {
    name: "emnist-letters",
    title: "EMNIST Letters",
    names: &[
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T",
        "U", "V", "W", "X", "Y", "Z",
    ],
    files: EMNIST_LETTERS_FILES,
    archive: Some(EMNIST),
    mirrors: EMNIST_MIRRORS,
    folder: "emnist",
    first_label: 1,
    is_transposed: true,
};

/// Yadav and Bottou, 2019: MNIST made again, with 60,000 test images.
static QMNIST: DataSet = DataSet {
    name: "qmnist",
    title: "QMNIST",
    names: &[],
    files: [
        packed(
            "qmnist-train-images-idx3-ubyte",
            "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d",
            IMAGES_60K,
        ),
        packed(
            "qmnist-train-labels-idx2-int",
            "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
            1_920_012,
        ),
        packed(
            "qmnist-test-images-idx3-ubyte",
            "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375",
            IMAGES_60K,
        ),
        packed(
            "qmnist-test-labels-idx2-int",
            "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
            1_920_012,
        ),
    ],
    archive: None,
    mirrors: &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"],
    folder: "qmnist",
    first_label: 0,
    is_transposed: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_found_by_its_name_and_title_and_has_sound_hashes() {
        for set in ALL {
            assert_eq!(by_name(set.name), Some(set));
            assert_eq!(by_name(&set.title.to_lowercase()), Some(set));
            assert_eq!(set.classes().count(), if set.name == "emnist-letters" { 26 } else { 10 });
            let archive = set.archive.map(|archive| archive.file);
            let alone = set.files.iter().filter(|_| archive.is_none());
            for file in alone.chain(&archive) {
                let hashes: Vec<&str> = [file.packed, file.unpacked].into_iter().flatten().collect();
                assert!(!hashes.is_empty(), "{}", file.name);
                let is_sound = |hash: &&str| {
                    hash.len() == 64 && hash.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
                };
                assert!(hashes.iter().all(is_sound), "{}", file.name);
            }
            for mirror in set.mirrors {
                assert!(mirror.starts_with("http") && mirror.ends_with('/'), "{mirror}");
            }
        }
        let members = EMNIST.members.iter();
        assert!(
            members
                .clone()
                .all(|file| [&EMNIST_DIGITS, &EMNIST_LETTERS].iter().any(|set| set.files.contains(file)))
        );
        assert_eq!((members.len(), by_name("cifar")), (8, None));
    }
}
