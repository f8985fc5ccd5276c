"""The report as files: report.html, which opens anywhere without the network, and report.md."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from musicgen.effects.effect import effects_frame
from musicgen.errors import one_line
from musicgen.records.destination import check_report_folder
from musicgen.records.record import FILE_NAME
from musicgen.records.runs import EFFECTS, RUNS, write_csv
from musicgen.reporting.folder_replacement import check_folder
from musicgen.reporting.kept_study import write_kept
from musicgen.reporting.markup import html_page, report_text
from musicgen.reporting.pack import write_pack
from musicgen.reporting.players import FOLDER as SONGS
from musicgen.reporting.portable import check_portable
from musicgen.reporting.report import Report, ReportOptions, make_report
from musicgen.reporting.study_data import StudyData, portable_study, read_study
from musicgen.system.files import filled_folder, refuse_link, write_text_atomically
from musicgen.system.locks import locked

PAGE, TEXT, PLOTS = "report.html", "report.md", "figures"
MADE_BY_A_REPORT = (PAGE, TEXT, PLOTS, RUNS, EFFECTS, SONGS)
_FOLDER, _PACK, _LOCK = "report", "best-songs.zip", ".report.lock"
_DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*")


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report and the path of its page."""

    page: Path
    report: Report
    also_written: tuple[str, ...] = ()
    """A line for the pack and one for the kept folder, if they were written."""


def write_report(
    paths: Sequence[Path],
    options: ReportOptions,
    *,
    out: Path | None = None,
    single_file: bool = False,
    pack: bool = False,
    keep: Path | None = None,
) -> WrittenReport:
    """Read the runs at or below the paths and write their report.

    out: the folder for the report; by default "report" inside the only path, or in the working directory if
    there are several. keep: also write the study there, for a repository. Raises InputError before any
    work if the runs cannot be read or a folder must not be written to.
    """
    study = read_study(paths)
    if keep is not None:
        check_folder(study, keep)
    own = next((run.soundfont for run in study.all_runs if run.soundfont), None)
    if own is not None and options.soundfont is None:
        print(
            one_line(f"playing with the built-in soundfont, not the runs' own ({own}): see --soundfont FILE")
        )
    folder = _output_folder(paths, single_file=single_file) if out is None else out
    names = [PAGE] if single_file else [*MADE_BY_A_REPORT]
    check_report_folder(folder, [*names, _PACK] if pack else names)
    if out is None:
        for name in (_FOLDER, PAGE, _PACK):
            refuse_link(folder.parent / name if folder.name == _FOLDER else folder / name)
    # Another report in this folder would write, compress and remove songs under the same names.
    with locked(folder / _LOCK, locks=all(run.record.has_locks for run in study.all_runs)):
        if single_file:
            written = write_single_file(study, folder / PAGE, options)
        else:
            written = write_folder(study, folder, options)
        also_written = [str(write_pack(written.report, folder / _PACK))] if pack else []
        if keep is not None:
            also_written.append(write_kept(written.report, keep))
    return replace(written, also_written=tuple(also_written))


def _output_folder(paths: Sequence[Path], *, single_file: bool) -> Path:
    if len(paths) > 1:
        return Path(_FOLDER)
    directory = paths[0].parent if paths[0].name == FILE_NAME else paths[0]
    return directory if single_file else directory / _FOLDER


def write_folder(study: StudyData, folder: Path, options: ReportOptions) -> WrittenReport:
    """Write report.html, report.md and everything they show to the folder, which can be moved as a whole.

    An earlier report stays intact until the new one is complete.
    """
    with filled_folder(folder) as place:
        report = make_report(study, place, options)
        (place / PLOTS).mkdir(exist_ok=True)
        for name, shown in report.plots.items():
            write_text_atomically(place / PLOTS / f"{name}.svg", shown.plot.file)
        write_csv(study.runs, place / RUNS)
        write_csv(effects_frame(study.effects), place / EFFECTS)
        write_pages(report, place)
    return WrittenReport(folder / PAGE, report)


def write_pages(report: Report, folder: Path) -> None:
    """Write report.html and report.md into a folder that has everything else they show."""
    write_text_atomically(folder / TEXT, report_text(report))
    write_text_atomically(folder / PAGE, html_page(report).html)


def files_of(report: Report) -> list[str]:
    """The address of everything that the page in a folder shows or links to."""
    players = report.players.values()
    songs = [address for one in players for address in (one.audio, one.score, one.midi) if address]
    return [RUNS, EFFECTS, *(f"{PLOTS}/{name}.svg" for name in report.plots), *songs]


def write_single_file(study: StudyData, page: Path, options: ReportOptions) -> WrittenReport:
    """Write one HTML file that contains everything, including the audio of the songs it shows."""
    page.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        report = make_report(portable_study(study), Path(folder), options, embedded=True)
    html = html_page(report, embedded=True).html
    check_portable(_DATA_URI.sub("", html), str(page), [study.root])
    write_text_atomically(page, html)
    return WrittenReport(page, report)
