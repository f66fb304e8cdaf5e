#!/usr/bin/env python3
"""How the delay falls with the data fraction: the `nanda` preset at several fractions, three seeds each, every crossing in one CSV.

    python3 benches/data_fraction.py --pennydrop target/release/pennydrop -o benches/DATE-fractions.csv
"""
import argparse
import csv
import json
import subprocess
import sys
import tempfile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pennydrop", required=True, help="the command")
    parser.add_argument("--fractions", default="0.3,0.4,0.5,0.6")
    parser.add_argument("--seeds", default="3")
    parser.add_argument("--threads", default="2")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    rows = []
    for fraction in args.fractions.split(","):
        with tempfile.TemporaryDirectory() as folder:
            command = [args.pennydrop, "run", "nanda", f"task.fraction={fraction}", "--seeds", args.seeds, "--threads", args.threads, "--out", f"{folder}/c", "--json", "--quiet"]
            result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for run in result["runs"]:
            row = {"fraction": fraction, "seed": run["seed"], "run_id": run["run_id"], "stop": run["stop"], "steps": run["steps"], "wall_s": run["wall_s"]}
            row.update({key: run[key] for key in ("t_mem", "t_grok", "delay", "censored")})
            row.update({f"{c['curve']}_{c['level']}_{c['kind']}": c["step"] for c in run["crossings"]})
            rows.append(row)
            print({k: row[k] for k in ("fraction", "seed", "stop", "t_mem", "t_grok", "delay", "wall_s")}, file=sys.stderr, flush=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(args.output, "w", newline="") as file:
        file.write(f"# {' '.join(['pennydrop run nanda task.fraction=F --seeds', args.seeds])}; {result['engine']['class']}, numerics {result['engine']['numerics']}\n")
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
