//! CTC's losses and gradients against PyTorch's, which `reference/ctc.py` wrote down.

use serde_json::Value;
use shuzi_engine::network::ctc::{CtcWorkspace, loss_and_gradient};

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    case[key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let cases: Value = serde_json::from_str(include_str!("../../../../reference/ctc.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= 10);
    let mut workspace = CtcWorkspace::default();
    for (index, case) in cases.iter().enumerate() {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels: Vec<u8> = numbers(case, "labels").iter().map(|&label| label as u8).collect();
        let logits: Vec<f32> = numbers(case, "logits").iter().map(|&z| z as f32).collect();
        let mut gradient = vec![0.0; logits.len()];
        let loss = loss_and_gradient(&logits, classes, &labels, 1.0, &mut gradient, &mut workspace);
        let expected = case["loss"].as_f64().unwrap();
        assert!((f64::from(loss) - expected).abs() < 1e-4, "{index}: {loss}, PyTorch {expected}");
        for (place, (found, expected)) in gradient.iter().zip(numbers(case, "gradient")).enumerate() {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{index}, {place}: {found}, PyTorch {expected}"
            );
        }
    }
}
