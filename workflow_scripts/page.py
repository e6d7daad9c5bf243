"""Write the page that shows everything to people who only look."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from masktrack_core.arrays import Size
from masktrack_core.datasets.videos import Video, open_video
from masktrack_core.experiment.provenance import job_log, run_record
from masktrack_core.experiment.results import read_scores
from masktrack_core.files.io import atomic_folder, read_frame, read_table, write_text
from masktrack_core.pictures.overlays import webp_bytes
from masktrack_core.pictures.page import (
    PAGE_FILES,
    ShownMethod,
    ShownSequence,
    ShownText,
    frame_means,
    picture,
    results_page,
)
from masktrack_core.pictures.player import shown_size, shown_times
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake

TABLE = (
    "Means over the objects of a set, in percent: J is region similarity (mIoU), F contour "
    "accuracy, T temporal instability. Best in bold, second underlined; oracles are shown the "
    "truth and do not compete. A click on a heading sorts."
)
#: Kind of figure → what is seen.
FIGURES = {
    "annotations": "J over the share of frames that the user annotates.",
    "attributes": "Mean J over the objects that have an attribute, and below it the difference to "
    "those that have not; published results are hatched. Means over few objects say little.",
    "sheet": "Frames of each sequence at equal distances, J in the corner. The first frame, with "
    "the yellow border, is given; yellow is the truth, other colours are objects of a result.",
    "losses": "Loss of offline training: single batches pale, their running median bold.",
    "curves": "Quality of every scored frame; triangles mark the frames that were given.",
    "doubt": "Doubt of the masks against 1 - J of each frame, by sequence.",
    "comparison": "Difference of two methods by sequence, its mean and bootstrap interval.",
    "sweep": "Mean quality over the values of a parameter; bars are ± the standard deviation over "
    "seeds, where there are several.",
    "frames": "The frames in which two methods differ most: frame, truth, both results, J in the "
    "corner.",
    "ablation": "What each ingredient is worth: the difference to the method of the first line.",
}


def shown_sequence(row: dict[str, Any], job: "Snakemake") -> ShownSequence:
    """Return one row of the page."""
    index = read_table(Path(row["index"]), INDEX)
    video: Video = open_video(index, row["objects"][0])
    every = {key: read_scores(map(Path, paths)) for key, paths in row["scores"].items()}
    return ShownSequence(
        dataset=job.params.titles[row["dataset"]],
        sequence=row["sequence"],
        folder=f"page/sequences/{row['dataset']}/{row['sequence']}",
        size=shown_size(video.size, job.params.page["width"]),
        objects=len(row["objects"]),
        names=video.frame_names,
        times=tuple(shown_times(len(video), job.params.page["player"])),
        scores={key: frame_means(scores) for key, scores in every.items()},
        means={key: mean_of(scores) for key, scores in every.items()},
        links={f"film: {name}": path for name, path in row["films"].items()},
    )


def mean_of(scores: pd.DataFrame) -> float:
    """Return the mean J of the objects of a sequence, in percent."""
    return 100 * float(scores[scores.scored].groupby("object").J.mean().mean())


def main(job: "Snakemake") -> None:
    """Write the page, and beside it its script, its style and the figures as WebP."""
    with job_log(job, __file__):
        figures = []
        with atomic_folder(Path(job.output.files)) as folder:
            for path in sorted(PAGE_FILES.glob("*.[cj]s*")):
                (folder / path.name).write_bytes(path.read_bytes())
            for name, path in zip(job.params.figures, job.input.figures, strict=True):
                drawn = read_frame(Path(path))
                (folder / f"{name}.webp").write_bytes(webp_bytes(drawn, quality=90))
                place = f"page/files/{name}.webp"
                image = picture(place, Size(*drawn.shape[:2]), name)
                shown = f'<a href="{place}">{image}</a>'  # larger
                words = FIGURES.get(job.params.figures[name], "")
                links = {kind.upper(): f"{name}.{kind}" for kind in ("csv", "pdf", "png")}
                figures.append(ShownText(name=name, content=shown, caption=words, links=links))
        tables = [
            ShownText(
                name=Path(path).stem,
                content=Path(path).read_text("utf-8"),
                caption=TABLE,
                links={
                    "CSV": f"{Path(path).stem}.csv",
                    "LaTeX": f"{Path(path).stem}.tex",
                    "every sequence": f"{Path(path).stem}_sequences.csv",
                },
            )
            for path in job.input.tables
        ]
        record = run_record({})
        page = results_page(
            tables,
            figures,
            [ShownMethod(**method) for method in job.params.methods],
            [shown_sequence(row, job) for row in job.params.rows],
            title="MaskTrack: results",
            made=f"Made on {date.today().isoformat()} at commit {record['commit']}, "
            f"Python {record['python']}, torch {record['torch']}, {record['machine']}.",
            configuration=configuration(job.params.own),
            worst=job.params.page["frames"],
        )
        write_text(Path(job.output.page), page)


def configuration(own: list[tuple[str, Any]]) -> str:
    """Return the person's own files as text; what they do not say is that of config.yaml."""
    texts = [
        f"# {name}\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}"
        for name, content in own
    ]
    return "\n".join(texts) or "config.yaml as it comes with this commit."


main(snakemake)
