//! The picture beside the table: how many times better than the first peer, row by row, on a logarithmic axis.

use super::results::{Results, Verdict};
use super::stats::Ratio;

const LABELS: f64 = 190.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 20.0;
const TOP: f64 = 56.0;
/// Both ends of the axis; bars beyond them are cut.
const LEAST: f64 = 0.25;
const MOST: f64 = 64.0;

/// The picture as SVG.
pub(crate) fn svg(results: &Results) -> String {
    let Some(peer) = results.peers().first() else {
        return String::from("<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n");
    };
    let bars: Vec<(String, Ratio)> = results
        .rows()
        .filter_map(|row| {
            let ratio = results.ratio(peer, row.workload, row.figures[0])?;
            Some((format!("{} ({})", row.workload, row.figures[0].name()), ratio))
        })
        .collect();
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"20\" font-size=\"14\">{} against {peer}: times better (1 = equal; line: 95 % interval)</text>\n",
        results.subject(),
    );
    svg += &axis(height);
    for (n, (label, ratio)) in bars.iter().enumerate() {
        svg += &bar(TOP + ROW * n as f64, label, *ratio);
    }
    svg + "</svg>\n"
}

fn axis(height: f64) -> String {
    let mut svg = String::new();
    let mut at = LEAST;
    while at <= MOST {
        let (at_x, color) = (x(at), if at == 1.0 { "#333" } else { "#ddd" });
        svg += &format!(
            "<line x1=\"{at_x:.1}\" y1=\"{:.1}\" x2=\"{at_x:.1}\" y2=\"{:.1}\" stroke=\"{color}\"/>\
             <text x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{at}×</text>\n",
            TOP - 8.0,
            height - 8.0,
            TOP - 12.0,
        );
        at *= 2.0;
    }
    svg
}

fn bar(top: f64, label: &str, ratio: Ratio) -> String {
    let color = match Verdict::of(ratio) {
        Verdict::Ahead => "#2a7f62",
        Verdict::Level => "#9aa5b1",
        Verdict::Behind => "#b5483a",
    };
    let (one, end) = (x(1.0), x(ratio.mean));
    let (left, width) = (one.min(end), (one - end).abs().max(1.0));
    let middle = top + ROW / 2.0;
    format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\
         <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{color}\"/>\
         <line x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\" stroke=\"#111\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>\n",
        LABELS - 8.0,
        middle + 4.0,
        top + 3.0,
        ROW - 6.0,
        x(ratio.low),
        x(ratio.high),
        x(ratio.high).max(one) + 6.0,
        middle + 4.0,
        ratio.mean,
    )
}

/// Where a ratio stands on the axis.
fn x(ratio: f64) -> f64 {
    let share = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LABELS + share * (WIDTH - LABELS - 48.0)
}
