//! Medians, spreads, and the interval of a ratio over interleaved pairs.

/// The middle of what was measured.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The least and the greatest.
pub(crate) fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, greatest)
}

/// How a runtime compares with another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The geometric mean of the ratios of the pairs.
    pub(crate) mean: f64,
    /// Its 95 % interval.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    /// Of `pairs`, each two figures of one round. The interval is Student's, over the logarithms of the ratios:
    /// a ratio of 2 and one of ½ are equally far from 1. `None` below two pairs.
    pub(crate) fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let logs: Vec<f64> = pairs.iter().map(|(above, below)| (above / below).ln()).collect();
        if logs.len() < 2 || logs.iter().any(|log| !log.is_finite()) {
            return None;
        }
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = student_975(logs.len() - 1) * (variance / n).sqrt();
        Some(Self { mean: mean.exp(), low: (mean - half).exp(), high: (mean + half).exp() })
    }
}

/// The 97.5 % quantile of Student's distribution.
fn student_975(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    TABLE.get(degrees - 1).copied().unwrap_or(1.96)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn equal_pairs_have_a_sharp_ratio_and_opposite_ones_cancel() {
        let sharp = Ratio::of(&[(6.0, 2.0), (3.0, 1.0)]).expect("two pairs");
        assert!((sharp.low - 3.0).abs() < 1e-9 && (sharp.high - 3.0).abs() < 1e-9);
        let level = Ratio::of(&[(2.0, 1.0), (1.0, 2.0)]).expect("two pairs");
        assert!((level.mean - 1.0).abs() < 1e-9 && level.low < 0.01 && level.high > 100.0);
        assert_eq!(Ratio::of(&[(1.0, 1.0)]), None);
    }

    #[test]
    fn the_interval_is_students() {
        // Logarithms 0.0, 0.1, 0.2: mean 0.1, standard error 0.1 / √3, times 4.303.
        let pairs = [0.0_f64, 0.1, 0.2].map(|log| (log.exp(), 1.0));
        let ratio = Ratio::of(&pairs).expect("three pairs");
        assert!((ratio.high.ln() - (0.1 + 4.303 * 0.1 / 3.0_f64.sqrt())).abs() < 1e-9);
    }
}
