"""Predictions of photos: a table for the terminal, predictions.csv and predictions.json."""

import csv
import json
from pathlib import Path

from fmnist_pl.atomic_files import replacing
from fmnist_pl.foreign_text import csv_cell, printable
from fmnist_pl.photos.files import Photos
from fmnist_pl.photos.verdict import TOP, Verdict


def photo_table(photos: Photos, verdicts: list[Verdict]) -> str:
    """Format one line per photo: file, three classes with probabilities, and why it is unsure (marked with ?)."""
    rows = [["file", "class", "", "then", "", "then", "", ""]]
    for path, verdict in zip(photos.paths, verdicts, strict=True):
        cells = [text for name, probability in verdict.top for text in (name, f"{probability:.1%}")]
        cells[0] += "?" if verdict.unsure else ""
        rows.append([printable(path), *cells, f"unsure: {verdict.unsure}" if verdict.unsure else ""])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def write_photo_predictions(folder: Path, photos: Photos, verdicts: list[Verdict]) -> None:
    """Write predictions.csv (photos only) and predictions.json (photos and refused files, their names unchanged).

    Args:
        folder: The run's folder.
        photos: The predicted photos.
        verdicts: One per photo.

    Raises:
        UserError: The folder cannot be written.
    """
    with replacing(folder / "predictions.csv") as file:
        writer = csv.writer(file)
        ranks = [name for rank in range(1, TOP + 1) for name in (f"class_{rank}", f"probability_{rank}")]
        writer.writerow(["file", "class", "probability", *ranks[2:], "unsure"])
        for path, verdict in zip(photos.paths, verdicts, strict=True):
            cells = [text for name, probability in verdict.top for text in (name, f"{probability:.6f}")]
            writer.writerow([csv_cell(path), *cells, verdict.unsure])
    predictions = [
        {
            "file": str(path),
            "class": verdict.top[0][0],
            "probability": round(verdict.top[0][1], 6),
            "top": [{"class": name, "probability": round(probability, 6)} for name, probability in verdict.top],
            "unsure": verdict.unsure or None,
        }
        for path, verdict in zip(photos.paths, verdicts, strict=True)
    ]
    refused = [{"file": str(path), "reason": reason} for path, reason in photos.refused.items()]
    with replacing(folder / "predictions.json") as file:
        json.dump({"predictions": predictions, "refused": refused}, file, indent=2)
        file.write("\n")
