//! A step allocates nothing after warm-up.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::Sequential;
use pennydrop_train::{Host, Interrupt, Run, Silent};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: forwarded.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: forwarded.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: forwarded.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts allocations since the last question, and stops at the `left`-th.
struct Count {
    left: u64,
    total: usize,
    at: Option<usize>,
}

impl Host for Count {
    fn interrupted(&mut self) -> Option<Interrupt> {
        let now = COUNT.get();
        if let Some(before) = self.at.replace(now) {
            self.total += now - before;
        }
        self.left = self.left.checked_sub(1)?;
        if self.left == 0 { Some(Interrupt::Signal) } else { None }
    }
}

#[test]
fn none_in_a_step() {
    for (name, words) in FAMILIES {
        // Evaluations at 0, 1, 10, 100 and 1000 only.
        let words = format!("{words} train.steps=900 train.stop=steps train.eval=1");
        let mut run = Run::new(setup(&words)).unwrap();
        run.set_budget(105).unwrap();
        run.advance(&Sequential, &mut Silent);
        run.set_budget(900).unwrap();
        let mut count = Count { left: 100, total: 0, at: None };
        run.advance(&Sequential, &mut count);
        assert_eq!(run.step(), 204, "{name}");
        assert_eq!(count.total, 0, "{name}: allocations in 99 steps");
    }
}
