//! The ids of many runs.

use crate::text::Text;

/// Ids of all rows. Those of 16 hexadecimal digits, which are all that the lab makes, are numbers, and sort as such.
pub(crate) enum Ids {
    Hex(Vec<u64>),
    Any(Text),
}

impl Ids {
    pub fn len(&self) -> usize {
        match self {
            Ids::Hex(v) => v.len(),
            Ids::Any(text) => text.len(),
        }
    }

    pub fn push(&mut self, id: &[u8]) -> Result<(), String> {
        match (&mut *self, hex(id)) {
            (Ids::Hex(v), Some(x)) => v.push(x),
            (Ids::Hex(v), None) => {
                let mut text = Text::default();
                v.iter().for_each(|x| text.push(Some(&format!("{x:016x}"))));
                *self = Ids::Any(text);
                return self.push(id);
            }
            (Ids::Any(text), _) => text.push(Some(std::str::from_utf8(id).map_err(|e| format!("not UTF-8 from byte {}", e.valid_up_to()))?)),
        }
        Ok(())
    }

    /// For each row a number; they compare as the ids do.
    pub fn keys(&self) -> Vec<u64> {
        match self {
            Ids::Hex(v) => v.clone(),
            Ids::Any(text) => {
                let ranks = text.ranks();
                (0..text.len()).map(|row| text.code(row).map_or(0, |c| u64::from(ranks[c]))).collect()
            }
        }
    }

    pub fn get(&self, row: u32) -> String {
        match self {
            Ids::Hex(v) => format!("{:016x}", v[row as usize]),
            Ids::Any(text) => text.get(row as usize).unwrap_or_default().to_string(),
        }
    }

    /// The ids of these rows, in which equal ones stand together.
    pub fn text(&self, order: &[u32]) -> Text {
        match self {
            Ids::Hex(v) => {
                let mut text = Text::default();
                let mut last = None;
                for &row in order {
                    let id = v[row as usize];
                    if last == Some(id) {
                        text.repeat();
                    } else {
                        let digits: [u8; 16] = std::array::from_fn(|i| b"0123456789abcdef"[(id >> (60 - 4 * i) & 15) as usize]);
                        text.push_new(digits.iter().map(|b| char::from(*b)));
                    }
                    last = Some(id);
                }
                text
            }
            Ids::Any(all) => {
                let mut text = all.clone();
                text.pick(order);
                text
            }
        }
    }
}

/// An id of 16 lower-case hexadecimal digits.
fn hex(id: &[u8]) -> Option<u64> {
    if id.len() != 16 {
        return None;
    }
    id.iter().try_fold(0, |x, b| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'f' => b - b'a' + 10,
            _ => return None,
        };
        Some(x << 4 | u64::from(digit))
    })
}
