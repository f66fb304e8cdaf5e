//! A column of text in which equal values are stored once: ten million rows that repeat twenty words take forty megabytes and twenty strings.

use parquet::data_type::ByteArray;
use std::hash::{DefaultHasher, Hash, Hasher};

const NULL: u32 = u32::MAX;

/// Text, a row each, with nulls. Each row holds the number of its word; no two words are equal, so rows can be compared and grouped by [`Text::code`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    words: Words,
    codes: Vec<u32>,
}

impl Text {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The text of a row; `None` for a null, and beyond the last row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.code(row).map(|c| self.words.get(c))
    }

    /// The number of a row's word, below [`Text::words`]; `None` for a null, and beyond the last row.
    pub fn code(&self, row: usize) -> Option<usize> {
        self.codes.get(row).filter(|c| **c != NULL).map(|c| *c as usize)
    }

    /// Number of different words.
    pub fn words(&self) -> usize {
        self.words.ends.len()
    }

    /// The word with this number, which must be below [`Text::words`].
    pub fn word(&self, code: usize) -> &str {
        self.words.get(code)
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(NULL, |t| self.words.code(t));
        self.codes.push(code);
    }

    /// Appends a word that is known to be new.
    pub(crate) fn push_new(&mut self, word: impl Iterator<Item = char>) {
        self.codes.push(self.words.ends.len() as u32);
        self.words.bytes.extend(word);
        self.words.ends.push(self.words.bytes.len());
    }

    /// Appends the last row again.
    pub(crate) fn repeat(&mut self) {
        self.codes.push(self.codes.last().copied().unwrap_or(NULL));
    }

    pub(crate) fn pad(&mut self, rows: usize) {
        self.codes.resize(rows, NULL);
    }

    /// The rows at `order`; words that no row holds any more stay.
    pub(crate) fn pick(&mut self, order: &[u32]) {
        self.codes = order.iter().map(|&row| self.codes[row as usize]).collect();
    }

    /// For each word, its place when words are sorted.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..self.words.ends.len() as u32).collect();
        sorted.sort_unstable_by(|&a, &b| self.words.get(a as usize).cmp(self.words.get(b as usize)));
        let mut ranks = vec![0; sorted.len()];
        for (rank, code) in sorted.into_iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        ranks
    }
}

/// Different words, end to end in one string.
#[derive(Debug, Clone, Default)]
struct Words {
    bytes: String,
    ends: Vec<usize>,
    /// Open addressing: code + 1 at the word's hash or the next free place; a power of two, at most half full, and made anew when it is fuller, which it
    /// also is after words were added without looking for them.
    slots: Vec<u32>,
}

impl PartialEq for Words {
    fn eq(&self, other: &Words) -> bool {
        (&self.bytes, &self.ends) == (&other.bytes, &other.ends)
    }
}

impl Eq for Words {}

impl Words {
    fn get(&self, code: usize) -> &str {
        let start = if code == 0 { 0 } else { self.ends[code - 1] };
        &self.bytes[start..self.ends[code]]
    }

    /// First place to look for a word. The hasher's keys are fixed, so nothing depends on the process.
    fn place(&self, word: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        hasher.finish() as usize & (self.slots.len() - 1)
    }

    /// The number of a word, which is added if it is new.
    fn code(&mut self, word: &str) -> u32 {
        if 2 * (self.ends.len() + 1) > self.slots.len() {
            self.slots = vec![0; (4 * (self.ends.len() + 1)).next_power_of_two().max(64)];
            for code in 0..self.ends.len() {
                let mut at = self.place(self.get(code));
                while self.slots[at] != 0 {
                    at = (at + 1) & (self.slots.len() - 1);
                }
                self.slots[at] = code as u32 + 1;
            }
        }
        let mut at = self.place(word);
        while self.slots[at] != 0 {
            let code = self.slots[at] - 1;
            if self.get(code as usize) == word {
                return code;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        let code = self.ends.len() as u32;
        self.bytes.push_str(word);
        self.ends.push(self.bytes.len());
        self.slots[at] = code + 1;
        code
    }
}

/// Appends values of Parquet pages to a [`Text`]. Values from one dictionary share their memory, so most are recognised by their address alone.
pub(crate) struct Paged<'a> {
    text: &'a mut Text,
    /// Values seen lately with their codes. Holding a value keeps its page alive, so that no other can have its address.
    seen: Vec<Option<(ByteArray, u32)>>,
}

impl<'a> Paged<'a> {
    pub fn new(text: &'a mut Text) -> Paged<'a> {
        Paged { text, seen: vec![None; 4096] }
    }

    /// Appends a value; gives the number of bytes that were new, or says what is wrong with it.
    pub fn push(&mut self, value: Option<ByteArray>) -> Result<usize, String> {
        let Some(value) = value else {
            self.text.codes.push(NULL);
            return Ok(0);
        };
        let (start, length) = (value.data().as_ptr() as usize, value.len());
        // Values lie four bytes and a length apart: a multiplication spreads their addresses (Knuth's constant).
        let place = (start as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52;
        let seen = &mut self.seen[place as usize];
        if let Some((known, code)) = seen {
            if known.data().as_ptr() as usize == start && known.len() == length {
                self.text.codes.push(*code);
                return Ok(0);
            }
        }
        let word = std::str::from_utf8(value.data()).map_err(|e| format!("not UTF-8 from byte {}", e.valid_up_to()))?;
        let before = self.text.words.bytes.len();
        let code = self.text.words.code(word);
        self.text.codes.push(code);
        let new = self.text.words.bytes.len() - before;
        *seen = Some((value, code));
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_have_one_code_and_ranks_sort_them() {
        let mut text = Text::default();
        let rows: Vec<Option<String>> = (0..5000).map(|i| (i % 7 != 0).then(|| format!("w{}", (i * i) % 611))).collect();
        rows.iter().for_each(|r| text.push(r.as_deref()));
        assert!(text.iter().eq(rows.iter().map(Option::as_deref)));
        let distinct: std::collections::BTreeSet<&String> = rows.iter().flatten().collect();
        assert_eq!(text.words(), distinct.len());
        let ranks = text.ranks();
        for (rank, word) in distinct.into_iter().enumerate() {
            let code = (0..text.words()).find(|c| text.word(*c) == word).unwrap();
            assert_eq!(ranks[code] as usize, rank);
        }
        text.pick(&[7, 1, 0]);
        assert_eq!(text.iter().collect::<Vec<_>>(), [None, rows[1].as_deref(), None]);
    }

    #[test]
    fn values_of_pages_are_told_apart_by_content_not_by_address() {
        let mut text = Text::default();
        let mut paged = Paged::new(&mut text);
        let page = bytes::Bytes::from_static(b"abcab");
        let at = |r: std::ops::Range<usize>| Some(ByteArray::from(page.slice(r)));
        for (value, new) in [(at(0..2), 2), (at(3..5), 0), (at(0..3), 3), (at(0..2), 0), (None, 0), (at(0..0), 0)] {
            assert_eq!(paged.push(value), Ok(new));
        }
        for i in 0..3000u32 {
            // Pages that come and go may well lie where others did.
            let bytes = bytes::Bytes::from(i.to_le_bytes().map(|b| b & 0x7f).to_vec());
            paged.push(Some(ByteArray::from(bytes))).unwrap();
        }
        assert!(paged.push(Some(ByteArray::from(vec![b'a', 0xff]))).unwrap_err().contains("byte 1"));
        assert_eq!(text.iter().take(6).collect::<Vec<_>>(), [Some("ab"), Some("ab"), Some("abc"), Some("ab"), None, Some("")]);
        for i in 0..3000u32 {
            assert_eq!(text.get(6 + i as usize).map(str::as_bytes), Some(&i.to_le_bytes().map(|b| b & 0x7f)[..]));
        }
    }
}
