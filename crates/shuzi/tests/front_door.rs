//! The library as its users see it: what is read, what is refused and why, and what a training gives.

use shuzi::{Bounds, Cancel, ModelErrorKind, Picture, PictureErrorKind, ReadOptions, Reader};

const PAGE: &[u8] = include_bytes!("../examples/page.png");

/// The page's ink on white paper, so many times, one line below the other.
fn lines(count: usize) -> Picture {
    let page = image::load_from_memory(PAGE).unwrap().to_luma8();
    let (width, height) = (page.width() as usize, page.height() as usize);
    let ink: Vec<u8> = page.as_raw().iter().map(|&gray| if gray < 110 { 0 } else { 255 }).collect();
    Picture::gray(width, count * height, ink.repeat(count))
}

#[test]
fn lines_digits_and_their_places() {
    let (reader, picture) = (Reader::pretrained(), lines(2));
    let (three, reading) = (reader.read(&lines(3)), reader.read(&picture));
    let one = three.lines()[0].text();
    assert!(one.starts_with("2718"), "{one}");
    assert_eq!(reading.text(), format!("{one}\n{one}"));
    let [first, second] = reading.lines() else { panic!("{:?}", reading.text()) };
    assert_eq!(
        (first.text(), second.digits().len(), reading.digits().count()),
        (one.clone(), one.len(), 2 * one.len())
    );
    let product: f32 = reading.digits().map(shuzi::Digit::confidence).product();
    assert!((reading.confidence() - product).abs() < 1e-6 && first.confidence() >= reading.confidence());
    let Bounds { left, top, width, height } = first.bounds();
    assert!(top + height <= picture.height() / 2 && second.bounds().top >= picture.height() / 2);
    for digit in first.digits() {
        let inner = digit.bounds();
        assert!(inner.left >= left && inner.left + inner.width <= left + width && inner.top >= top);
        assert!((digit.probabilities().iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(digit.image().iter().any(|pixel| *pixel > 200));
        assert_eq!(digit.name(), digit.label().to_string());
    }
    assert!(!reading.is_empty() && !reading.is_truncated());
}

#[test]
fn what_is_no_digit_is_rejected_and_one_digit_may_be_asked_for() {
    let reader = Reader::pretrained();
    // A level bar: no digit, but the one it resembles most is given when there must be one.
    let ink = |i: usize| if (40..52).contains(&(i / 100)) && (10..90).contains(&(i % 100)) { 0 } else { 255 };
    let bar = Picture::gray(100, 100, (0..100 * 100).map(ink).collect());
    let reading = reader.read(&bar);
    assert!(reading.is_empty() && reading.confidence() == 0.0, "{}", reading.text());
    let single = reader.read_with(&bar, &ReadOptions::default().single_digit()).unwrap();
    assert_eq!(single.text().len(), 1);
    let strict = reader.read_with(&bar, &ReadOptions::default().reject_below(1.0)).unwrap();
    assert!(strict.is_empty() && strict.rejected().len() <= 1);
}

#[test]
fn a_reading_can_be_cancelled() {
    let cancel = Cancel::default();
    let options = ReadOptions::default().cancelled_by(&cancel);
    let reader = Reader::pretrained();
    assert!(reader.read_with(&lines(2), &options).is_ok());
    cancel.cancel();
    assert!(reader.read_with(&lines(2), &options).is_err());
}

#[test]
fn errors_have_kinds_and_say_what_was_found() {
    use PictureErrorKind::{CutShort, Empty, TooLarge, UnknownFormat, UnsupportedFormat};
    let cases: [(&[u8], PictureErrorKind); 4] = [
        (b"", Empty),
        (b"no picture", UnknownFormat),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", UnsupportedFormat),
        (&PAGE[..PAGE.len() / 2], CutShort),
    ];
    for (bytes, kind) in cases {
        let error = Picture::decode(bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().len() > 10);
    }
    assert_eq!(Picture::decode_at_most(PAGE, 100).unwrap_err().kind(), TooLarge);
    let partial = Picture::decode_partial(&PAGE[..PAGE.len() / 2]).unwrap();
    assert!(partial.is_partial() && partial.height() > 0);
    assert!(!Picture::decode_partial(PAGE).unwrap().is_partial());

    let error = Reader::named("foto").unwrap_err();
    assert!(error.kind() == ModelErrorKind::UnknownName && error.to_string().contains("photo"), "{error}");
    assert_eq!(shuzi::Model::from_bytes(b"no model").unwrap_err().kind(), ModelErrorKind::Invalid);
}

#[test]
fn readers_are_shared_among_threads() {
    fn is_shared<T: Send + Sync + Clone>() {}
    is_shared::<Reader>();
    is_shared::<Picture>();
}

mod training {
    use shuzi::{Dataset, Progress, Recipe, TrainError, Training};
    use std::ops::ControlFlow;

    #[test]
    fn the_same_seed_gives_the_same_weights_whatever_the_threads() {
        let data = Dataset::synthetic(900, 0);
        let recipe = Recipe::named("classic").unwrap().with_epochs(2);
        let train = |recipe: &Recipe, threads| {
            Training::new(recipe, &data).threads(threads).run().unwrap().weights_sha256()
        };
        let one = train(&recipe, 1);
        assert_eq!(one, train(&recipe, 3));
        assert_ne!(one, train(&recipe.clone().with_seed(1), 1));
    }

    #[test]
    fn a_training_tells_its_progress_and_can_be_ended() {
        let (data, held_out) = Dataset::synthetic(1000, 0).split(100, 0);
        let recipe = Recipe::named("classic").unwrap().with_epochs(3);
        let (mut steps, mut epochs) = (0, 0);
        let observe = |progress: &Progress| match progress {
            Progress::Epoch { validation_accuracy: Some(_), .. } => {
                epochs += 1;
                ControlFlow::Break(())
            }
            _ => {
                steps += 1;
                ControlFlow::Continue(())
            }
        };
        let model = Training::new(&recipe, &data).validation(&held_out).on_progress(observe).run().unwrap();
        assert_eq!((steps, epochs), (10, 1));
        assert_eq!(shuzi::evaluate(&model, &held_out).unwrap().count(), 100);
    }

    #[test]
    fn what_cannot_be_trained_is_said() {
        let few = Dataset::synthetic(50, 0);
        let recipe = Recipe::named("classic").unwrap();
        assert!(matches!(
            shuzi::train(&recipe, &few).unwrap_err(),
            TrainError::FewerThanABatch { found: 50, batch_size: 90, .. }
        ));
        let wild = recipe.clone().with_batch_size(10).with_learning_rate(1e30).with_epochs(5);
        assert!(matches!(shuzi::train(&wild, &few).unwrap_err(), TrainError::Diverged { .. }));
        let classes =
            Dataset::with_classes(few.images().to_vec(), vec![0; 50], ["circle", "square"]).unwrap();
        assert!(matches!(
            shuzi::train(&Recipe::named("photo").unwrap(), &classes).unwrap_err(),
            TrainError::Recipe(_)
        ));
        assert!(Recipe::named("clasic").unwrap_err().to_string().contains("clasic"));
        assert!(
            Dataset::new(vec![0; 784], vec![1, 2]).unwrap_err().to_string().contains("1 images but 2 labels")
        );
    }

    #[test]
    fn other_classes_are_learned_by_name() {
        let data = Dataset::synthetic(600, 0);
        let parity = data.labels().iter().map(|label| label % 2).collect();
        let data = Dataset::with_classes(data.images().to_vec(), parity, ["even", "odd"]).unwrap();
        let recipe = Recipe::named("mlp").unwrap().with_epochs(3);
        let model = shuzi::train(&recipe, &data).unwrap();
        assert_eq!(model.classes().collect::<Vec<_>>(), ["even", "odd"]);
        let again = shuzi::Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(again, model);
        assert_eq!(shuzi::Reader::new(&again).classes().count(), 2);
    }
}
