"""PyTorch on the CPU: one full training step of a workload. Prints workload,impl,graph,threads,median_ms,min_ms,steps.

    python peer_torch.py --workload w1 --graph last --impl eager --threads 1 --steps 30 --warmup 5

Graph `naive` is the model as it is usually written, every position through every layer; `last` is written by hand so that
only the last position's queries, MLP and logits are computed where no later layer reads the others. For W2, `dense`
multiplies one-hot rows and `gather` looks them up.
"""

import common

args = common.arguments(["eager", "compile"])

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(args.threads)
torch.set_num_interop_threads(1)


def split(x, heads):
    n, s, d = x.shape
    return x.view(n, s, heads, d // heads).transpose(1, 2)


def w1(w, x):
    """Nanda's model. x: tokens [n, 3]."""
    c = common.W1
    h = F.embedding(x, w["E"]) + w["pos"]
    n, s, d = h.shape
    q_in = h[:, -1:] if args.graph == "last" else h
    q, k, v = split(q_in @ w["Q0"], c["heads"]), split(h @ w["K0"], c["heads"]), split(h @ w["V0"], c["heads"])
    scores = q @ k.transpose(-1, -2) / (d // c["heads"]) ** 0.5
    if args.graph == "naive":
        scores = scores.masked_fill(causal(s), float("-inf"))
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, -1, d)
    y = q_in + mixed @ w["O0"]
    y = y + F.relu(y @ w["in0"] + w["b_in0"]) @ w["out0"] + w["b_out0"]
    return (y @ w["U"])[:, -1]


def causal(s):
    return torch.ones(s, s, dtype=torch.bool).triu(1)


def w2(w, x):
    c = common.W2
    if args.graph == "dense":
        pre = x @ w["W1"]
    else:
        pre = F.embedding(x[:, 0], w["W1"][: c["p"]]) + F.embedding(x[:, 1], w["W1"][c["p"] :])
    return (pre / (2 * c["p"]) ** 0.5).square() @ w["W2"] / c["width"]


def w3(w, x):
    c = common.W3
    h = F.embedding(x, w["E"]) + w["pos"]
    n, s, d = h.shape
    for i in range(c["layers"]):
        last = args.graph == "last" and i == c["layers"] - 1  # nobody reads the other positions of the last layer
        y = F.layer_norm(h, (d,), w[f"ln1g{i}"], w[f"ln1b{i}"])
        q_in = y[:, -1:] if last else y
        q, k, v = (split(t @ w[f"{m}{i}"] + w[f"b_{m}{i}"], c["heads"]) for t, m in ((q_in, "Q"), (y, "K"), (y, "V")))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=not last).transpose(1, 2).reshape(n, -1, d)
        h = (h[:, -1:] if last else h) + mixed @ w[f"O{i}"] + w[f"b_O{i}"]
        y = F.layer_norm(h, (d,), w[f"ln2g{i}"], w[f"ln2b{i}"])
        h = h + F.gelu(y @ w[f"in{i}"] + w[f"b_in{i}"], approximate="tanh") @ w[f"out{i}"] + w[f"b_out{i}"]
    h = F.layer_norm(h, (d,), w["lnfg"], w["lnfb"])
    return (h @ w["U"] + w["b_U"])[:, -1]


def main():
    config = {"w1": common.W1, "w2": common.W2, "w3": common.W3}[args.workload]
    weights = {k: torch.tensor(v).requires_grad_() for k, v in common.first_weights(args.workload, np).items()}
    a, b, labels = (torch.tensor(v) for v in common.data(config, np))
    p = config["p"]
    if args.workload == "w1":
        model, x, y = w1, torch.stack([a, b, torch.full_like(a, p)], 1), labels
    elif args.workload == "w2":
        pairs = torch.stack([a, b], 1)
        x = F.one_hot(pairs, p).flatten(1).float() if args.graph == "dense" else pairs
        model, y = w2, F.one_hot(labels, p).float()
    else:
        model, x, y = w3, torch.stack([a, torch.full_like(a, p), b, torch.full_like(a, p + 1)], 1), labels

    def loss_of(w, x, y):
        return F.mse_loss(model(w, x), y) if args.workload == "w2" else F.cross_entropy(model(w, x), y)

    if args.impl == "compile":
        loss_of = torch.compile(loss_of)
    optimizer = torch.optim.AdamW(list(weights.values()), lr=config["lr"], betas=config["betas"], eps=common.EPS, weight_decay=config["wd"], fused=True)
    torch.manual_seed(0)

    def step():
        if args.workload == "w3":
            rows = torch.arange(config["batch"]) if args.losses else torch.randint(0, len(x), (config["batch"],))
            loss = loss_of(weights, x[rows], y[rows])
        else:
            loss = loss_of(weights, x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    if args.losses:
        print(args.workload, args.impl, args.graph, *(f"{step():.6g}" for _ in range(5)))
    else:
        common.clock(args, step)


main()
