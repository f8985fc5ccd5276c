"""What this process has created, so that a command that fails can leave everything as it was."""

import os
from contextlib import suppress
from pathlib import Path

from musicgen.system.files import remove_empty_folder, remove_file


class Made:
    """Files and folders created by this process, so that it can remove exactly those."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._folders: list[Path] = []

    def expect_folder(self, folder: Path) -> None:
        """Note the folder and its missing parents: this process is about to create them."""
        folder = folder.absolute()
        self._folders += [path for path in (folder, *folder.parents) if not os.path.lexists(path)]

    def note_folder(self, folder: Path) -> None:
        """Note a folder that this process has just created."""
        self._folders.append(folder.absolute())

    def expect_file(self, path: Path) -> None:
        """Note a file that this process is about to create, unless it already exists."""
        if not os.path.lexists(path):
            self._files.append(path.absolute())

    def take_back(self) -> None:
        """Remove the noted files, then the noted folders that are empty."""
        for path in self._files:
            # The disk may have become read-only.
            with suppress(OSError):
                remove_file(path)
        self.remove_empty_folders()

    def remove_empty_folders(self) -> None:
        """Remove the noted folders that are empty."""
        for folder in sorted(self._folders, key=lambda path: len(path.parts), reverse=True):
            remove_empty_folder(folder)
