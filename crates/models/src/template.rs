//! Sequences: what is fed at each position, and what is predicted where.
//!
//! A template is a line of words. `a`, `b`, … are the operands in order, `answer` is the label as a token, any other word is a special token. Ids:
//! operands (and the answer) are `0..ordinary`, special tokens follow in order of first appearance, in the template and then among the scored words;
//! `extra_vocab` further ids are never fed. What stands right of a position is its target: the answer is predicted at the position before `answer`,
//! or at the last one where the template does not feed it.

use crate::{Inputs, Target};
use pennydrop_registry::SpecError;

/// What a position holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The token at this coordinate: an operand, or (after the operands) the answer.
    Coordinate(usize),
    /// A special token, by its id.
    Special(usize),
}

/// A checked sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What is fed, by position.
    pub words: Vec<Word>,
    /// Scored positions, ascending, with their targets.
    pub scored: Vec<(usize, Target)>,
    /// Special tokens by name; the first has id `ordinary`.
    pub specials: Vec<String>,
    /// Operands and answers have ids `0..ordinary`.
    pub ordinary: usize,
}

/// Most positions of a template.
pub const MAX_POSITIONS: usize = 64;

fn operand_name(k: usize) -> String {
    char::from(b'a' + k as u8).to_string()
}

impl Template {
    /// Reads `template` and `scored` for a task; `labels_are_tokens`: labels must have token ids even where they are not fed (logits over the
    /// vocabulary, or tied to it). The template `auto` is all operands and `=`.
    ///
    /// # Errors
    /// An empty or overlong template; an operand that is missing, or a single letter that is no operand; the answer fed twice or first; scored words
    /// that do not start with `answer`, run past the sequence, or contradict what the template feeds next.
    pub fn read(template: &str, scored: &str, inputs: &Inputs, labels_are_tokens: bool) -> Result<Template, SpecError> {
        let key = "model.template";
        let operands: Vec<String> = (0..inputs.operands.min(26)).map(operand_name).collect();
        if inputs.operands == 0 || inputs.operands > 26 {
            return Err(SpecError::new(
                "model.name",
                format!("a transformer reads operands, and this task has {}", inputs.operands),
                "tasks with 1 to 26 operands; use `mlp` for dense inputs",
            ));
        }
        let auto = operands.join(" ") + " =";
        let text = if template.trim() == "auto" { &auto } else { template };
        let written: Vec<&str> = text.split_whitespace().collect();
        if written.is_empty() || written.len() > MAX_POSITIONS {
            return Err(SpecError::new(key, format!("`{template}` has {} words", written.len()), format!("1 to {MAX_POSITIONS} words, such as `{auto}`")));
        }
        if let Some(missing) = operands.iter().find(|o| !written.contains(&o.as_str())) {
            return Err(SpecError::new(key, format!("`{template}` does not feed operand `{missing}`"), format!("a line with {}", operands.join(", "))));
        }
        let stray = |w: &str| w.len() == 1 && w.as_bytes()[0].is_ascii_lowercase() && !operands.iter().any(|o| o == w);
        if let Some(w) = written.iter().find(|w| stray(w)) {
            return Err(SpecError::new(
                key,
                format!("`{w}` in `{template}` is no operand of this task"),
                format!("{}, `answer`, or a special token of two letters or more", operands.join(", ")),
            ));
        }
        let fed = written.iter().filter(|w| **w == "answer").count();
        let at = written.iter().position(|w| *w == "answer");
        if fed > 1 || at == Some(0) {
            return Err(SpecError::new(
                key,
                format!("`answer` cannot be {} in `{template}`", if fed > 1 { "fed twice" } else { "the first word" }),
                "`answer` at most once, after the position that predicts it",
            ));
        }
        let ordinary = if labels_are_tokens || fed > 0 { inputs.range.max(inputs.classes) } else { inputs.range };
        let mut specials: Vec<String> = Vec::new();
        let mut id = |w: &str| {
            ordinary
                + specials.iter().position(|s| s == w).unwrap_or_else(|| {
                    specials.push(w.to_string());
                    specials.len() - 1
                })
        };
        let words = written
            .iter()
            .map(|w| match operands.iter().position(|o| o == w) {
                Some(k) => Word::Coordinate(k),
                None if *w == "answer" => Word::Coordinate(inputs.operands),
                None => Word::Special(id(w)),
            })
            .collect();
        let first = at.map_or(written.len() - 1, |k| k - 1);
        let targets: Vec<&str> = scored.split_whitespace().collect();
        let wrong = |problem: String| SpecError::new("model.scored", problem, "`answer`, followed by the special tokens that come next (`answer eos`)");
        if targets.first() != Some(&"answer") || targets[1..].iter().any(|w| *w == "answer" || operands.iter().any(|o| o == w)) {
            return Err(wrong(format!("`{scored}` is no list of targets")));
        }
        let mut checked = Vec::new();
        for (j, w) in targets.iter().enumerate() {
            let position = first + j;
            if position >= written.len() {
                return Err(wrong(format!("`{w}` would be predicted after the end of `{text}`, which must feed `answer` before it")));
            }
            if j > 0 && written.get(position + 1).is_some_and(|next| next != w) {
                return Err(wrong(format!("`{w}` is to be predicted where `{text}` goes on with `{}`", written[position + 1])));
            }
            checked.push((position, if j == 0 { Target::Answer } else { Target::Special(id(w)) }));
        }
        Ok(Template { words, scored: checked, specials, ordinary })
    }

    /// Whether the label is fed as a token.
    pub fn feeds_answer(&self, operands: usize) -> bool {
        self.words.contains(&Word::Coordinate(operands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Inputs = Inputs { operands: 2, range: 97, features: None, classes: 97 };

    #[test]
    fn words_get_their_ids_and_targets() {
        let t = Template::read("eos a op b = answer", "answer eos", &TASK, true).unwrap();
        use Word::{Coordinate, Special};
        assert_eq!(t.words, [Special(97), Coordinate(0), Special(98), Coordinate(1), Special(99), Coordinate(2)]);
        assert_eq!(t.scored, [(4, Target::Answer), (5, Target::Special(97))]);
        assert_eq!(t.specials, ["eos", "op", "="]);
        let t = Template::read("auto", "answer", &TASK, true).unwrap();
        assert_eq!((t.words, t.scored), (vec![Coordinate(0), Coordinate(1), Special(97)], vec![(2, Target::Answer)]));
        // A target that is nowhere fed still has an id.
        let t = Template::read("a b = answer", "answer end", &TASK, true).unwrap();
        assert_eq!((t.specials, t.scored[1]), (vec!["=".to_string(), "end".to_string()], (3, Target::Special(98))));
    }

    #[test]
    fn bad_lines_are_refused_by_name() {
        for (template, scored, says) in [
            ("", "answer", "model.template"),
            ("a =", "answer", "does not feed operand `b`"),
            ("a b c =", "answer", "`c` in `a b c =` is no operand"),
            ("answer a b", "answer", "the first word"),
            ("a b answer answer", "answer", "fed twice"),
            ("a b =", "eos", "model.scored"),
            ("a b =", "answer eos", "must feed `answer` before it"),
            ("a b = answer stop", "answer eos", "goes on with `stop`"),
        ] {
            let e = Template::read(template, scored, &TASK, false).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
        assert!(Template::read("a =", "answer", &Inputs { operands: 0, features: Some(4), ..TASK }, false).unwrap_err().to_string().contains("mlp"));
    }
}
