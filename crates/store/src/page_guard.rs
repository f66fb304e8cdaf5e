//! A walk over the page headers of a Parquet column chunk before anything is decoded.
//!
//! The parquet crate trusts a page header's sizes and reserves what they say, so a file of 200 bytes could ask for gigabytes. This walk refuses such
//! headers. It reads the Thrift compact protocol (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>) of the one
//! structure `PageHeader` (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>) and skips what it does not need.

/// What the walk may let through.
pub(crate) struct Allowed {
    /// Rows that the row group declares.
    pub rows: u64,
    /// Bytes of the smallest plain value of the column (4 for text, whose length takes 4; 1 for truth values, counted generously below).
    pub value_bytes: u64,
    /// Largest uncompressed page.
    pub page_bytes: u64,
    /// Whether pages are compressed with snappy.
    pub snappy: bool,
}

// No snappy stream is longer than this times its compressed form: the best element copies 64 bytes for 3.
const SNAPPY_RATIO: u64 = 32;

/// The fields of a page header that decide memory.
#[derive(Default, Debug)]
struct Header {
    kind: i64,
    uncompressed: i64,
    compressed: i64,
    values: i64,
    encoding: i64,
    nested: bool,
}

const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// Walks the pages in `chunk`. Errors name the offset within the chunk and the reason.
pub(crate) fn check_pages(chunk: &[u8], allowed: &Allowed) -> Result<(), String> {
    let (mut at, mut rows) = (0usize, 0u64);
    let mut dictionaries = 0;
    while at < chunk.len() {
        let here = |why: String| format!("page at byte {at} of the chunk: {why}");
        let mut reader = Thrift { bytes: chunk, at };
        let header = reader.page_header().ok_or_else(|| here("its header is not readable".into()))?;
        let left = chunk.len() - reader.at;
        let (Ok(compressed), Ok(uncompressed), Ok(values)) =
            (usize::try_from(header.compressed), u64::try_from(header.uncompressed), u64::try_from(header.values))
        else {
            return Err(here("a negative size".into()));
        };
        if compressed > left {
            return Err(here(format!("it claims {compressed} bytes and {left} are left")));
        }
        let possible = if allowed.snappy { SNAPPY_RATIO * compressed as u64 + 64 } else { compressed as u64 };
        if uncompressed > possible {
            return Err(here(format!("it claims {uncompressed} bytes unpacked, more than {compressed} packed bytes can hold")));
        }
        if uncompressed > allowed.page_bytes {
            return Err(here(format!("{uncompressed} bytes unpacked, and the limit is {}", allowed.page_bytes)));
        }
        match header.kind {
            DATA | DATA_V2 => {
                if !header.nested {
                    return Err(here("a data page without its data header".into()));
                }
                // Only encodings whose decoders take no more memory than they give values: not DELTA_LENGTH_BYTE_ARRAY (6) and DELTA_BYTE_ARRAY (7),
                // which reserve what the page's inside says.
                if ![0, 2, 3, 4, 5, 8, 9].contains(&header.encoding) {
                    return Err(here(format!("encoding {} is not supported; write the file with plain or dictionary encoding", header.encoding)));
                }
                rows = rows.saturating_add(values);
            }
            DICTIONARY => {
                dictionaries += 1;
                if !header.nested || dictionaries > 1 {
                    return Err(here("a misplaced dictionary".into()));
                }
                if values > uncompressed / allowed.value_bytes {
                    return Err(here(format!("a dictionary of {values} values in {uncompressed} bytes")));
                }
            }
            INDEX => {}
            other => return Err(here(format!("unknown page type {other}"))),
        }
        at = reader.at + compressed;
    }
    if rows == allowed.rows { Ok(()) } else { Err(format!("its pages hold {rows} values and the row group {}", allowed.rows)) }
}

/// A cursor over Thrift's compact protocol. Every method gives `None` at the end of the bytes or on nonsense.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let b = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            value |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let v = self.varint()?;
        Some((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    fn skip_bytes(&mut self, n: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(n).ok()?)?;
        (end <= self.bytes.len()).then(|| self.at = end)
    }

    /// The next field of a structure: (id, type), or (0, 0) at its end.
    fn field(&mut self, last: &mut i64) -> Option<(i64, u8)> {
        let b = self.byte()?;
        if b == 0 {
            return Some((0, 0));
        }
        let delta = i64::from(b >> 4);
        *last = if delta == 0 { self.zigzag()? } else { last.checked_add(delta)? };
        Some((*last, b & 0x0f))
    }

    /// Skips a value of the given type. Types: 1, 2 truth values (in the type itself), 3 byte, 4–6 integers, 7 double, 8 binary, 9, 10 lists, 12 structure.
    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        if depth == 0 {
            return None;
        }
        match kind {
            1 | 2 => Some(()),
            3 => self.skip_bytes(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip_bytes(8),
            8 => {
                let n = self.varint()?;
                self.skip_bytes(n)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                for _ in 0..count {
                    match head & 0x0f {
                        // in a list, a truth value takes a byte; and so the loop always advances
                        1 | 2 => self.skip_bytes(1)?,
                        kind => self.skip(kind, depth - 1)?,
                    }
                }
                Some(())
            }
            12 => {
                let mut last = 0;
                loop {
                    match self.field(&mut last)? {
                        (_, 0) => return Some(()),
                        (_, kind) => self.skip(kind, depth - 1)?,
                    }
                }
            }
            _ => None,
        }
    }

    fn page_header(&mut self) -> Option<Header> {
        let mut header = Header::default();
        let (mut last, mut seen) = (0, 0u8);
        loop {
            match self.field(&mut last)? {
                (_, 0) => break,
                (1, 5) => (header.kind, seen) = (self.zigzag()?, seen | 1),
                (2, 5) => (header.uncompressed, seen) = (self.zigzag()?, seen | 2),
                (3, 5) => (header.compressed, seen) = (self.zigzag()?, seen | 4),
                (id @ (5 | 7 | 8), 12) => {
                    // Whichever of the three is given counts only if it is the one of this page's type.
                    let (values, encoding) = self.inner(if id == 8 { 4 } else { 2 })?;
                    if (id, header.kind) == (5, DATA) || (id, header.kind) == (7, DICTIONARY) || (id, header.kind) == (8, DATA_V2) {
                        // Twice the same structure: the decoder may take the other one.
                        if header.nested || seen & 1 == 0 {
                            return None;
                        }
                        (header.values, header.encoding, header.nested) = (values, encoding, true);
                    } else {
                        return None;
                    }
                }
                (1..=3 | 5 | 7 | 8, _) => return None,
                (_, kind) => self.skip(kind, 8)?,
            }
        }
        (seen == 7).then_some(header)
    }

    /// `num_values` (field 1) and the encoding of a data or dictionary header.
    fn inner(&mut self, encoding_field: i64) -> Option<(i64, i64)> {
        let (mut last, mut values, mut encoding) = (0, None, None);
        loop {
            match self.field(&mut last)? {
                (_, 0) => return Some((values?, encoding?)),
                (1, 5) if values.is_none() => values = Some(self.zigzag()?),
                (1, _) => return None,
                (id, 5) if id == encoding_field && encoding.is_none() => encoding = Some(self.zigzag()?),
                (id, _) if id == encoding_field => return None,
                (_, kind) => self.skip(kind, 8)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data page (type 0) of `values` values, plain, with the sizes given, and its body.
    fn page(uncompressed: i64, compressed: i64, values: i64, body: usize) -> Vec<u8> {
        fn zigzag(out: &mut Vec<u8>, v: i64) {
            let mut z = ((v << 1) ^ (v >> 63)) as u64;
            while z >= 0x80 {
                out.push(z as u8 | 0x80);
                z >>= 7;
            }
            out.push(z as u8);
        }
        let mut out = vec![0x15];
        zigzag(&mut out, 0);
        out.push(0x15);
        zigzag(&mut out, uncompressed);
        out.push(0x15);
        zigzag(&mut out, compressed);
        out.extend([0x2c, 0x15]); // field 5: the data page header; its field 1
        zigzag(&mut out, values);
        out.extend([0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
        out.resize(out.len() + body, 7);
        out
    }

    fn check(bytes: &[u8], rows: u64, snappy: bool) -> Result<(), String> {
        check_pages(bytes, &Allowed { rows, value_bytes: 8, page_bytes: 10_000, snappy })
    }

    #[test]
    fn honest_pages_pass_and_bombs_do_not() {
        let mut two = page(16, 16, 2, 16);
        two.extend(page(8, 8, 1, 8));
        check(&two, 3, false).unwrap();
        assert!(check(&two, 4, false).unwrap_err().contains("3 values"));
        assert!(check(&page(16, 17, 2, 16), 2, false).unwrap_err().contains("are left"));
        assert!(check(&page(17, 16, 2, 16), 2, false).unwrap_err().contains("unpacked"));
        check(&page(500, 16, 2, 16), 2, true).unwrap();
        assert!(check(&page(1 << 30, 16, 2, 16), 2, true).unwrap_err().contains("unpacked"));
        assert!(check(&page(10_001, 400, 2, 400), 2, true).unwrap_err().contains("limit"));
        assert!(check(&page(-1, 16, 2, 16), 2, true).is_err());
        assert!(check(&page(16, 16, -2, 16), 2, true).is_err());
    }

    #[test]
    fn nonsense_of_any_kind_is_an_error() {
        let good = page(16, 16, 2, 16);
        for cut in 1..good.len() {
            assert!(check(&good[..cut], 2, false).is_err(), "{cut}");
        }
        // A structure nested deeper than any header is.
        assert!(check(&[0x9c; 1000], 0, false).is_err());
        for byte in 0..=255u8 {
            let _ = check(&[byte; 64], 0, true);
        }
    }
}
