#!/usr/bin/env python3
"""Times one training step of pennydrop and of its peers, all in one run, and writes every repetition down.

    python3 benches/speed.py --peers FOLDER --pennydrop target/release/pennydrop

FOLDER is an environment made by benches/peers/setup.sh. Standard library only. Each repetition goes through all the
configurations before the next begins, in an order of its own, so that a slow minute of the machine falls on everybody. Modes:

  pair     two single-thread processes at once, one pinned to core 0, one to core 1: steps a second together
  one-1    one process, one thread, on core 0
  one-2    one process, two threads, on cores 0 and 1

Rows go to benches/DATE-speed.csv as they come; a configuration that fails is a row with its error. The tables at the end
are medians over repetitions, and can be had again from the file alone with --table FILE.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import platform
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKLOADS = ["w1", "w2", "w3"]
MODES = ["pair", "one-1", "one-2"]
COLUMNS = ["time", "repetition", "workload", "impl", "graph", "mode", "core", "threads", "median_ms", "min_ms", "steps", "load", "error"]

# What pennydrop is asked to time, as words after `explain`.
PENNYDROP = {"w1": ["nanda"], "w2": ["gromov", "task.fraction=0.5"], "w3": [str(HERE / "specs" / "w3.toml")]}
# The peers' graphs: as usually written, and improved by hand.
GRAPHS = {"w1": ("naive", "last"), "w2": ("dense", "gather"), "w3": ("naive", "last")}
PEERS = [("torch", "eager"), ("torch", "compile"), ("jax", "jit"), ("jax", "vmap4")]


def configurations(args):
    """(workload, impl, graph) of everything to be timed."""
    for workload in args.workloads:
        if args.pennydrop:
            yield workload, "pennydrop", "spec"
        if args.peers:
            for stack, impl in PEERS:
                for graph in GRAPHS[workload]:
                    yield workload, f"{stack}-{impl}", graph


def command(args, workload, impl, graph, threads, barrier):
    if impl == "pennydrop":
        return [args.pennydrop, "explain", *PENNYDROP[workload], "--json", "--threads", str(threads), *shlex.split(args.explain_args)]
    stack, kind = impl.split("-")
    words = [args.peers + "/bin/python", str(HERE / "peers" / f"peer_{stack}.py"), "--workload", workload, "--graph", graph, "--impl", kind]
    words += ["--threads", str(threads), "--steps", str(args.steps), "--warmup", str(args.warmup)]
    return words + (["--barrier", barrier] if barrier else [])


def find(tree, key):
    """The first value under `key` anywhere in parsed JSON."""
    if isinstance(tree, dict):
        if key in tree:
            return tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            found = find(part, key)
            if found is not None:
                return found
    return None


def read(impl, text):
    """(median_ms, min_ms, steps) from what a process printed; raises ValueError with the reason."""
    if impl == "pennydrop":
        tree = json.loads(text)
        median = find(tree, "ms_per_step")
        if not isinstance(median, (int, float)):
            raise ValueError("no ms_per_step in the answer")
        return median, find(tree, "min_ms_per_step") or "", find(tree, "steps") or ""
    fields = text.strip().splitlines()[-1].split(",")
    if len(fields) != 7:
        raise ValueError("not a row: " + text.strip()[-200:])
    return float(fields[4]), float(fields[5]), int(fields[6])


def last_words(text):
    """The part of an error output that says what happened."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip() and "warn" not in line.lower()]
    return " | ".join(lines[-3:])[-400:] or "no message"


def measure(args, workload, impl, graph, mode):
    """One repetition of a configuration: a list of (core, threads, median, min, steps, error)."""
    places = {"pair": [("0", 1), ("1", 1)], "one-1": [("0", 1)], "one-2": [("0,1", 2)]}[mode]
    with tempfile.TemporaryDirectory() as folder:
        barrier = f"{folder}:{len(places)}" if len(places) > 1 else None
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        started, results = [], []
        for core, threads in places:
            words = ["taskset", "-c", core, *command(args, workload, impl, graph, threads, barrier)]
            try:
                started.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment))
            except OSError as error:
                started.append(error)
        deadline = time.monotonic() + args.limit
        # A process whose partner fails would wait for it: stop it.
        while any(not isinstance(p, OSError) and p.poll() is None for p in started) and time.monotonic() < deadline:
            if any(isinstance(p, OSError) or p.poll() for p in started):
                time.sleep(2.0)  # a partner that fails for the same reason may say so itself
                for p in started:
                    if not isinstance(p, OSError) and p.poll() is None:
                        p.kill()
                break
            time.sleep(0.05)
        for (core, threads), process in zip(places, started):
            if isinstance(process, OSError):
                results.append((core, threads, "", "", "", str(process)))
                continue
            try:
                out, err = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
                if process.returncode:
                    stopped = process.returncode < 0
                    raise ValueError("stopped: its partner failed" if stopped and len(places) > 1 else f"exit {process.returncode}: {last_words(err)}")
                results.append((core, threads, *read(impl, out), ""))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                results.append((core, threads, "", "", "", f"longer than {args.limit} s"))
            except (ValueError, IndexError) as error:
                results.append((core, threads, "", "", "", str(error)))
        return results


def output(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=120).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


GEMM = """
import os; os.sched_setaffinity(0, {0})
import time, torch; torch.set_num_threads(1)
a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
times = []
for _ in range(40):
    start = time.perf_counter(); a @ b; times.append(time.perf_counter() - start)
print(f"{2 * 1024 ** 3 / sorted(times)[20] / 1e9:.0f} GFLOP/s")
"""


def machine(args):
    """Lines about the machine and the versions."""
    cpu = {}
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            cpu[key.strip()] = value.strip()
    except OSError:
        pass
    flags = cpu.get("flags", "").split()
    isa = " ".join(flag for flag in ("avx2", "fma", "avx512f", "avx512_bf16") if flag in flags)
    yield f"date: {datetime.datetime.now().isoformat(timespec='minutes')}"
    yield f"cpu: {cpu.get('model name', platform.processor())}, family {cpu.get('cpu family', '?')}, model {cpu.get('model', '?')}; {isa}"
    yield f"cores: {os.cpu_count()}; memory: {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB; kernel: {platform.release()}"
    if args.peers:
        python = args.peers + "/bin/python"
        versions = "import torch, jax, numpy; print('torch', torch.__version__, 'jax', jax.__version__, 'numpy', numpy.__version__)"
        yield f"peers: {output(python, '--version')} {output(python, '-c', versions)}"
        yield f"f32 product of two 1024 x 1024 matrices on one core (torch): {output(python, '-c', GEMM)}"
    if args.pennydrop:
        changed = " with local changes" if output("git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no") else ""
        yield f"pennydrop: {output(args.pennydrop, '--version')}, commit {output('git', '-C', str(HERE), 'rev-parse', '--short', 'HEAD')}{changed}"
    yield f"load before: {os.getloadavg()[0]:.2f}"
    yield "command: " + shlex.join(["benches/speed.py", *sys.argv[1:]])


def rates(rows):
    """{(workload, mode, impl, graph): [steps a second, one a repetition]}; a repetition counts only if all its processes came through."""
    groups = {}
    for row in rows:
        groups.setdefault((row["workload"], row["mode"], row["impl"], row["graph"], row["repetition"]), []).append(row)
    result = {}
    for (workload, mode, impl, graph, _), members in sorted(groups.items()):
        good = all(not m["error"] for m in members)
        result.setdefault((workload, mode, impl, graph), [])
        if good:
            result[workload, mode, impl, graph].append(sum(1000.0 / float(m["median_ms"]) for m in members))
    return result


def table(rows, to):
    found = rates(rows)
    errors = {(r["workload"], r["impl"], r["graph"], r["error"]) for r in rows if r["error"]}
    median = {key: statistics.median(values) for key, values in found.items() if values}
    for workload in WORKLOADS:
        for mode in MODES:
            here = {key[2:]: value for key, value in median.items() if key[:2] == (workload, mode)}
            if not here:
                continue
            ours = here.get(("pennydrop", "spec"))
            print(f"\n{workload}, {mode}: steps a second (median of repetitions; lowest to highest){'; pennydrop over it' if ours else ''}", file=to)
            for (impl, graph), value in sorted(here.items(), key=lambda item: -item[1]):
                spread = found[workload, mode, impl, graph]
                ratio = f"   {ours / value:6.2f}" if ours and impl != "pennydrop" else ""
                print(f"  {impl:14} {graph:7} {value:9.2f}   ({min(spread):.2f} to {max(spread):.2f}, {len(spread)}){ratio}", file=to)
            usual, improved = GRAPHS[workload]
            peers = {key: value for key, value in here.items() if key[0] != "pennydrop"}
            if not ours or not peers:
                continue

            def over(words, chosen):
                if chosen:
                    (impl, graph), best = max(chosen.items(), key=lambda item: item[1])
                    print(f"  pennydrop over {words} ({impl}, {graph}): {ours / best:.2f}", file=to)

            over("the best of PyTorch and JAX, any graph", peers)
            over(f"the best of PyTorch and JAX, graph {improved}", {k: v for k, v in peers.items() if k[1] == improved})
            over("PyTorch as usually written", {k: v for k, v in peers.items() if k == ("torch-eager", usual)})
            over("JAX as usually written", {k: v for k, v in peers.items() if k == ("jax-jit", usual)})
    for error in sorted(errors):
        print("failed:", *error, file=to)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", help="environment with PyTorch and JAX (benches/peers/setup.sh); none: pennydrop alone")
    parser.add_argument("--pennydrop", help="the built program; none: the peers alone")
    parser.add_argument("--explain-args", default="", help="more words for `pennydrop explain`")
    parser.add_argument("--workloads", type=lambda text: text.split(","), default=WORKLOADS)
    parser.add_argument("--modes", type=lambda text: text.split(","), default=MODES)
    parser.add_argument("--only", default="", help="time only configurations whose `impl graph` contains this")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a process is given up")
    parser.add_argument("--out", help="file to write; default benches/DATE-speed.csv")
    parser.add_argument("--table", metavar="FILE", help="print the tables of a written file and stop")
    args = parser.parse_args()
    if args.table:
        with open(args.table, newline="") as file:
            table(list(csv.DictReader(line for line in file if not line.startswith("#"))), sys.stdout)
        return 0
    for known, given in ((WORKLOADS, args.workloads), (MODES, args.modes)):
        for word in given:
            if word not in known:
                parser.error(f"{word} is none of {', '.join(known)}")
    if not args.peers and not args.pennydrop:
        parser.error("nothing to time: give --peers, --pennydrop or both")
    if args.pennydrop:
        args.pennydrop = str(pathlib.Path(args.pennydrop).resolve())
    if args.peers:
        args.peers = str(pathlib.Path(args.peers).absolute())
    todo = [(c, mode) for c in configurations(args) if args.only in f"{c[1]} {c[2]}" for mode in args.modes]
    if not todo:
        parser.error(f"no configuration contains {args.only!r}")
    path = pathlib.Path(args.out) if args.out else HERE / f"{datetime.date.today().isoformat()}-speed.csv"
    if path.exists():
        print(f"{path} is there already: move it or give --out", file=sys.stderr)
        return 2

    rows, order = [], random.Random(0)
    with open(path, "w", newline="") as file:
        for line in machine(args):
            file.write(f"# {line}\n")
            print(line, file=sys.stderr)
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for repetition in range(args.repetitions):
            order.shuffle(todo)
            for number, ((workload, impl, graph), mode) in enumerate(todo):
                load = f"{os.getloadavg()[0]:.2f}"
                for core, threads, median, least, steps, error in measure(args, workload, impl, graph, mode):
                    values = [f"{datetime.datetime.now():%H:%M:%S}", repetition, workload, impl, graph, mode, core, threads, median, least, steps, load, error]
                    row = dict(zip(COLUMNS, values))
                    writer.writerow(row)
                    rows.append({k: str(v) for k, v in row.items()})
                    done = f"[{repetition + 1}/{args.repetitions} {number + 1}/{len(todo)}]"
                    print(done, workload, impl, graph, mode, f"core {core}:", error or f"{median:.2f} ms", file=sys.stderr)
                file.flush()
    table(rows, sys.stdout)
    print(f"\nrows: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
