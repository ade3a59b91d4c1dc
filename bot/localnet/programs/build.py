"""Builds the programs from their C sources: `python -m bot.localnet.programs.build`.

The compiler is the LLVM BPF back end inside the `ziglang` package (requirements-program.lock pins it by hash). The same
source gives the same bytes; `--check` compares them with the committed ones and changes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.localnet.programs import HERE
from bot.localnet.programs.link import LinkError, link

NAMES = ("pump", "pump_amm", "jupiter", "metadata")
# SBPF v0 has no 32-bit jumps, hence -mcpu=v1; jump tables and unwind tables would need writable or unknown sections.
FLAGS = [
    "-target",
    "bpfel-freestanding",
    "-mcpu=v1",
    "-O2",
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-builtin",
    "-fno-jump-tables",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-sanitize=all",
    "-mllvm",
    "-bpf-stack-size=4096",
]


def build(name: str) -> bytes:
    """Compile and link one program; raises CalledProcessError or LinkError."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{name}.o"
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-c", f"{name}.c", "-o", str(target)]
        subprocess.run(command, cwd=HERE, check=True)
        return link(target.read_bytes())


def main(argv: list[str]) -> int:
    """Build and write, or with --check only compare; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bot.localnet.programs.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed program, change nothing")
    arguments = parser.parse_args(argv)
    return max(_carry_out(name, check=arguments.check) for name in NAMES)


def _carry_out(name: str, *, check: bool) -> int:
    """Build one program and write or compare it; the exit code."""
    try:
        code = build(name)
    except (OSError, subprocess.CalledProcessError, LinkError) as error:
        print(f"cannot build {name}: {error}; is requirements-program.lock installed?", file=sys.stderr)
        return 1
    shared_object = HERE / f"{name}.so"
    if check:
        same = shared_object.read_bytes() == code
        print(f"{shared_object.name}: {'the committed bytes' if same else 'differs from what was committed'}")
        return 0 if same else 1
    shared_object.write_bytes(code)
    digest = hashlib.sha256(code).hexdigest()
    (HERE / f"{name}.so.sha256").write_text(f"{digest}  {name}.so\n", encoding="ascii")
    print(f"{shared_object.name}: {len(code)} bytes, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
