//! Connectionist temporal classification (Graves, Fernández, Gomez and Schmidhuber 2006): the loss of a text, where nobody has said
//! which column of the picture shows which sign.
//!
//! A network gives logits for each step (column) t; softmax makes `y` of them, a probability for each class k, of which the last is the
//! *blank*: nothing new here. An alignment names a class for each step; equal neighbours become one and blanks are dropped, and what is
//! left is its text. The text l is as probable as all its alignments together:
//!
//! `p(l) = Σ_{π: B(π) = l} Π_t y_t(π_t)`, `loss = −ln p(l)`.
//!
//! With the text spread out, a blank before, between and behind its signs (`l'`, of `2·|l| + 1` states), forward and backward sums over
//! the first and the last steps are
//!
//! `α_t(s) = y_t(l'_s) · (α_{t−1}(s) + α_{t−1}(s−1) + [l'_s is no blank and l'_s ≠ l'_{s−2}] · α_{t−1}(s−2))`,
//! `β_t(s) = y_t(l'_s) · (β_{t+1}(s) + β_{t+1}(s+1) + [l'_s is no blank and l'_s ≠ l'_{s+2}] · β_{t+1}(s+2))`,
//!
//! both computed as logarithms, and the gradient is
//!
//! `∂loss/∂z_t(k) = y_t(k) − Σ_{s: l'_s = k} α_t(s)·β_t(s) / (y_t(k)·p(l))`.

/// Memory for the sums, kept from text to text.
#[derive(Debug, Default)]
pub struct CtcWorkspace {
    /// `ln y`, `[steps, classes]`.
    log_probabilities: Vec<f64>,
    /// `ln α` and `ln β`, `[steps, states]`.
    forward: Vec<f64>,
    backward: Vec<f64>,
}

/// The text spread out: the class of state `s`, a blank at each even one.
#[derive(Clone, Copy)]
struct States<'a> {
    labels: &'a [u8],
    blank: usize,
}

impl States<'_> {
    fn count(self) -> usize {
        2 * self.labels.len() + 1
    }

    fn class(self, state: usize) -> usize {
        if state.is_multiple_of(2) { self.blank } else { usize::from(self.labels[state / 2]) }
    }

    /// Whether the blank before this state may be left out: not between equal signs.
    fn may_skip_to(self, state: usize) -> bool {
        state >= 2 && !state.is_multiple_of(2) && self.class(state) != self.class(state - 2)
    }
}

/// Whether a text fits into so many steps: equal neighbours need a blank between them.
pub fn fits(labels: &[u8], steps: usize) -> bool {
    let doubled = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
    labels.len() + doubled <= steps
}

/// The loss of a text in nats. `logits` are `[steps, classes]`, the blank is the last class.
///
/// # Panics
///
/// If there is no step, the text does not [fit](fits), or a label is no class before the blank.
pub fn loss(logits: &[f32], classes: usize, labels: &[u8], workspace: &mut CtcWorkspace) -> f32 {
    let states = check(logits, classes, labels);
    fill_log_probabilities(logits, classes, &mut workspace.log_probabilities);
    -fill_forward(states, classes, workspace) as f32
}

/// The same, and `weight` times its gradient by the logits, `[steps, classes]`.
///
/// # Panics
///
/// As [`loss`], or if the gradient has another size than the logits.
pub fn loss_and_gradient(
    logits: &[f32],
    classes: usize,
    labels: &[u8],
    weight: f32,
    gradient: &mut [f32],
    workspace: &mut CtcWorkspace,
) -> f32 {
    assert_eq!(gradient.len(), logits.len(), "ctc: gradient");
    let states = check(logits, classes, labels);
    fill_log_probabilities(logits, classes, &mut workspace.log_probabilities);
    let log_probability = fill_forward(states, classes, workspace);
    fill_backward(states, classes, workspace);
    let CtcWorkspace { log_probabilities, forward, backward } = workspace;
    let sums = forward.chunks_exact(states.count()).zip(backward.chunks_exact(states.count()));
    let steps = log_probabilities.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((log_y, dz), (alpha, beta)) in steps.zip(sums) {
        for (dz, log_y) in dz.iter_mut().zip(log_y) {
            *dz = weight * log_y.exp() as f32;
        }
        for (state, (alpha, beta)) in alpha.iter().zip(beta).enumerate() {
            let class = states.class(state);
            // Both sums hold this step's probability, so it is divided by once.
            dz[class] -= weight * (alpha + beta - log_y[class] - log_probability).exp() as f32;
        }
    }
    -log_probability as f32
}

/// The most probable class of each step, equal neighbours as one and without blanks: the text that is nearly always the most probable,
/// too, and the steps that each sign of it takes.
///
/// # Panics
///
/// If the logits are not `[steps, classes]`.
pub fn greedy(logits: &[f32], classes: usize) -> Vec<(u8, std::ops::Range<usize>)> {
    assert!(logits.len().is_multiple_of(classes), "ctc: logits");
    let blank = classes - 1;
    let mut signs: Vec<(u8, std::ops::Range<usize>)> = vec![];
    let mut before = blank;
    for (step, logits) in logits.chunks_exact(classes).enumerate() {
        let larger = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
        let class = (1..classes).fold(0, larger);
        if class != blank {
            match signs.last_mut() {
                Some((_, range)) if class == before => range.end = step + 1,
                _ => signs.push((class as u8, step..step + 1)),
            }
        }
        before = class;
    }
    signs
}

fn check<'a>(logits: &[f32], classes: usize, labels: &'a [u8]) -> States<'a> {
    assert!(!logits.is_empty() && logits.len().is_multiple_of(classes), "ctc: logits");
    assert!(labels.iter().all(|&label| usize::from(label) + 1 < classes), "ctc: a label is no class");
    assert!(
        fits(labels, logits.len() / classes),
        "ctc: {} signs in {} steps",
        labels.len(),
        logits.len() / classes
    );
    States { labels, blank: classes - 1 }
}

fn fill_log_probabilities(logits: &[f32], classes: usize, log_probabilities: &mut Vec<f64>) {
    log_probabilities.clear();
    for logits in logits.chunks_exact(classes) {
        let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = logits.iter().map(|&z| (f64::from(z) - largest).exp()).sum();
        let log_sum = largest + sum.ln();
        log_probabilities.extend(logits.iter().map(|&z| f64::from(z) - log_sum));
    }
}

/// Fills `ln α`, and gives `ln p`.
fn fill_forward(states: States<'_>, classes: usize, workspace: &mut CtcWorkspace) -> f64 {
    let CtcWorkspace { log_probabilities, forward, .. } = workspace;
    let (count, steps) = (states.count(), log_probabilities.len() / classes);
    forward.clear();
    forward.resize(steps * count, f64::NEG_INFINITY);
    for state in 0..count.min(2) {
        forward[state] = log_probabilities[states.class(state)];
    }
    for step in 1..steps {
        let (before, now) = forward.split_at_mut(step * count);
        let before = &before[(step - 1) * count..];
        for (state, now) in now[..count].iter_mut().enumerate() {
            let mut sum = before[state];
            if state >= 1 {
                sum = log_add(sum, before[state - 1]);
            }
            if states.may_skip_to(state) {
                sum = log_add(sum, before[state - 2]);
            }
            *now = sum + log_probabilities[step * classes + states.class(state)];
        }
    }
    let last = &forward[(steps - 1) * count..];
    log_add(last[count - 1], if count > 1 { last[count - 2] } else { f64::NEG_INFINITY })
}

/// Fills `ln β`.
fn fill_backward(states: States<'_>, classes: usize, workspace: &mut CtcWorkspace) {
    let CtcWorkspace { log_probabilities, backward, .. } = workspace;
    let (count, steps) = (states.count(), log_probabilities.len() / classes);
    backward.clear();
    backward.resize(steps * count, f64::NEG_INFINITY);
    let last_step = (steps - 1) * classes;
    for state in count.saturating_sub(2)..count {
        backward[(steps - 1) * count + state] = log_probabilities[last_step + states.class(state)];
    }
    for step in (0..steps - 1).rev() {
        let (now, after) = backward.split_at_mut((step + 1) * count);
        for (state, now) in now[step * count..].iter_mut().enumerate() {
            let mut sum = after[state];
            if state + 1 < count {
                sum = log_add(sum, after[state + 1]);
            }
            if state + 2 < count && states.may_skip_to(state + 2) {
                sum = log_add(sum, after[state + 2]);
            }
            *now = sum + log_probabilities[step * classes + states.class(state)];
        }
    }
}

/// `ln(eᵃ + eᵇ)`.
fn log_add(a: f64, b: f64) -> f64 {
    let (larger, smaller) = if a > b { (a, b) } else { (b, a) };
    if smaller == f64::NEG_INFINITY { larger } else { larger + (smaller - larger).exp().ln_1p() }
}

#[cfg(test)]
mod tests;
