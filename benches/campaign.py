#!/usr/bin/env python3
"""Times campaigns: ten thousand runs planned, trained and drawn; the same killed at random instants; a record of a million runs.

    cargo build --release
    cargo build --release -p pennydrop-store --example million --example differ
    python3 benches/campaign.py --pennydrop target/release/pennydrop --examples target/release/examples --folder FOLDER

Linux; standard library only. FOLDER is where records are written (some hundred megabytes; it must be empty or not there). Parts, all by default:

  campaign   plan, training, size, status and pictures of 10,000 runs (--seeds 100; fewer for a short look)
  empty      the same runs with one step each: what a run costs beside its steps
  kills      the same campaign, killed (-9) at --kills random instants, resumed each time, compared value by value with the undisturbed one
  million    status, show, plot phase and query over 10^6 made-up runs with the columns of real ones

Rows go to benches/DATE-campaign.csv as they come: one row a number, with its unit and what was measured.
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
PARTS = ["campaign", "empty", "kills", "million"]
COLUMNS = ["time", "part", "what", "value", "unit", "note"]
# 5 learning rates x 5 weight decays x 4 fractions, times --seeds.
CAMPAIGN = [
    "quickstart", "task.p=17", "model.d_embed=16", "model.widths=[32]", "train.steps=2000", "train.eval=16",
    "optim.lr=logspace(3e-3,1e-1,5)", "optim.weight_decay=logspace(0.3,3,5)", "task.fraction=.5,.6,.7,.8",
]
SETTINGS = 5 * 5 * 4
CLOCKS = ["wall_s", "steps_per_s", "machine"]
TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """What became of a process."""

    def __init__(self, code, out, err, wall, cpu, peak, others):
        self.code, self.out, self.err = code, out, err
        self.wall, self.cpu, self.peak = wall, cpu, peak  # s, s, bytes
        self.others = others  # share of all cores that went to other processes meanwhile


def busy():
    """Seconds that all cores together have worked since boot, and seconds taken by the host."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _, _, irq, soft, steal = fields[:8]
    return (user + nice + system + irq + soft) / TICKS, steal / TICKS


def run(words, hear=True):
    """Runs a process to its end, and measures it. Its output goes to files and is read afterwards: what Python holds would count as the next one's memory."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before, start = busy(), time.monotonic()
        process = subprocess.Popen(words, stdout=out if hear else subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = code = os.waitstatus_to_exitcode(status)
        after = busy()
        cpu = usage.ru_utime + usage.ru_stime
        others = max(0.0, (sum(after) - sum(before) - cpu) / (wall * os.cpu_count()))
        out.seek(0)
        err.seek(0)
        return Measured(code, out.read().decode(), err.read(100_000).decode(errors="replace"), wall, cpu, usage.ru_maxrss * 1024, others)


class Book:
    """The file of rows."""

    def __init__(self, path, lines):
        self.file = open(path, "w", newline="")
        for line in lines:
            self.file.write(f"# {line}\n")
            print(line, file=sys.stderr)
        self.writer = csv.writer(self.file)
        self.writer.writerow(COLUMNS)

    def row(self, part, what, value, unit="", note=""):
        if isinstance(value, float):
            value = f"{value:.6g}"
        self.writer.writerow([f"{datetime.datetime.now():%H:%M:%S}", part, what, value, unit, note])
        self.file.flush()
        print(f"[{part}] {what}: {value} {unit}  {note}", file=sys.stderr)


def must(measured, words):
    if measured.code != 0:
        raise SystemExit(f"{shlex.join(words)} ended with {measured.code}:\n{measured.err[-2000:]}")
    return measured


def size(folder):
    """{name of the subfolder or kind of file: (files, bytes)}."""
    sizes = {}
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts
            kind = top[0] if len(top) > 1 else path.suffix
            if kind == "data":
                kind = "data/" + path.name.split("-")[0]
            count, total = sizes.get(kind, (0, 0))
            sizes[kind] = (count + 1, total + path.stat().st_size)
    return sizes


def timed(book, part, name, words, repetitions, hear=False):
    """Several calls of one command: median, range, largest peak of memory. Nothing if the command fails."""
    results = []
    for _ in range(repetitions):
        m = run(words, hear)
        if m.code != 0:
            book.row(part, f"{name}: failed", m.code, "exit code", (m.err.strip().splitlines() or ["no message"])[0][:200])
            return None
        results.append(m)
    walls = [m.wall for m in results]
    first = f"first {walls[0]:.3f}, " if repetitions > 1 else ""
    note = f"{first}{min(walls):.3f} to {max(walls):.3f} of {repetitions}"
    if min(walls) > 0.5:  # the kernel counts in hundredths
        note += f"; others had {max(m.others for m in results):.0%} of the cores"
    book.row(part, f"{name}: time", statistics.median(walls), "s", note)
    book.row(part, f"{name}: peak memory", max(m.peak for m in results) / 2**20, "MiB")
    return results


def campaign(args, book):
    """Plans, trains and draws; leaves the record for the part `kills`. Gives the seconds that training took."""
    out = str(args.folder / "undisturbed")
    sweep = [args.pennydrop, "sweep", *CAMPAIGN, "--seeds", str(args.seeds), "--threads", str(args.threads), "--out", out]
    runs = SETTINGS * args.seeds
    plans = timed(book, "campaign", "plan (--dry-run, with 3 s of calibration at most)", [*sweep, "--dry-run", "--json"], 3, hear=True)
    cost = json.loads(plans[0].out)
    for key, unit in (("runs", "runs"), ("packs", "programs"), ("steps", "steps"), ("bytes", "B"), ("seconds", "s")):
        book.row("campaign", f"plan says: {key}", cost[key], unit, "at most" if key in ("steps", "bytes", "seconds") else "")
    load = os.getloadavg()[0]
    m = must(run([*sweep, "--json"]), sweep)
    answer = json.loads(m.out)
    assert answer["trained"] == runs and answer["failed"] == 0, answer
    book.row("campaign", "load before", load)
    book.row("campaign", "share of the cores that others had meanwhile", 100 * m.others, "%")
    book.row("campaign", "training: wall time of the process", m.wall, "s", f"{args.threads} threads")
    book.row("campaign", "training: processor time", m.cpu, "s")
    book.row("campaign", "training: peak memory", m.peak / 2**20, "MiB")
    book.row("campaign", "training: steps", answer["steps"], "steps", f"{answer['steps'] / m.wall:.0f} steps/s in all")
    book.row("campaign", "training: runs a second", runs / m.wall, "1/s")
    overhead(args, book, "campaign", m, answer, runs)
    total = 0
    for kind, (files, nbytes) in sorted(size(out).items()):
        total += nbytes
        book.row("campaign", f"record: {kind}", nbytes, "B", f"{files} files; {nbytes / runs:.0f} B a run")
    book.row("campaign", "record: bytes a run", total / runs, "B")
    timed(book, "campaign", "asked again (all known)", [*sweep, "--quiet"], 3)
    looks(args, book, "campaign", out, "task.fraction=0.8")
    timed(book, "campaign", "doctor (every file read and hashed)", [args.pennydrop, "doctor", out], 1)
    return m.wall


def overhead(args, book, part, m, answer, runs):
    """Rows of the time that is not the runs' own: of this program's threads until the last run ended, and of the whole process."""
    for name, wall in (("training alone", answer["wall_s"]), ("with start, plan and final table", m.wall)):
        over = args.threads * wall - answer["run_s"]
        book.row(part, f"overhead a run, {name}", 1e3 * over / runs, "ms", f"({args.threads} x {wall:.2f} s - {answer['run_s']:.2f} s of runs) / {runs}")
        book.row(part, f"overhead, {name}", 100 * over / (args.threads * wall), "%")


def empty(args, book):
    """Runs of one step: nearly all of their time is overhead, and their processor time, which no other process lengthens, bounds it from above."""
    runs = SETTINGS * args.seeds
    out = str(args.folder / "empty")
    words = [w if not w.startswith("train.steps") else "train.steps=1" for w in CAMPAIGN]
    sweep = [args.pennydrop, "sweep", *words, "--seeds", str(args.seeds), "--threads", str(args.threads), "--out", out, "--json"]
    m = must(run(sweep), sweep)
    answer = json.loads(m.out)
    assert answer["trained"] == runs and answer["failed"] == 0, answer
    book.row("empty", "share of the cores that others had meanwhile", 100 * m.others, "%")
    book.row("empty", "wall time of the process", m.wall, "s", f"{args.threads} threads, {runs} runs of one step")
    book.row("empty", "processor time a run, everything", 1e3 * m.cpu / runs, "ms", "plan, weights, the step, two evaluations, row, table")
    overhead(args, book, "empty", m, answer, runs)


def looks(args, book, part, folder, where):
    """Commands that look at a record; `where` is the layer of the phase diagram."""
    picture = str(args.folder / f"{part}-phase")
    axes = ["x=optim.weight_decay", "y=optim.lr"]
    timed(book, part, "status", [args.pennydrop, "status", folder, "--json"], 5)
    timed(book, part, "show", [args.pennydrop, "show", folder, "--json"], 5)
    timed(book, part, f"plot phase, {where}", [args.pennydrop, "plot", folder, "phase", *axes, where, "-o", picture], 3)
    query = "SELECT \"optim.lr\", count(*), avg(t_grok) FROM runs WHERE stop = 'grokked' GROUP BY 1"
    timed(book, part, "query (the first builds the index)", [args.pennydrop, "query", folder, query], 3)


def kills(args, book):
    """Kills at random instants; counts what is different in the end."""
    undisturbed, out = args.folder / "undisturbed", args.folder / "killed"
    threads = ["--threads", str(args.threads)]
    first = [args.pennydrop, "sweep", *CAMPAIGN, "--seeds", str(args.seeds), *threads, "--out", str(out), "--quiet"]
    resume = [args.pennydrop, "resume", str(out), *threads, "--quiet"]
    if not undisturbed.is_dir():
        raise SystemExit(f"{undisturbed} is not there: the part `campaign` makes it")
    runs = SETTINGS * args.seeds
    order = random.Random(args.seed)
    began = time.monotonic()
    done = hits = 0
    # Each session gets a random share of what is left, so that the kills are spread over the whole campaign.
    while hits < args.kills:
        left = args.kills - hits
        planned = any(out.glob("plan-*.toml"))
        process = subprocess.Popen(resume if planned else first, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = order.uniform(0.0, 2.0 * args.seconds * (1 - done / runs) / left) if hits % 5 else order.uniform(0.0, 0.5)
        time.sleep(seconds)
        process.kill()
        if process.wait() == 0:
            book.row("kills", "it ended before it was killed", done, "runs known", f"after {hits} kills")
            break
        hits += 1
        before = done
        if planned:
            status = json.loads(must(run([args.pennydrop, "status", str(out), "--json"]), ["status"]).out)
            done = status["known"]
            if done < before:
                raise SystemExit(f"{before} runs were known before kill {hits}, and {done} after it")
        book.row("kills", f"kill {hits}", done, "runs known", f"after {seconds:.3f} s")
    # The list of runs may be missing: then it was killed before it was planned.
    last = must(run([*(resume if any(out.glob("plan-*.toml")) else first), "--json"]), resume)
    book.row("kills", "kills", hits, "kills", f"seed {args.seed}")
    book.row("kills", "time of all sessions", time.monotonic() - began, "s")
    book.row("kills", "trained in the last session", json.loads(last.out)["trained"], "runs")
    words = [str(args.examples / "differ"), str(undisturbed), str(out), *CLOCKS]
    m = run(words)
    if m.code not in (0, 1):
        raise SystemExit(m.err)
    found = json.loads(m.out)
    book.row("kills", "values compared", found["values"], "values", f"runs {found['runs']}, curves {found['curves']}; all but {', '.join(CLOCKS)}")
    book.row("kills", "differences", found["differences"], "values", " | ".join(found["first"])[:500])
    again = must(run([*first, "--json"]), first)
    book.row("kills", "asked again: trained", json.loads(again.out)["trained"], "runs")
    for kind, (files, nbytes) in sorted(size(out).items()):
        book.row("kills", f"record: {kind}", nbytes, "B", f"{files} files")
    timed(book, "kills", "doctor (every file read and hashed)", [args.pennydrop, "doctor", str(out)], 1)


def million(args, book):
    """Looks at 10^6 made-up runs, and plans as many."""
    out = str(args.folder / "million")
    m = must(run([str(args.examples / "million"), out, str(args.million)]), ["million"])
    book.row("million", "runs", args.million, "runs", "crates/store/examples/million.rs")
    book.row("million", "written in", m.wall, "s")
    book.row("million", "record: bytes a run", sum(b for _, b in size(out).values()) / args.million, "B")
    looks(args, book, "million", out, "task.fraction=0.5")
    # A real plan of as many runs: 100 settings of the campaign above, submitted and stopped at once.
    plan = str(args.folder / "planned")
    words = [args.pennydrop, "sweep", *CAMPAIGN, "--seeds", str(max(1, args.million // SETTINGS)), "--out", plan, "--yes", "--quiet", "--time", "0.001s"]
    m = run(words)
    if m.code != 75:
        raise SystemExit(f"{shlex.join(words)} ended with {m.code}: {m.err[-500:]}")
    book.row("million", "plan, named and frozen: time", m.wall, "s", f"{SETTINGS} settings x {args.million // SETTINGS} seeds")
    book.row("million", "plan, named and frozen: peak memory", m.peak / 2**20, "MiB")
    timed(book, "million", "status of the plan", [args.pennydrop, "status", plan, "--json"], 3)


def output(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine(args):
    """Lines about the machine and the versions."""
    cpu = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        cpu[key.strip()] = value.strip()
    yield f"date: {datetime.datetime.now().isoformat(timespec='minutes')}"
    yield f"cpu: {cpu.get('model name', platform.processor())}, family {cpu.get('cpu family', '?')}, model {cpu.get('model', '?')}"
    yield f"cores: {os.cpu_count()}; memory: {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB; kernel: {platform.release()}"
    changed = " with local changes" if output("git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no") else ""
    yield f"pennydrop: {output(args.pennydrop, '--version')}, commit {output('git', '-C', str(HERE), 'rev-parse', '--short', 'HEAD')}{changed}"
    yield f"load before: {os.getloadavg()[0]:.2f}"
    yield f"campaign: pennydrop sweep {shlex.join(CAMPAIGN)} --seeds {args.seeds} --threads {args.threads}"
    yield "command: " + shlex.join(["benches/campaign.py", *args.typed])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pennydrop", required=True, help="the built program")
    parser.add_argument("--examples", type=pathlib.Path, default=pathlib.Path("target/release/examples"), help="folder of the built examples of the store")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where records are written")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=PARTS)
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each of the 100 settings")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=0.0, help="what the undisturbed campaign took; by default as measured in the same call")
    parser.add_argument("--seed", type=int, default=1, help="of the instants of the kills")
    parser.add_argument("--million", type=int, default=1_000_000, help="runs of the made-up record")
    parser.add_argument("--out", type=pathlib.Path, help="file to write; default benches/DATE-campaign.csv")
    args = parser.parse_args()
    args.typed = [word if not word.startswith("/") else "…/" + pathlib.Path(word).name for word in sys.argv[1:]]
    for word in args.parts:
        if word not in PARTS:
            parser.error(f"{word} is none of {', '.join(PARTS)}")
    args.pennydrop = str(pathlib.Path(args.pennydrop).resolve())
    args.examples, args.folder = args.examples.resolve(), args.folder.resolve()
    path = args.out or HERE / f"{datetime.date.today().isoformat()}-campaign.csv"
    if path.exists():
        parser.error(f"{path} is there already: move it or give --out")
    made = {"campaign": "undisturbed", "empty": "empty", "kills": "killed", "million": "million"}
    for part in args.parts:
        if (args.folder / made[part]).exists():
            parser.error(f"{args.folder / made[part]} is there already: remove it or give another --folder")
    args.folder.mkdir(parents=True, exist_ok=True)
    book = Book(path, machine(args))
    if "campaign" in args.parts:
        args.seconds = campaign(args, book)
    if "empty" in args.parts:
        empty(args, book)
    if "kills" in args.parts:
        if not args.seconds:
            parser.error("the part kills needs --seconds, or the part campaign in the same call")
        kills(args, book)
    if "million" in args.parts:
        million(args, book)
    print(f"\nrows: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
