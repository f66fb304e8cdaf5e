//! NumPy's `.npz`: a zip archive of `.npy` arrays, uncompressed, as `numpy.savez` writes it.
//!
//! Formats: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html> (version 1.0) and PKWARE's APPNOTE 6.3.3 (method 0, "stored").
//! Written here, because the crates that do so bring compressors and ciphers along.

use pennydrop_train::{Array, Values};

/// Largest archive: beyond 4 GiB the zip format needs its 64-bit form.
const LARGEST: usize = u32::MAX as usize;

/// The archive's bytes, or `None` where it would pass 4 GiB. Equal arrays give equal bytes.
pub fn encode(arrays: &[Array]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for array in arrays {
        let name = format!("{}.npy", array.name);
        let body = npy(array);
        let offset = u32::try_from(out.len()).ok()?;
        let size = u32::try_from(body.len()).ok()?;
        // Version needed 2.0, no flags, stored; 1 January 1980, the first date that there is.
        let mut common = Vec::new();
        for word in [20u16, 0, 0, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        for word in [crc32(&body), size, size] {
            common.extend(word.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        common.extend(0u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&body);
        directory.extend(b"PK\x01\x02");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&common);
        // No comment, disk 0, binary, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        if out.len() + directory.len() > LARGEST - 22 {
            return None;
        }
    }
    let (start, count) = (out.len() as u32, u16::try_from(arrays.len()).ok()?);
    let size = directory.len() as u32;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    Some(out)
}

fn npy(array: &Array) -> Vec<u8> {
    let (kind, bytes): (&str, Vec<u8>) = match &array.values {
        Values::U32(v) => ("<u4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Values::F32(v) => ("<f4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Values::F64(v) => ("<f8", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
    };
    // A tuple of one needs its comma.
    let shape: String = array.shape.iter().map(|n| format!("{n}, ")).collect();
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // The data begin at a multiple of 64, and the header ends with a line feed.
    head += &" ".repeat(63 - (10 + head.len()) % 64);
    head.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((head.len() as u16).to_le_bytes());
    out.extend(head.as_bytes());
    out.extend(bytes);
    out
}

/// The checksum of zip (ISO 3309), a nibble at a time.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let table: [u32; 256] = std::array::from_fn(|i| (0..8).fold(i as u32, |c, _| if c & 1 == 1 { c >> 1 ^ POLYNOMIAL } else { c >> 1 }));
    !bytes.iter().fold(!0, |c, b| c >> 8 ^ table[((c ^ u32::from(*b)) & 255) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        // The check value of CRC-32 in every catalogue.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn arrays_have_numpys_header() {
        let a = Array { name: "x".into(), shape: vec![3], values: Values::U32(vec![1, 2, 3]) };
        let bytes = npy(&a);
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<u4', 'fortran_order': False, 'shape': (3,), }"));
        assert_eq!((bytes.len(), bytes[127]), (128 + 12, b'\n'));
        let two = Array { name: "y".into(), shape: vec![1, 2], values: Values::F64(vec![0.5, -1.0]) };
        let whole = encode(&[a, two]).unwrap();
        assert!(whole.starts_with(b"PK\x03\x04") && whole[whole.len() - 22..].starts_with(b"PK\x05\x06"));
        // The directory lies where the end says, and its second entry points at the second file.
        let at = |i: usize| u32::from_le_bytes(whole[i..i + 4].try_into().unwrap()) as usize;
        let start = at(whole.len() - 6);
        let entry = 46 + "x.npy".len();
        assert_eq!(&whole[start + entry..start + entry + 4], b"PK\x01\x02");
        assert_eq!(&whole[at(start + entry + 42)..][..4], b"PK\x03\x04");
    }
}
