#!/bin/sh
# Makes a Python environment with the peers (PyTorch and JAX on the CPU) and what the fixtures need, in the folder given.
#   benches/peers/setup.sh FOLDER
# The packages come from wherever pip is configured to look. PyTorch is installed without its CUDA dependencies (some
# gigabytes); stub_cuda.py writes stand-ins for the libraries that its CPU build still names. Needs python3-venv and cc.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
python3 -m venv "$1"
pip="$1/bin/python -m pip --disable-pip-version-check install --quiet"
# The versions that the committed numbers were taken with; a newer pair may be tried by editing this line.
$pip "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6" "safetensors==0.8.0"
$pip typing_extensions filelock sympy networkx jinja2 fsspec "setuptools>=77.0.3"
# pip would otherwise complain about the CUDA packages that are left out on purpose.
$pip --no-deps "torch==2.15.0"
site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$1/bin/python" "$here/stub_cuda.py" "$site"
"$1/bin/python" -c 'import torch, jax; print("torch", torch.__version__, "jax", jax.__version__)'
