"""An event file of TensorBoard: records of bytes, each with its length and two checksums (TFRecord).

https://www.tensorflow.org/tutorials/load_data/tfrecord describes the format.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from musicgen.system.compiled_code import compiled
from musicgen.system.files import append_whole

_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, with its bits reversed."""
_MASK_DELTA = 0xA282EAD8


class EventFile:
    """A new file, to which whole records are appended; a reader never sees half of one."""

    def __init__(self, path: Path) -> None:
        """Make the file; raises OSError if it exists or cannot be made."""
        self._path = path
        self._file = path.open("xb", buffering=0)

    def append(self, record: bytes) -> None:
        """Write a record, or nothing; raises OSError, for example if the disk is full."""
        length = struct.pack("<Q", len(record))
        parts = (length, _checksum(length), record, _checksum(record))
        append_whole(self._file, self._path, b"".join(parts))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _checksum(content: bytes) -> bytes:
    """The CRC-32C of the content, rotated and shifted so that checksums of checksums stay useful."""
    crc = int(_crc32c(np.frombuffer(content, np.uint8), _TABLE))
    masked = (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
    return struct.pack("<I", masked)


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = np.array([_crc_of_byte(byte) for byte in range(256)], np.uint32)


@compiled()
def _crc32c(content: Any, table: Any) -> Any:
    crc = np.uint32(0xFFFFFFFF)
    for byte in content:
        crc = table[(crc ^ byte) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)
