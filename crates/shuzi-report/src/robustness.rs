//! How robust a network is: its accuracy on corrupted images, as curves and as a sheet with a picture of
//! each corruption, and as text for the terminal.
//!
//! Every curve has the same upright axis, from nothing to all, so that they compare.

use std::{borrow::Cow, fmt::Write};

use rust_i18n::t;
use shuzi_engine::{
    evaluation::robustness::{Corruption, Robustness, Sweep},
    image::DigitImage,
};

use crate::{
    content::Corrupted,
    html,
    numbers::percent,
    summary::aligned,
    svg::{Anchor, Drawing, Escaped, Font, Layout, push_point, width_of},
};

/// The accuracies for the terminal; ends with a line break.
pub fn summary(measured: &Robustness) -> String {
    let row = |name: Cow<str>, accuracy: f64| vec![name.into_owned(), percent(accuracy, 2)];
    let mut corruptions = vec![
        vec![t!("report.corruption").into_owned(), t!("report.accuracy").into_owned()],
        row(t!("report.corruption_none"), measured.clean),
    ];
    let named = Corruption::ALL.into_iter().zip(measured.corruptions);
    corruptions.extend(named.map(|(corruption, accuracy)| row(name(corruption), accuracy)));
    corruptions.push(row(t!("report.corruption_mean"), measured.mean_corruption_accuracy()));
    let mut text = format!("{}\n{}", t!("report.robustness"), aligned(&corruptions, 1));
    for (sweep, points) in Sweep::ALL.into_iter().zip(&measured.sweeps) {
        let mut rows = [vec![title(sweep).into_owned()], vec![t!("report.robustness_axis").into_owned()]];
        for (amount, accuracy) in points {
            rows[0].push(amount.to_string());
            rows[1].push(format!("{:.1}", accuracy * 100.0));
        }
        write!(text, "\n{}", aligned(&rows, 1)).expect("a string takes all");
    }
    text
}

/// The curves, and the sheet of corruptions.
pub fn write_sections(page: &mut String, robustness: &Corrupted) {
    html::write_figure(page, &|layout| draw(robustness.measured, layout));
    html::open_section(page, "corruptions", &t!("report.corruptions"));
    let mean = percent(robustness.measured.mean_corruption_accuracy(), 2);
    let note = t!("report.corruptions_note", mean = mean);
    write!(page, "<p class=\"note\">{}</p>\n<ol class=\"mistakes\">\n", Escaped(&note))
        .expect("a string takes all");
    let (clean, corrupted) = &robustness.examples;
    write_example(page, clean, &t!("report.corruption_none"), robustness.measured.clean);
    for ((corruption, image), accuracy) in
        Corruption::ALL.into_iter().zip(corrupted).zip(robustness.measured.corruptions)
    {
        write_example(page, image, &name(corruption), accuracy);
    }
    page.push_str("</ol>\n</section>\n");
}

fn write_example(page: &mut String, image: &DigitImage, name: &str, accuracy: f64) {
    html::write_image(page, image, name);
    let (name, accuracy) = (Escaped(name), percent(accuracy, 2));
    let accuracy = Escaped(&accuracy);
    writeln!(page, "<p class=\"verdict plain\">{accuracy}</p><small>{name}</small></li>")
        .expect("a string takes all");
}

/// Draws the accuracy along each sweep, side by side if wide.
pub fn draw(measured: &Robustness, layout: Layout) -> Drawing {
    let wide = layout == Layout::Wide;
    let (id, width, padding) =
        if wide { ("robustness", 880.0, 24.0) } else { ("robustness-narrow", 352.0, 12.0) };
    let columns = if wide { 2 } else { 1 };
    let heading = t!("report.robustness_curves");
    let mut drawing = Drawing::new(id, width, padding, &heading, &t!("report.robustness_description"));
    let top = drawing.paragraph(
        padding,
        padding + 40.0,
        width - 2.0 * padding,
        Font::Body,
        &t!("report.robustness_description"),
    );

    const GAP: f64 = 28.0;
    let panel_width = (width - 2.0 * padding - GAP * (columns - 1) as f64) / f64::from(columns);
    for (place, (sweep, points)) in (0..).zip(Sweep::ALL.into_iter().zip(&measured.sweeps)) {
        let left = padding + f64::from(place % columns) * (panel_width + GAP);
        let y = top + f64::from(place / columns) * PANEL;
        draw_panel(&mut drawing, &title(sweep), points, [left, y], panel_width);
    }
    drawing.end_at(top + f64::from(Sweep::ALL.len() as i32 / columns) * PANEL - 12.0 + padding);
    drawing
}

/// From one panel's heading to the next one below.
const PANEL: f64 = 236.0;

fn draw_panel(drawing: &mut Drawing, title: &str, points: &[(f64, f64)], [left, y]: [f64; 2], width: f64) {
    drawing.text(left, y + 10.0, Anchor::Start, Font::Strong, title);
    drawing.text(left, y + 28.0, Anchor::Start, Font::Small, &t!("report.robustness_axis"));
    let [(first, _), .., (last, _)] = points else { return };
    let (plot_left, plot_right) = (left + 34.0, left + width - 10.0);
    let (plot_top, plot_bottom) = (y + 40.0, y + 190.0);
    let x_of = |amount: f64| plot_left + (amount - first) / (last - first) * (plot_right - plot_left);
    let y_of = |accuracy: f64| plot_bottom - accuracy * (plot_bottom - plot_top);
    for tick in [0, 20, 40, 60, 80, 100] {
        let y = y_of(f64::from(tick) / 100.0);
        drawing.line([plot_left, y], [plot_right, y], "z-grid");
        drawing.text(plot_left - 8.0, y + 4.0, Anchor::End, Font::Small, &tick.to_string());
    }
    let mut free = f64::NEG_INFINITY; // no label stands on the one before
    for (amount, _) in points {
        let (x, label) = (x_of(*amount), amount.to_string());
        let half = width_of(&label, Font::Small) / 2.0;
        drawing.line([x, plot_bottom], [x, plot_bottom + 5.0], "z-grid");
        if x - half >= free {
            drawing.text(x, plot_bottom + 20.0, Anchor::Middle, Font::Small, &label);
            free = x + half + 6.0;
        }
    }
    let mut path = String::new();
    for (place, &(amount, accuracy)) in points.iter().enumerate() {
        push_point(&mut path, if place == 0 { 'M' } else { 'L' }, [x_of(amount), y_of(accuracy)]);
    }
    drawing.path(&path, "z-mean");
    for &(amount, accuracy) in points {
        drawing.circle([x_of(amount), y_of(accuracy)], 3.5, "z-right3");
    }
}

fn title(sweep: Sweep) -> Cow<'static, str> {
    match sweep {
        Sweep::Shift => t!("report.sweep_shift"),
        Sweep::Rotation => t!("report.sweep_rotation"),
        Sweep::Scale => t!("report.sweep_scale"),
        Sweep::Noise => t!("report.sweep_noise"),
    }
}

fn name(corruption: Corruption) -> Cow<'static, str> {
    match corruption {
        Corruption::ShotNoise => t!("report.corruption_shot_noise"),
        Corruption::ImpulseNoise => t!("report.corruption_impulse_noise"),
        Corruption::GlassBlur => t!("report.corruption_glass_blur"),
        Corruption::MotionBlur => t!("report.corruption_motion_blur"),
        Corruption::Shear => t!("report.corruption_shear"),
        Corruption::Scale => t!("report.corruption_scale"),
        Corruption::Rotate => t!("report.corruption_rotate"),
        Corruption::Brightness => t!("report.corruption_brightness"),
        Corruption::Translate => t!("report.corruption_translate"),
        Corruption::Stripe => t!("report.corruption_stripe"),
        Corruption::Fog => t!("report.corruption_fog"),
        Corruption::Spatter => t!("report.corruption_spatter"),
        Corruption::DottedLine => t!("report.corruption_dotted_line"),
        Corruption::Zigzag => t!("report.corruption_zigzag"),
        Corruption::CannyEdges => t!("report.corruption_canny_edges"),
    }
}
