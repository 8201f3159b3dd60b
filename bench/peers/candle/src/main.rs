//! candle trains the classic network (`train`), or reads the test images with it (`read`).

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{Init, Linear, Module, Optimizer, SGD, VarBuilder, VarMap, loss, ops};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{env, fs, time::Instant};

const BATCH: usize = 90;

fn bytes(name: &str, header: usize) -> Vec<u8> {
    let folder = env::var("MNIST_RAW").expect("MNIST_RAW names the folder of the four raw files");
    fs::read(format!("{folder}/{name}")).expect("a raw file of MNIST")[header..].to_vec()
}

fn examples(part: &str) -> Result<(Tensor, Tensor)> {
    let images: Vec<f32> =
        bytes(&format!("{part}-images-idx3-ubyte"), 16).into_iter().map(f32::from).collect();
    let labels: Vec<u32> =
        bytes(&format!("{part}-labels-idx1-ubyte"), 8).into_iter().map(u32::from).collect();
    let count = labels.len();
    Ok((
        Tensor::from_vec(images, (count, 784), &Device::Cpu)?,
        Tensor::from_vec(labels, count, &Device::Cpu)?,
    ))
}

struct Network(Vec<Linear>);

impl Network {
    fn new(variables: &VarBuilder) -> Result<Self> {
        let layer = |(number, (inputs, outputs)): (usize, (usize, usize))| {
            let scope = variables.pp(number.to_string());
            let weight =
                scope.get_with_hints((outputs, inputs), "weight", Init::Randn { mean: 0.0, stdev: 0.01 })?;
            Ok(Linear::new(weight, Some(scope.get_with_hints(outputs, "bias", Init::Const(0.0))?)))
        };
        [(784, 32), (32, 16), (16, 10)].into_iter().enumerate().map(layer).collect::<Result<_>>().map(Network)
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.0[0].forward(x)?.relu()?;
        self.0[2].forward(&self.0[1].forward(&x)?.relu()?)
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() -> Result<()> {
    let seed = env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let variables = VarMap::new();
    let network = Network::new(&VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;
    let (test_images, test_labels) = examples("t10k")?;
    let reading = env::args().nth(1).as_deref() == Some("read");
    let seconds;
    let mut single_seconds = String::new();
    if reading {
        let read = |x: &Tensor| ops::softmax(&network.logits(x)?, D::Minus1);
        let mut durations = vec![];
        for _ in 0..31 {
            let clock = Instant::now();
            read(&test_images)?;
            durations.push(clock.elapsed().as_secs_f64());
        }
        seconds = median(durations);
        let mut durations = vec![];
        for index in 0..10_000 {
            let image = test_images.narrow(0, index, 1)?.contiguous()?;
            let clock = Instant::now();
            read(&image)?;
            durations.push(clock.elapsed().as_secs_f64());
        }
        single_seconds = format!("\"single_seconds\": {}, ", median(durations));
    } else {
        let (images, labels) = examples("train")?;
        let mut optimizer = SGD::new(variables.all_vars(), 0.01)?;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut order: Vec<u32> = (0..60_000).collect();
        let clock = Instant::now();
        for _ in 0..3 {
            order.shuffle(&mut rng);
            let order = Tensor::from_slice(&order, order.len(), &Device::Cpu)?;
            let (images, labels) = (images.index_select(&order, 0)?, labels.index_select(&order, 0)?);
            for batch in 0..60_000 / BATCH {
                let x = images.narrow(0, batch * BATCH, BATCH)?;
                let y = labels.narrow(0, batch * BATCH, BATCH)?;
                optimizer.backward_step(&loss::cross_entropy(&network.logits(&x)?, &y)?)?;
            }
        }
        seconds = clock.elapsed().as_secs_f64();
    }
    let right = network.logits(&test_images)?.argmax(D::Minus1)?.eq(&test_labels)?;
    let accuracy = right.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
    println!(
        "{{\"version\": \"candle 0.11.1\", \"seconds\": {seconds}, {single_seconds}\"accuracy\": {accuracy}}}"
    );
    Ok(())
}
