//! Vectors of the working type for the few loops that the compiler does not vectorise well: inner products, sums, outer products.
//!
//! The order of additions is fixed by the length and the vector width; the width is part of the numerics class.

use super::math::{Base, Isa, Real};

/// AVX2 with fused multiply–add.
#[derive(Clone, Copy)]
pub struct Avx2;
/// AVX-512.
#[derive(Clone, Copy)]
pub struct Avx512;

impl Isa for Avx2 {
    const FMA: bool = true;
}
impl Isa for Avx512 {
    const FMA: bool = true;
}

/// Vector operations of an instruction set on `T`.
///
/// # Safety
/// All methods need the instruction set; pointers must have `WIDTH` numbers behind them (or `n`, where masked).
#[allow(missing_docs)]
pub trait Simd<T>: Isa {
    const WIDTH: usize;
    type V: Copy;
    unsafe fn zero() -> Self::V;
    unsafe fn splat(x: T) -> Self::V;
    unsafe fn load(p: *const T) -> Self::V;
    unsafe fn store(p: *mut T, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
}

macro_rules! x86 {
    ($isa:ty, $t:ty, $v:ident, $w:expr, $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident, $max:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Simd<$t> for $isa {
            const WIDTH: usize = $w;
            type V = std::arch::x86_64::$v;
            #[inline(always)]
            unsafe fn zero() -> Self::V {
                unsafe { std::arch::x86_64::$zero() }
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self::V {
                unsafe { std::arch::x86_64::$splat(x) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self::V {
                unsafe { std::arch::x86_64::$load(p) }
            }
            #[inline(always)]
            unsafe fn store(p: *mut $t, v: Self::V) {
                unsafe { std::arch::x86_64::$store(p, v) }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                unsafe { std::arch::x86_64::$add(a, b) }
            }
            #[inline(always)]
            unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe { std::arch::x86_64::$fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
                unsafe { std::arch::x86_64::$max(a, b) }
            }
        }
    };
}

x86!(Avx512, f32, __m512, 16, _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_max_ps);
x86!(Avx512, f64, __m512d, 8, _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd, _mm512_max_pd);
x86!(Avx2, f32, __m256, 8, _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps, _mm256_max_ps);
x86!(Avx2, f64, __m256d, 4, _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd, _mm256_max_pd);

impl<T: Real> Simd<T> for Base {
    const WIDTH: usize = 4;
    type V = [T; 4];
    #[inline(always)]
    unsafe fn zero() -> [T; 4] {
        [T::ZERO; 4]
    }
    #[inline(always)]
    unsafe fn splat(x: T) -> [T; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(p: *const T) -> [T; 4] {
        unsafe { p.cast::<[T; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut T, v: [T; 4]) {
        unsafe { p.cast::<[T; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn fma(a: [T; 4], b: [T; 4], c: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn max(a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
}

/// The lanes of a vector folded in a tree.
#[inline(always)]
unsafe fn across<T: Real, S: Simd<T>>(v: S::V, f: impl Fn(T, T) -> T) -> T {
    let mut a = [T::ZERO; 16];
    // SAFETY: the array holds the widest vector.
    unsafe { S::store(a.as_mut_ptr(), v) };
    let mut n = S::WIDTH;
    while n > 1 {
        n /= 2;
        for j in 0..n {
            a[j] = f(a[j], a[j + n]);
        }
    }
    a[0]
}

/// Σ a
///
/// # Safety
/// `n` numbers behind the pointer.
#[inline(always)]
pub unsafe fn sum<T: Real, S: Simd<T>>(a: *const T, n: usize) -> T {
    let w = S::WIDTH;
    unsafe {
        let mut i = 0;
        let mut s = T::ZERO;
        if n >= w {
            let (mut p, mut q) = (S::zero(), S::zero());
            while i + 2 * w <= n {
                p = S::add(p, S::load(a.add(i)));
                q = S::add(q, S::load(a.add(i + w)));
                i += 2 * w;
            }
            if i + w <= n {
                p = S::add(p, S::load(a.add(i)));
                i += w;
            }
            s = across::<T, S>(S::add(p, q), |x, y| x + y);
        }
        while i < n {
            s += *a.add(i);
            i += 1;
        }
        s
    }
}

/// The larger of two, NaN if the second is (a broken row is seen).
#[inline(always)]
pub fn greater<T: Real>(m: T, x: T) -> T {
    #[allow(clippy::eq_op)]
    if x > m || x != x { x } else { m }
}

/// max a (NaN where the row holds one is not guaranteed: a sum over the row shows it).
///
/// # Safety
/// `n ≥ 1` numbers behind the pointer.
#[inline(always)]
pub unsafe fn maximum<T: Real, S: Simd<T>>(a: *const T, n: usize) -> T {
    let w = S::WIDTH;
    unsafe {
        let mut i = 0;
        let mut m = T::NEG_INF;
        if n >= w {
            let mut p = S::load(a);
            i = w;
            while i + w <= n {
                p = S::max(p, S::load(a.add(i)));
                i += w;
            }
            m = across::<T, S>(p, |x, y| if y > x { y } else { x });
        }
        while i < n {
            m = greater(m, *a.add(i));
            i += 1;
        }
        m
    }
}

/// Σ a·b
///
/// # Safety
/// `n` numbers behind both pointers.
#[inline(always)]
pub unsafe fn inner<T: Real, S: Simd<T>>(a: *const T, b: *const T, n: usize) -> T {
    let w = S::WIDTH;
    unsafe {
        let mut i = 0;
        let mut s = T::ZERO;
        if n >= w {
            let (mut p, mut q) = (S::zero(), S::zero());
            while i + 2 * w <= n {
                p = S::fma(S::load(a.add(i)), S::load(b.add(i)), p);
                q = S::fma(S::load(a.add(i + w)), S::load(b.add(i + w)), q);
                i += 2 * w;
            }
            if i + w <= n {
                p = S::fma(S::load(a.add(i)), S::load(b.add(i)), p);
                i += w;
            }
            s = across::<T, S>(S::add(p, q), |x, y| x + y);
        }
        while i < n {
            s = (*a.add(i)).madd::<S>(*b.add(i), s);
            i += 1;
        }
        s
    }
}

/// Four inner products of `a` with lines of length `n` at `b`; each as [`inner`].
///
/// # Safety
/// `n` numbers behind `a`, `4 n` behind `b`.
#[inline(always)]
pub unsafe fn inner4<T: Real, S: Simd<T>>(a: *const T, b: *const T, n: usize) -> [T; 4] {
    let w = S::WIDTH;
    unsafe {
        let b = [b, b.add(n), b.add(2 * n), b.add(3 * n)];
        let z = S::zero();
        let (mut p0, mut p1, mut p2, mut p3) = (z, z, z, z);
        let (mut q0, mut q1, mut q2, mut q3) = (z, z, z, z);
        let mut i = 0;
        while i + 2 * w <= n {
            let (x, y) = (S::load(a.add(i)), S::load(a.add(i + w)));
            p0 = S::fma(x, S::load(b[0].add(i)), p0);
            p1 = S::fma(x, S::load(b[1].add(i)), p1);
            p2 = S::fma(x, S::load(b[2].add(i)), p2);
            p3 = S::fma(x, S::load(b[3].add(i)), p3);
            q0 = S::fma(y, S::load(b[0].add(i + w)), q0);
            q1 = S::fma(y, S::load(b[1].add(i + w)), q1);
            q2 = S::fma(y, S::load(b[2].add(i + w)), q2);
            q3 = S::fma(y, S::load(b[3].add(i + w)), q3);
            i += 2 * w;
        }
        if i + w <= n {
            let x = S::load(a.add(i));
            p0 = S::fma(x, S::load(b[0].add(i)), p0);
            p1 = S::fma(x, S::load(b[1].add(i)), p1);
            p2 = S::fma(x, S::load(b[2].add(i)), p2);
            p3 = S::fma(x, S::load(b[3].add(i)), p3);
            i += w;
        }
        let f = |x: T, y: T| x + y;
        let mut s =
            [across::<T, S>(S::add(p0, q0), f), across::<T, S>(S::add(p1, q1), f), across::<T, S>(S::add(p2, q2), f), across::<T, S>(S::add(p3, q3), f)];
        while i < n {
            for q in 0..4 {
                s[q] = (*a.add(i)).madd::<S>(*b[q].add(i), s[q]);
            }
            i += 1;
        }
        s
    }
}

/// `d [+]= Σ_p x_p·e_p` over four lines `e`.
///
/// # Safety
/// `n` numbers behind all pointers, `d` apart from the lines.
#[inline(always)]
pub unsafe fn combine4<T: Real, S: Simd<T>>(d: *mut T, x: [T; 4], e: [*const T; 4], n: usize, accumulate: bool) {
    let w = S::WIDTH;
    unsafe {
        let [x0, x1, x2, x3] = [S::splat(x[0]), S::splat(x[1]), S::splat(x[2]), S::splat(x[3])];
        let mut i = 0;
        while i + w <= n {
            let t = if accumulate { S::load(d.add(i)) } else { S::zero() };
            let t = S::fma(x0, S::load(e[0].add(i)), t);
            let t = S::fma(x1, S::load(e[1].add(i)), t);
            let t = S::fma(x2, S::load(e[2].add(i)), t);
            let t = S::fma(x3, S::load(e[3].add(i)), t);
            S::store(d.add(i), t);
            i += w;
        }
        while i < n {
            let mut t = if accumulate { *d.add(i) } else { T::ZERO };
            for q in 0..4 {
                t = x[q].madd::<S>(*e[q].add(i), t);
            }
            *d.add(i) = t;
            i += 1;
        }
    }
}

/// `d [+]= x·e`
///
/// # Safety
/// `n` numbers behind both pointers, apart from each other.
#[inline(always)]
pub unsafe fn axpy<T: Real, S: Simd<T>>(d: *mut T, x: T, e: *const T, n: usize, accumulate: bool) {
    let w = S::WIDTH;
    unsafe {
        let v = S::splat(x);
        let mut i = 0;
        while i + w <= n {
            let t = if accumulate { S::load(d.add(i)) } else { S::zero() };
            S::store(d.add(i), S::fma(v, S::load(e.add(i)), t));
            i += w;
        }
        while i < n {
            let t = if accumulate { *d.add(i) } else { T::ZERO };
            *d.add(i) = x.madd::<S>(*e.add(i), t);
            i += 1;
        }
    }
}

/// Four lines at `d`, `n` apart: `d_p += x_p·e`.
///
/// # Safety
/// `n` numbers behind `e`, `4 n` behind `d`, apart from each other.
#[inline(always)]
pub unsafe fn outer4<T: Real, S: Simd<T>>(d: *mut T, x: [T; 4], e: *const T, n: usize) {
    let w = S::WIDTH;
    unsafe {
        let [x0, x1, x2, x3] = [S::splat(x[0]), S::splat(x[1]), S::splat(x[2]), S::splat(x[3])];
        let d = [d, d.add(n), d.add(2 * n), d.add(3 * n)];
        let mut i = 0;
        while i + w <= n {
            let v = S::load(e.add(i));
            S::store(d[0].add(i), S::fma(x0, v, S::load(d[0].add(i))));
            S::store(d[1].add(i), S::fma(x1, v, S::load(d[1].add(i))));
            S::store(d[2].add(i), S::fma(x2, v, S::load(d[2].add(i))));
            S::store(d[3].add(i), S::fma(x3, v, S::load(d[3].add(i))));
            i += w;
        }
        while i < n {
            for q in 0..4 {
                *d[q].add(i) = x[q].madd::<S>(*e.add(i), *d[q].add(i));
            }
            i += 1;
        }
    }
}

/// `d += e`
///
/// # Safety
/// `n` numbers behind both pointers, apart from each other.
#[inline(always)]
pub unsafe fn add_to<T: Real, S: Simd<T>>(d: *mut T, e: *const T, n: usize) {
    let w = S::WIDTH;
    unsafe {
        let mut i = 0;
        while i + w <= n {
            S::store(d.add(i), S::add(S::load(d.add(i)), S::load(e.add(i))));
            i += w;
        }
        while i < n {
            *d.add(i) += *e.add(i);
            i += 1;
        }
    }
}
