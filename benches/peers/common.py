"""What the peers share: the workloads' sizes, data and first weights, the command line, and the clock.

W1  Nanda's transformer: p = 113, 3,830 examples (30 %), full batch, one layer, no normalisation, outputs p + 1.
W2  Gromov's quadratic MLP: p = 97, width 500, 4,704 examples (half), full batch, squared error.
W3  Power's size, pre-norm: p = 97, `a op b =`, two layers, GELU, minibatch of 512 drawn afresh every step, outputs p + 2.

A step is everything that training does: batch, forward, backward, AdamW; f32 throughout.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

W1 = dict(p=113, n=3830, d=128, heads=4, mlp=512, outputs=114, lr=1e-3, wd=1.0, betas=(0.9, 0.98))
W2 = dict(p=97, n=4704, width=500, lr=0.01, wd=1.0, betas=(0.9, 0.999))
W3 = dict(p=97, n=4704, layers=2, d=128, heads=4, mlp=512, outputs=99, batch=512, lr=1e-3, wd=1.0, betas=(0.9, 0.98))
EPS = 1e-8


def arguments(impls):
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=["w1", "w2", "w3"], required=True)
    parser.add_argument("--graph", choices=["naive", "last", "dense", "gather"], required=True, help="w1, w3: naive or last; w2: dense or gather")
    parser.add_argument("--impl", choices=impls, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--barrier", help="FOLDER:N: after the warm-up wait until N processes have come to FOLDER, so that they are timed at once")
    parser.add_argument("--losses", action="store_true", help="print the losses of the first steps instead of timing (W3: on a fixed batch)")
    args = parser.parse_args()
    if args.graph not in (("dense", "gather") if args.workload == "w2" else ("naive", "last")):
        parser.error(f"{args.workload} has no graph {args.graph}")
    # As many cores as threads: XLA and OpenMP size their pools by the affinity, so this has to come before their import.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(args.threads)
    return args


def data(w, numpy):
    """Operands a, b and labels a + b mod p of `n` pairs drawn without replacement."""
    pairs = numpy.random.default_rng(0).permutation(w["p"] ** 2)[: w["n"]]
    a, b = pairs // w["p"], pairs % w["p"]
    return a, b, (a + b) % w["p"]


def first_weights(workload, numpy, seed=0):
    """The workload's weights by name, f32. The peers keep W_Q, W_K, W_V as [d, heads·d_head], the layout that suits them."""
    rng = numpy.random.default_rng(seed)

    def normal(scale, *shape):
        return (rng.normal(size=shape) * scale).astype(numpy.float32)

    def filled(value, *shape):
        return numpy.full(shape, value, numpy.float32)

    if workload == "w2":
        w = W2
        return {"W1": normal(1.0, 2 * w["p"], w["width"]), "W2": normal(1.0, w["width"], w["p"])}
    w, small = (W1, False) if workload == "w1" else (W3, True)
    d, mlp, s = w["d"], w["mlp"], w["d"] ** -0.5
    vocab, length, layers = (w["p"] + 1, 3, 1) if not small else (w["p"] + 2, 4, w["layers"])
    weights = {"E": normal(s, vocab, d), "pos": normal(s, length, d), "U": normal(s, d, w["outputs"])}
    for i in range(layers):
        for name in ("Q", "K", "V", "O"):
            weights[f"{name}{i}"] = normal(s, d, d)
        weights[f"in{i}"], weights[f"b_in{i}"] = normal(s, d, mlp), filled(0, mlp)
        weights[f"out{i}"], weights[f"b_out{i}"] = normal(s, mlp, d), filled(0, d)
        if small:
            for name in ("Q", "K", "V", "O"):
                weights[f"b_{name}{i}"] = filled(0, d)
            for norm in ("ln1", "ln2"):
                weights[f"{norm}g{i}"], weights[f"{norm}b{i}"] = filled(1, d), filled(0, d)
    if small:
        weights["lnfg"], weights["lnfb"], weights["b_U"] = filled(1, d), filled(0, d), filled(0, w["outputs"])
    return weights


def wait_for_others(barrier):
    folder, count = barrier.rsplit(":", 1)
    folder = pathlib.Path(folder)
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 600
    while len(list(folder.iterdir())) < int(count):
        if time.monotonic() > until:
            sys.exit("the other process never came to the barrier")
        time.sleep(0.001)


def clock(args, step, runs=1):
    """Times `step()` (which must block until its result is there) and prints the row; `runs` are trained by each call."""
    for _ in range(args.warmup):
        step()
    if args.barrier:
        wait_for_others(args.barrier)
    times = []
    for _ in range(args.steps):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3 / runs)
    print(f"{args.workload},{args.impl},{args.graph},{args.threads},{statistics.median(times):.3f},{min(times):.3f},{args.steps}")
