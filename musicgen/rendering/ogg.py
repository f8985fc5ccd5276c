"""The number of an OGG stream, which encoders draw at random: RFC 3533, section 6, the pages of a stream.

Every page of a stream carries it, and a checksum of the page with it.
"""

import zlib
from pathlib import Path

_MAGIC = b"OggS"
_SERIAL, _CHECKSUM, _NUM_SEGMENTS, _SEGMENTS = slice(14, 18), slice(22, 26), 26, 27
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def renumber(path: Path, serial: int) -> None:
    """Give the one stream of the file this number, in place. Raises ValueError where it is no OGG file."""
    content = bytearray(path.read_bytes())
    start = 0
    while start < len(content):
        if content[start : start + len(_MAGIC)] != _MAGIC or start + _SEGMENTS > len(content):
            raise ValueError(f"{path}: no page of an OGG stream at byte {start}")
        body = start + _SEGMENTS + content[start + _NUM_SEGMENTS]
        end = body + sum(content[start + _SEGMENTS : body])
        page = content[start:end]
        page[_SERIAL] = serial.to_bytes(4, "little")
        page[_CHECKSUM] = bytes(4)
        page[_CHECKSUM] = _checksum(page).to_bytes(4, "little")
        content[start:end] = page
        start = end
    path.write_bytes(content)


def _checksum(page: bytes | bytearray) -> int:
    """A CRC over the polynomial 0x04c11db7 that begins at 0: zlib's with all bits the other way round."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
