"""Write the page that shows everything to people who only look."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktrack_core.datasets.videos import Video, open_video
from masktrack_core.experiment.provenance import job_log, run_record
from masktrack_core.files.io import read_mask, read_table, write_text
from masktrack_core.pictures.overlays import OBJECTS, TRUTH, enlarge, jpeg_bytes, overlay
from masktrack_core.pictures.page import ShownFrame, ShownSequence, results_page, worst_frames
from masktrack_core.tables import INDEX, SCORES

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def shown_frame(video: Video, masks: Path, t: int, measured: float) -> ShownFrame:
    """Return a frame with the outline of the truth and the tinted result."""
    name, truth = video.frame_names[t], video.truth(t)
    both = [read_mask(masks / f"{name}.png")] + ([] if truth is None else [truth])
    frame, (result, *truths) = enlarge(video.frame(t), both, width=320)
    drawn = overlay(overlay(frame, truths, (TRUTH,), tint=0), [result], OBJECTS)
    return ShownFrame(caption=f"frame {name}, J {100 * measured:.1f}", jpeg=jpeg_bytes(drawn))


def shown_sequence(row: dict[str, Any], titles: dict[str, str], count: int) -> ShownSequence:
    """Return one row of the page: its numbers and its worst frames."""
    scores = read_table(Path(row["scores"]), SCORES)
    video = open_video(read_table(Path(row["index"]), INDEX), row["object"])
    scored, masks = scores[scores.scored], Path(row["masks"])
    worst = worst_frames(scores, count)
    return ShownSequence(
        method=row["method"],
        dataset=titles[row["dataset"]],
        sequence=row["sequence"],
        object_id=row["object"],
        J=100 * float(scored.J.mean()),
        F=100 * float(scored.F.mean()),
        worst=100 * float(scored.J.nsmallest(max(len(scored) // 10, 1)).mean()),
        curve=tuple(scored.sort_values("t").J),
        frames=tuple(
            shown_frame(video, masks, t, j) for t, j in zip(worst.t, worst.J, strict=True)
        ),
    )


def main(job: "Snakemake") -> None:
    """Write one self-contained file."""
    with job_log(job, __file__):
        titles = job.params.titles
        tables = {Path(path).stem: Path(path).read_text("utf-8") for path in job.input.tables}
        figures = {Path(path).stem: Path(path).read_bytes() for path in job.input.figures}
        rows = [shown_sequence(row, titles, job.params.frames) for row in job.params.rows]
        record = run_record({})
        footer = "masktrack " + ", ".join(f"{key} {value}" for key, value in record.items())
        page = results_page(tables, figures, rows, title="MaskTrack: results", footer=footer)
        write_text(Path(job.output[0]), page)


main(snakemake)
