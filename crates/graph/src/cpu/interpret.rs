//! Runs row kernels: an interpreter whose instructions work on tiles that stay in the first-level cache.

use super::gemm::{View, gemm};
use super::ins::{Addr, DotShape, Flat, Ins, Operand, RowKernel, Rows, Walk};
use super::math::{Base, Real};
use super::simd::{self, Simd};
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use crate::cross_entropy::{self, Scratch};
use crate::ir::{Binary, CeGradient, CeRule, Draw, Fold, Unary};
use crate::precision::Precision;
use crate::rng::{Purpose, Stream};

/// Base pointers of one lane in one run.
#[derive(Clone, Copy)]
pub struct Ctx<'a, T> {
    /// Whole-domain buffers.
    pub global: *mut T,
    /// Chunk-local buffers of this lane.
    pub lane: *mut T,
    /// Accumulator copies of this lane; null for lane 0.
    pub acc: *mut T,
    /// Kernel scratch of this lane.
    pub scratch: *mut T,
    /// State tensors.
    pub states: &'a [*mut T],
    /// Constants.
    pub consts: *const T,
    /// Run-time scalars.
    pub scalars: *const T,
    /// Dense inputs.
    pub features: &'a [*const T],
    /// Maps of the feed.
    pub maps: &'a [*const u32],
    /// Index arrays.
    pub arrays: &'a [*const u32],
    /// Seed and step of random tensors.
    pub random: (u64, u64),
    /// First row of the chunk (zero outside slot phases).
    pub chunk: usize,
}

impl<T: Real> Ctx<'_, T> {
    /// Pointer to row `row` (absolute) of a value with `size` numbers a row; registers count from `tile`.
    ///
    /// # Safety
    /// The address must have been planned for this context.
    #[inline(always)]
    pub unsafe fn at(&self, addr: Addr, size: usize, row: usize, tile: usize) -> *mut T {
        // SAFETY: offsets come from the plan, which sized the buffers.
        unsafe {
            match addr {
                Addr::Reg(o) => self.scratch.add(o + (row - tile) * size),
                Addr::Global(o) => self.global.add(o + row * size),
                Addr::Lane(o) => self.lane.add(o + (row - self.chunk) * size),
                Addr::Acc { global, lane } => {
                    if self.acc.is_null() {
                        self.global.add(global + row * size)
                    } else {
                        self.acc.add(lane + row * size)
                    }
                }
                Addr::State(i) => self.states[i].add(row * size),
                Addr::Const(o) => self.consts.add(o + row * size).cast_mut(),
                Addr::Scalar(i) => self.scalars.add(i).cast_mut(),
                Addr::Feature(i) => self.features[i].add(row * size).cast_mut(),
            }
        }
    }

    #[inline(always)]
    unsafe fn row(&self, rows: Rows, r: usize) -> usize {
        // SAFETY: maps and arrays have an entry for every live row.
        unsafe {
            match rows {
                Rows::Same => r,
                Rows::Unit => 0,
                Rows::Map(m) => *self.maps[m].add(r) as usize,
                Rows::Index { array, through: None } => *self.arrays[array].add(r) as usize,
                Rows::Index { array, through: Some(m) } => *self.arrays[array].add(*self.maps[m].add(r) as usize) as usize,
            }
        }
    }

    #[inline(always)]
    unsafe fn of(&self, o: &Operand, r: usize, tile: usize) -> *mut T {
        unsafe {
            match o.rows {
                Rows::Same => self.at(o.addr, o.size, r, tile),
                // A register that holds one row for the whole tile starts at the tile.
                Rows::Unit => self.at(o.addr, o.size, if let Addr::Reg(_) = o.addr { tile } else { 0 }, tile),
                rows => self.at(o.addr, o.size, self.row(rows, r), tile),
            }
        }
    }
}

/// The instruction set to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Whatever the build targets.
    Base,
    /// AVX2 with fused multiply–add.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl Level {
    /// The best level of this machine.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl")
                && std::is_x86_feature_detected!("fma")
            {
                return Level::Avx512;
            }
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Base
    }

    /// The word that records carry.
    pub fn name(self) -> &'static str {
        match self {
            Level::Base => "base",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

/// A working type: its vectors in every instruction set, and its entry points.
///
/// The entry points are methods of the two implementations here, and not generic functions, so that kernels and products are compiled once, in this crate, and not
/// again in every crate that runs a program.
pub trait Vector: Real {
    /// AVX-512 vectors.
    #[cfg(target_arch = "x86_64")]
    type Wide: Simd<Self>;
    /// AVX2 vectors.
    #[cfg(target_arch = "x86_64")]
    type Half: Simd<Self>;

    /// Runs rows `from..to` of a kernel.
    ///
    /// # Safety
    /// The context must belong to the program that planned the kernel, and `level` must be available.
    unsafe fn rows(level: Level, k: &RowKernel, c: &Ctx<'_, Self>, from: usize, to: usize, s: &mut Scratch3);

    /// `dst (m × n) = [dst +] lhs (m × k) · rhs (k × n)`.
    ///
    /// # Safety
    /// The views must lie inside live allocations, and `dst` must not overlap the operands.
    unsafe fn gemm(m: usize, n: usize, k: usize, dst: View<Self>, accumulate: bool, lhs: View<Self>, rhs: View<Self>);
}

macro_rules! vector {
    ($type:ty) => {
        impl Vector for $type {
            #[cfg(target_arch = "x86_64")]
            type Wide = Avx512;
            #[cfg(target_arch = "x86_64")]
            type Half = Avx2;

            #[inline(never)]
            unsafe fn rows(level: Level, k: &RowKernel, c: &Ctx<'_, $type>, from: usize, to: usize, s: &mut Scratch3) {
                // SAFETY: forwarded to the caller.
                unsafe { run(level, k, c, from, to, s) }
            }

            #[inline(never)]
            unsafe fn gemm(m: usize, n: usize, k: usize, dst: View<$type>, accumulate: bool, lhs: View<$type>, rhs: View<$type>) {
                // SAFETY: forwarded to the caller.
                unsafe { gemm(m, n, k, dst, accumulate, lhs, rhs) }
            }
        }
    };
}
vector!(f32);
vector!(f64);

/// Runs rows `from..to` of a kernel.
///
/// # Safety
/// The context must belong to the program that planned the kernel, and `level` must be available.
unsafe fn run<T: Vector>(level: Level, k: &RowKernel, c: &Ctx<'_, T>, from: usize, to: usize, s: &mut Scratch3) {
    // SAFETY: forwarded to the caller.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => run_avx512(k, c, from, to, s),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => run_avx2(k, c, from, to, s),
            _ => run_with::<T, Base>(k, c, from, to, s),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
unsafe fn run_avx512<T: Vector>(k: &RowKernel, c: &Ctx<'_, T>, from: usize, to: usize, s: &mut Scratch3) {
    unsafe { run_with::<T, T::Wide>(k, c, from, to, s) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
unsafe fn run_avx2<T: Vector>(k: &RowKernel, c: &Ctx<'_, T>, from: usize, to: usize, s: &mut Scratch3) {
    unsafe { run_with::<T, T::Half>(k, c, from, to, s) }
}

/// Scratch rows of the emulated loss head.
#[derive(Debug, Default, Clone)]
pub struct Scratch3 {
    head: Scratch,
    z: Vec<f64>,
    g: Vec<f64>,
}

#[inline(always)]
unsafe fn run_with<T: Real, I: Simd<T>>(k: &RowKernel, c: &Ctx<'_, T>, from: usize, to: usize, s: &mut Scratch3) {
    if from >= to {
        return;
    }
    unsafe {
        for ins in &k.hoisted {
            // A full tile, so that later tiles find every row of it filled.
            step::<T, I>(ins, c, from, from + k.tile, s);
        }
        let mut tile = from;
        while tile < to {
            let end = (tile + k.tile).min(to);
            for ins in &k.body {
                step::<T, I>(ins, c, tile, end, s);
            }
            tile = end;
        }
    }
}

/// A source of an elementwise loop.
enum Src<T> {
    Ptr(*const T),
    One(T),
}

#[inline(always)]
unsafe fn flat<T: Real>(f: &Flat, c: &Ctx<'_, T>, tile: usize) -> Src<T> {
    unsafe {
        match f {
            Flat::Full(o) => Src::Ptr(c.of(o, tile, tile)),
            Flat::Splat(a) => Src::One(*c.at(*a, 1, if let Addr::Reg(_) = a { tile } else { 0 }, tile)),
        }
    }
}

#[inline(always)]
unsafe fn map1<T: Real>(d: *mut T, a: Src<T>, n: usize, f: impl Fn(T) -> T) {
    unsafe {
        match a {
            Src::Ptr(a) => {
                for i in 0..n {
                    *d.add(i) = f(*a.add(i));
                }
            }
            Src::One(x) => {
                let y = f(x);
                for i in 0..n {
                    *d.add(i) = y;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn map2<T: Real>(d: *mut T, a: Src<T>, b: Src<T>, n: usize, f: impl Fn(T, T) -> T) {
    unsafe {
        match (a, b) {
            (Src::Ptr(a), Src::Ptr(b)) => {
                for i in 0..n {
                    *d.add(i) = f(*a.add(i), *b.add(i));
                }
            }
            (Src::Ptr(a), Src::One(y)) => {
                for i in 0..n {
                    *d.add(i) = f(*a.add(i), y);
                }
            }
            (Src::One(x), Src::Ptr(b)) => {
                for i in 0..n {
                    *d.add(i) = f(x, *b.add(i));
                }
            }
            (Src::One(x), Src::One(y)) => {
                let z = f(x, y);
                for i in 0..n {
                    *d.add(i) = z;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn get<T: Real>(s: &Src<T>, i: usize) -> T {
    unsafe {
        match s {
            Src::Ptr(p) => *p.add(i),
            Src::One(x) => *x,
        }
    }
}

#[inline(always)]
fn one_if<T: Real>(b: bool) -> T {
    if b { T::ONE } else { T::ZERO }
}

#[inline(always)]
unsafe fn step<T: Real, I: Simd<T>>(ins: &Ins, c: &Ctx<'_, T>, tile: usize, end: usize, s: &mut Scratch3) {
    let rows = end - tile;
    unsafe {
        match ins {
            Ins::Unary { f, src, dst } => unary::<T, I>(*f, c.of(dst, tile, tile), flat(src, c, tile), rows * dst.size),
            Ins::Binary { f, a, b, dst } => binary(*f, c.of(dst, tile, tile), flat(a, c, tile), flat(b, c, tile), rows * dst.size),
            Ins::Select { c: cond, a, b, dst } => {
                let (d, q, a, b) = (c.of(dst, tile, tile), flat(cond, c, tile), flat(a, c, tile), flat(b, c, tile));
                let n = rows * dst.size;
                match (q, a, b) {
                    (Src::Ptr(q), Src::Ptr(a), Src::One(b)) => {
                        for i in 0..n {
                            *d.add(i) = if *q.add(i) != T::ZERO { *a.add(i) } else { b };
                        }
                    }
                    (q, a, b) => {
                        for i in 0..n {
                            *d.add(i) = if get(&q, i) != T::ZERO { get(&a, i) } else { get(&b, i) };
                        }
                    }
                }
            }
            Ins::Cast { p, src, dst } => {
                let n = rows * dst.size;
                let (d, a) = (c.of(dst, tile, tile), flat(src, c, tile));
                match p {
                    Precision::F64 => map1(d, a, n, |x| x),
                    Precision::F32 => map1(d, a, n, |x| T::of(f64::from(x.to() as f32))),
                    p => map1(d, a, n, |x| T::of(p.round(x.to()))),
                }
            }
            Ins::Copy { src, walk, dst } => {
                for r in tile..end {
                    copy_row(c.of(dst, r, tile), c.of(src, r, tile).cast_const(), walk);
                }
            }
            Ins::Place { src, outer, len, stride, start, dst } => {
                for r in tile..end {
                    let (d, a) = (c.of(dst, r, tile), c.of(src, r, tile));
                    for o in 0..*outer {
                        std::ptr::copy_nonoverlapping(a.add(o * len), d.add(o * stride + start), *len);
                    }
                }
            }
            Ins::Zero { dst } => {
                let d = c.of(dst, tile, tile);
                for i in 0..rows * dst.size {
                    *d.add(i) = T::ZERO;
                }
            }
            Ins::Reduce { fold, src, outer, axis, inner, dst } => {
                for r in tile..end {
                    let (d, a) = (c.of(dst, r, tile), c.of(src, r, tile).cast_const());
                    reduce::<T, I>(*fold, d, a, *outer, *axis, *inner);
                }
            }
            Ins::ReduceRows { fold, src, dst } => {
                for r in tile..end {
                    let (d, a) = (c.of(dst, r, tile), c.of(src, r, tile).cast_const());
                    match fold {
                        Fold::Sum => simd::add_to::<T, I>(d, a, src.size),
                        Fold::Max => {
                            for i in 0..src.size {
                                *d.add(i) = simd::greater(*d.add(i), *a.add(i));
                            }
                        }
                    }
                }
            }
            Ins::Dot { shape, l, r, dst, accumulate } => {
                for row in tile..end {
                    small_dot::<T, I>(shape, c.of(l, row, tile), c.of(r, row, tile), c.of(dst, row, tile), *accumulate);
                }
            }
            Ins::OneHot { index, dst } => {
                for r in tile..end {
                    let d = c.of(dst, r, tile);
                    let at = c.row(*index, r);
                    for i in 0..dst.size {
                        *d.add(i) = one_if(i == at);
                    }
                }
            }
            Ins::Ce { rule, logits, label, dst } => {
                for r in tile..end {
                    let z = c.of(logits, r, tile).cast_const();
                    *c.of(dst, r, tile) = ce::<T, I>(rule, z, logits.size, c.row(*label, r), s);
                }
            }
            Ins::CeGrad { rule, logits, label, dst } => {
                for r in tile..end {
                    let z = c.of(logits, r, tile).cast_const();
                    ce_grad::<T, I>(rule, z, logits.size, c.row(*label, r), c.of(dst, r, tile), s);
                }
            }
            Ins::Collapsed { p, logits, dst } => {
                for r in tile..end {
                    let z = c.of(logits, r, tile).cast_const();
                    *c.of(dst, r, tile) = if *p == T::PRECISION {
                        {
                            s.g.resize(logits.size.max(s.g.len()), 0.0);
                            one_if(exponentials::<T, I>(z, logits.size, &mut s.g).1 == T::ONE)
                        }
                    } else {
                        s.z.clear();
                        s.z.extend((0..logits.size).map(|i| (*z.add(i)).to()));
                        one_if(cross_entropy::collapsed(*p, &s.z, &mut s.head))
                    };
                }
            }
            Ins::Random { draw, lane, dst } => {
                let stream = Stream::new(c.random.0, Purpose::Noise, *lane, c.random.1);
                for r in tile..end {
                    let d = c.of(dst, r, tile);
                    for i in 0..dst.size {
                        let k = (r * dst.size + i) as u64;
                        *d.add(i) = T::of(match draw {
                            Draw::Uniform => stream.uniform(k),
                            Draw::Normal => stream.normal(k),
                        });
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn unary<T: Real, I: Simd<T>>(f: Unary, d: *mut T, a: Src<T>, n: usize) {
    unsafe {
        match f {
            Unary::Neg => map1(d, a, n, |x| -x),
            Unary::Exp => map1(d, a, n, |x| Real::exp::<I>(x)),
            Unary::Ln => map1(d, a, n, |x| Real::ln::<I>(x)),
            Unary::Sqrt => map1(d, a, n, |x| x.root()),
            Unary::Recip => map1(d, a, n, |x| T::ONE / x),
            Unary::Tanh => map1(d, a, n, |x| Real::tanh::<I>(x)),
            Unary::Sigmoid => map1(d, a, n, |x| T::ONE / (T::ONE + Real::exp::<I>(-x))),
            Unary::Erf => map1(d, a, n, |x| Real::erf::<I>(x)),
            Unary::Sin => map1(d, a, n, |x| T::of(libm::sin(x.to()))),
            Unary::Cos => map1(d, a, n, |x| T::of(libm::cos(x.to()))),
            Unary::Abs => map1(d, a, n, |x| x.magnitude()),
            Unary::Sign => map1(d, a, n, |x| one_if::<T>(x > T::ZERO) - one_if::<T>(x < T::ZERO)),
            Unary::Relu => map1(d, a, n, |x| if x <= T::ZERO { T::ZERO } else { x }),
            Unary::Stop => map1(d, a, n, |x| x),
            Unary::IsFinite => map1(d, a, n, |x| one_if(x.finite())),
        }
    }
}

#[inline(always)]
unsafe fn binary<T: Real>(f: Binary, d: *mut T, a: Src<T>, b: Src<T>, n: usize) {
    unsafe {
        match f {
            Binary::Add => map2(d, a, b, n, |x, y| x + y),
            Binary::Sub => map2(d, a, b, n, |x, y| x - y),
            Binary::Mul => map2(d, a, b, n, |x, y| (x * y).normal()),
            Binary::Div => map2(d, a, b, n, |x, y| x / y),
            // The second operand only where it is strictly greater (smaller): NaN on the left stays.
            Binary::Max => map2(d, a, b, n, |x, y| if y > x { y } else { x }),
            Binary::Min => map2(d, a, b, n, |x, y| if y < x { y } else { x }),
            Binary::Gt => map2(d, a, b, n, |x, y| one_if(x > y)),
            Binary::Ge => map2(d, a, b, n, |x, y| one_if(x >= y)),
            Binary::Eq => map2(d, a, b, n, |x, y| one_if(x == y)),
        }
    }
}

#[inline(always)]
unsafe fn copy_row<T: Real>(d: *mut T, a: *const T, w: &Walk) {
    unsafe {
        let a = a.add(w.offset);
        match w.axes.as_slice() {
            [] => *d = *a,
            [(n, s)] => line(d, a, *n, *s),
            [(m, t), (n, s)] => {
                for i in 0..*m {
                    line(d.add(i * n), a.add(i * t), *n, *s);
                }
            }
            axes => {
                // Odometer over all but the innermost axis.
                let (n, s) = axes[axes.len() - 1];
                let outer: usize = axes[..axes.len() - 1].iter().map(|(n, _)| n).product();
                for i in 0..outer {
                    let (mut k, mut off) = (i, 0);
                    for (m, t) in axes[..axes.len() - 1].iter().rev() {
                        off += k % m * t;
                        k /= m;
                    }
                    line(d.add(i * n), a.add(off), n, s);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn line<T: Real>(d: *mut T, a: *const T, n: usize, stride: usize) {
    unsafe {
        match stride {
            1 => std::ptr::copy_nonoverlapping(a, d, n),
            0 => {
                let x = *a;
                for i in 0..n {
                    *d.add(i) = x;
                }
            }
            s => {
                for i in 0..n {
                    *d.add(i) = *a.add(i * s);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn reduce<T: Real, I: Simd<T>>(fold: Fold, d: *mut T, a: *const T, outer: usize, axis: usize, inner: usize) {
    unsafe {
        for o in 0..outer {
            if inner == 1 {
                *d.add(o) = match fold {
                    Fold::Sum => simd::sum::<T, I>(a.add(o * axis), axis),
                    Fold::Max => simd::maximum::<T, I>(a.add(o * axis), axis),
                };
                continue;
            }
            let (d, a) = (d.add(o * inner), a.add(o * axis * inner));
            std::ptr::copy_nonoverlapping(a, d, inner);
            for k in 1..axis {
                let row = a.add(k * inner);
                match fold {
                    Fold::Sum => simd::add_to::<T, I>(d, row, inner),
                    Fold::Max => {
                        for i in 0..inner {
                            *d.add(i) = simd::greater(*d.add(i), *row.add(i));
                        }
                    }
                }
            }
        }
    }
}

/// One row's product `d [+]= l·r`.
#[inline(always)]
unsafe fn small_dot<T: Real, I: Simd<T>>(s: &DotShape, l: *const T, r: *const T, d: *mut T, accumulate: bool) {
    let DotShape { b, m, k, n, ta, tb } = *s;
    unsafe {
        for h in 0..b {
            let (l, r, d) = (l.add(h * m * k), r.add(h * k * n), d.add(h * m * n));
            let left = |i: usize, p: usize| *l.add(if ta { p * m + i } else { i * k + p });
            if k == 1 && accumulate {
                // An outer product onto a table row.
                let mut i = 0;
                while i + 4 <= m {
                    simd::outer4::<T, I>(d.add(i * n), [*l.add(i), *l.add(i + 1), *l.add(i + 2), *l.add(i + 3)], r, n);
                    i += 4;
                }
                while i < m {
                    simd::axpy::<T, I>(d.add(i * n), *l.add(i), r, n, true);
                    i += 1;
                }
                continue;
            }
            for i in 0..m {
                let d = d.add(i * n);
                // A single summand makes "stored [n, 1]" and "stored [1, n]" the same line.
                if tb && k > 1 {
                    let mut j = 0;
                    while !ta && j + 4 <= n {
                        let x = simd::inner4::<T, I>(l.add(i * k), r.add(j * k), k);
                        for q in 0..4 {
                            *d.add(j + q) = if accumulate { *d.add(j + q) + x[q] } else { x[q] };
                        }
                        j += 4;
                    }
                    while j < n {
                        let row = r.add(j * k);
                        let x = if ta {
                            let mut x = T::ZERO;
                            for p in 0..k {
                                x = left(i, p).madd::<I>(*row.add(p), x);
                            }
                            x
                        } else {
                            simd::inner::<T, I>(l.add(i * k), row, k)
                        };
                        *d.add(j) = if accumulate { *d.add(j) + x } else { x };
                        j += 1;
                    }
                    continue;
                }
                let mut p = 0;
                while p + 4 <= k {
                    let x = [left(i, p), left(i, p + 1), left(i, p + 2), left(i, p + 3)];
                    let e = [r.add(p * n), r.add((p + 1) * n), r.add((p + 2) * n), r.add((p + 3) * n)];
                    simd::combine4::<T, I>(d, x, e, n, accumulate || p > 0);
                    p += 4;
                }
                while p < k {
                    simd::axpy::<T, I>(d, left(i, p), r.add(p * n), n, accumulate || p > 0);
                    p += 1;
                }
            }
        }
    }
}

/// Maximum and sum of exponentials of a row.
#[inline(always)]
unsafe fn exponentials<T: Real, I: Simd<T>>(z: *const T, n: usize, e: &mut [f64]) -> (T, T) {
    unsafe {
        let m = simd::maximum::<T, I>(z, n);
        // The scratch is as wide as doubles, so a row of either working type fits.
        let e = e.as_mut_ptr().cast::<T>();
        for i in 0..n {
            *e.add(i) = Real::exp::<I>(*z.add(i) - m);
        }
        (m, simd::sum::<T, I>(e, n))
    }
}

#[inline(always)]
unsafe fn ce<T: Real, I: Simd<T>>(rule: &CeRule, z: *const T, n: usize, label: usize, s: &mut Scratch3) -> T {
    unsafe {
        if rule.precision != T::PRECISION {
            s.z.clear();
            s.z.extend((0..n).map(|i| (*z.add(i)).to()));
            return T::of(cross_entropy::loss(rule, &s.z, label, &mut s.head));
        }
        s.g.resize(n.max(s.g.len()), 0.0);
        let (m, total) = exponentials::<T, I>(z, n, &mut s.g);
        let log_total = match rule.gradient {
            CeGradient::Textbook => Real::ln::<I>(total),
            CeGradient::Exact => {
                // The largest exponential is exactly 1: the others go through log1p, in double.
                let mut top = 0;
                while top + 1 < n && *z.add(top) != m {
                    top += 1;
                }
                let mut others = T::ZERO;
                for i in 0..n {
                    if i != top {
                        others += Real::exp::<I>(*z.add(i) - m);
                    }
                }
                T::of(libm::log1p(others.to()))
            }
        };
        let nll = log_total - (*z.add(label) - m);
        if rule.smoothing == 0.0 {
            return nll;
        }
        let mean = log_total - (simd::sum::<T, I>(z, n) / T::of(n as f64) - m);
        T::of(1.0 - rule.smoothing) * nll + T::of(rule.smoothing) * mean
    }
}

#[inline(always)]
unsafe fn ce_grad<T: Real, I: Simd<T>>(rule: &CeRule, z: *const T, n: usize, label: usize, d: *mut T, s: &mut Scratch3) {
    unsafe {
        if rule.precision != T::PRECISION {
            s.z.clear();
            s.z.extend((0..n).map(|i| (*z.add(i)).to()));
            s.g.resize(n, 0.0);
            cross_entropy::gradient(rule, &s.z, label, &mut s.g, &mut s.head);
            for i in 0..n {
                *d.add(i) = T::of(s.g[i]).normal();
            }
            return;
        }
        let m = simd::maximum::<T, I>(z, n);
        for i in 0..n {
            *d.add(i) = Real::exp::<I>(*z.add(i) - m);
        }
        let r = T::ONE / simd::sum::<T, I>(d, n);
        for i in 0..n {
            *d.add(i) = (*d.add(i) * r).normal();
        }
        let spread = T::of(rule.smoothing / n as f64);
        match rule.gradient {
            CeGradient::Textbook => {
                if rule.smoothing != 0.0 {
                    for i in 0..n {
                        *d.add(i) = *d.add(i) - spread;
                    }
                }
                *d.add(label) = *d.add(label) - T::of(1.0 - rule.smoothing);
            }
            CeGradient::Exact => {
                *d.add(label) = T::ZERO;
                let others = simd::sum::<T, I>(d, n);
                if rule.smoothing != 0.0 {
                    for i in 0..n {
                        *d.add(i) = *d.add(i) - spread;
                    }
                }
                *d.add(label) = T::of(rule.smoothing) - spread - others;
            }
        }
    }
}
