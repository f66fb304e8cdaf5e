"""Stub libraries so that the stock PyTorch wheel runs on a machine without CUDA.

The wheel's shared objects name CUDA libraries as hard dependencies even when only the CPU is used; those libraries weigh
gigabytes. This builds, for every library that the loader misses, a tiny shared object with that soname that defines every
symbol PyTorch wants from it (under the symbol version PyTorch asks for), each a function that returns CUDA's "unknown
error" (999). They lie where the wheel's own run path looks, so no LD_LIBRARY_PATH is needed. Nothing of CUDA works with
them; eager mode, torch.compile and torch.func on the CPU do.

Use: python stub_cuda.py SITE_PACKAGES   (needs cc, nm and ldd)
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Symbols that PyTorch imports without a version: which library must define them, by prefix (first match wins).
UNVERSIONED = [
    ("cuFile", "libcufile.so"),
    ("cusparseLt", "libcusparseLt.so"),
    ("nccl", "libnccl.so"),
    ("nvshmem", "libnvshmem_host.so"),
    ("cu", "libcuda.so"),
]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def main(site):
    torch_lib = pathlib.Path(site) / "torch" / "lib"
    target = pathlib.Path(site) / "nvidia" / "cu13" / "lib"
    target.mkdir(parents=True, exist_ok=True)
    objects = sorted(torch_lib.glob("*.so*"))
    missing = set()
    undefined = set()
    for path in objects:
        missing |= set(re.findall(r"(\S+) => not found", output("ldd", str(path))))
        for line in output("nm", "-D", "--undefined-only", str(path)).splitlines():
            undefined.add(line.split()[-1])

    wanted = {soname: {} for soname in sorted(missing)}  # soname -> symbol -> version node ("" for none)
    for symbol in undefined:
        name, _, version = symbol.partition("@")
        version = version.lstrip("@")
        if version in wanted:
            wanted[version][name] = version
        elif version == "NVSHMEM":
            for soname in wanted:
                if soname.startswith("libnvshmem_host.so"):
                    wanted[soname][name] = version
        elif not version and re.match(r"cu[A-Z]|cuFile|cusparseLt|nccl|nvshmem", name):
            stem = next(library for prefix, library in UNVERSIONED if name.startswith(prefix))
            for soname in wanted:
                if soname.startswith(stem):
                    wanted[soname][name] = ""

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for soname, symbols in wanted.items():
            code, nodes = [], {}
            for name, version in sorted(symbols.items()):
                if re.search(r"GetErrorString|GetErrorName|GetLastErrorString", name):
                    code.append(f'const char *{name}(void) {{ return "CUDA stub"; }}')
                else:
                    code.append(f"long {name}(void) {{ return 999; }}")
                if version:
                    nodes.setdefault(version, []).append(name)
            if not nodes:
                nodes = {}
            source, script = work / "stub.c", work / "stub.map"
            source.write_text("\n".join(code) + "\n")
            script.write_text("".join(f"{node} {{ global: {'; '.join(names)}; }};\n" for node, names in nodes.items()))
            command = ["cc", "-w", "-fno-builtin", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", str(target / soname), str(source)]
            if nodes:
                command.insert(-3, f"-Wl,--version-script={script}")
            subprocess.run(command, check=True)
            print(f"{soname}: {len(symbols)} symbols")


if __name__ == "__main__":
    main(sys.argv[1])
