//! How well a model reads, as JSON.

use serde_json::json;
use shuzi_engine::evaluation::Evaluation;

/// How well a model reads, for programs: alone or in a comparison the same keys.
///
/// Settings are compared by the loss at the temperature that suits these images best: how timid a network is does not
/// count there, and chance moves it less than mistakes.
pub fn add_quality(object: &mut serde_json::Value, evaluation: &Evaluation, temperature: Option<f64>) {
    let interval = evaluation.interval();
    let tempered = temperature.map(|temperature| evaluation.at_temperature(temperature));
    let best_temperature = evaluation.best_temperature();
    let at_best = best_temperature.map(|temperature| evaluation.at_temperature(temperature));
    object["correct"] = evaluation.correct().into();
    object["accuracy"] = evaluation.accuracy().into();
    object["interval"] = json!([interval.low, interval.high]);
    object["loss"] = evaluation.loss().into();
    object["calibration_error"] = evaluation.expected_calibration_error().into();
    object["temperature"] = temperature.into();
    object["tempered_calibration_error"] =
        tempered.map(|tempered| tempered.expected_calibration_error()).into();
    object["best_temperature"] = best_temperature.into();
    object["loss_at_best_temperature"] = at_best.map(|at_best| at_best.loss()).into();
}
