"""Parser of an HTML page for the tests: texts, tables, images, links; a helper, not a test."""

from html.parser import HTMLParser
from pathlib import Path

VOID_TAGS = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """A parsed page; checks that its tags are closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text()
        self.open: list[str] = []
        self.images: dict[str, str] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.title = self.text = ""
        self.feed(self.source)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "img":
            self.images[values["alt"]] = values["src"]
        if tag == "a":
            self.links.append(values["href"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "title":
            self.title += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def check_self_contained(self) -> None:
        """Check that the page fetches nothing, runs no script, and links only to itself."""
        assert not {"script", "iframe", "object"} & set(self.tags)
        assert "http://" not in self.source
        assert "https://" not in self.source
        assert all(source.startswith("data:image/png;base64,") for source in self.images.values())
        assert {link.removeprefix("#") for link in self.links} <= set(self.ids)
