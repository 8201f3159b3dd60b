//! What went wrong, in the user's language: the library's typed errors as words, with what was
//! expected, what was found, and what to do.

use crate::ending::UsageError;
use rust_i18n::t;
use shuzi_engine::{
    classes::{ClassesError, MAX_CLASSES, MAX_NAME},
    dataset::{
        DatasetError,
        csv::{COLUMNS, CsvError, MAX_LINE},
        idx::{IMAGES_MAGIC, IdxError, MAX_ITEMS, ROW},
    },
    decode::DecodeError,
    model::{
        FORMAT_VERSION, INT8_FORMAT_VERSION, LAYERS_FORMAT_VERSION, ModelError,
        arrays::{ArrayError, MAX_DIMENSIONS},
        npy::NpyError,
        npz::{MAX_ARRAYS, MAX_UNPACKED, NpzError},
        pickle::{self, MAX_INSTRUCTIONS, PickleError},
        safetensors::{MAX_HEADER, SafetensorsError},
    },
    network::{
        ArchitectureError, MAX_LAYERS, MAX_NUMBERS, MAX_SHIFT, MAX_WIDTH, MOST_COLUMNS_PER_STEP,
        QuantizationError,
    },
    recipe::{BUILT_IN, MAX_BYTES, MAX_EPOCHS, Range, RecipeError},
    training::{self, CheckpointError, Diverged},
};
use std::{error::Error, io};

/// An error and its causes, each after a colon.
pub fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = vec![];
    for cause in error.chain() {
        let words = words(cause);
        // Some errors say their cause's words again.
        if parts.last().is_none_or(|last| !last.ends_with(&words)) {
            parts.push(words);
        }
        // What the reader of archives says besides is English only, and of no use.
        if matches!(cause.downcast_ref(), Some(NpzError::Zip(_) | NpzError::Unpack { .. })) {
            break;
        }
    }
    parts.join(&t!("program.colon"))
}

fn words(error: &(dyn Error + 'static)) -> String {
    macro_rules! try_kinds {
        ($($kind:ty => $explain:expr),* $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$kind>() {
                return $explain(error);
            })*
        };
    }
    try_kinds! {
        IdxError => idx,
        CsvError => csv,
        DecodeError => decode,
        DatasetError => dataset,
        ClassesError => classes,
        ModelError => model,
        QuantizationError => quantization,
        SafetensorsError => safetensors,
        NpyError => npy,
        NpzError => npz,
        PickleError => pickle,
        ArrayError => array,
        RecipeError => recipe,
        ArchitectureError => architecture,
        CheckpointError => checkpoint,
        Diverged => diverged,
        io::Error => io,
        UsageError => |error: &UsageError| error.0.clone(),
    }
    error.to_string()
}

fn decode(error: &DecodeError) -> String {
    match error {
        DecodeError::Empty => t!("decode.empty"),
        DecodeError::TooManyBytes { found, limit } => t!("decode.bytes", found = found, limit = limit),
        DecodeError::NotAPicture => t!("decode.not-a-picture"),
        DecodeError::TooManyPixels { width, height, limit } => {
            t!("decode.pixels", width = width, height = height, limit = limit / 1_000_000)
        }
        DecodeError::Unsupported { name: "HEIC", .. } => t!("decode.heic"),
        DecodeError::Unsupported { name: "AVIF", .. } => t!("decode.avif"),
        DecodeError::Unsupported { name: "JPEG XL", .. } => t!("decode.jpeg-xl"),
        DecodeError::Unsupported { name: "PDF", .. } => t!("decode.pdf"),
        DecodeError::Unsupported { name: "SVG", .. } => t!("decode.svg"),
        DecodeError::CutShort { format } => t!("decode.cut-short", format = format),
        DecodeError::Damaged { format, reason } => t!("decode.damaged", format = format, reason = reason),
        _ => return error.to_string(),
    }
    .into_owned()
}

fn idx(error: &IdxError) -> String {
    let kind = |magic| if magic == IMAGES_MAGIC { t!("idx.kind-images") } else { t!("idx.kind-labels") };
    let hex = |magic: u32| format!("{magic:#010x}");
    match *error {
        IdxError::Read(_) => t!("idx.read"),
        IdxError::Empty => t!("idx.empty"),
        IdxError::HeaderCut => t!("idx.header-cut"),
        IdxError::GzipCut => t!("idx.gzip-cut"),
        IdxError::GzipDamaged(_) => t!("idx.gzip-damaged"),
        IdxError::OtherKind { expected, found } => {
            t!("idx.other-kind", expected = kind(expected), found = kind(found))
        }
        IdxError::Magic { expected, found } => {
            t!("idx.magic", expected = hex(expected), found = hex(found), kind = kind(expected))
        }
        IdxError::TooMany { count } => t!("idx.too-many", count = count, max = MAX_ITEMS),
        IdxError::None => t!("idx.none"),
        IdxError::Size { rows, columns } => t!("idx.size", rows = rows, columns = columns),
        IdxError::Row { found } => t!("idx.row", found = found, expected = ROW),
        IdxError::Class { class, index } => t!("idx.class", class = class, index = index),
        IdxError::Length { expected, found, at_least: false } => {
            t!("idx.length", expected = expected, found = found)
        }
        IdxError::Length { expected, .. } => t!("idx.longer", expected = expected),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn csv(error: &CsvError) -> String {
    match error {
        CsvError::Read(_) => t!("idx.read"),
        CsvError::GzipCut => t!("csv.gzip-cut"),
        CsvError::GzipDamaged(_) => t!("csv.gzip-damaged"),
        CsvError::Empty => t!("csv.empty"),
        CsvError::LineTooLong { line } => t!("csv.line-long", line = line, max = MAX_LINE),
        CsvError::NoLabel { found } => t!("csv.no-label", found = found),
        CsvError::Columns { line, found } => {
            t!("csv.columns", line = line, found = found, expected = COLUMNS, pixels = COLUMNS - 1)
        }
        CsvError::Label { line, column, found } => {
            t!("csv.label", line = line, column = column, found = format!("{found:?}"))
        }
        CsvError::Pixel { line, column, found } => {
            t!("csv.pixel", line = line, column = column, found = format!("{found:?}"))
        }
        CsvError::Mixed { line, column, found, other_line, other_column, other } => t!(
            "csv.mixed",
            line = line,
            column = column,
            found = format!("{found:?}"),
            other_line = other_line,
            other_column = other_column,
            other = format!("{other:?}")
        ),
        CsvError::TooMany => t!("csv.too-many", max = MAX_ITEMS),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn dataset(error: &DatasetError) -> String {
    match *error {
        DatasetError::CountsDiffer { images, labels } => {
            t!("dataset.counts", images = images, labels = labels)
        }
        DatasetError::Label { label, index, first, last } => {
            t!("dataset.label", label = label, index = index, first = first, last = last)
        }
        DatasetError::UnknownClass { ref name, ref found, ref known } => {
            t!("dataset.unknown-class", name = name, found = found, known = known)
        }
        DatasetError::Empty => t!("dataset.empty"),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn classes(error: &ClassesError) -> String {
    match error {
        ClassesError::Count { found } => t!("classes.count", found = found, max = MAX_CLASSES),
        ClassesError::Name { place, found } => {
            t!("classes.name", place = place + 1, found = format!("{found:?}"), max = MAX_NAME)
        }
        ClassesError::Twice { name } => t!("classes.twice", name = name),
        ClassesError::Json => t!("classes.json"),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn model(error: &ModelError) -> String {
    match error {
        ModelError::Safetensors(_) => t!("model.as-safetensors"),
        ModelError::Npy(_) => t!("model.as-npy"),
        ModelError::Npz(_) => t!("model.as-npz"),
        ModelError::SingleArray => t!("model.single-array"),
        ModelError::Version { found } => {
            let expected = format!("{FORMAT_VERSION} / {LAYERS_FORMAT_VERSION} / {INT8_FORMAT_VERSION}");
            t!("model.version", found = found, expected = expected)
        }
        ModelError::NoRecipe => t!("model.no-recipe", version = LAYERS_FORMAT_VERSION),
        ModelError::Layers { found } => t!("model.layers", found = format!("{found:?}")),
        ModelError::Negative { name, index, value } => {
            t!("model.negative", name = name, index = index, value = value)
        }
        ModelError::Missing { name } => t!("model.missing", name = name),
        ModelError::Surplus { name } => t!("model.surplus", name = name),
        ModelError::Shape { name, found, expected } => {
            t!("model.shape", name = name, found = format!("{found:?}"), expected = expected)
        }
        ModelError::NotFinite { name, index, value } => {
            t!("model.not-finite", name = name, index = index, value = value)
        }
        ModelError::Integer { name, index, value, expected } => {
            t!("model.integer", name = name, index = index, value = value, expected = expected)
        }
        ModelError::Quantization(_) => t!("model.quantization"),
        ModelError::Architecture(_) => t!("model.architecture"),
        ModelError::Recipe(_) => t!("model.recipe"),
        ModelError::Classes(_) => t!("model.classes"),
        ModelError::ClassCount { outputs, names } => {
            t!("model.class-count", outputs = outputs, names = names)
        }
        ModelError::Temperature { found } => t!("model.temperature", found = format!("{found:?}")),
        ModelError::Calibration { found } => t!("model.calibration", found = format!("{found:?}")),
        ModelError::Hash { found, expected } => t!("model.hash", found = found, expected = expected),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn quantization(error: &QuantizationError) -> String {
    match error {
        QuantizationError::Layer { layer } => t!("quantization.layer", layer = layer + 1),
        QuantizationError::Residual { layer } => t!("quantization.residual", layer = layer + 1),
        QuantizationError::Range { layer } => t!("quantization.range", layer = layer + 1),
        QuantizationError::Shift { index, found } => {
            t!("quantization.shift", index = index, found = found, max = MAX_SHIFT)
        }
        QuantizationError::Overflow { layer, output } => {
            t!("quantization.overflow", layer = layer + 1, output = output)
        }
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn safetensors(error: &SafetensorsError) -> String {
    match error {
        SafetensorsError::Format(source) => t!("safetensors.format", message = source),
        SafetensorsError::HeaderTooLong { found } => {
            t!("safetensors.header-long", found = found, max = MAX_HEADER)
        }
        SafetensorsError::Twice { name } => t!("safetensors.twice", name = name),
        SafetensorsError::ElementType { name, found } => t!("safetensors.type", name = name, found = found),
        SafetensorsError::NotFinite { name, index, value } => {
            t!("model.not-finite", name = name, index = index, value = value)
        }
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn npy(error: &NpyError) -> String {
    match error {
        NpyError::Magic => t!("npy.magic"),
        NpyError::Version { found } => t!("npy.version", found = found),
        NpyError::HeaderCut => t!("npy.header-cut"),
        NpyError::HeaderTooLong { found } => t!("npy.header-long", found = found),
        NpyError::Header { found } => t!("npy.header", found = format!("{found:?}")),
        NpyError::Array(_) => t!("npy.array"),
        NpyError::Pickle(_) => t!("npy.pickle"),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn npz(error: &NpzError) -> String {
    match error {
        NpzError::Zip(_) => t!("npz.zip"),
        NpzError::Unpack { name, .. } => t!("npz.unpack", name = name),
        NpzError::TooMany { found } => t!("npz.too-many", found = found, max = MAX_ARRAYS),
        NpzError::Twice => t!("npz.twice"),
        NpzError::TooLarge => t!("npz.too-large", max = MAX_UNPACKED),
        NpzError::Member { name } => t!("npz.member", name = name),
        NpzError::Npy { name, .. } => t!("npz.npy", name = name),
        NpzError::Pickle { name } => t!("npz.pickle", name = name),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn pickle(error: &PickleError) -> String {
    match error {
        PickleError::Refused { name } => t!("pickle.refused", name = name),
        PickleError::Call { place } => t!("pickle.call", place = place),
        PickleError::Instruction { code, place } => {
            t!("pickle.instruction", code = format!("{code:#04x}"), place = place)
        }
        PickleError::Cut { place } => t!("pickle.cut", place = place),
        PickleError::Malformed { place } => t!("pickle.malformed", place = place),
        PickleError::TooLong => t!("pickle.too-long", max = MAX_INSTRUCTIONS),
        PickleError::TooMany { found } => t!("pickle.too-many", found = found, max = pickle::MAX_ARRAYS),
        PickleError::TooLarge { max } => t!("pickle.too-large", max = max),
        PickleError::NotADictionary => t!("pickle.no-dictionary"),
        PickleError::Twice { name } => t!("pickle.twice", name = name),
        PickleError::Array { name, .. } => t!("pickle.array", name = name),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn array(error: &ArrayError) -> String {
    match error {
        ArrayError::ElementType { found } => t!("array.type", found = found),
        ArrayError::Dimensions { found } => t!("array.dimensions", found = found, max = MAX_DIMENSIONS),
        ArrayError::Size { shape, found } => t!("array.size", shape = format!("{shape:?}"), found = found),
        ArrayError::Integer { index } => t!("array.integer", index = index),
        ArrayError::NoIndex { value, index } => t!("array.no-index", value = value, index = index),
        _ => error.to_string().into(),
    }
    .into_owned()
}

/// A recipe's mistake with its causes, as one sentence.
pub fn recipe(error: &RecipeError) -> String {
    match error {
        RecipeError::UnknownName { name, nearest } => {
            t!("recipe.unknown", name = name, hint = did_you_mean(*nearest), known = recipe_names())
        }
        RecipeError::TooLong { .. } => t!("recipe.too-long", max = MAX_BYTES),
        RecipeError::NotText => t!("recipe.not-text"),
        RecipeError::UnknownKey { line, key, nearest } => {
            t!("recipe.unknown-key", line = line, key = key, hint = did_you_mean(nearest.as_deref()))
        }
        RecipeError::MissingKey { line, key } => t!("recipe.missing-key", line = line, key = key),
        RecipeError::UnknownValue { line, found, known } => {
            t!("recipe.unknown-value", line = line, found = found, known = known)
        }
        RecipeError::WrongType { line, found, expected } => {
            t!("recipe.wrong-type", line = line, found = found, expected = expected)
        }
        RecipeError::Syntax { line, message } => t!("recipe.syntax", line = line, message = message),
        RecipeError::OutOfRange { key, found, expected } => {
            let expected = match expected {
                Range::Epochs => t!("range.epochs", max = MAX_EPOCHS),
                Range::BatchSize => t!("range.batch-size"),
                Range::OneOrMore => t!("range.one-or-more"),
                Range::Positive => t!("range.positive"),
                Range::NotNegative => t!("range.not-negative"),
                Range::BelowOne => t!("range.below-one"),
                Range::Between(least, most) => t!("range.between", least = least, most = most),
                other => other.to_string().into(),
            };
            t!("recipe.range", key = key, found = found, expected = expected)
        }
        RecipeError::Layers(error) => t!("recipe.layers", reason = architecture(error)),
        RecipeError::Additions { classes } => t!("recipe.additions", classes = classes),
        RecipeError::Quantization(error) => t!("recipe.quantization", reason = quantization(error)),
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| t!("recipe.did-you-mean", nearest = nearest).into_owned()).unwrap_or_default()
}

fn architecture(error: &ArchitectureError) -> String {
    match error {
        ArchitectureError::FirstLayer => t!("architecture.first"),
        ArchitectureError::LastLayer => t!("architecture.last", max = MAX_CLASSES),
        ArchitectureError::Width { layer, width } => {
            t!("architecture.width", layer = layer + 1, width = width, max = MAX_WIDTH)
        }
        ArchitectureError::Window { layer, window, input } => {
            t!("architecture.window", layer = layer + 1, window = window, input = input)
        }
        ArchitectureError::Stride { layer, stride, padding } => {
            t!("architecture.stride", layer = layer + 1, stride = stride, padding = padding)
        }
        ArchitectureError::Dropout { layer, probability } => {
            t!("architecture.dropout", layer = layer + 1, probability = probability)
        }
        ArchitectureError::Residual { layer, input, output } => {
            t!("architecture.residual", layer = layer + 1, input = input, output = output)
        }
        ArchitectureError::RowsAlone { layer } => t!("architecture.rows-alone", layer = layer + 1),
        ArchitectureError::Lines { classes } => {
            t!("architecture.lines", columns = MOST_COLUMNS_PER_STEP, classes = classes)
        }
        ArchitectureError::TooManyLayers { found } => {
            t!("architecture.layers", found = found, max = MAX_LAYERS)
        }
        ArchitectureError::TooLarge { layer, found } => {
            t!("architecture.large", layer = layer + 1, found = found, max = MAX_NUMBERS)
        }
        _ => error.to_string().into(),
    }
    .into_owned()
}

/// What is wrong with a checkpoint, or with going on from it.
pub fn checkpoint(error: &CheckpointError) -> String {
    let value = |value: &Option<String>| match value {
        Some(value) => value.clone(),
        None => t!("checkpoint.nothing").into_owned(),
    };
    match error {
        CheckpointError::Beginning { found: 0 } => t!("checkpoint.empty"),
        CheckpointError::Beginning { .. } => t!("checkpoint.beginning"),
        CheckpointError::Hash { found, expected } => {
            t!("checkpoint.hash", found = found, expected = expected)
        }
        CheckpointError::Safetensors(_) => t!("checkpoint.as-safetensors"),
        CheckpointError::Version { found } => {
            t!("model.version", found = found, expected = training::checkpoint::FORMAT_VERSION)
        }
        CheckpointError::Recipe(_) => t!("model.recipe"),
        CheckpointError::Missing { name } => t!("model.missing", name = name),
        CheckpointError::Surplus { name } => t!("checkpoint.surplus", name = name),
        CheckpointError::Value { name, found, expected } => {
            t!("checkpoint.value", name = name, found = found, expected = expected)
        }
        CheckpointError::Length { name, found, expected } => {
            t!("model.shape", name = name, found = format!("{found:?}"), expected = format!("[{expected}]"))
        }
        CheckpointError::NotFinite { name, index, value } => {
            t!("model.not-finite", name = name, index = index, value = value)
        }
        CheckpointError::Negative { name, index, value } => {
            t!("checkpoint.negative", name = name, index = index, value = value)
        }
        CheckpointError::OtherRecipe { key, found, expected } => {
            t!("checkpoint.other-recipe", key = key, found = value(found), expected = value(expected))
        }
        CheckpointError::OtherData { found, expected } => {
            t!("checkpoint.other-data", found = found, expected = expected)
        }
        CheckpointError::OtherCount { found, expected } => {
            t!("checkpoint.other-count", found = found, expected = expected)
        }
        CheckpointError::OtherExamples { found, expected } => {
            t!("checkpoint.other-examples", found = found, expected = expected)
        }
        _ => error.to_string().into(),
    }
    .into_owned()
}

fn diverged(error: &Diverged) -> String {
    t!("train.diverged", loss = error.loss, epoch = error.epoch + 1, iteration = error.iteration + 1)
        .into_owned()
}

fn io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => t!("io.not-found"),
        io::ErrorKind::PermissionDenied => t!("io.permission"),
        io::ErrorKind::StorageFull => t!("io.full"),
        io::ErrorKind::QuotaExceeded => t!("io.quota"),
        io::ErrorKind::FileTooLarge => t!("io.too-large"),
        io::ErrorKind::IsADirectory => t!("io.is-folder"),
        io::ErrorKind::NotADirectory => t!("io.no-folder"),
        io::ErrorKind::ReadOnlyFilesystem => t!("io.read-only"),
        io::ErrorKind::AddrInUse => t!("io.address-in-use"),
        io::ErrorKind::AddrNotAvailable => t!("io.no-address"),
        _ => t!("io.other", message = error),
    }
    .into_owned()
}

/// The names of the built-in recipes, in words.
pub fn recipe_names() -> String {
    BUILT_IN.map(|(name, _)| name).join(&t!("list.comma"))
}
