"""Times `pennydrop theory`: every model at its defaults, and the two simulators that have a promise to keep.

    python3 benches/theory.py target/release/pennydrop > benches/DATE-theory.csv

Each command is a whole process; the least of three wall times is kept, with the user's CPU time of all threads in that run.
"""

import os
import resource
import subprocess
import sys
import time

PROMISES = [
    ["zunkovic-1d", "--samples", "100000"],
    ["zunkovic-ball", "--d", "160", "--n", "10", "--eps", "1.1", "--lambda2", "0.1", "--samples", "1000"],
    ["zunkovic-ball", "--n", "10", "--d", "10", "--eps", "1.1", "--lambda2", "0.1"],
]


def timed(binary, words):
    best = None
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        start = time.perf_counter()
        subprocess.run([binary, "theory", *words, "--json"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        best = min(best or (wall, cpu), (wall, cpu))
    return best


def main():
    binary = sys.argv[1]
    listed = subprocess.run([binary, "theory"], check=True, capture_output=True, text=True).stdout
    models = [line.split()[0] for line in listed.splitlines() if line.strip()]
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    print("command,wall_s,cpu_s,cores,processor,load")
    for words in PROMISES + [[m] for m in models]:
        wall, cpu = timed(binary, words)
        print(f'"theory {" ".join(words)}",{wall:.3f},{cpu:.3f},{os.cpu_count()},"{processor}",{os.getloadavg()[0]:.2f}', flush=True)


main()
