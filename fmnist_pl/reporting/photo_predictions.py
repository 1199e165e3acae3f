"""What was said of photos: a table for the terminal, predictions.csv and .json, and the contact sheet."""

import csv
import json
from pathlib import Path

from fmnist_pl.atomic_files import replacing
from fmnist_pl.photos.load import Photos
from fmnist_pl.photos.read import read_photo
from fmnist_pl.photos.verdict import TOP, Verdict

ON_A_SHEET = 40
"""Photos on one contact sheet; the rest go on further ones."""


def table(photos: Photos, verdicts: list[Verdict]) -> str:
    """One line a photo: file, class and probability, the next two, and why it is in doubt (a ? behind the class)."""
    rows = [["file", "class", "", "then", "", "then", "", ""]]
    for path, verdict in zip(photos.paths, verdicts, strict=True):
        told = [text for name, probability in verdict.top for text in (name, f"{probability:.1%}")]
        told[0] += "?" if verdict.unsure else ""
        rows.append([str(path), *told, f"unsure: {verdict.unsure}" if verdict.unsure else ""])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def write_photo_predictions(folder: Path, photos: Photos, verdicts: list[Verdict]) -> None:
    """Write predictions.csv (photos alone) and predictions.json (also the files that could not be read).

    Args:
        folder: Of the run.
        photos: In order.
        verdicts: One for each.
    """
    with replacing(folder / "predictions.csv") as file:
        writer = csv.writer(file)
        ranks = [name for rank in range(1, TOP + 1) for name in (f"class_{rank}", f"probability_{rank}")]
        writer.writerow(["file", "class", "probability", *ranks[2:], "unsure"])
        for path, verdict in zip(photos.paths, verdicts, strict=True):
            told = [text for name, probability in verdict.top for text in (name, f"{probability:.6f}")]
            writer.writerow([path, *told, verdict.unsure])
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


def draw_contact_sheets(folder: Path, photos: Photos, verdicts: list[Verdict]) -> list[Path]:
    """Draw contact_sheet.png, and contact_sheet_2.png and on where there are many photos.

    Args:
        folder: Of the run.
        photos: In order; read again, one sheet at a time, so that thousands take no memory.
        verdicts: One for each.
    """
    from fmnist_pl.reporting.contact_sheet import contact_sheet
    from fmnist_pl.reporting.style import picture_style

    sheets = []
    with picture_style():
        for start in range(0, len(photos.paths), ON_A_SHEET):
            part = slice(start, start + ON_A_SHEET)
            pictures = [read_photo(path) for path in photos.paths[part]]
            names = [path.name for path in photos.paths[part]]
            figure = contact_sheet(pictures, names, photos.images[part], verdicts[part])
            number = "" if start == 0 else f"_{start // ON_A_SHEET + 1}"
            sheets.append(folder / f"contact_sheet{number}.png")
            with replacing(sheets[-1], "wb") as file:
                figure.savefig(file, format="png")
    return sheets
