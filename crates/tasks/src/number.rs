//! Arithmetic on residues.

/// Whether `n` is prime, by trial division.
pub fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

/// The greatest prime below and the least prime above `n` (the former absent below 3).
pub fn neighbouring_primes(n: u64) -> (Option<u64>, u64) {
    ((2..n).rev().find(|q| is_prime(*q)), (n + 1..).find(|q| is_prime(*q)).unwrap_or(2))
}

/// `base` to the `exponent` mod `p`; `p` below 2³².
pub fn power(base: u64, mut exponent: u64, p: u64) -> u64 {
    let (mut base, mut out) = (base % p, 1 % p);
    while exponent > 0 {
        if exponent & 1 == 1 {
            out = out * base % p;
        }
        base = base * base % p;
        exponent >>= 1;
    }
    out
}

/// The inverse of `a` modulo the prime `p` (Fermat: a^(p−2)); 0 when p divides `a`.
pub fn inverse(a: u64, p: u64) -> u64 {
    // p = 2 has exponent 0 but only one unit.
    if a.is_multiple_of(p) { 0 } else { power(a, p - 2, p) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_and_their_neighbours() {
        assert_eq!((0..32).filter(|n| is_prime(*n)).collect::<Vec<_>>(), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31]);
        assert_eq!(neighbouring_primes(98), (Some(97), 101));
        assert_eq!(neighbouring_primes(2), (None, 3));
    }

    #[test]
    fn inverses_by_search() {
        for p in [2u64, 3, 5, 31, 97] {
            for a in 1..p {
                assert_eq!((1..p).find(|x| a * x % p == 1), Some(inverse(a, p)));
            }
        }
    }
}
