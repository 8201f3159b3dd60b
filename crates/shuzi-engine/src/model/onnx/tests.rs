//! The file is read back as its fields; that it computes what the library does is checked by `.ci/check_onnx.py`.

use super::*;
use crate::{
    Rng,
    model::{Model, Record, TestResult},
    network::{Architecture, ConvKind, DepthwiseKind, InitialWeights, LayerKind},
    preprocess::PixelScale,
    recipe::Recipe,
};
use rand::SeedableRng;

/// What a field holds.
#[derive(Debug, PartialEq)]
enum Field<'a> {
    Integer(i64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// The fields of a message.
struct Fields<'a>(Vec<(u64, Field<'a>)>);

impl<'a> Fields<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let (&byte, rest) = bytes.split_first().unwrap();
                *bytes = rest;
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        let mut fields = vec![];
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let length = match key & 7 {
                0 => {
                    fields.push((key >> 3, Field::Integer(varint(&mut bytes) as i64)));
                    continue;
                }
                2 => varint(&mut bytes) as usize,
                5 => 4,
                other => panic!("written as {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            bytes = rest;
            let is_float = key & 7 == 5;
            let float = || Field::Float(f32::from_le_bytes(value.try_into().unwrap()));
            fields.push((key >> 3, if is_float { float() } else { Field::Bytes(value) }));
        }
        Fields(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &Field<'a>> {
        self.0.iter().filter(move |(found, _)| *found == number).map(|(_, field)| field)
    }

    fn integers(&self, number: u64) -> Vec<i64> {
        let integer = |field: &Field| match field {
            Field::Integer(value) => *value,
            other => panic!("{other:?}"),
        };
        self.all(number).map(integer).collect()
    }

    fn bytes(&self, number: u64) -> Vec<&'a [u8]> {
        let bytes = |field: &Field<'a>| match field {
            Field::Bytes(bytes) => *bytes,
            other => panic!("{other:?}"),
        };
        self.all(number).map(bytes).collect()
    }

    fn texts(&self, number: u64) -> Vec<&'a str> {
        self.bytes(number).into_iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
    }

    fn messages(&self, number: u64) -> Vec<Fields<'a>> {
        self.bytes(number).into_iter().map(Fields::read).collect()
    }

    fn message(&self, number: u64) -> Fields<'a> {
        let [message] = <[Fields; 1]>::try_from(self.messages(number)).ok().expect("one message");
        message
    }
}

/// The graph of a file.
fn graph(file: &[u8]) -> Fields<'_> {
    Fields::read(file).message(7)
}

/// For each node its operator, inputs and output.
fn nodes<'a>(graph: &Fields<'a>) -> Vec<(&'a str, Vec<&'a str>, &'a str)> {
    let nodes = graph.messages(1).into_iter();
    nodes.map(|node| (node.texts(4)[0], node.texts(1), node.texts(2)[0])).collect()
}

/// The shape and the numbers of a constant.
fn constant(graph: &Fields, name: &str) -> (Vec<i64>, Vec<f32>) {
    let tensor = graph.messages(5).into_iter().find(|tensor| tensor.texts(8) == [name]).expect(name);
    let numbers = tensor.bytes(9)[0].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (tensor.integers(1), numbers)
}

/// A network with random numbers everywhere.
fn network(scale: PixelScale, layers: &[LayerKind]) -> Network {
    let architecture = Architecture::new(scale, layers).unwrap();
    let network = Network::random(architecture, InitialWeights::He, &mut Rng::seed_from_u64(1));
    let parameters: Vec<f32> = (0..network.parameters().len()).map(|i| (i as f32).sin()).collect();
    let statistics: Vec<f32> = (0..network.statistics().len()).map(|i| 1.5 + (i as f32).cos()).collect();
    Network::new(network.architecture().clone(), &parameters, &statistics)
}

fn every_layer() -> Network {
    let conv =
        |channels, kernel, stride, padding| LayerKind::Conv(ConvKind { channels, kernel, stride, padding });
    let depthwise = LayerKind::DepthwiseConv(DepthwiseKind { kernel: 3, stride: 1, padding: 1 });
    network(
        PixelScale::Unit,
        &[
            LayerKind::Crop(25),
            conv(3, 5, 2, 1), // 12x12x3
            LayerKind::BatchNorm,
            LayerKind::Relu,
            LayerKind::Residual(vec![depthwise, LayerKind::BatchNorm]),
            LayerKind::MaxPool(2), // 6x6x3
            LayerKind::Dropout(0.5),
            LayerKind::AveragePool(2), // 3x3x3
            LayerKind::Flatten,
            LayerKind::Linear(7),
            LayerKind::Relu,
            conv(5, 1, 1, 0), // of one pixel
            LayerKind::GlobalAveragePool,
            LayerKind::Linear(10),
        ],
    )
}

#[test]
fn every_layer_is_a_node_or_several() {
    let file = write(&every_layer(), InputShape::Nhw, &Classes::digits(), None, &[]);
    let graph = graph(&file);
    let found: Vec<_> = nodes(&graph)
        .into_iter()
        .map(|(operator, inputs, output)| format!("{output} = {operator}({})", inputs.join(", ")))
        .collect();
    let expected = [
        "mul1 = Mul(pixels, pixel_scale)",
        "unsqueeze1 = Unsqueeze(mul1, unsqueeze1.axes)",
        "slice1 = Slice(unsqueeze1, slice1.starts, slice1.ends, slice1.axes)",
        "conv1 = Conv(slice1, conv1.weight)", // no bias before batch normalisation
        "batch_norm1 = BatchNormalization(conv1, batch_norm1.weight, batch_norm1.bias, batch_norm1.mean, batch_norm1.variance)",
        "relu1 = Relu(batch_norm1)",
        "conv2 = Conv(relu1, conv2.weight)",
        "batch_norm2 = BatchNormalization(conv2, batch_norm2.weight, batch_norm2.bias, batch_norm2.mean, batch_norm2.variance)",
        "add1 = Add(relu1, batch_norm2)",
        "maxpool1 = MaxPool(add1)", // and nothing for dropout
        "averagepool1 = AveragePool(maxpool1)",
        "transpose1 = Transpose(averagepool1)",
        "flatten1 = Flatten(transpose1)",
        "linear1 = Gemm(flatten1, linear1.weight, linear1.bias)",
        "relu2 = Relu(linear1)",
        "unsqueeze2 = Unsqueeze(relu2, unsqueeze2.axes)",
        "conv3 = Conv(unsqueeze2, conv3.weight, conv3.bias)",
        "flatten2 = Flatten(conv3)",
        "unsqueeze3 = Unsqueeze(flatten2, unsqueeze3.axes)",
        "globalaveragepool1 = GlobalAveragePool(unsqueeze3)",
        "flatten3 = Flatten(globalaveragepool1)",
        "logits = Gemm(flatten3, linear2.weight, linear2.bias)",
        "probabilities = Softmax(logits)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn attributes_are_those_of_the_layer() {
    let file = write(&every_layer(), InputShape::Nhw, &Classes::digits(), None, &[]);
    let nodes = graph(&file).messages(1);
    let attributes = |output: &str| -> Vec<(String, Vec<i64>)> {
        let node = nodes.iter().find(|node| node.texts(2) == [output]).unwrap();
        let attributes = node.messages(5).into_iter();
        attributes
            .map(|attribute| {
                let values = match attribute.integers(20)[0] {
                    2 => attribute.integers(3),
                    7 => attribute.integers(8),
                    other => panic!("{other}"),
                };
                (attribute.texts(1)[0].to_string(), values)
            })
            .collect()
    };
    let expected = |all: &[(&str, &[i64])]| -> Vec<(String, Vec<i64>)> {
        all.iter().map(|(name, values)| (name.to_string(), values.to_vec())).collect()
    };
    let conv = |kernel, stride, padding, group| {
        let (kernel, stride) = ([kernel; 2], [stride; 2]);
        expected(&[
            ("kernel_shape", &kernel),
            ("strides", &stride),
            ("pads", &[padding; 4]),
            ("group", &[group]),
        ])
    };
    assert_eq!(attributes("conv1"), conv(5, 2, 1, 1));
    assert_eq!(attributes("conv2"), conv(3, 1, 1, 3));
    assert_eq!(attributes("maxpool1"), expected(&[("kernel_shape", &[2, 2]), ("strides", &[2, 2])]));
    assert_eq!(attributes("transpose1"), expected(&[("perm", &[0, 2, 3, 1])]));
    assert_eq!(attributes("flatten1"), expected(&[("axis", &[1])]));
    let norm = nodes.iter().find(|node| node.texts(2) == ["batch_norm1"]).unwrap().message(5);
    assert_eq!((norm.texts(1), norm.all(2).next()), (vec!["epsilon"], Some(&Field::Float(EPSILON))));
}

#[test]
fn weights_of_convolutions_are_turned_and_others_are_not() {
    let network = every_layer();
    let file = write(&network, InputShape::Nhw, &Classes::digits(), None, &[]);
    let graph = graph(&file);
    let tensors = network.architecture().tensors();
    for tensor in &tensors {
        let numbers = network.tensor(tensor);
        let (shape, found) = constant(&graph, &tensor.name);
        let shape: Vec<usize> = shape.into_iter().map(|length| length as usize).collect();
        match tensor.shape[..] {
            [kernel, _, channels, outputs] => {
                assert_eq!(shape, [outputs, channels, kernel, kernel], "{}", tensor.name);
                for (index, &number) in numbers.iter().enumerate() {
                    let (place, channel, output) =
                        (index / outputs / channels, index / outputs % channels, index % outputs);
                    assert_eq!(found[(output * channels + channel) * kernel * kernel + place], number);
                }
            }
            [kernel, _, channels] => {
                assert_eq!(shape, [channels, 1, kernel, kernel], "{}", tensor.name);
                for (index, &number) in numbers.iter().enumerate() {
                    assert_eq!(found[index % channels * kernel * kernel + index / channels], number);
                }
            }
            _ => assert_eq!((shape, &found[..]), (tensor.shape.clone(), numbers), "{}", tensor.name),
        }
    }
    // The others: the scale of pixels, and where to crop and unsqueeze.
    assert_eq!(constant(&graph, "pixel_scale"), (vec![], vec![1.0 / 255.0]));
    assert_eq!(graph.messages(5).len(), tensors.len() + 1 + 6);
}

#[test]
fn a_fully_connected_network_takes_bytes_as_they_are() {
    let layers = [LayerKind::Linear(4), LayerKind::Relu, LayerKind::Linear(10)];
    let file = write(&network(PixelScale::Raw, &layers), InputShape::Nhw, &Classes::digits(), Some(0.5), &[]);
    let graph = graph(&file);
    let operators: Vec<_> = nodes(&graph).into_iter().map(|(operator, ..)| operator).collect();
    assert_eq!(operators, ["Flatten", "Gemm", "Relu", "Gemm", "Div", "Softmax"]);
    let [.., (_, divided, quotient), (_, softmax, _)] = &nodes(&graph)[..] else { unreachable!() };
    assert_eq!((&divided[..], &softmax[..]), (&["logits", "temperature"][..], &[*quotient][..]));
    assert_eq!(constant(&graph, "temperature"), (vec![], vec![0.5]));
}

#[test]
fn pixels_go_in_and_probabilities_and_logits_come_out_for_any_batch() {
    let shape = |value: &Fields| -> (String, Vec<String>) {
        let tensor = value.message(2).message(1);
        assert_eq!(tensor.integers(1), [1], "float32");
        let dimensions = tensor.message(2).messages(1).into_iter();
        let dimension = |dimension: Fields| match dimension.texts(2)[..] {
            [name] => name.to_string(),
            _ => dimension.integers(1)[0].to_string(),
        };
        (value.texts(1)[0].to_string(), dimensions.map(dimension).collect())
    };
    let expected =
        |name: &str, shape: &[&str]| (name.to_string(), shape.iter().map(|s| s.to_string()).collect());
    for (input, pixels) in
        [(InputShape::Nhw, &["batch", "28", "28"][..]), (InputShape::Nchw, &["batch", "1", "28", "28"])]
    {
        let file = write(&every_layer(), input, &Classes::digits(), None, &[]);
        let graph = graph(&file);
        let shapes = |field| graph.messages(field).iter().map(shape).collect::<Vec<_>>();
        assert_eq!(shapes(11), [expected("pixels", pixels)]);
        let outputs = ["probabilities", "logits"].map(|name| expected(name, &["batch", "10"]));
        assert_eq!(shapes(12), outputs);
    }
}

#[test]
fn pixels_with_an_axis_for_channels_are_a_picture_already() {
    let file = write(&every_layer(), InputShape::Nchw, &Classes::digits(), None, &[]);
    let graph = graph(&file);
    let [(_, scaled, first), (operator, inputs, _), ..] = &nodes(&graph)[..] else { unreachable!() };
    assert_eq!((&scaled[..], *operator, inputs[0]), (&["pixels", "pixel_scale"][..], "Slice", *first));
}

#[test]
fn what_is_known_of_a_model_goes_with_it() {
    let recipe = Recipe::built_in("classic").unwrap();
    let network = network(PixelScale::Raw, &recipe.network.layers);
    let record = Record {
        recipe: Some(recipe.clone()),
        trained_on: Some("MNIST".into()),
        test: Some(TestResult { count: 8, correct: 7 }),
        temperature: Some(0.25),
    };
    let model = Model { network: network.clone(), classes: Classes::digits(), record };
    let file = model.to_onnx(InputShape::Nhw);
    assert_eq!(file, model.to_onnx(InputShape::Nhw), "equal models are equal files");
    let fields = Fields::read(&file);
    assert_eq!((fields.integers(1), fields.texts(2)), (vec![8], vec!["shuzi"]));
    assert_eq!(fields.texts(3), [env!("CARGO_PKG_VERSION")]);
    assert_eq!(fields.message(8).integers(2), [17]);
    let properties = fields.messages(14);
    let properties: Vec<_> =
        properties.iter().map(|property| (property.texts(1)[0], property.texts(2)[0])).collect();
    let (sha256, toml) = (model.weights_sha256(), recipe.to_toml());
    let expected = [
        ("weights_sha256", &sha256[..]),
        ("name", "classic"),
        ("recipe", &toml),
        ("seed", "0"),
        ("trained_on", "MNIST"),
        ("test_accuracy", "0.875"),
        ("test_correct", "7"),
        ("test_count", "8"),
        ("temperature", "0.25"),
    ];
    assert_eq!(properties, expected);
    let unknown =
        Model { network, classes: Classes::digits(), record: Record::default() }.to_onnx(InputShape::Nhw);
    assert_eq!(Fields::read(&unknown).messages(14).len(), 1, "the hash alone");
}
