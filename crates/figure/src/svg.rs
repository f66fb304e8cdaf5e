//! A small SVG writer: shapes, rich text, widths of texts, and labels that keep out of each other's way.

use std::fmt::Write;

/// Families for words: the embedded one first, then what a viewer is likely to have.
pub(crate) const SANS: &str = "Ubuntu, 'Helvetica Neue', Helvetica, Arial, sans-serif";
/// Families for commands and ids.
pub(crate) const MONO: &str = "Hack, 'DejaVu Sans Mono', Menlo, Consolas, monospace";

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Span {
    Plain(String),
    Sub(String),
    Sup(String),
}

/// A text of several pieces.
pub(crate) type Rich = Vec<Span>;

/// A text of one piece.
pub(crate) fn plain(s: impl Into<String>) -> Rich {
    vec![Span::Plain(s.into())]
}

/// `t_grok` as t with a subscript; a name without `_` as it is.
pub(crate) fn symbol(name: &str) -> Rich {
    match name.split_once('_') {
        Some((head, tail)) => vec![Span::Plain(head.into()), Span::Sub(tail.into())],
        None => plain(name),
    }
}

/// Words in which `t_mem`, `t_grok` and the like have subscripts, and numbers after `^` stand high.
pub(crate) fn symbols(words: &str) -> Rich {
    let mut out: Rich = Vec::new();
    let mut text = String::new();
    let mut rest = words;
    while let Some(c) = rest.chars().next() {
        let before = text.chars().next_back();
        let tail = &rest[c.len_utf8()..];
        // Only a name of its own: `weight_decay`, `t_1` and `t_max_steps` stay as they are, for they may be keys.
        if c == 't' && tail.starts_with('_') && before.is_none_or(|b| !b.is_alphanumeric() && b != '_' && b != '.') {
            let name = &tail[1..];
            let end = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
            if end > 0 && !name[end..].starts_with(['_', '=']) {
                text.push(c);
                out.push(Span::Plain(std::mem::take(&mut text)));
                out.push(Span::Sub(name[..end].into()));
                rest = &name[end..];
                continue;
            }
        }
        if c == '^' && before.is_some() {
            let sign = tail.chars().next().filter(|c| matches!(c, '-' | '−')).map_or(0, char::len_utf8);
            let end = sign + tail[sign..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len() - sign);
            if end > sign {
                out.push(Span::Plain(std::mem::take(&mut text)));
                out.push(Span::Sup(tail[..end].replace('-', "−")));
                rest = &tail[end..];
                continue;
            }
        }
        text.push(c);
        rest = tail;
    }
    if !text.is_empty() || out.is_empty() {
        out.push(Span::Plain(text));
    }
    out
}

/// Words in which signs that the embedded font lacks are written with those that it has: one such sign would set the whole text in another, wider font.
pub(crate) fn spelled(words: &str) -> String {
    let sign = |c: char| match c {
        '→' => "->",
        '←' => "<-",
        '‖' | '∥' => "||",
        '∝' | '∼' => "~",
        '∇' => "grad ",
        '∈' => "in",
        '⟨' => "<",
        '⟩' => ">",
        '≫' => ">>",
        '≪' => "<<",
        '⊕' => "+",
        '⊥' => "perp",
        '⋆' | '★' => "*",
        '∘' => "o",
        '⋯' => "…",
        'ℝ' => "R",
        'ⁿ' => "^n",
        'ᵀ' => "^T",
        '⁻' => "^−",
        '′' => "'",
        _ => "",
    };
    words.chars().fold(String::with_capacity(words.len()), |mut out, c| {
        match sign(c) {
            "" => out.push(c),
            other => out.push_str(other),
        }
        out
    })
}

/// Words of a formula: what follows `_` after a name of one or two characters stands low (`L_test`, `λ_3`), and numbers after `^` stand high. Longer names
/// (`weight_decay`) are keys and stay as they are.
pub(crate) fn formula(words: &str) -> Rich {
    let mut out: Rich = Vec::new();
    let (mut text, mut rest) = (String::new(), words);
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let head = text.chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect::<Vec<_>>();
        let name = tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len());
        let low = c == '_' && (1..=2).contains(&head.len()) && head.iter().all(|c| c.is_alphanumeric()) && name > 0 && !tail[name..].starts_with(['_', '=']);
        let sign = tail.chars().next().filter(|c| matches!(c, '-' | '−')).map_or(0, char::len_utf8);
        let number = sign + tail[sign..].find(|c: char| !c.is_ascii_digit() && c != '/').unwrap_or(tail.len() - sign);
        let span = if low {
            Some((Span::Sub(tail[..name].into()), name))
        } else if c == '^' && !text.is_empty() && number > sign {
            Some((Span::Sup(tail[..number].replace('-', "−")), number))
        } else {
            None
        };
        if let Some((span, length)) = span {
            out.push(Span::Plain(std::mem::take(&mut text)));
            out.push(span);
            rest = &tail[length..];
        } else {
            text.push(c);
            rest = tail;
        }
    }
    if !text.is_empty() || out.is_empty() {
        out.push(Span::Plain(text));
    }
    out
}

/// Where a text stands relative to its x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A coordinate with two decimals at most.
pub(crate) fn px(v: f64) -> String {
    let s = format!("{v:.2}");
    let s = s.trim_end_matches('0').trim_end_matches('.');
    if s == "-0" { "0".into() } else { s.into() }
}

/// Text made safe for XML and HTML: the five special characters escaped, and what XML 1.0 forbids replaced.
pub fn escape(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..'\u{20}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Width of a character in ems, a little on the wide side: by classes, so that it also holds for the fallback families.
pub(crate) fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' => 0.26,
        ' ' => 0.25,
        'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 0.36,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | '–' => 0.51,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' | '…' => 0.87,
        'A'..='Z' | '∞' => 0.68,
        _ => 0.57,
    }
}

/// Width of a text in pixels.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Width of a text of several pieces.
pub(crate) fn rich_width(text: &[Span], size: f64) -> f64 {
    text.iter()
        .map(|s| match s {
            Span::Plain(t) => width(t, size),
            Span::Sub(t) | Span::Sup(t) => width(t, size * 0.75),
        })
        .sum()
}

/// A text broken into at most `most` lines of width `room`, where `of` is the width of a character; what does not fit ends in an ellipsis.
pub(crate) fn wrap(text: &str, room: f64, most: usize, of: impl Fn(char) -> f64) -> Vec<String> {
    let measure = |s: &str| s.chars().map(&of).sum::<f64>();
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = if line.is_empty() { "" } else { " " };
        if !line.is_empty() && measure(&line) + measure(gap) + measure(word) > room {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_str(gap);
        }
        // A word wider than a line is cut where the line ends.
        for c in word.chars() {
            if !line.is_empty() && measure(&line) + of(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while !last.is_empty() && measure(last) + of('…') > room {
                last.pop();
            }
            *last = format!("{}…", last.trim_end());
        }
    }
    lines
}

/// Centres for labels of given `(centre, width)`, in order of centre: as near as can be to where they belong (least squares), `gap` apart, between `lo` and `hi`
/// as long as they fit there.
pub(crate) fn spread(labels: &[(f64, f64)], lo: f64, hi: f64, gap: f64) -> Vec<f64> {
    let Some(first) = labels.first() else { return Vec::new() };
    // Less the room that the labels before it need, the centres have only to be in order: an isotonic regression, solved by pooling.
    let mut offsets = vec![0.0];
    for pair in labels.windows(2) {
        offsets.push(offsets[offsets.len() - 1] + (pair[0].1 + pair[1].1) / 2.0 + gap);
    }
    let mut pools: Vec<(f64, f64)> = Vec::new();
    for (label, offset) in labels.iter().zip(&offsets) {
        let mut pool = (label.0 - offset, 1.0);
        while let Some(last) = pools.last().copied().filter(|p| p.0 > pool.0) {
            pool = ((last.0 * last.1 + pool.0 * pool.1) / (last.1 + pool.1), last.1 + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }
    let low = lo + first.1 / 2.0;
    let high = (hi - labels[labels.len() - 1].1 / 2.0 - offsets[offsets.len() - 1]).max(low);
    pools.iter().flat_map(|p| std::iter::repeat_n(p.0.clamp(low, high), p.1 as usize)).zip(&offsets).map(|(z, o)| z + o).collect()
}

/// The document under construction.
#[derive(Debug, Default)]
pub(crate) struct Svg {
    pub out: String,
}

impl Svg {
    /// Anything, on a line of its own.
    pub fn raw(&mut self, s: &str) {
        self.out.push_str(s);
        self.out.push('\n');
    }

    /// A straight line; `style` holds further attributes.
    pub fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, style: &str) {
        let _ = writeln!(self.out, r#"<line x1="{}" y1="{}" x2="{}" y2="{}" {style}/>"#, px(x1), px(y1), px(x2), px(y2));
    }

    /// A rectangle.
    pub fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, style: &str) {
        let _ = writeln!(self.out, r#"<rect x="{}" y="{}" width="{}" height="{}" {style}/>"#, px(x), px(y), px(w.max(0.0)), px(h.max(0.0)));
    }

    /// A path of given data, nothing if it is empty.
    pub fn path(&mut self, data: &str, style: &str) {
        if !data.is_empty() {
            let _ = writeln!(self.out, r#"<path d="{data}" {style}/>"#);
        }
    }

    /// A text.
    pub fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, style: &str, text: &[Span]) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let _ = write!(self.out, r#"<text x="{}" y="{}" font-size="{}"{anchor} {style}>"#, px(x), px(y), px(size));
        let mut shift = 0.0;
        for span in text {
            let (s, to) = match span {
                Span::Plain(s) => (s, 0.0),
                Span::Sub(s) => (s, size * 0.2),
                Span::Sup(s) => (s, -size * 0.36),
            };
            if to == 0.0 && shift == 0.0 {
                self.out.push_str(&escape(s));
            } else {
                let small = if to == 0.0 { String::new() } else { format!(r#" font-size="{}""#, px(size * 0.75)) };
                let _ = write!(self.out, r#"<tspan dy="{}"{small}>{}</tspan>"#, px(to - shift), escape(s));
            }
            shift = to;
        }
        self.out.push_str("</text>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_apart_and_inside() {
        assert_eq!(spread(&[(100.0, 40.0), (300.0, 40.0)], 0.0, 400.0, 6.0), [100.0, 300.0]);
        assert_eq!(spread(&[(200.0, 40.0), (202.0, 40.0)], 0.0, 400.0, 6.0), [178.0, 224.0]);
        assert_eq!(spread(&[(2.0, 40.0), (3.0, 60.0)], 0.0, 400.0, 6.0), [20.0, 76.0]);
        assert_eq!(spread(&[(399.0, 40.0), (400.0, 60.0)], 0.0, 400.0, 6.0), [314.0, 370.0]);
    }

    #[test]
    fn estimated_widths_are_not_below_the_true_ones() {
        for text in
            ["memorising", "generalising", "t = 12,345", "median 6,100 [5,200–7,400]", "training step (log scale)", "WEIGHT NORM %", "10 runs · band 10–90 %"]
        {
            let svg = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="50"><text x="0" y="20" font-size="20" font-family="Ubuntu">{text}</text></svg>"#
            );
            let real = f64::from(crate::png::parse(&svg).unwrap().root().abs_bounding_box().width());
            let guess = width(text, 20.0);
            assert!(guess >= real * 0.99 && guess <= real * 1.35, "{text}: {guess} for {real}");
        }
    }

    #[test]
    fn long_texts_wrap_and_end() {
        let wrap = |text: &str, room: f64, most: usize| wrap(text, room, most, |_| 1.0);
        assert_eq!(wrap("aaaa bbbb cccc dddd", 9.0, 2), ["aaaa bbbb", "cccc dddd"]);
        assert_eq!(wrap("aaaa bbbb cccc dddd eeee", 9.0, 2), ["aaaa bbbb", "cccc ddd…"]);
        assert_eq!(wrap("aaaaaaaaaaaaaaaaaaaa", 8.0, 3), ["aaaaaaaa", "aaaaaaaa", "aaaa"]);
        assert_eq!(wrap("ab", 0.1, 3), ["a", "b"]);
        assert!(wrap("", 8.0, 2).is_empty());
    }

    #[test]
    fn names_of_times_have_subscripts_and_keys_have_not() {
        let flat = |words: &str| {
            let spans = symbols(words).into_iter().map(|s| match s {
                Span::Plain(s) => s,
                Span::Sub(s) => format!("[{s}]"),
                Span::Sup(s) => format!("^{s}"),
            });
            spans.collect::<String>()
        };
        assert_eq!(flat("t_grok to t_mem, in steps"), "t[grok] to t[mem], in steps");
        assert_eq!(flat("t_grok. 130 x^-0.83 + y^2"), "t[grok]. 130 x^−0.83 + y^2");
        assert!(symbols("x^-0.83").contains(&Span::Sup("−0.83".into())));
        for same in ["", "weight_decay x", "t_1", "t_", "by t_max_steps", "t_mult=3", "at optim.t_mult", "^2", "a^b", "x^", "x^-", "ηλ"] {
            assert_eq!(flat(same), same);
        }
    }

    #[test]
    fn formulas_have_subscripts_and_powers() {
        let flat = |words: &str| {
            let spans = formula(words).into_iter().map(|s| match s {
                Span::Plain(s) => s,
                Span::Sub(s) => format!("[{s}]"),
                Span::Sup(s) => format!("^{s}"),
            });
            spans.collect::<String>()
        };
        assert_eq!(flat("L_test at λ_3 t, D_c^2 and N^-1/2"), "L[test] at λ[3] t, D[c]^2 and N^−1/2");
        assert_eq!(flat("lr_dec (per step)"), "lr[dec] (per step)");
        assert_eq!(spelled("‖w‖ ∝ 1/√N → 0"), "||w|| ~ 1/√N -> 0");
        for same in ["", "weight_decay x", "t_max_steps", "_", "t_", "a^b", "^2", "q_=1", "run1.t_2x", "ηλ"] {
            assert_eq!(flat(same), same);
        }
    }

    #[test]
    fn xml_is_safe() {
        assert_eq!(escape("a<b>&\"'\0\n"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd} ");
    }
}
