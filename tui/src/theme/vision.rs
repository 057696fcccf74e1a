//! How far apart two colours are, for people who see them in different ways.
//!
//! Colour vision: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation
//! of Color Vision Deficiency" (2009), severity 1.0, on linear RGB. Difference: CIEDE2000 (Sharma,
//! Wu and Dalal, 2005), D65. Contrast: WCAG 2.

use ratatui::style::Color;

use super::palette::COLOR_NAMES;

type Linear = [f64; 3];

/// Normal sight, protanopia, deuteranopia, tritanopia.
pub(super) const VIEWS: [[Linear; 3]; 4] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ],
    [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ],
    [
        [1.255_528, -0.076_749, -0.178_779],
        [-0.078_411, 0.930_809, 0.147_602],
        [0.004_733, 0.691_367, 0.303_900],
    ],
];

/// Linear RGB of a colour of the 256, the first sixteen as pure as terminals may have them.
pub(super) fn linear(color: Color) -> Linear {
    let bytes = match color {
        Color::Indexed(index @ 232..) => [8 + 10 * (index - 232); 3],
        Color::Indexed(index @ 16..) => {
            let level = |step: u8| [0, 95, 135, 175, 215, 255][usize::from(step)];
            let index = index - 16;
            [level(index / 36), level(index / 6 % 6), level(index % 6)]
        },
        named => {
            let index = COLOR_NAMES.iter().position(|(_, known)| *known == named).unwrap();
            let full = if index >= 8 { 255 } else { 205 };
            [0, 1, 2].map(|bit| if index & (1 << bit) == 0 { 0 } else { full })
        },
    };
    bytes.map(|byte| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

fn luminance([red, green, blue]: Linear) -> f64 {
    0.212_6 * red + 0.715_2 * green + 0.072_2 * blue
}

pub(super) fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(linear(one)), luminance(linear(other)));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// L*, a*, b* as it is seen.
pub(super) fn lab(color: Color, view: &[Linear; 3]) -> [f64; 3] {
    let seen = linear(color);
    let [red, green, blue] = view.map(|row| {
        let sum: f64 = row.iter().zip(seen).map(|(part, light)| part * light).sum();
        sum.clamp(0.0, 1.0)
    });
    let f = |part: f64| {
        if part > 216.0 / 24_389.0 { part.cbrt() } else { (24_389.0 / 27.0 * part + 16.0) / 116.0 }
    };
    let x = f((0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue) / 0.950_47);
    let y = f(0.212_672_9 * red + 0.715_152_2 * green + 0.072_175_0 * blue);
    let z = f((0.019_333_9 * red + 0.119_192_0 * green + 0.950_304_1 * blue) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000 of two colours in L*, a*, b*.
pub(super) fn difference([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let seventh = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
    let stretch = 1.5 - 0.5 * seventh(f64::midpoint(a1.hypot(b1), a2.hypot(b2)));
    let (a1, a2) = (a1 * stretch, a2 * stretch);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let gray = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if gray => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let d_hue = 2.0 * (c1 * c2).sqrt() * (turn.to_radians() / 2.0).sin();
    let mean_hue = match h1 + h2 {
        sum if gray => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => sum / 2.0 + 180.0,
        sum => sum / 2.0 - 180.0,
    };
    let (light, chroma) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let cosine = |times: f64, plus: f64| (times * mean_hue + plus).to_radians().cos();
    let t = 1.0 - 0.17 * cosine(1.0, -30.0) + 0.24 * cosine(2.0, 0.0) + 0.32 * cosine(3.0, 6.0)
        - 0.20 * cosine(4.0, -63.0);
    let from_50 = (light - 50.0).powi(2);
    let in_light = (l2 - l1) / (1.0 + 0.015 * from_50 / (20.0 + from_50).sqrt());
    let in_chroma = (c2 - c1) / (1.0 + 0.045 * chroma);
    let in_hue = d_hue / (1.0 + 0.015 * chroma * t);
    let rotation = 60.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let turned = -rotation.to_radians().sin() * 2.0 * seventh(chroma);
    (in_light.powi(2) + in_chroma.powi(2) + in_hue.powi(2) + turned * in_chroma * in_hue).sqrt()
}

/// The difference of the two that are nearest to each other in any view.
pub(super) fn worst_pair(colors: &[Color]) -> f64 {
    let mut worst = f64::INFINITY;
    for view in &VIEWS {
        for (index, one) in colors.iter().enumerate() {
            for other in &colors[index + 1..] {
                worst = worst.min(difference(lab(*one, view), lab(*other, view)));
            }
        }
    }
    worst
}
