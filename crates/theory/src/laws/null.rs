//! The laws that every other has to beat.

use super::{Constant, Law, contraction, positive};

/// The null laws, and C/λ after memorising (`fourier-sync-fsd`), which is one of them with a name.
pub const LAWS: &[Law] = &[
    Law {
        name: "inverse-decay",
        formula: "t_grok − t_mem = C/λ",
        source: "fourier-sync-fsd",
        reads: "t_mem in steps, λ",
        domain: "λ > 0; memorised. C is of one setting: the card has C = 4780, 2727, 1760 steps for p = 53, 97, 131",
        constants: &[Constant { name: "C", doc: "delay at λ = 1, in steps", printed: None, start: 3e3 }],
        predict: |m, c| Ok(positive(m.t_mem, "t_mem")? + c[0] / positive(m.lambda, "λ")?),
    },
    Law {
        name: "constant",
        formula: "t_grok = T",
        source: "",
        reads: "nothing",
        domain: "everywhere",
        constants: &[Constant { name: "T", doc: "steps", printed: None, start: 3e3 }],
        predict: |_, c| Ok(c[0]),
    },
    Law {
        name: "proportional-to-t-mem",
        formula: "t_grok = k·t_mem",
        source: "",
        reads: "t_mem in steps",
        domain: "memorised",
        constants: &[Constant { name: "k", doc: "ratio", printed: None, start: 10.0 }],
        predict: |m, c| Ok(c[0] * positive(m.t_mem, "t_mem")?),
    },
    Law {
        name: "inverse-contraction",
        formula: "t_grok = c/(ηλ)",
        source: "",
        reads: "η, λ",
        domain: "ηλ > 0",
        constants: &[Constant { name: "c", doc: "in units of 1/(ηλ)", printed: None, start: 3.0 }],
        predict: |m, c| Ok(c[0] / contraction(m)?),
    },
    Law {
        name: "offset-inverse-contraction",
        formula: "t_grok = T₀ + c/(ηλ)",
        source: "",
        reads: "η, λ",
        domain: "ηλ > 0",
        constants: &[
            Constant { name: "T0", doc: "steps", printed: None, start: 200.0 },
            Constant { name: "c", doc: "in units of 1/(ηλ)", printed: None, start: 1.0 },
        ],
        predict: |m, c| Ok(c[0] + c[1] / contraction(m)?),
    },
];
