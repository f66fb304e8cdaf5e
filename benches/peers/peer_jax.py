"""JAX on the CPU: one full training step of a workload. Prints workload,impl,graph,threads,median_ms,min_ms,steps.

    python peer_jax.py --workload w1 --graph last --impl jit --threads 1 --steps 30 --warmup 5

`jit` compiles the whole step and donates its buffers; `vmap4` trains four seeds in one program (times are per run and step).
The graphs are those of peer_torch.py.
"""

import os

import common

args = common.arguments(["jit", "vmap4"])
os.environ["JAX_PLATFORMS"] = "cpu"
if args.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np

RUNS = 4


def split(x, heads):
    n, s, d = x.shape
    return x.reshape(n, s, heads, d // heads).transpose(0, 2, 1, 3)


def attend(q, k, v, causal):
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    n, h, s, e = q.shape
    return (jax.nn.softmax(scores, -1) @ v).transpose(0, 2, 1, 3).reshape(n, s, h * e)


def w1(w, x):
    c = common.W1
    h = w["E"][x] + w["pos"]
    q_in = h[:, -1:] if args.graph == "last" else h
    q, k, v = split(q_in @ w["Q0"], c["heads"]), split(h @ w["K0"], c["heads"]), split(h @ w["V0"], c["heads"])
    y = q_in + attend(q, k, v, args.graph == "naive") @ w["O0"]
    y = y + jax.nn.relu(y @ w["in0"] + w["b_in0"]) @ w["out0"] + w["b_out0"]
    return (y @ w["U"])[:, -1]


def w2(w, x):
    c = common.W2
    pre = x @ w["W1"] if args.graph == "dense" else w["W1"][: c["p"]][x[:, 0]] + w["W1"][c["p"] :][x[:, 1]]
    return (pre / (2 * c["p"]) ** 0.5) ** 2 @ w["W2"] / c["width"]


def layer_norm(x, gain, bias):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gain + bias


def w3(w, x):
    c = common.W3
    h = w["E"][x] + w["pos"]
    for i in range(c["layers"]):
        last = args.graph == "last" and i == c["layers"] - 1
        y = layer_norm(h, w[f"ln1g{i}"], w[f"ln1b{i}"])
        q_in = y[:, -1:] if last else y
        q, k, v = (split(t @ w[f"{m}{i}"] + w[f"b_{m}{i}"], c["heads"]) for t, m in ((q_in, "Q"), (y, "K"), (y, "V")))
        h = (h[:, -1:] if last else h) + attend(q, k, v, not last) @ w[f"O{i}"] + w[f"b_O{i}"]
        y = layer_norm(h, w[f"ln2g{i}"], w[f"ln2b{i}"])
        h = h + jax.nn.gelu(y @ w[f"in{i}"] + w[f"b_in{i}"], approximate=True) @ w[f"out{i}"] + w[f"b_out{i}"]
    return (layer_norm(h, w["lnfg"], w["lnfb"]) @ w["U"] + w["b_U"])[:, -1]


def main():
    config = {"w1": common.W1, "w2": common.W2, "w3": common.W3}[args.workload]
    model = {"w1": w1, "w2": w2, "w3": w3}[args.workload]
    a, b, labels = common.data(config, np)
    p = config["p"]
    if args.workload == "w1":
        x, y = np.stack([a, b, np.full_like(a, p)], 1), labels
    elif args.workload == "w2":
        pairs = np.stack([a, b], 1)
        x = np.eye(p, dtype=np.float32)[pairs].reshape(len(a), 2 * p) if args.graph == "dense" else pairs
        y = np.eye(p, dtype=np.float32)[labels]
    else:
        x, y = np.stack([a, np.full_like(a, p), b, np.full_like(a, p + 1)], 1), labels
    x, y = jnp.asarray(x), jnp.asarray(y)
    beta1, beta2 = config["betas"]

    def loss_of(w, x, y):
        out = model(w, x)
        if args.workload == "w2":
            return jnp.mean((out - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], 1))

    def train(state, key, x, y):
        """State: weights, first and second moments, number of the step (from 1)."""
        w, m, v, t = state
        if args.workload == "w3":
            rows = jnp.arange(config["batch"]) if args.losses else jax.random.randint(jax.random.fold_in(key, t), (config["batch"],), 0, len(x))
            x, y = x[rows], y[rows]
        loss, g = jax.value_and_grad(loss_of)(w, x, y)
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, g)
        rate, root = config["lr"] / (1 - beta1**t), jnp.sqrt(1 - beta2**t)
        w = jax.tree.map(lambda w, m, v: w * (1 - config["lr"] * config["wd"]) - rate * m / (jnp.sqrt(v) / root + common.EPS), w, m, v)
        return (w, m, v, t + 1), loss

    if args.impl == "vmap4":
        seeds = [common.first_weights(args.workload, np, seed) for seed in range(RUNS)]
        weights = {k: jnp.stack([s[k] for s in seeds]) for k in seeds[0]}
        keys, start, runs = jax.random.split(jax.random.key(0), RUNS), jnp.ones(RUNS), RUNS
        compiled = jax.jit(jax.vmap(train, in_axes=(0, 0, None, None)), donate_argnums=0)
    else:
        weights = {k: jnp.asarray(v) for k, v in common.first_weights(args.workload, np).items()}
        keys, start, runs = jax.random.key(0), jnp.float32(1), 1
        compiled = jax.jit(train, donate_argnums=0)
    zeros = {k: jnp.zeros_like(v) for k, v in weights.items()}
    state = (weights, zeros, {k: jnp.zeros_like(v) for k, v in weights.items()}, start)

    def step():
        nonlocal state
        state, loss = compiled(state, keys, x, y)
        jax.block_until_ready(state)
        return float(loss if loss.ndim == 0 else loss[0])

    if args.losses:
        print(args.workload, args.impl, args.graph, *(f"{step():.6g}" for _ in range(5)))
    else:
        common.clock(args, step, runs)


main()
