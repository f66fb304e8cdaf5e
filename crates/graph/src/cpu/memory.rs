//! The buffers of one run at a time.

use super::interpret::{Ctx, Scratch3};
use super::math::Real;
use super::plan::{ArrayRef, Clear, Places};
use crate::domain::Domain;
use crate::feed::Feed;
use crate::ir::Fold;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// Zeroed numbers on a 64-byte boundary.
#[derive(Debug)]
struct Aligned<T> {
    ptr: *mut T,
    len: usize,
}

impl<T: Real> Aligned<T> {
    fn new(len: usize) -> Aligned<T> {
        let len = len.max(16);
        let layout = Layout::from_size_align(len * size_of::<T>(), 64).expect("sizes fit");
        // SAFETY: the layout is not empty, and zero bits are the number zero.
        let ptr = unsafe { alloc_zeroed(layout) }.cast::<T>();
        if ptr.is_null() {
            handle_alloc_error(layout);
        }
        Aligned { ptr, len }
    }
}

impl<T> Drop for Aligned<T> {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.len * size_of::<T>(), 64).expect("sizes fit");
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.ptr.cast(), layout) }
    }
}

/// Buffers for one run of a program at a time.
#[derive(Debug)]
pub struct Memory<T> {
    global: Aligned<T>,
    lanes: Vec<Aligned<T>>,
    acc: Vec<Aligned<T>>,
    scratch: Vec<Aligned<T>>,
    heads: Vec<std::cell::UnsafeCell<Scratch3>>,
    scalars: Vec<T>,
    features: Vec<Vec<T>>,
    feature_ptrs: Vec<*const T>,
    states: Vec<*mut T>,
    maps: Vec<*const u32>,
    arrays: Vec<*const u32>,
}

// SAFETY: the raw pointers are refreshed at the start of every run, which borrows what they point to; between runs they are not read.
unsafe impl<T: Real> Send for Memory<T> {}

/// Memory that lanes share; each touches its own part.
pub(super) struct Shared<'m, T>(pub &'m mut Memory<T>);

// SAFETY: lanes write disjoint parts (see `Program::run`).
unsafe impl<T: Real> Sync for Shared<'_, T> {}

impl<T: Real> Shared<'_, T> {
    pub(super) fn get(&self) -> &Memory<T> {
        self.0
    }
}

impl<T: Real> Memory<T> {
    pub(super) fn new(p: &Places, scratch: usize, scalars: usize, features: usize, states: usize) -> Memory<T> {
        Memory {
            global: Aligned::new(p.global),
            lanes: (0..p.lanes).map(|_| Aligned::new(p.lane)).collect(),
            acc: (1..p.lanes).map(|_| Aligned::new(p.acc)).collect(),
            scratch: (0..p.lanes).map(|_| Aligned::new(scratch)).collect(),
            heads: (0..p.lanes).map(|_| Default::default()).collect(),
            scalars: vec![T::ZERO; scalars],
            features: vec![Vec::new(); features],
            feature_ptrs: Vec::with_capacity(features),
            states: Vec::with_capacity(states),
            maps: Vec::with_capacity(p.maps.len()),
            arrays: Vec::with_capacity(p.arrays.len()),
        }
    }

    /// Refreshes scalars, dense inputs and pointers.
    pub(super) fn prepare<'f>(
        &mut self,
        states: &mut [Vec<T>],
        feed: &'f Feed,
        scalars: &[f64],
        maps: &[(Domain, Domain)],
        array: impl Fn(ArrayRef) -> &'f [u32],
        arrays: &[ArrayRef],
    ) {
        for (to, from) in self.scalars.iter_mut().zip(scalars) {
            *to = T::of(*from);
        }
        for (to, from) in self.features.iter_mut().zip(&feed.batch().features) {
            to.clear();
            to.extend(from.iter().map(|x| T::of(*x)));
        }
        self.feature_ptrs.clear();
        self.feature_ptrs.extend(self.features.iter().map(|f| f.as_ptr()));
        self.states.clear();
        self.states.extend(states.iter_mut().map(|s| s.as_mut_ptr()));
        self.maps.clear();
        self.maps.extend(maps.iter().map(|(big, small)| feed.map(*big, *small).as_ptr()));
        self.arrays.clear();
        self.arrays.extend(arrays.iter().map(|a| array(*a).as_ptr()));
    }

    /// The base pointers of lane `i`, and its scratch of the emulated loss head.
    ///
    /// # Safety
    /// At most one context of each lane may be in use at a time.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn context<'s>(&'s self, i: usize, consts: &[T], random: (u64, u64)) -> (Ctx<'s, T>, &'s mut Scratch3) {
        let ctx = Ctx {
            global: self.global.ptr,
            lane: self.lanes[i].ptr,
            acc: if i == 0 { std::ptr::null_mut() } else { self.acc[i - 1].ptr },
            scratch: self.scratch[i].ptr,
            states: &self.states,
            consts: consts.as_ptr(),
            scalars: self.scalars.as_ptr(),
            features: &self.feature_ptrs,
            maps: &self.maps,
            arrays: &self.arrays,
            random,
            chunk: 0,
        };
        // SAFETY: each lane has its own, and the caller keeps lanes apart.
        (ctx, unsafe { &mut *self.heads[i].get() })
    }

    pub(super) fn global(&self) -> &[T] {
        // SAFETY: allocated with this length.
        unsafe { std::slice::from_raw_parts(self.global.ptr, self.global.len) }
    }

    pub(super) fn fill(&mut self, c: &Clear, value: T) {
        // SAFETY: planned ranges.
        unsafe {
            std::slice::from_raw_parts_mut(self.global.ptr.add(c.global), c.len).fill(value);
            if let Some(lane) = c.lane {
                for a in &self.acc {
                    std::slice::from_raw_parts_mut(a.ptr.add(lane), c.len).fill(value);
                }
            }
        }
    }

    /// Folds the accumulators of later lanes into lane 0's, in order.
    pub(super) fn combine(&mut self, c: &Clear) {
        let Some(lane) = c.lane else { return };
        for a in &self.acc {
            // SAFETY: planned ranges of different allocations.
            unsafe {
                let to = std::slice::from_raw_parts_mut(self.global.ptr.add(c.global), c.len);
                let from = std::slice::from_raw_parts(a.ptr.add(lane), c.len);
                for (x, y) in to.iter_mut().zip(from) {
                    match c.fold {
                        Fold::Sum => *x += *y,
                        Fold::Max => *x = if *y > *x { *y } else { *x },
                    }
                }
            }
        }
    }
}
