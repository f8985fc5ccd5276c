"""A description of the machine."""

import os
import platform
import re
from pathlib import Path

import torch

from musicgen.system.cores import num_cores

MATRIX_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
)
"""Linux names of the instructions that speed up matrix products."""


def use_all_cores() -> None:
    """Let torch use every core that this process may use."""
    torch.set_num_threads(num_cores())


def describe_machine() -> dict[str, str]:
    """Processor, cores, caches, instructions, system, and how torch was built."""
    processor = _processor()
    flags = (processor.get("flags") or processor.get("Features") or "").split()
    present = [name for name in MATRIX_INSTRUCTIONS if name in flags]
    build = torch.__config__.show()
    libraries = re.findall(r"(?:Math Kernel Library Version [\w.]+|MKL-DNN v[\d.]+|OpenMP \d+)", build)
    return {
        "processor": processor.get("model name") or platform.processor() or platform.machine(),
        "cores in use": f"{num_cores()} of {os.cpu_count()}",
        "caches": _caches() or "unknown",
        "matrix instructions": ", ".join(present) or "unknown",
        "torch": f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {', '.join(libraries)}",
        "Python, system": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
    }


def _processor() -> dict[str, str]:
    """Fields of the first processor in /proc/cpuinfo; empty on other systems."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    pairs = re.findall(r"^([^\t:]+)\s*: (.*)$", path.read_text().split("\n\n")[0], re.MULTILINE)
    return {name.strip(): value for name, value in pairs}


def _caches() -> str:
    """Size and kind of the first core's caches."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found)
