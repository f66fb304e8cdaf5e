//! What is recorded while a run trains.

use crate::fourier::Concentration;

/// One evaluation, of the weights before step `step`. A measure of an empty set of examples is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Steps taken so far.
    pub step: u64,
    /// Mean training loss, without penalties. Under fresh sampling: of the batch about to be trained on.
    pub train_loss: f64,
    /// Mean test loss.
    pub test_loss: f64,
    /// Share of training examples that are right at every scored position: the target's logit is strictly the largest among the label classes.
    pub train_accuracy: f64,
    /// The same of the test examples.
    pub test_accuracy: f64,
    /// What `loss.l1` and `loss.l2` add to the training loss.
    pub penalty: f64,
    /// Share of training examples whose softmax (at the answer) has collapsed: its sum of exponentials is exactly 1 in the loss head's precision.
    pub collapsed: f64,
    /// Mean Euclidean norm of the answer's logits over training and test examples.
    pub logit_scale: f64,
    /// Euclidean norm of all parameters.
    pub norm: f64,
    /// Euclidean norm of each parameter, in the order of [`Curves::names`].
    pub norms: Vec<f64>,
    /// The learning rate that the next step uses.
    pub lr: f64,
    /// The angle in degrees between the weights and those that a mark has kept; `None` before the mark, or without one.
    pub angle: Option<f64>,
    /// How concentrated the Fourier power of the embedding is, for tasks over Z_p.
    pub fourier: Option<Concentration>,
}

/// Every evaluation so far, by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    /// Names of the parameters, in the order of [`Evaluation::norms`].
    pub names: Vec<String>,
    /// Whether the run has a mark, and so the column `angle`.
    pub marks: bool,
    /// Evaluations in order of step.
    pub rows: Vec<Evaluation>,
}

impl Curves {
    /// The columns that every run has, in the order in which they are stored, after `step`.
    pub const COLUMNS: [&'static str; 11] =
        ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "penalty", "collapsed", "logit_scale", "norm", "lr", "fourier_gini", "fourier_ipr"];

    /// Steps of the evaluations.
    pub fn steps(&self) -> Vec<u64> {
        self.rows.iter().map(|r| r.step).collect()
    }

    /// The column of this name: one of [`Curves::COLUMNS`], `angle` where there is a mark, or `norm.TENSOR`. `None` for other names; NaN where a run has no such measure.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let of = |f: fn(&Evaluation) -> f64| Some(self.rows.iter().map(f).collect());
        match name {
            "train_loss" => of(|e| e.train_loss),
            "test_loss" => of(|e| e.test_loss),
            "train_accuracy" => of(|e| e.train_accuracy),
            "test_accuracy" => of(|e| e.test_accuracy),
            "penalty" => of(|e| e.penalty),
            "collapsed" => of(|e| e.collapsed),
            "logit_scale" => of(|e| e.logit_scale),
            "norm" => of(|e| e.norm),
            "lr" => of(|e| e.lr),
            "fourier_gini" => of(|e| e.fourier.map_or(f64::NAN, |c| c.gini)),
            "fourier_ipr" => of(|e| e.fourier.map_or(f64::NAN, |c| c.ipr)),
            "angle" if self.marks => of(|e| e.angle.unwrap_or(f64::NAN)),
            other => {
                let k = other.strip_prefix("norm.").and_then(|n| self.names.iter().position(|m| m == n))?;
                Some(self.rows.iter().map(|e| e.norms[k]).collect())
            }
        }
    }

    /// Every column after `step` with its name: [`Curves::COLUMNS`], `angle` where there is a mark, then `norm.TENSOR` for each parameter.
    pub fn columns(&self) -> Vec<(String, Vec<f64>)> {
        let names =
            Self::COLUMNS.iter().map(|n| n.to_string()).chain(self.marks.then(|| "angle".to_string())).chain(self.names.iter().map(|n| format!("norm.{n}")));
        names.filter_map(|n| self.column(&n).map(|c| (n, c))).collect()
    }

    /// The last evaluation.
    pub fn last(&self) -> Option<&Evaluation> {
        self.rows.last()
    }
}
