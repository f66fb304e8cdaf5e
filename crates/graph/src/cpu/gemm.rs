//! Matrix products: faer's kernels behind two small functions. A product runs sequentially; the caller cuts it by shape.

use super::math::Real;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A strided matrix view by raw pointer.
#[derive(Clone, Copy)]
pub struct View<T> {
    /// First element.
    pub ptr: *mut T,
    /// Row stride, in elements.
    pub rs: isize,
    /// Column stride, in elements.
    pub cs: isize,
}

/// `dst (m × n) = [dst +] lhs (m × k) · rhs (k × n)`.
///
/// # Safety
/// The views must lie inside live allocations, and `dst` must not overlap the operands.
pub unsafe fn gemm<T: Real>(m: usize, n: usize, k: usize, dst: View<T>, accumulate: bool, lhs: View<T>, rhs: View<T>) {
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: forwarded to the caller.
    unsafe {
        let d = MatMut::from_raw_parts_mut(dst.ptr, m, n, dst.rs, dst.cs);
        let l = MatRef::from_raw_parts(lhs.ptr.cast_const(), m, k, lhs.rs, lhs.cs);
        let r = MatRef::from_raw_parts(rhs.ptr.cast_const(), k, n, rhs.rs, rhs.cs);
        matmul(d, if accumulate { Accum::Add } else { Accum::Replace }, l, r, T::ONE, Par::Seq);
    }
}
