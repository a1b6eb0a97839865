"""The picture: digits as they are and in low light, one below the other."""

from pathlib import Path

from PIL import Image, ImageDraw

CELL = 72
MARGIN = 8
TITLE = 20


def contact_sheet(project: Path, target: Path) -> None:
    """Write one digit of each class and its low-light version as one picture."""
    dark = [next(iter(sorted(folder.glob("*.png")))) for folder in sorted((project / "low-light").iterdir())]
    bright = [project / "digits" / path.parent.name / path.name for path in dark]
    sheet = Image.new("L", (CELL * len(dark) + MARGIN, 2 * (CELL + TITLE) + MARGIN), 255)
    pen = ImageDraw.Draw(sheet)
    for line, (title, paths) in enumerate((("digits/", bright), ("low-light/", dark))):
        top = line * (CELL + TITLE)
        pen.text((MARGIN, top + 5), title, fill=0)
        for column, path in enumerate(paths):
            with Image.open(path) as image:
                sheet.paste(image, (MARGIN + column * CELL, top + TITLE))
    sheet.save(target)
